/* host_check.c - what a host needs to run VMs, one small look after another. */
#include "host_check.h"

#include "cleanup.h"
#include "host_probe.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * struct needs - what the VMs of the file ask of the host
 * @memory:       bytes of ordinary memory
 * @hugepages_2m: bytes
 * @hugepages_1g: bytes
 * @locked:       bytes to be locked
 * @taps:         interfaces
 * @passts:       interfaces
 * @shares:       shared folders
 * @networks:     lwx-vm makes a bridge
 * @nat:          guests reach out, or are reached from outside
 * @dhcp:         dnsmasq serves one
 * @mergeable:    VMs that want KSM
 * @uring:        VMs that insist on io_uring
 */
struct needs {
	uint64_t memory;
	uint64_t hugepages_2m;
	uint64_t hugepages_1g;
	uint64_t locked;
	unsigned int taps;
	unsigned int passts;
	unsigned int shares;
	bool networks;
	bool nat;
	bool dhcp;
	unsigned int mergeable;
	unsigned int uring;
};

/** struct checker - a run of host_check_run() */
struct checker {
	struct host_check *check;
	const char *vmm_path;
	struct needs needs;
	bool root;
};

static void count_vm(struct needs *needs, const struct vm_config *vm)
{
	const struct vm_memory *m = &vm->memory;
	size_t i;

	if (m->kind == GUEST_MEM_HUGEPAGES && m->page_size == GIB(1))
		needs->hugepages_1g += m->size;
	else if (m->kind == GUEST_MEM_HUGEPAGES)
		needs->hugepages_2m += m->size;
	else
		needs->memory += m->size;
	if (m->locked)
		needs->locked += m->size;
	for (i = 0; i < vm->num_nets; i++) {
		needs->taps += vm->nets[i].type == VM_NET_TAP;
		needs->passts += vm->nets[i].type == VM_NET_PASST;
	}
	needs->shares += (unsigned int)vm->num_shares;
	needs->mergeable += m->mergeable;
	needs->uring += vm->io_engine == IO_ENGINE_URING;
}

static void count_network(struct needs *needs,
			  const struct host_network *network)
{
	needs->networks |= host_network_is_made(network);
	needs->nat |= network->nat;
	needs->dhcp |= network->dhcp || network->address6;
}

static struct host_check_result *add(struct checker *c, const char *name)
{
	struct host_check_result *result = &c->check->results[c->check->num++];

	*result = (struct host_check_result){.name = name};
	return result;
}

__attribute__((format(printf, 2, 3))) static void
detail(struct host_check_result *result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(result->detail, sizeof(result->detail), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4))) static void
advise(struct host_check_result *result, enum host_check_status status,
       const char *fmt, ...)
{
	va_list ap;

	result->status = status;
	va_start(ap, fmt);
	(void)vsnprintf(result->advice, sizeof(result->advice), fmt, ap);
	va_end(ap);
}

/* What is missing is a failure only if a VM of the file needs it. */
static enum host_check_status severity(bool needed)
{
	return needed ? HOST_CHECK_FAIL : HOST_CHECK_WARN;
}

static void check_kvm(struct checker *c)
{
	struct host_check_result *result = add(c, "kvm");
	AUTO_CLOSE int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		detail(result, "/dev/kvm can be opened");
		return;
	}
	detail(result, "/dev/kvm: %s", strerror(errno));
	if (errno == ENOENT || errno == ENODEV)
		advise(result, HOST_CHECK_FAIL,
		       "load the module: modprobe kvm_intel, or kvm_amd; if it "
		       "refuses, enable virtualization in the firmware, or "
		       "nested virtualization where this host is a VM itself");
	else if (errno == EACCES || errno == EPERM)
		advise(result, HOST_CHECK_FAIL,
		       "join the group that owns it and log in again: usermod "
		       "-aG kvm USER");
	else
		advise(result, HOST_CHECK_FAIL, "see dmesg");
}

static void check_probe(struct checker *c)
{
	struct host_check_result *api = add(c, "kvm-api");
	struct host_check_result *ring0;
	struct host_probe probe;
	struct err err;

	if (!c->vmm_path || host_probe_run(c->vmm_path, &probe, &err)) {
		detail(api, "%s",
		       c->vmm_path ? err.msg : "lwx-vmm was not found");
		advise(api, HOST_CHECK_FAIL,
		       "install lwx-vmm, or set LWX_VMM to its path");
		return;
	}
	if (!probe.api_version) {
		detail(api, "not looked at: /dev/kvm cannot be opened");
		advise(api, HOST_CHECK_FAIL, "see kvm above");
		return;
	}
	detail(api, "version %d, up to %d vCPUs a VM", probe.api_version,
	       probe.max_vcpus);
	if (probe.missing[0]) {
		detail(api, "version %d lacks %s", probe.api_version,
		       probe.missing);
		advise(api, HOST_CHECK_FAIL,
		       "use a host kernel of 5.10 or later with its own KVM "
		       "module");
	}
	ring0 = add(c, "ring0");
	if (probe.error[0]) {
		detail(ring0, "test guest: %s", probe.error);
		advise(ring0, HOST_CHECK_FAIL,
		       "KVM cannot run guests here: see dmesg, and whether "
		       "another hypervisor holds the CPU");
		return;
	}
	detail(ring0, "a guest's kernel runs at %.1f million instructions/s",
	       probe.ring0_mips);
	if (probe.ring0_mips < HOST_PROBE_RING0_MIPS)
		advise(ring0, HOST_CHECK_WARN,
		       "this KVM emulates guest ring 0: payloads run, stock "
		       "kernels do not boot; use a host with hardware "
		       "virtualization, or the nested tier for tests");
}

static void check_io_uring(struct checker *c)
{
	struct host_check_result *result = add(c, "io_uring");
	struct io_uring_params params = {0};
	AUTO_CLOSE int fd = (int)syscall(SYS_io_uring_setup, 4, &params);

	if (fd >= 0) {
		detail(result, "usable");
		return;
	}
	detail(result, "io_uring_setup: %s", strerror(errno));
	advise(result, severity(c->needs.uring),
	       "disks will use libaio; allow io_uring with sysctl "
	       "kernel.io_uring_disabled=0, or in the seccomp profile of the "
	       "container");
}

static void check_tap(struct checker *c)
{
	struct host_check_result *result = add(c, "tap");
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "lwxchk%%d");
	if (fd >= 0 && !ioctl(fd, TUNSETIFF, &request)) {
		detail(result, "taps can be made"); /* it goes with its fd */
		return;
	}
	detail(result, "%s: %s", fd < 0 ? "/dev/net/tun" : "making a tap",
	       strerror(errno));
	advise(result, severity(c->needs.taps),
	       errno == ENOENT
		       ? "load the module: modprobe tun"
		       : "run lwx-vm as root, give it CAP_NET_ADMIN, or use "
			 "type = \"passt\" in nets, which needs no privilege");
}

static void check_hugepages(struct checker *c, const struct host_facts *facts)
{
	struct host_check_result *result = add(c, "hugepages");
	const struct needs *n = &c->needs;

	detail(result,
	       "free: %" PRIu64 "M in 2M pages, %" PRIu64 "M in 1G "
	       "pages",
	       facts->hugepages_2m >> 20, facts->hugepages_1g >> 20);
	if (n->hugepages_2m > facts->hugepages_2m)
		advise(result, HOST_CHECK_FAIL,
		       "the VMs need %" PRIu64 "M: echo N > /sys/kernel/mm/"
		       "hugepages/hugepages-2048kB/nr_hugepages, with N at "
		       "least %" PRIu64 " more than now",
		       n->hugepages_2m >> 20,
		       (n->hugepages_2m - facts->hugepages_2m) >> 21);
	else if (n->hugepages_1g > facts->hugepages_1g)
		advise(result, HOST_CHECK_FAIL,
		       "the VMs need %" PRIu64 "M: reserve them with "
		       "hugepagesz=1G hugepages=N on the host's kernel command "
		       "line",
		       n->hugepages_1g >> 20);
}

static void check_memlock(struct checker *c)
{
	struct host_check_result *result = add(c, "memlock");
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit)) {
		detail(result, "getrlimit: %s", strerror(errno));
		result->status = HOST_CHECK_WARN;
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY || c->root) {
		detail(result,
		       c->root ? "root locks what it wants" : "unlimited");
		return;
	}
	detail(result, "at most %juK may be locked",
	       (uintmax_t)limit.rlim_cur >> 10);
	if (c->needs.locked > limit.rlim_cur)
		advise(result, HOST_CHECK_FAIL,
		       "the VMs lock %" PRIu64 "M: raise it with ulimit -l, "
		       "LimitMEMLOCK= in the unit, or limits.conf",
		       c->needs.locked >> 20);
}

static void check_program(struct checker *c, const char *name, bool needed,
			  const char *advice)
{
	struct host_check_result *result = add(c, name);
	char path[HOST_FACTS_PATH_SIZE];

	if (host_facts_find_program(name, path)) {
		detail(result, "%s", path);
		return;
	}
	detail(result, "not found");
	advise(result, severity(needed), "%s", advice);
}

static void check_forward(struct checker *c)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_forward";
	struct host_check_result *result = add(c, "ip_forward");
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char state = '0';

	if (fd >= 0 && read(fd, &state, 1) == 1 && state != '0') {
		detail(result, "on");
		return;
	}
	detail(result, "off");
	if (c->needs.nat && access(path, W_OK))
		advise(result, HOST_CHECK_FAIL,
		       "for nat = true: sysctl -w net.ipv4.ip_forward=1");
	else if (c->needs.nat)
		advise(result, HOST_CHECK_WARN,
		       "lwx-vm start turns it on for nat = true and leaves it "
		       "on; to have it at boot, put net.ipv4.ip_forward=1 into "
		       "/etc/sysctl.d/");
}

static void check_networks(struct checker *c)
{
	check_program(c, "ip", c->needs.networks,
		      "for networks made by lwx-vm: apt-get install iproute2");
	check_program(c, "nft", c->needs.networks,
		      "for networks made by lwx-vm: apt-get install nftables");
	check_program(c, "dnsmasq", c->needs.dhcp,
		      "for dhcp and address6 of networks: apt-get install "
		      "dnsmasq-base");
	check_forward(c);
}

/* The own group below the mount point of cgroup2, from "0::/path". */
static bool own_cgroup(const char *mount, char *path, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		found = !strncmp(line, "0::", 3);
		line[strcspn(line, "\n")] = '\0';
	}
	if (f)
		(void)fclose(f); /* it was only read */
	if (found)
		(void)snprintf(path, size, "%s%s", mount, line + 3);
	return found;
}

/* Where a VM's group is not to be had, the file's own check says so. */
static void check_cgroup(struct checker *c)
{
	struct host_check_result *result = add(c, "cgroup");
	char mount[HOST_FACTS_PATH_SIZE], path[HOST_FACTS_PATH_SIZE + 256];

	if (host_facts_cgroup2(mount)) {
		detail(result, "cgroup v2 is not mounted");
		advise(result, HOST_CHECK_WARN,
		       "VMs run without limits of their own; boot with "
		       "systemd.unified_cgroup_hierarchy=1 to have them");
	} else if (!own_cgroup(mount, path, sizeof(path)) ||
		   access(path, W_OK)) {
		detail(result, "v2, but the own group is not delegated");
		advise(result, HOST_CHECK_WARN,
		       "start it with systemd-run --user --scope -p "
		       "Delegate=yes lwx-vm ..., or Delegate=yes in the unit");
	} else {
		detail(result, "v2, %.200s is delegated", path);
	}
}

static void check_ksm(struct checker *c)
{
	struct host_check_result *result = add(c, "ksm");
	AUTO_CLOSE int fd =
		open("/sys/kernel/mm/ksm/run", O_RDONLY | O_CLOEXEC);
	char state = '0';

	if (fd < 0 || read(fd, &state, 1) != 1) {
		detail(result, "this kernel has no KSM");
		if (c->needs.mergeable)
			advise(result, HOST_CHECK_WARN,
			       "mergeable = true has no effect here");
		return;
	}
	detail(result, state == '1' ? "running" : "not running");
	if (c->needs.mergeable && state != '1')
		advise(result, HOST_CHECK_WARN,
		       "mergeable = true has no effect until echo 1 > "
		       "/sys/kernel/mm/ksm/run");
}

static void check_memory(struct checker *c, const struct host_facts *facts)
{
	struct host_check_result *result = add(c, "memory");

	detail(result, "%" PRIu64 "M", facts->memory >> 20);
	if (c->needs.memory > facts->memory)
		advise(result, HOST_CHECK_FAIL,
		       "the VMs need %" PRIu64 "M together: start fewer, or "
		       "give them less",
		       c->needs.memory >> 20);
}

void host_check_run(struct host_check *check, const char *vmm_path,
		    const struct host_config *hc)
{
	struct checker c = {
		.check = check,
		.vmm_path = vmm_path,
		.root = geteuid() == 0,
	};
	struct host_facts facts;
	struct err err;
	size_t i;

	*check = (struct host_check){0};
	for (i = 0; hc && i < hc->num_vms; i++)
		count_vm(&c.needs, &hc->vms[i]);
	for (i = 0; hc && i < hc->num_networks; i++)
		count_network(&c.needs, &hc->networks[i]);
	check_kvm(&c);
	check_probe(&c);
	check_io_uring(&c);
	if (!host_facts_get(&facts, &err)) {
		check_memory(&c, &facts);
		check_hugepages(&c, &facts);
	}
	check_memlock(&c);
	check_tap(&c);
	check_program(&c, "passt", c.needs.passts,
		      "for networks without privilege: apt-get install passt");
	check_program(&c, "virtiofsd", c.needs.shares,
		      "for shared folders: apt-get install qemu-system-common");
	check_networks(&c);
	check_cgroup(&c);
	check_ksm(&c);
}

enum host_check_status host_check_worst(const struct host_check *check)
{
	enum host_check_status worst = HOST_CHECK_OK;
	size_t i;

	for (i = 0; i < check->num; i++)
		worst = MAX(worst, check->results[i].status);
	return worst;
}

const char *host_check_status_name(enum host_check_status status)
{
	static const char *const names[] = {
		[HOST_CHECK_OK] = "ok",
		[HOST_CHECK_WARN] = "warn",
		[HOST_CHECK_FAIL] = "fail",
	};

	return names[status];
}
