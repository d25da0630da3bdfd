/* host_config.c - host.cfg: read the file, walk it along the tables. */
#include "host_config.h"

#include "cleanup.h"
#include "host_config_priv.h"
#include "macros.h"
#include "vm_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct schema_field network_fields[] = {
	{
		.key = "name",
		.type = SCHEMA_NAME,
		.flags = SCHEMA_FILE | SCHEMA_REQUIRED,
		.offset = offsetof(struct host_network, name),
		.doc = "Name that nets = (...) refer to.",
	},
	{
		.key = "bridge",
		.type = SCHEMA_TEXT,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, bridge),
		.min = 1,
		.max = 15,
		.doc = "Bridge on the host that the taps join; the name of the "
		       "network if absent. Made by lwx-vm if anything below "
		       "is set, else it has to be there.",
	},
	{
		.key = "address",
		.type = SCHEMA_CIDR,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, address),
		.doc = "IPv4 address of the bridge, with its prefix.",
	},
	{
		.key = "address6",
		.type = SCHEMA_TEXT,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, address6),
		.min = 6,
		.max = 43,
		.doc = "IPv6 address of the bridge, with /64: guests make "
		       "their "
		       "own from router advertisements.",
	},
	{
		.key = "port",
		.type = SCHEMA_TEXT,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, port),
		.min = 1,
		.max = 15,
		.doc = "Interface of the host that joins the bridge, so that "
		       "the guests are on its network.",
	},
	{
		.key = "nat",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, nat),
		.doc = "Let guests reach out under the host's address.",
	},
	{
		.key = "dhcp",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_network, dhcp),
		.doc = "Hand out addresses, and names of VMs by DNS.",
	},
};
const struct schema_group host_network_schema = {
	.name = "network",
	.size = sizeof(struct host_network),
	.fields = network_fields,
	.num = ARRAY_SIZE(network_fields),
};

/* A kernel or UKI named in the VM replaces the whole choice of the defaults. */
static void forget_default_boot(const config_setting_t *from,
				struct vm_config *cfg)
{
	static const char *const choices[] = {"kernel", "uki"};
	const config_setting_t *boot = config_setting_get_member(from, "boot");
	char **paths[] = {&cfg->boot.kernel, &cfg->boot.initrd, &cfg->boot.uki};
	bool chosen = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(choices); i++)
		chosen |= config_setting_get_member(from, choices[i]) ||
			  (boot && config_setting_is_group(boot) &&
			   config_setting_get_member(boot, choices[i]));
	for (i = 0; chosen && i < ARRAY_SIZE(paths); i++) {
		free(*paths[i]);
		*paths[i] = NULL;
	}
}

/* "kernel" beside "boot = { kernel }": which one was meant? */
static void check_short_keys(struct host_loader *l,
			     const config_setting_t *from, const char *prefix)
{
	const config_setting_t *boot = config_setting_get_member(from, "boot");
	const config_setting_t *s;
	char key[HOST_KEY_MAX];
	int i;

	if (!boot || !config_setting_is_group(boot))
		return;
	for (i = 0; i < config_setting_length(boot); i++) {
		s = config_setting_get_elem(boot, (unsigned int)i);
		if (!config_setting_get_member(from, config_setting_name(s)))
			continue;
		(void)snprintf(key, sizeof(key), "%s.boot.%s", prefix,
			       config_setting_name(s));
		host_problem_add(l, s->line, key,
				 "given twice: %s.%s is short for it", prefix,
				 config_setting_name(s));
	}
}

static void walk_vm(struct host_loader *l, const config_setting_t *s,
		    const config_setting_t *defaults)
{
	size_t index = l->hc->num_vms++, before = l->hc->num_problems;
	struct vm_config *cfg = &l->hc->vms[index];
	char key[HOST_KEY_MAX];

	(void)snprintf(key, sizeof(key), "vms[%zu]", index);
	vm_config_init(cfg);
	if (!config_setting_is_group(s)) {
		host_problem_add(l, s->line, key, "%s: need a group { ... }",
				 host_config_type(s));
		return;
	}
	if (defaults) {
		l->muted = true;
		host_config_walk(l, defaults, &vm_schema, cfg,
				 SCHEMA_FILE | SCHEMA_DEFAULTS, "defaults");
		l->muted = false;
	}
	forget_default_boot(s, cfg);
	host_config_walk(l, s, &vm_schema, cfg, SCHEMA_FILE, key);
	check_short_keys(l, s, key);
	/* A value that was refused would look missing. */
	if (l->hc->num_problems == before)
		host_config_check_vm(l, index);
}

static void walk_vms(struct host_loader *l, const config_setting_t *vms,
		     const config_setting_t *defaults)
{
	int i, num = config_setting_length(vms);

	if (num > HOST_VMS_MAX) {
		host_problem_add(l, vms->line, "vms", "%d VMs: at most %d", num,
				 HOST_VMS_MAX);
		return;
	}
	l->hc->vms = calloc((size_t)num + 1, sizeof(*l->hc->vms));
	if (!l->hc->vms) {
		l->rc = -ENOMEM;
		return;
	}
	for (i = 0; i < num; i++)
		walk_vm(l, config_setting_get_elem(vms, (unsigned int)i),
			defaults);
}

/* Problems in the defaults are told once, whether or not there are VMs. */
static void walk_defaults(struct host_loader *l, const config_setting_t *s)
{
	struct vm_config *scratch = malloc(sizeof(*scratch));

	if (!scratch) {
		l->rc = -ENOMEM;
		return;
	}
	vm_config_init(scratch);
	host_config_walk(l, s, &vm_schema, scratch,
			 SCHEMA_FILE | SCHEMA_DEFAULTS, "defaults");
	check_short_keys(l, s, "defaults");
	vm_config_fini(scratch);
	free(scratch);
}

/* The root of the file, as far as it follows the tables. */
static const struct schema_field root_fields[] = {
	{
		.key = "networks",
		.type = SCHEMA_GROUPS,
		.flags = SCHEMA_FILE,
		.offset = offsetof(struct host_config, networks),
		.num = offsetof(struct host_config, num_networks),
		.capacity = HOST_NETWORKS_MAX,
		.group = &host_network_schema,
	},
	{
		.key = "defaults",
		.type = SCHEMA_GROUP,
		.flags = SCHEMA_FILE,
		.group = &vm_schema,
	},
	{
		.key = "vms",
		.type = SCHEMA_GROUPS,
		.flags = SCHEMA_FILE,
		.group = &vm_schema,
	},
};
static const struct schema_group root_schema = {
	.name = "host.cfg",
	.size = sizeof(struct host_config),
	.fields = root_fields,
	.num = ARRAY_SIZE(root_fields),
};

static void walk_root(struct host_loader *l)
{
	const config_setting_t *root = config_root_setting(&l->file);
	const config_setting_t *s, *defaults = NULL, *vms = NULL;
	const struct schema_field *field;
	int i;

	for (i = 0; i < config_setting_length(root); i++) {
		s = config_setting_get_elem(root, (unsigned int)i);
		field = schema_find(&root_schema, config_setting_name(s),
				    SCHEMA_FILE);
		if (!field)
			host_config_unknown(l, s, &root_schema, SCHEMA_FILE,
					    config_setting_name(s));
		else if (field->group == &host_network_schema)
			host_config_value(l, s, field, l->hc, SCHEMA_FILE,
					  field->key);
		else if (!host_config_typed(l, s, field, field->key))
			continue;
		else if (field->type == SCHEMA_GROUP)
			defaults = s;
		else
			vms = s;
	}
	if (defaults)
		walk_defaults(l, defaults);
	if (vms)
		walk_vms(l, vms, defaults);
	else if (!config_setting_get_member(root, "vms"))
		host_problem_add(l, 0, "vms",
				 "missing: list the VMs in vms = "
				 "( { ... }, { ... } );");
	host_config_check_networks(l);
	host_config_check_refs(l);
	host_config_check_unique(l);
	host_config_identity(l);
}

static void syntax_problem(struct host_loader *l)
{
	const char *text = config_error_text(&l->file);
	const char *hint = "look for a missing ';', ',', quote or bracket "
			   "here or before";

	if (text && strstr(text, "duplicate"))
		hint = "a key may stand in a group once";
	else if (text && strstr(text, "mismatched"))
		hint = "elements of an array [ ] have one type";
	host_problem_add(l, (unsigned int)config_error_line(&l->file), "syntax",
			 "%s: %s", text ? text : "error", hint);
}

static int by_line(const void *a, const void *b)
{
	const struct host_problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int summarise(const struct host_config *hc, struct err *err)
{
	size_t more;

	if (!hc->num_problems)
		return 0;
	more = hc->num_problems - 1;
	if (!more)
		return err_setx(err, -EINVAL, "%s", hc->problems[0].text);
	return err_setx(err, -EINVAL, "%s (and %zu more problem%s)",
			hc->problems[0].text, more, more > 1 ? "s" : "");
}

int host_config_parse(struct host_config **out, const char *text, size_t len,
		      const char *name, const char *path,
		      const struct host_facts *facts, struct err *err)
{
	struct host_config *hc = calloc(1, sizeof(*hc));
	struct host_loader l = {.hc = hc, .name = name};

	*out = hc;
	if (hc)
		hc->path = strdup(path);
	if (!hc || !hc->path)
		return err_set(err, -ENOMEM, "%s", name);
	l.dir_len = (int)(strrchr(path, '/') - path);
	hc->facts = *facts;
	config_init(&l.file);
	/* The scanner refuses @include; should it miss one, nothing is there.
	 */
	config_set_include_dir(&l.file, "/nonexistent");
	host_config_scan(&l, text, len);
	if (!hc->num_problems && !config_read_string(&l.file, text))
		syntax_problem(&l);
	if (!hc->num_problems)
		walk_root(&l);
	config_destroy(&l.file);
	if (hc->num_problems)
		qsort(hc->problems, hc->num_problems, sizeof(*hc->problems),
		      by_line);
	if (l.rc)
		return err_set(err, l.rc, "%s", name);
	return summarise(hc, err);
}

/* The whole file as text; *text is the caller's. */
static int read_file(const char *path, char **text, size_t *len,
		     struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	if (fstat(fd, &st))
		return err_set(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_setx(err, -EINVAL, "%s: not a regular file", path);
	if (st.st_size > HOST_CONFIG_MAX)
		return err_setx(err, -EFBIG, "%s: larger than %u bytes", path,
				HOST_CONFIG_MAX);
	*text = calloc(1, HOST_CONFIG_MAX + 1);
	if (!*text)
		return err_set(err, -ENOMEM, "%s", path);
	for (*len = 0; *len < HOST_CONFIG_MAX; *len += (size_t)got) {
		got = read(fd, *text + *len, HOST_CONFIG_MAX - *len);
		if (got < 0)
			return err_set(err, -errno, "%s: read", path);
		if (!got)
			break;
	}
	return 0;
}

int host_config_load(struct host_config **out, const char *path,
		     struct err *err)
{
	AUTO_FREE char *text = NULL, *absolute = NULL;
	struct host_facts facts;
	size_t len = 0;
	int rc;

	*out = NULL;
	rc = read_file(path, &text, &len, err);
	if (!rc)
		rc = host_facts_get(&facts, err);
	if (rc)
		return rc;
	absolute = realpath(path, NULL);
	if (!absolute)
		return err_set(err, -errno, "%s", path);
	return host_config_parse(out, text, len, path, absolute, &facts, err);
}

void host_config_destroy(struct host_config *hc)
{
	size_t i;

	if (!hc)
		return;
	for (i = 0; i < ARRAY_SIZE(hc->networks); i++)
		schema_fini(&host_network_schema, &hc->networks[i]);
	for (i = 0; i < hc->num_vms; i++)
		vm_config_fini(&hc->vms[i]);
	for (i = 0; i < hc->num_problems; i++)
		free(hc->problems[i].text);
	free(hc->problems);
	free(hc->vms);
	free(hc->path);
	free(hc);
}
