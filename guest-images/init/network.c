/*
 * network.c - see network.h. udhcpc(8): what its script gets; netplan's version
 * 2 of network-config, in JSON.
 */
#include "network.h"

#include "files.h"
#include "ip_option.h"
#include "loop.h"
#include "netlink.h"
#include "process.h"
#include "say.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define LEASE_MS 10000
#define NET_DIR RUN_DIR "/net"
#define IMAGE_CONFIG "/etc/layerworx/network-config" /* lwx-image build */
#define RESOLV "/run/resolvconf/resolv.conf"

/* Where the image's resolv.conf is a file it becomes ours; a link, as
 * LinuxKit's images have it, leads here anyhow. */
static void write_resolv(const char *text)
{
	char target[64];

	(void)dir_make("/run/resolvconf", 0755);
	(void)file_write(RESOLV, text, 0644);
	if (readlink("/etc/resolv.conf", target, sizeof(target)) > 0 ||
	    (access("/etc/resolv.conf", F_OK) &&
	     !symlink(RESOLV, "/etc/resolv.conf")))
		return;
	if (!path_is_mount("/etc/resolv.conf"))
		(void)mount(RESOLV, "/etc/resolv.conf", NULL, MS_BIND, NULL);
}

static void add_text(char *text, size_t size, const char *word,
		     const char *value)
{
	size_t used = strlen(text);

	if (used < size)
		(void)snprintf(text + used, size - used, "%s %s\n", word,
			       value);
}

/* "ADDRESS/PREFIX" of either family. */
static int add_address(const char *device, const char *text, bool drop)
{
	uint8_t bytes[16];
	char address[64];
	const char *slash = strchr(text, '/');
	long prefix = slash ? strtol(slash + 1, NULL, 10) : -1;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	size_t size = family == AF_INET ? 4 : 16;

	if (!slash || prefix < 0 || prefix > (long)size * 8)
		return -EINVAL;
	(void)snprintf(address, sizeof(address), "%.*s", (int)(slash - text),
		       text);
	if (inet_pton(family, address, bytes) != 1)
		return -EINVAL;
	return drop ? netlink_address_drop(device, bytes, size, (uint8_t)prefix)
		    : netlink_address(device, bytes, size, (uint8_t)prefix);
}

static int add_gateway(const char *device, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, bytes) != 1)
		return -EINVAL;
	return netlink_gateway(device, bytes, family == AF_INET ? 4 : 16);
}

static void lease(const char *device, const char *ip, const char *mask)
{
	const char *dns = getenv("dns");
	const char *router = getenv("router");
	char names[256] = "";
	char text[512] = "";
	char path[64];
	char old[64];
	char *save = NULL;

	(void)snprintf(path, sizeof(path), NET_DIR "/%.15s", device);
	(void)snprintf(text, sizeof(text), "%s/%s", ip, mask);
	if (file_read_line(path, old, sizeof(old)) > 0 &&
	    strcmp(old, text) != 0)
		(void)add_address(device, old, true);
	errno = -add_address(device, text, false);
	if (errno)
		say_errno("%s: address %s", device, text);
	if (router) {
		(void)snprintf(names, sizeof(names), "%.*s",
			       (int)strcspn(router, " "), router);
		errno = -add_gateway(device, names);
		if (errno)
			say_errno("%s: gateway %s", device, names);
	}
	(void)dir_make(NET_DIR, 0755);
	(void)file_write(path, text, 0644);
	text[0] = '\0';
	if (getenv("domain"))
		add_text(text, sizeof(text), "search", getenv("domain"));
	(void)snprintf(names, sizeof(names), "%s", dns ? dns : "");
	for (char *name = strtok_r(names, " ", &save); name;
	     name = strtok_r(NULL, " ", &save))
		add_text(text, sizeof(text), "nameserver", name);
	if (dns)
		write_resolv(text);
}

int network_dhcp_event(const char *event)
{
	const char *device = getenv("interface");
	const char *ip = getenv("ip");
	const char *mask = getenv("mask");

	if (!device || strchr(device, '/'))
		return 2;
	if (strcmp(event, "deconfig") == 0)
		(void)netlink_link_up(device);
	if ((strcmp(event, "bound") == 0 || strcmp(event, "renew") == 0) &&
	    ip && mask)
		lease(device, ip, mask);
	return 0;
}

static void start_dhcp(const char *device)
{
	char udhcpc[] = "udhcpc";
	char flags[] = "-fR";
	char interface[] = "-i";
	char name[16];
	char script[] = "-s";
	char self[] = "/proc/1/exe";
	char *argv[] = {udhcpc, flags, interface, name, script, self, NULL};
	char dhcpcd[] = "dhcpcd";
	char foreground[] = "-B";
	char *other[] = {dhcpcd, foreground, name, NULL};
	bool small = !access("/sbin/udhcpc", X_OK) ||
		     !access("/usr/sbin/udhcpc", X_OK) ||
		     !access("/bin/udhcpc", X_OK) ||
		     !access("/usr/bin/udhcpc", X_OK);
	uint64_t end = loop_now_ms() + LEASE_MS;
	char path[64];
	pid_t pid;

	(void)snprintf(name, sizeof(name), "%s", device);
	(void)snprintf(path, sizeof(path), NET_DIR "/%s", name);
	(void)netlink_link_up(name);
	(void)setenv(NETWORK_DHCP_ENV, "1", 1);
	pid = process_spawn(small ? argv : other, -1);
	(void)unsetenv(NETWORK_DHCP_ENV);
	if (pid < 0) {
		say_error("%s: DHCP: %s", name, strerror(-pid));
		return;
	}
	while (small && access(path, F_OK) && loop_now_ms() < end)
		loop_wait(100, false);
	if (small && access(path, F_OK))
		say_error("%s: no answer by DHCP yet", name);
}

static void static_address(const char *device, const struct ip_option *option)
{
	char resolv[128] = "";

	(void)netlink_link_up(device);
	errno = -netlink_address(device, option->address, 4, option->prefix);
	if (errno)
		say_errno("%s: address", device);
	if (ip_is_set(option->gateway)) {
		errno = -netlink_gateway(device, option->gateway, 4);
		if (errno)
			say_errno("%s: gateway", device);
	}
	for (size_t i = 0; i < 2; i++) {
		char text[INET_ADDRSTRLEN];

		if (ip_is_set(option->dns[i]) &&
		    inet_ntop(AF_INET, option->dns[i], text, sizeof(text)))
			add_text(resolv, sizeof(resolv), "nameserver", text);
	}
	if (*resolv)
		write_resolv(resolv);
}

/* Network cards have a device; lo, bridges and the like have none. */
static void on_cards(const struct ip_option *option)
{
	struct dirent **list;
	int num = scandir("/sys/class/net", &list, NULL, alphasort);
	bool one = option->method == IP_STATIC;
	bool any = false;

	for (int i = 0; i < num; i++) {
		char path[320];

		(void)snprintf(path, sizeof(path), "/sys/class/net/%s/device",
			       list[i]->d_name);
		if (access(path, F_OK) == 0 && !(one && any)) {
			any = true;
			if (one)
				static_address(list[i]->d_name, option);
			else
				start_dhcp(list[i]->d_name);
		}
		free(list[i]);
	}
	if (num >= 0)
		free(list);
	if (!any)
		say_error("ip=: there is no network card");
}

static void apply_option(const char *text)
{
	struct ip_option option;
	struct err err = {0};

	if (ip_option_parse(&option, text, &err)) {
		say_err(&err);
		return;
	}
	if (option.method == IP_OFF)
		return;
	if (!*option.device)
		on_cards(&option);
	else if (option.method == IP_DHCP)
		start_dhcp(option.device);
	else
		static_address(option.device, &option);
}

static void apply_config(const char *device, const json_t *config)
{
	static const char *const gateways[] = {"gateway4", "gateway6"};
	const json_t *addresses = json_object_get(config, "addresses");
	const json_t *dns = json_object_get(
		json_object_get(config, "nameservers"), "addresses");
	char resolv[512] = "";

	if (strlen(device) > 15 || strchr(device, '/'))
		return;
	(void)netlink_link_up(device);
	for (size_t i = 0; i < json_array_size(addresses); i++) {
		const char *text =
			json_string_value(json_array_get(addresses, i));

		errno = text ? -add_address(device, text, false) : EINVAL;
		if (errno)
			say_errno("%s: address %s", device, text ? text : "");
	}
	for (size_t i = 0; i < 2; i++) {
		const char *text =
			json_string_value(json_object_get(config, gateways[i]));

		errno = text ? -add_gateway(device, text) : 0;
		if (errno)
			say_errno("%s: gateway %s", device, text);
	}
	for (size_t i = 0; i < json_array_size(dns); i++)
		if (json_is_string(json_array_get(dns, i)))
			add_text(resolv, sizeof(resolv), "nameserver",
				 json_string_value(json_array_get(dns, i)));
	if (*resolv)
		write_resolv(resolv);
	if (json_is_true(json_object_get(config, "dhcp4")))
		start_dhcp(device);
}

/* What the image says of an interface counts if metadata says nothing. */
static json_t *read_config(bool image_too)
{
	json_t *of_image = NULL;
	json_t *config = NULL;
	struct err err = {0};
	json_t *devices;

	if (json_load_limited(&config, "/run/config/network-config", &err) ||
	    (image_too && json_load_limited(&of_image, IMAGE_CONFIG, &err)))
		say_err(&err);
	devices = json_object_get(of_image, "ethernets");
	if (devices && json_object_get(config, "ethernets"))
		(void)json_object_update(devices,
					 json_object_get(config, "ethernets"));
	if (!devices)
		devices = json_object_get(config, "ethernets");
	devices = json_incref(devices);
	json_decref(of_image);
	json_decref(config);
	return devices;
}

void network_start(const struct cmdline *cmdline)
{
	bool asked = false;
	const char *device;
	json_t *devices;
	json_t *one;

	if (netlink_link_up("lo"))
		say_error("lo cannot be turned on");
	for (size_t i = 0; i < cmdline->num; i++) {
		if (strncmp(cmdline->words[i], "ip=", 3) != 0)
			continue;
		asked = true;
		apply_option(cmdline->words[i] + 3);
	}
	devices = read_config(!asked);
	json_object_foreach (devices, device, one)
		apply_config(device, one);
	json_decref(devices);
}
