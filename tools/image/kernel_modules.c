/* kernel_modules.c - modules of an initrd by depmod's indexes. See
 * kernel_modules.h. */
#include "kernel_modules.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 256U
#define INDEX_MAX ((uint64_t)64 << 20)

/* Disks of virtual and of real machines; what a kernel lacks is left out. */
static const char *const disk_modules[] = {
	"virtio_pci", "virtio_mmio", "virtio_blk",   "virtio_scsi", "nvme",
	"ahci",	      "ata_piix",    "ata_generic",  "mptspi",	    "mptsas",
	"vmw_pvscsi", "hv_storvsc",  "xen_blkfront", "usb_storage", "xhci_pci",
	"ehci_pci",   "sd_mod",	     "sr_mod",
};

/* For the sums of dm-verity, ext4 and erofs, where they are modules that are
 * asked for by name. */
static const char *const verity_modules[] = {"sha256_generic", "sha256_ssse3",
					     "sha2_ce"};
static const char *const crc_modules[] = {"crc32c_generic", "crc32c_intel"};

/*
 * @dir:     of the modules in the tree: "usr/lib/modules/6.1.0"
 * @dep:     modules.dep
 * @builtin: modules.builtin
 * @taken:   paths below @dir in load order, pieces of @dep
 */
struct modules {
	const struct tree *root;
	char dir[TREE_PATH_SIZE];
	char *dep;
	char *builtin;
	struct {
		const char *at;
		size_t len;
	} taken[MODULES_MAX];
	size_t num;
};

/* Is @at, a path with @len bytes, the module @name? "-" and "_" are one. */
static bool is_module(const char *at, size_t len, const char *name)
{
	const char *base = memrchr(at, '/', len);
	size_t name_len = strlen(name);

	if (base) {
		len -= (size_t)(base + 1 - at);
		at = base + 1;
	}
	if (len < name_len + 3 || memcmp(at + name_len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (at[i] != name[i] && !(at[i] == '-' && name[i] == '_'))
			return false;
	return true;
}

/* The line of modules.dep about @name; @end: behind it. */
static const char *find_line(const char *text, const char *name,
			     const char **end)
{
	while (*text) {
		size_t line = strcspn(text, "\n");
		size_t path = strcspn(text, ":\n");

		if (is_module(text, path, name)) {
			*end = text + line;
			return text;
		}
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static int take(struct modules *modules, const char *at, size_t len,
		struct err *err)
{
	for (size_t i = 0; i < modules->num; i++)
		if (modules->taken[i].len == len &&
		    memcmp(modules->taken[i].at, at, len) == 0)
			return 0;
	if (modules->num == MODULES_MAX)
		return err_setx(err, -E2BIG, "%s/modules.dep: too many modules",
				modules->dir);
	modules->taken[modules->num].at = at;
	modules->taken[modules->num].len = len;
	modules->num++;
	return 0;
}

/* "path: needed needed": the last that is needed is loaded first. */
static int take_line(struct modules *modules, const char *line, const char *end,
		     struct err *err)
{
	size_t path =
		(size_t)((const char *)memchr(line, ':', (size_t)(end - line)) -
			 line);
	const char *at = end;
	int rc;

	while (at > line + path + 1) {
		const char *start = at;

		while (start > line + path + 1 && start[-1] != ' ')
			start--;
		rc = at > start
			     ? take(modules, start, (size_t)(at - start), err)
			     : 0;
		if (rc)
			return rc;
		at = start > line + path + 1 ? start - 1 : start;
	}
	return take(modules, line, path, err);
}

/* Return: 0, also if there is none and it is no @must. */
static int want(struct modules *modules, const char *name, bool must,
		struct err *err)
{
	const char *end = NULL;
	const char *line = find_line(modules->dep, name, &end);

	if (line && memchr(line, ':', (size_t)(end - line)))
		return take_line(modules, line, end, err);
	if (!must || find_line(modules->builtin, name, &end))
		return 0;
	return err_setx(err, -EINVAL,
			"kernel %s has no %s, neither built in nor as a "
			"module: choose another format or kernel",
			strrchr(modules->dir, '/') + 1, name);
}

static int want_all(struct modules *modules, const char *const *names,
		    size_t num, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < num; i++)
		rc = want(modules, names[i], false, err);
	return rc;
}

static int want_what(struct modules *modules,
		     const struct kernel_modules_wanted *wanted,
		     struct err *err)
{
	const char *fs = wanted->file_system;
	int rc;

	/* The module of ISO 9660 has another name than the file system. */
	if (strcmp(fs, "iso9660") == 0)
		fs = "isofs";
	rc = want_all(modules, disk_modules, ARRAY_SIZE(disk_modules), err);
	if (!rc && wanted->verity)
		rc = want_all(modules, verity_modules,
			      ARRAY_SIZE(verity_modules), err);
	if (!rc && wanted->verity)
		rc = want(modules, "dm_verity", true, err);
	if (!rc && (strcmp(fs, "ext4") == 0 || strcmp(fs, "erofs") == 0))
		rc = want_all(modules, crc_modules, ARRAY_SIZE(crc_modules),
			      err);
	return rc ? rc : want(modules, fs, true, err);
}

static int load_index(const struct modules *modules, const char *name,
		      char **text, struct err *err)
{
	char path[TREE_PATH_SIZE + 32];
	const struct tree_entry *entry;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", modules->dir, name);
	entry = tree_follow(modules->root, path);
	if (!entry || entry->type != TREE_FILE)
		return err_setx(err, -ENOENT,
				"/%s: missing; run depmod on the kernel's "
				"modules",
				path);
	if (entry->size > INDEX_MAX)
		return err_setx(err, -EFBIG, "/%s: too large", path);
	*text = calloc(1, entry->size + 1);
	if (!*text)
		return err_set(err, -ENOMEM, "/%s", path);
	rc = entry->size ? tree_content_read(entry->content, 0, *text,
					     entry->size, err)
			 : 0;
	return rc;
}

static int put_module(const struct modules *modules, size_t i,
		      struct tree *initrd, struct err *err)
{
	char path[TREE_PATH_SIZE];
	const struct tree_entry *entry;
	struct tree_entry copy;
	int n = snprintf(path, sizeof(path), "%s/%.*s", modules->dir,
			 (int)modules->taken[i].len, modules->taken[i].at);

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "/%s", path);
	entry = tree_follow(modules->root, path);
	if (!entry || entry->type != TREE_FILE)
		return err_setx(err, -ENOENT,
				"/%s: missing, modules.dep has it", path);
	copy = *entry;
	copy.path = path;
	copy.link = 0;
	copy.xattrs = NULL;
	copy.xattr_num = 0;
	return tree_put(initrd, &copy, err);
}

static int put_list(const struct modules *modules, struct tree *initrd,
		    struct err *err)
{
	static const char path[] = KERNEL_MODULES_LIST;
	const struct tree_entry like = {.mode = 0644};
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *list = open_memstream(&text, &size);

	if (!list)
		return err_set(err, -ENOMEM, "%s", path);
	for (size_t i = 0; i < modules->num; i++)
		(void)fprintf(list, "/%s/%.*s\n", modules->dir,
			      (int)modules->taken[i].len, modules->taken[i].at);
	if (fclose(list))
		return err_set(err, -ENOMEM, "%s", path);
	return tree_put_bytes(initrd, path, &like, text, size, err);
}

/* The one directory in lib/modules; none leaves @modules->dir empty. */
static int only_release(struct modules *modules, const char *parent,
			struct err *err)
{
	size_t len = strlen(parent);

	for (size_t i = 0; i < tree_num(modules->root); i++) {
		const struct tree_entry *entry = tree_at(modules->root, i);

		if (entry->type != TREE_DIR ||
		    strncmp(entry->path, parent, len) != 0 ||
		    entry->path[len] != '/' ||
		    strchr(entry->path + len + 1, '/'))
			continue;
		if (modules->dir[0])
			return err_setx(err, -EINVAL,
					"/%s has %s and %s: one kernel, one "
					"directory of modules",
					parent, strrchr(modules->dir, '/') + 1,
					entry->path + len + 1);
		(void)snprintf(modules->dir, sizeof(modules->dir), "%s",
			       entry->path);
	}
	return 0;
}

static int find_dir(struct modules *modules, const char *release,
		    struct err *err)
{
	const struct tree_entry *parent =
		tree_follow(modules->root, "lib/modules");
	const struct tree_entry *dir;
	char path[TREE_PATH_SIZE + 256];

	if (!parent || parent->type != TREE_DIR)
		return 0;
	if (!release)
		return only_release(modules, parent->path, err);
	(void)snprintf(path, sizeof(path), "%s/%s", parent->path, release);
	dir = tree_follow(modules->root, path);
	if (!dir || dir->type != TREE_DIR)
		return err_setx(err, -ENOENT,
				"/%s: missing, the kernel's modules", path);
	(void)snprintf(modules->dir, sizeof(modules->dir), "%s", dir->path);
	return 0;
}

static int take_all(struct modules *modules,
		    const struct kernel_modules_wanted *wanted,
		    struct tree *initrd, struct err *err)
{
	int rc = load_index(modules, "modules.dep", &modules->dep, err);

	if (!rc)
		rc = load_index(modules, "modules.builtin", &modules->builtin,
				err);
	if (!rc)
		rc = want_what(modules, wanted, err);
	for (size_t i = 0; !rc && i < modules->num; i++)
		rc = put_module(modules, i, initrd, err);
	if (!rc && modules->num)
		rc = put_list(modules, initrd, err);
	return rc;
}

int kernel_modules_take(const struct tree *root,
			const struct kernel_modules_wanted *wanted,
			struct tree *initrd, size_t *num, struct err *err)
{
	AUTO_FREE struct modules *modules = calloc(1, sizeof(*modules));
	int rc;

	*num = 0;
	if (!modules)
		return err_set(err, -ENOMEM, "modules");
	modules->root = root;
	rc = find_dir(modules, wanted->release, err);
	if (!rc && modules->dir[0])
		rc = take_all(modules, wanted, initrd, err);
	*num = modules->num;
	free(modules->dep);
	free(modules->builtin);
	return rc;
}
