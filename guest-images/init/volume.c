/*
 * volume.c - see volume.h.
 */
#include "volume.h"

#include "files.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#define VOLUMES "/containers/volumes"

static void mount_readonly(const char *lower, const char *merged)
{
	if (mount(lower, merged, NULL, MS_BIND | MS_REC, NULL) ||
	    mount(NULL, merged, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		say_errno("volume %s", merged);
}

static void mount_writable(const char *lower, const char *tmp,
			   const char *merged)
{
	char upper[320];
	char work[320];
	char options[1100];

	(void)snprintf(upper, sizeof(upper), "%s/upper", tmp);
	(void)snprintf(work, sizeof(work), "%s/work", tmp);
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper,
		       work);
	if (!path_is_mount(tmp) &&
	    (mount("tmpfs", tmp, "tmpfs", MS_NODEV, NULL) ||
	     mount(NULL, tmp, NULL, MS_PRIVATE, NULL)))
		say_errno("volume %s", tmp);
	(void)dir_make(upper, 0755);
	(void)dir_make(work, 0755);
	if (mount("overlay", merged, "overlay", 0, options))
		say_errno("volume %s", merged);
}

void volumes_mount(void)
{
	struct dirent **list;
	int num = scandir(VOLUMES, &list, NULL, alphasort);

	for (int i = 0; i < num; i++) {
		const char *name = list[i]->d_name;
		char lower[300];
		char tmp[300];
		char merged[300];

		(void)snprintf(lower, sizeof(lower), VOLUMES "/%s/lower", name);
		(void)snprintf(tmp, sizeof(tmp), VOLUMES "/%s/tmp", name);
		(void)snprintf(merged, sizeof(merged), VOLUMES "/%s/merged",
			       name);
		if (name[0] != '.' && access(tmp, F_OK))
			mount_readonly(lower, merged);
		else if (name[0] != '.')
			mount_writable(lower, tmp, merged);
		free(list[i]);
	}
	if (num >= 0)
		free(list);
}
