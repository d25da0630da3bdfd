/*
 * build_network.c - what layerworx: network says, for lwx-init; see
 * build_internal.h. netplan: version 2 of its configuration.
 */
#include "build_internal.h"

#include "cleanup.h"
#include "definition.h"
#include "json.h"
#include "macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_MAX 15U /* IFNAMSIZ */

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* Of either family; @prefix: with "/PREFIX". */
static bool is_address(const char *text, bool prefix)
{
	size_t length = strcspn(text, "/");
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	char address[64];
	char *end = NULL;
	uint8_t bytes[16];
	long bits;

	(void)snprintf(address, sizeof(address), "%.*s", (int)length, text);
	if (inet_pton(family, address, bytes) != 1)
		return false;
	if (!prefix)
		return !text[length];
	if (!text[length])
		return false;
	bits = strtol(text + length + 1, &end, 10);
	return end != text + length + 1 && !*end && bits >= 0 &&
	       bits <= (family == AF_INET ? 32 : 128);
}

static int check_list(const char *device, const json_t *at, const char *key,
		      bool prefix, struct err *err)
{
	const json_t *list = json_object_get(at, key);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!is_address(text, prefix))
			return definition_fail(
				err, at, "network: %s: %s: %.64s: expected %s",
				device, key, text,
				prefix ? "ADDRESS/PREFIX, as 10.0.0.2/24"
				       : "an address, as 10.0.0.1");
	}
	return 0;
}

static int check(const char *device, const json_t *at, struct err *err)
{
	static const char *const gateways[] = {"gateway4", "gateway6"};
	int rc = 0;

	if (!*device || strlen(device) > DEVICE_MAX ||
	    strpbrk(device, "/ \t\n:"))
		return definition_fail(err, at,
				       "network: %.64s: not the name of an "
				       "interface",
				       device);
	for (size_t i = 0; i < ARRAY_SIZE(gateways); i++) {
		const char *text = definition_text(at, gateways[i]);

		if (text && (!is_address(text, false) ||
			     (strchr(text, ':') != NULL) != (i == 1)))
			return definition_fail(err, at,
					       "network: %s: %s: %.64s: "
					       "expected an IPv%c address",
					       device, gateways[i], text,
					       i ? '6' : '4');
	}
	rc = check_list(device, at, "addresses", true, err);
	return rc ? rc : check_list(device, at, "nameservers", false, err);
}

/* As netplan and so lwx-init has it. */
static json_t *ethernet(const json_t *at)
{
	json_t *copy = definition_copy(at);
	json_t *names = json_object_get(copy, "nameservers");
	json_t *dhcp = json_object_get(copy, "dhcp");

	if (dhcp && json_object_set(copy, "dhcp4", dhcp))
		goto fail;
	if (names &&
	    json_object_set_new(copy, "nameservers",
				json_pack("{s:O}", "addresses", names)))
		goto fail;
	(void)json_object_del(copy, "dhcp");
	return copy;
fail:
	json_decref(copy);
	return NULL;
}

int build_network(struct build *build, struct err *err)
{
	const json_t *network = json_object_get(
		json_object_get(build->definition, "layerworx"), "network");
	json_t *devices = json_object();
	json_t *top;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	const char *device;
	json_t *at;
	int rc = devices ? 0 : no_memory(err);

	json_object_foreach ((json_t *)(uintptr_t)network, device, at) {
		if (!rc)
			rc = check(device, at, err);
		if (!rc && json_object_set_new(devices, device, ethernet(at)))
			rc = no_memory(err);
	}
	if (rc || !json_object_size(devices)) {
		json_decref(devices);
		return rc;
	}
	top = json_pack("{s:i,s:o}", "version", 2, "ethernets", devices);
	rc = top ? json_write(top, &text, &size, err) : no_memory(err);
	json_decref(top);
	return rc ? rc
		  : build_text(build, "etc/layerworx/network-config", text,
			       size, 0644, "layerworx.network", err);
}
