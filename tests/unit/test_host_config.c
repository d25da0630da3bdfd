/* test_host_config.c - host.cfg: what it says, and what is said about it. */
#include "host_config.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* libconfig 1.5 forgets a string it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static char dir[] = "/tmp/lwx-host-config-XXXXXX";

static const struct host_facts facts = {
	.memory = GIB(8),
	.hugepages_2m = MIB(512),
	.cpus = {{0x3}},
	.machine_id = "00112233-4455-6677-8899-aabbccddeeff",
};

/* Files that the configurations of this test name. */
static const char *const files[] = {"vmlinuz", "initrd.img", "web1.raw",
				    "web2.raw"};

static char *in_dir(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	char *hard;
	size_t i;
	int rc;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		write_file(files[i], "x");
	if (symlink("web1.raw", in_dir("soft.raw")))
		return -1;
	hard = strdup(in_dir("hard.raw"));
	assert_non_null(hard);
	rc = link(in_dir("web1.raw"), hard);
	free(hard);
	return rc;
}

static int teardown(void **state)
{
	static const char *const more[] = {"soft.raw", "hard.raw", "host.cfg"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlink(in_dir(files[i]));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		(void)unlink(in_dir(more[i])); /* some tests make none */
	return rmdir(dir);
}

static int parse(const char *text, struct host_config **hc, struct err *err)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/host.cfg", dir);
	return host_config_parse(hc, text, strlen(text), "host.cfg", path,
				 &facts, err);
}

static struct host_config *parse_good(const char *text)
{
	struct host_config *hc;
	struct err err;

	if (parse(text, &hc, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(hc->num_problems, 0);
	return hc;
}

/* Addresses that the file leaves out, and the bridge's name. */
static void test_addresses(void **state)
{
	struct host_config *hc = parse_good(
		"networks = ( { name = \"lan\"; address = \"10.1.0.2/29\";\n"
		"  dhcp = true; } );\n"
		"defaults = { kernel = \"vmlinuz\"; };\n"
		"vms = ( { name = \"a\"; nets = (\n"
		"  { type = \"tap\"; network = \"lan\"; },\n"
		"  { type = \"tap\"; network = \"lan\"; },\n"
		"  { type = \"tap\"; } ); },\n"
		"{ name = \"b\"; nets = (\n"
		"  { type = \"tap\"; network = \"lan\"; },\n"
		"  { type = \"tap\"; network = \"lan\";\n"
		"    address = \"10.1.0.4\"; },\n"
		"  { type = \"tap\"; network = \"lan\"; } ); } );");
	const struct vm_net *a = hc->vms[0].nets, *b = hc->vms[1].nets;

	(void)state;
	assert_string_equal(hc->networks[0].bridge, "lan");
	assert_string_equal(a[0].bridge, "lan");
	assert_string_equal(a[0].address, "10.1.0.3");
	assert_string_equal(a[1].address, "10.1.0.5");
	assert_null(a[2].address);
	assert_string_equal(b[0].address, "10.1.0.6");
	assert_string_equal(b[1].address, "10.1.0.4");
	assert_null(b[2].address); /* .7 is for all of them */
	host_config_destroy(hc);
}

/* The example of the documentation. */
static const char example[] =
	"networks = ( { name = \"lan\"; bridge = \"lwx0\";\n"
	"  address = \"10.20.0.1/24\"; nat = true; dhcp = true; } );\n"
	"defaults = { vcpus = 1; memory = \"256M\"; kernel = \"vmlinuz\"; };\n"
	"vms = (\n"
	"  { name = \"web1\"; uuid = "
	"\"6C1C7E3E-0b52-4a7e-9a55-0c7b8f3d2e11\";\n"
	"    vcpus = 2; memory = \"1G\"; memory_kind = \"private\";\n"
	"    boot = { kernel = \"vmlinuz\"; initrd = \"initrd.img\";\n"
	"             cmdline = \"quiet\"; };\n"
	"    disks = ( { path = \"web1.raw\"; format = \"raw\";\n"
	"                readonly = false; direct = true;\n"
	"                limit = { ops = 5000; bytes = \"200M\";\n"
	"                          burst = \"50M\"; }; } );\n"
	"    nets = ( { type = \"tap\"; network = \"lan\";\n"
	"               mac = \"52:54:00:00:00:01\"; } );\n"
	"    vsock = { cid = 3; path = \"web1.vsock\"; };\n"
	"    start_order = 10; restart = \"on-failure\"; pin = [0, 1]; },\n"
	"  { name = \"web2\"; }\n"
	");\n";

static void test_example(void **state)
{
	struct host_config *hc = parse_good(example);
	const struct vm_config *vm = host_config_find(hc, "web1");

	(void)state;
	assert_non_null(vm);
	assert_string_equal(hc->networks[0].bridge, "lwx0");
	assert_true(hc->networks[0].nat && hc->networks[0].dhcp);
	assert_string_equal(vm->uuid, "6c1c7e3e-0b52-4a7e-9a55-0c7b8f3d2e11");
	assert_int_equal(vm->vcpus, 2);
	assert_int_equal(vm->memory.size, GIB(1));
	assert_string_equal(vm->boot.kernel, in_dir("vmlinuz"));
	assert_string_equal(vm->boot.initrd, in_dir("initrd.img"));
	assert_string_equal(vm->boot.cmdline, "quiet");
	assert_string_equal(vm->disks[0].path, in_dir("web1.raw"));
	assert_string_equal(vm->disks[0].serial, "disk0");
	assert_true(vm->disks[0].direct && !vm->disks[0].readonly);
	assert_int_equal(vm->disks[0].limit.ops, 5000);
	assert_int_equal(vm->disks[0].limit.bytes, MIB(200));
	assert_int_equal(vm->disks[0].limit.bytes_burst, MIB(50));
	assert_int_equal(vm->nets[0].type, VM_NET_TAP);
	assert_int_equal(vm->nets[0].mac[5], 1);
	assert_int_equal(vm->vsock.cid, 3);
	assert_int_equal(vm->start_order, 10);
	assert_int_equal(vm->restart, VM_RESTART_ON_FAILURE);
	assert_int_equal(vm->num_pin, 2);
	assert_int_equal(vm->pin[1], 1);

	vm = host_config_find(hc, "web2");
	assert_non_null(vm);
	assert_string_equal(vm->boot.kernel, in_dir("vmlinuz"));
	assert_int_equal(vm->memory.size, MIB(256));
	assert_null(host_config_find(hc, "web3"));
	host_config_destroy(hc);
}

static void test_identity_stays(void **state)
{
	static const char text[] =
		"vms = ( { name = \"a\"; kernel = \"vmlinuz\";\n"
		"          nets = ( { type = \"passt\"; },\n"
		"                   { type = \"passt\"; } ); },\n"
		"        { name = \"b\"; kernel = \"vmlinuz\"; } );";
	struct host_config *hc = parse_good(text), *again = parse_good(text);

	(void)state;
	assert_string_equal(hc->vms[0].uuid, again->vms[0].uuid);
	assert_string_not_equal(hc->vms[0].uuid, hc->vms[1].uuid);
	assert_int_equal(hc->vms[0].uuid[14], '5'); /* version */
	assert_true(hc->vms[0].nets[0].has_mac);
	assert_memory_equal(hc->vms[0].nets[0].mac, again->vms[0].nets[0].mac,
			    6);
	assert_memory_not_equal(hc->vms[0].nets[0].mac, hc->vms[0].nets[1].mac,
				6);
	assert_int_equal(hc->vms[0].nets[0].mac[0] & 3, 2);
	host_config_destroy(hc);
	host_config_destroy(again);
}

static void test_vm_replaces_the_default_boot(void **state)
{
	struct host_config *hc = parse_good(
		"defaults = { kernel = \"vmlinuz\"; initrd = \"initrd.img\";\n"
		"             boot = { cmdline = \"quiet\"; };\n"
		"             cpu_features = [ \"-avx\" ]; };\n"
		"vms = ( { name = \"a\"; uki = \"vmlinuz\"; },\n"
		"        { name = \"b\"; boot = { kernel = \"vmlinuz\"; };\n"
		"          cpu_features = [ \"-sse4_2\" ]; },\n"
		"        { name = \"c\"; cmdline = \"ro\"; } );");

	(void)state;
	assert_null(hc->vms[0].boot.kernel);
	assert_null(hc->vms[0].boot.initrd);
	assert_string_equal(hc->vms[0].boot.cmdline, "quiet");
	assert_non_null(hc->vms[1].boot.kernel);
	assert_null(hc->vms[1].boot.initrd);
	assert_int_equal(hc->vms[1].num_cpu_features, 1);
	assert_string_equal(hc->vms[1].cpu_features[0], "-sse4_2");
	assert_non_null(hc->vms[2].boot.initrd);
	assert_string_equal(hc->vms[2].boot.cmdline, "ro");
	host_config_destroy(hc);
}

/* What may stand side by side: different disks, one for reading in both. */
static void test_neighbours(void **state)
{
	struct host_config *hc =
		parse_good("defaults = { kernel = \"vmlinuz\"; };\n"
			   "vms = ( { name = \"a\"; disks = (\n"
			   "  { path = \"web1.raw\"; format = \"raw\"; },\n"
			   "  { path = \"initrd.img\"; format = \"raw\"; "
			   "readonly = true; }"
			   "); },\n"
			   "{ name = \"b\"; disks = (\n"
			   "  { path = \"web2.raw\"; format = \"raw\"; },\n"
			   "  { path = \"initrd.img\"; format = \"raw\"; "
			   "readonly = true; }"
			   "); } );");

	(void)state;
	assert_int_equal(hc->num_vms, 2);
	assert_string_equal(hc->vms[1].disks[1].serial, "disk1");
	host_config_destroy(hc);
}

static void test_selection(void **state)
{
	static const char *const two[] = {"c", "a", "c"};
	static const char *const none[] = {"x"};
	struct host_config *hc = parse_good(
		"defaults = { kernel = \"vmlinuz\"; memory = \"3G\"; };\n"
		"vms = ( { name = \"a\"; start_order = 5; },\n"
		"        { name = \"b\"; start_order = 5; },\n"
		"        { name = \"c\"; start_order = -1; },\n"
		"        { name = \"huge\"; memory = \"1G\";\n"
		"          memory_kind = \"hugepages\"; } );");
	struct vm_config *vms[4];
	struct err err;

	(void)state;
	assert_int_equal(host_config_select(hc, two, 3, vms, &err), 2);
	assert_string_equal(vms[0]->name, "c");
	assert_string_equal(vms[1]->name, "a");
	assert_int_equal(host_config_select(hc, none, 1, vms, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no VM \"x\""));
	assert_int_equal(host_config_select(hc, NULL, 0, vms, &err), -ENOMEM);
	assert_non_null(strstr(err.msg, "need 9216M of memory, but this host "
					"has 8192M of memory"));
	hc->facts.memory = GIB(9);
	assert_int_equal(host_config_select(hc, NULL, 0, vms, &err), -ENOMEM);
	assert_non_null(strstr(err.msg, "has 512M of free 2M hugepages"));
	hc->facts.hugepages_2m = GIB(1);
	assert_int_equal(host_config_select(hc, NULL, 0, vms, &err), 4);
	host_config_destroy(hc);
}

#define VM "{ name = \"a\"; kernel = \"vmlinuz\"; "

/* Hand-written bad files; @problems has all lines, @DIR for the folder. */
static const struct {
	const char *text;
	const char *problems;
} bad[] = {
	{"", "host.cfg: vms: missing: list the VMs in vms = ( { ... }, "
	     "{ ... } );\n"},
	{"vms = (\n  { name = \n    vcpus = 2; } );",
	 "host.cfg:3: syntax: syntax error: look for a missing ';', ',', "
	 "quote or bracket here or before\n"},
	{"vms = ( " VM "\n vcpus = 1; vcpus = 2; } );",
	 "host.cfg:2: syntax: duplicate setting name: a key may stand in a "
	 "group once\n"},
	{"vms = ( " VM "\npin = [ 0, \"1\" ]; } );",
	 "host.cfg:2: syntax: mismatched element type in array: elements of an "
	 "array [ ] have one type\n"},
	{"x = 5;\nvms = ();\nnetwork = ();",
	 "host.cfg:1: x: unknown key in host.cfg: see host.cfg(5)\n"
	 "host.cfg:3: network: unknown key: did you mean \"networks\"?\n"},
	{"vms = { };", "host.cfg:1: vms: a group { ... }: need a list "
		       "( { ... }, { ... } )\n"},
	{"vms = ( 5 );",
	 "host.cfg:1: vms[0]: a whole number: need a group { ... }\n"},
	/* what libconfig would take in silence */
	{"vms = ( " VM "\n vcpus = 4294967298; } );",
	 "host.cfg:2: number: 4294967298: needs more than 32 bits: write sizes "
	 "as strings such as \"8G\", other numbers with L behind them\n"},
	{"vms = ( " VM "\n /* \n */ vcpus = 0x1ffffffff; # 99999999999\n } );",
	 "host.cfg:3: number: 0x1ffffffff: needs more than 32 bits: write "
	 "sizes as strings such as \"8G\", other numbers with L behind them\n"},
	{"vms = ( " VM "\n vcpus = 99999999999999999999L; } );",
	 "host.cfg:2: number: 99999999999999999999: too large\n"},
	{"vms = ( " VM "\n vcpus = 4294967298L; } );",
	 "host.cfg:2: vms[0].vcpus: 4294967298: need a whole number from 1 to "
	 "64\n"},
	{"# @include\nvms = ( " VM "cmdline = \"@include \\\" 99999999999\n"
	 "// \"; } );\n@include \"/etc/passwd\"",
	 "host.cfg:4: @include: not supported: keep everything in one file\n"},
	{"a=((((((((((((((((1))))))))))))))));\nb=(((((((((((((((((1))))))))))"
	 ")))))));",
	 "host.cfg:2: syntax: nested deeper than 16\n"},
	{"vms = (\n" VM "\n cmdline = \"quiet; } );\n",
	 "host.cfg:3: syntax: a string begins here and has no end\n"},
	{"vms = (\n/* " VM "\n } );\n",
	 "host.cfg:2: syntax: a comment begins here and has no end\n"},
	/* several problems at once, in the order of the file */
	{"defaults = { vcpu = 2; };\n"
	 "vms = (\n"
	 "  { name = \"web1\"; kernel = \"vmlinuz\"; memory = 512; },\n"
	 "  { name = \"web2\"; kernel = \"vmlinuz\"; vcpus = 65;\n"
	 "    disks = ( { path = \"absent.raw\"; format = \"raw\"; } ); } );",
	 "host.cfg:1: defaults.vcpu: unknown key: did you mean \"vcpus\"?\n"
	 "host.cfg:3: vms[0].memory: a whole number: need a size such as "
	 "\"512M\", from 32M to 1T in steps of 2M\n"
	 "host.cfg:4: vms[1].vcpus: 65: need a whole number from 1 to 64\n"
	 "host.cfg:5: vms[1].disks[0].path: \"@DIR/absent.raw\": No such file "
	 "or directory: make it, or correct the path\n"},
	{"defaults = { disks = (); };\nvms = ();",
	 "host.cfg:1: defaults.disks: cannot have a default: set it in each "
	 "VM\n"},
	{"vms = ( " VM "boot = {\n kernel = \"vmlinuz\"; }; } );",
	 "host.cfg:2: vms[0].boot.kernel: given twice: vms[0].kernel is short "
	 "for it\n"},
	/* claimed twice */
	{"vms = ( " VM "},\n" VM "} );",
	 "host.cfg:2: vms[1].name: the same name as vms[0].name (line 1): give "
	 "each VM its own\n"},
	{"defaults = { kernel = \"vmlinuz\"; };\nvms = (\n"
	 "{ name = \"a\"; uuid = \"6c1c7e3e-0b52-4a7e-9a55-0c7b8f3d2e11\"; },\n"
	 "{ name = \"b\"; uuid = \"6C1C7E3E-0B52-4a7e-9a55-0c7b8f3d2e11\"; }"
	 ");",
	 "host.cfg:4: vms[1].uuid: the same UUID as vms[0].uuid (line 3): give "
	 "each VM its own, or leave it out\n"},
	{"defaults = { kernel = \"vmlinuz\"; };\nvms = (\n"
	 "{ name = \"a\"; disks = ({ path = \"web1.raw\"; format = \"raw\"; }"
	 "); },\n"
	 "{ name = \"b\"; disks = ({ path = \"soft.raw\"; format = \"raw\"; },"
	 "\n{ path = \"hard.raw\"; format = \"raw\"; readonly = true; }); });",
	 "host.cfg:4: vms[1].disks[0].path: the same disk as "
	 "vms[0].disks[0].path (line 3): give each its own, or set readonly = "
	 "true everywhere it is used\n"
	 "host.cfg:5: vms[1].disks[1].path: the same disk as "
	 "vms[0].disks[0].path (line 3): give each its own, or set readonly = "
	 "true everywhere it is used\n"},
	{"defaults = { kernel = \"vmlinuz\"; };\nvms = (\n"
	 "{ name = \"a\"; vsock = { cid = 3; path = \"a.vsock\"; };\n"
	 "  nets = ( { type = \"tap\"; tap = \"t0\"; } ); },\n"
	 "{ name = \"b\"; vsock = { cid = 3; path = \"b.vsock\"; };\n"
	 "  nets = ( { type = \"tap\"; tap = \"t0\"; } ); } );",
	 "host.cfg:5: vms[1].vsock.cid: the same CID as vms[0].vsock.cid (line "
	 "3): give each VM its own\n"
	 "host.cfg:6: vms[1].nets[0].tap: the same tap as vms[0].nets[0].tap "
	 "(line 4): give each interface its own\n"},
	{"networks = ( { name = \"n\"; address = \"10.1.0.1/16\"; },\n"
	 "  { name = \"m\"; address = \"10.1.2.1/24\"; },\n"
	 "  { name = \"o\"; nat = true; } );\nvms = ();",
	 "host.cfg:2: networks[1].address: 10.1.2.1/24 overlaps 10.1.0.1/16 of "
	 "networks[0]: choose another range\n"
	 "host.cfg:3: networks[2].nat: needs an address: set address = "
	 "\"10.20.0.1/24\"\n"},
	{"networks = ( { name = \"n\"; bridge = \"a b\"; nat = true;\n"
	 "  address = \"10.1.0.1/24\"; },\n"
	 "  { name = \"m\"; address6 = \"fd00::1/48\"; },\n"
	 "  { name = \"o\"; address = \"10.2.0.1/24\"; dhcp = true;\n"
	 "    port = \"eth0\"; },\n"
	 "  { name = \"longer-than-an-interface\"; port = \"eth1\"; } );\n"
	 "vms = ();",
	 "host.cfg:1: networks[0].bridge: \"a b\": lwx-vm makes this bridge: "
	 "use letters, digits, _ . and -\n"
	 "host.cfg:3: networks[1].address6: \"fd00::1/48\": need an IPv6 "
	 "address with /64 such as \"fd20::1/64\"\n"
	 "host.cfg:5: networks[2].port: not beside nat or dhcp, which would "
	 "serve all of that network: drop it, or them\n"
	 "host.cfg:6: networks[3].bridge: missing, and the network's name is "
	 "too long for an interface: set bridge = \"lwx0\"\n"},
	{"networks = ( { name = \"n\"; address = \"10.1.0.1/24\"; dhcp = true; "
	 "},\n  { name = \"m\"; bridge = \"br0\"; } );\n"
	 "vms = ( " VM "nets = (\n"
	 "{ type = \"tap\"; network = \"n\"; address = \"10.1.1.2\"; },\n"
	 "{ type = \"tap\"; network = \"n\"; address = \"10.1.0.1\"; },\n"
	 "{ type = \"tap\"; network = \"n\"; address = \"10.1.0.7\";\n"
	 "  publish = [ \"80:80\", \"80:81/udp\", \"0:1\", \"1:65536\" ]; },\n"
	 "{ type = \"tap\"; network = \"n\"; address = \"10.1.0.7\";\n"
	 "  publish = [ \"80:8080/tcp\" ]; },\n"
	 "{ type = \"tap\"; network = \"m\"; address = \"10.1.0.8\"; },\n"
	 "{ type = \"tap\"; network = \"m\"; publish = [ \"1:1\" ]; } ); } );",
	 "host.cfg:4: vms[0].nets[0].address: \"10.1.1.2\": need an address of "
	 "a guest in 10.1.0.1/24\n"
	 "host.cfg:5: vms[0].nets[1].address: \"10.1.0.1\": need an address of "
	 "a guest in 10.1.0.1/24\n"
	 "host.cfg:7: vms[0].nets[2].publish[2]: \"0:1\": need ports of host "
	 "and guest such as \"8080:80\" or \"53:53/udp\"\n"
	 "host.cfg:7: vms[0].nets[2].publish[3]: \"1:65536\": need ports of "
	 "host and guest such as \"8080:80\" or \"53:53/udp\"\n"
	 "host.cfg:8: vms[0].nets[3].address: the same address as "
	 "vms[0].nets[2].address (line 6): give each interface its own, or "
	 "leave it out\n"
	 "host.cfg:9: vms[0].nets[3].publish[0]: the same port of the host as "
	 "vms[0].nets[2].publish[0] (line 7): publish each once\n"
	 "host.cfg:10: vms[0].nets[4].address: needs a network with an "
	 "address: name it in network\n"
	 "host.cfg:11: vms[0].nets[5].publish[0]: the guest's address is not "
	 "known: use a network with dhcp = true, or set address here\n"},
	/* what does not go together */
	{"vms = ( " VM "\nmemory_kind = \"shared\";\nmergeable = true; } );",
	 "host.cfg:3: vms[0].mergeable: KSM merges private memory only: set "
	 "memory_kind = \"private\", or mergeable = false\n"},
	{"vms = ( " VM "\nlocked = true;\nmergeable = true; } );",
	 "host.cfg:3: vms[0].mergeable: locked memory is never merged: drop "
	 "locked or mergeable\n"},
	{"vms = ( " VM "\nmemory_kind = \"hugepages\"; page_size = \"1G\";\n"
	 "memory = \"1536M\"; } );",
	 "host.cfg:3: vms[0].memory: not a multiple of page_size (1024M)\n"},
	{"vms = ( " VM "\npage_size = \"1G\"; } );",
	 "host.cfg:2: vms[0].page_size: only for hugepages: set memory_kind = "
	 "\"hugepages\"\n"},
	{"vms = ( " VM "\nuki = \"vmlinuz\"; } );",
	 "host.cfg:2: vms[0].boot.uki: both a kernel and a uki: keep one of "
	 "them\n"},
	{"vms = ( { name = \"a\";\ninitrd = \"initrd.img\"; } );",
	 "host.cfg:1: vms[0].boot.kernel: missing: name a kernel, or a uki, to "
	 "start\n"
	 "host.cfg:2: vms[0].boot.initrd: an initrd needs a kernel\n"},
	{"vms = ( " VM "vcpus = 4;\n"
	 "topology = { sockets = 1; cores = 2; threads = 1; };\n"
	 "pin = [ 0, 1, 0, 1, 0 ]; } );",
	 "host.cfg:2: vms[0].topology: 1 sockets x 2 cores x 1 threads are 2 "
	 "CPUs, but vcpus is 4\n"
	 "host.cfg:3: vms[0].pin: 5 CPUs for 4 vcpus\n"},
	{"vms = ( " VM "vcpus = 2;\npin = [ 1, 2 ]; } );",
	 "host.cfg:2: vms[0].pin[1]: 2: no such CPU here: use 0-1\n"},
	{"vms = ( " VM "nets = (\n"
	 "{ type = \"passt\"; network = \"lan\"; } ); } );",
	 "host.cfg:2: vms[0].nets[0].network: passt uses no tap: drop this, or "
	 "set type = \"tap\"\n"
	 "host.cfg:2: vms[0].nets[0].network: \"lan\": no such network: define "
	 "it in networks = ( { name = \"lan\"; } )\n"},
	{"defaults = {\nlocked = true; kernel = \"absent\"; };\n"
	 "vms = ( { name = \"a\"; mergeable = true; } );",
	 "host.cfg:2: vms[0].boot.kernel: \"@DIR/absent\": No such file or "
	 "directory: make it, or correct the path\n"
	 "host.cfg:3: vms[0].mergeable: locked memory is never merged: drop "
	 "locked or mergeable\n"},
	{"vms = ( " VM "cpu_features = [ \"-a\",\n\"+avx\" ]; } );",
	 "host.cfg:2: vms[0].cpu_features[1]: \"+avx\": features can only be "
	 "taken away: write \"-avx\"\n"},
	{"vms = ( " VM "disks = ( { path = \"web1.raw\"; format = \"raw\";\n"
	 "limit = { burst = \"1M\"; };\nblock_size = 1024; } ); } );",
	 "host.cfg:2: vms[0].disks[0].limit.burst: a burst needs a rate: set "
	 "bytes too\n"
	 "host.cfg:3: vms[0].disks[0].block_size: 1024: need 512 or 4096\n"},
	{"vms = ( " VM "\ncgroup = \"lwx/a\"; } );",
	 "host.cfg:2: vms[0].cgroup: \"lwx/a\": cgroup v2 is not mounted here: "
	 "mount it, or drop this\n"},
	{"vms = ( " VM "console_log =\n\".\"; } );",
	 "host.cfg:1: vms[0].console_log: \"@DIR/.\": a folder: name a file in "
	 "it\n"},
};

/* All problems as one text, with the folder's name replaced; caller frees. */
static char *all_problems(const struct host_config *hc)
{
	char *text = NULL, *at;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (i = 0; i < hc->num_problems; i++)
		(void)fprintf(f, "%s\n", hc->problems[i].text);
	(void)fclose(f);
	while ((at = strstr(text, dir))) {
		memcpy(at, "@DIR", 4);
		memmove(at + 4, at + strlen(dir), strlen(at + strlen(dir)) + 1);
	}
	return text;
}

static void test_bad_files(void **state)
{
	struct host_config *hc;
	struct err err;
	unsigned int wrong = 0;
	char *found;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i].text, &hc, &err), -EINVAL);
		found = all_problems(hc);
		if (strcmp(found, bad[i].problems) != 0 && ++wrong)
			print_error("case %zu: %s\nfound:\n%sexpected:\n%s", i,
				    bad[i].text, found, bad[i].problems);
		free(found);
		host_config_destroy(hc);
	}
	assert_int_equal(wrong, 0);
}

static void test_summary_counts(void **state)
{
	struct host_config *hc;
	struct err err;

	(void)state;
	assert_int_equal(parse("a = 1;\nb = 2;\nvms = ();", &hc, &err),
			 -EINVAL);
	assert_string_equal(
		err.msg,
		"host.cfg:1: a: unknown key in host.cfg: see host.cfg(5) "
		"(and 1 more problem)");
	host_config_destroy(hc);
}

static void test_devices_have_room(void **state)
{
	char *text = NULL;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);
	struct host_config *hc;
	struct err err;

	(void)state;
	assert_non_null(f);
	(void)fprintf(f, "vms = ( " VM "disks = (\n");
	for (i = 0; i < 16; i++)
		(void)fprintf(f,
			      "%s{ path = \"web1.raw\"; format = \"raw\"; "
			      "readonly = true; }\n",
			      i ? "," : "");
	(void)fprintf(f, "); nets = ( { type = \"passt\"; } ); } );");
	(void)fclose(f);
	assert_int_equal(parse(text, &hc, &err), -EINVAL);
	assert_string_equal(
		err.msg, "host.cfg:1: vms[0].disks: 19 devices, but a VM "
			 "has room for 18: disks, nets, shares, vsock, rng and "
			 "console together");
	host_config_destroy(hc);
	free(text);
}

static void test_file_is_read(void **state)
{
	char *path = strdup(in_dir("host.cfg"));
	struct host_config *hc;
	struct err err;

	(void)state;
	write_file("host.cfg", "vms = ( " VM "} );");
	if (host_config_load(&hc, path, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(hc->path, path);
	assert_string_equal(hc->vms[0].boot.kernel, in_dir("vmlinuz"));
	assert_true(hc->facts.memory > MIB(16));
	host_config_destroy(hc);

	assert_int_equal(host_config_load(&hc, dir, &err), -EINVAL);
	assert_null(hc);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(host_config_load(&hc, path, &err), -ENOENT);
	assert_null(hc);
	host_config_destroy(hc);
	free(path);
}

static void test_zero_byte_is_refused(void **state)
{
	static const char text[] = "vms = ();\n\0vms";
	struct host_config *hc;
	struct err err;

	(void)state;
	assert_int_equal(host_config_parse(&hc, text, sizeof(text) - 1,
					   "host.cfg", "/host.cfg", &facts,
					   &err),
			 -EINVAL);
	assert_string_equal(err.msg, "host.cfg:2: syntax: a byte of zero: this "
				     "is not a text file");
	host_config_destroy(hc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_identity_stays),
		cmocka_unit_test(test_vm_replaces_the_default_boot),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_summary_counts),
		cmocka_unit_test(test_devices_have_room),
		cmocka_unit_test(test_file_is_read),
		cmocka_unit_test(test_zero_byte_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
