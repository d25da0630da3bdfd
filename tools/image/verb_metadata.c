/* verb_metadata.c - lwx-image metadata. */
#include "lwx_image.h"

#include "macros.h"
#include "seed.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const char *const formats[] = {
	[SEED_ISO] = "iso",
	[SEED_FAT] = "fat",
	[SEED_RAW] = "raw",
	[SEED_BASE64] = "base64",
};

static int take_option(struct seed *seed, int c, struct err *err)
{
	switch (c) {
	case 'H':
		return seed_hostname(seed, optarg, err);
	case 'k':
		return seed_keys_file(seed, optarg, err);
	case 'm':
		return seed_meta_file(seed, optarg, err);
	case 'n':
		return seed_network_file(seed, optarg, err);
	case 't':
		return seed_user_tree(seed, optarg, err);
	default:
		return seed_user_file(seed, optarg, err);
	}
}

static bool parse_format(const char *text, enum seed_format *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strcmp(formats[i], text) == 0) {
			*out = (enum seed_format)i;
			return true;
		}
	}
	return false;
}

static int create(const struct image_verb *verb, struct seed *seed,
		  enum seed_format format, int argc, char **argv)
{
	struct err err = {0};
	int64_t epoch;
	int rc = 0;

	if (image_epoch(&epoch))
		return image_usage_error(verb, "SOURCE_DATE_EPOCH is not a "
					       "number of seconds");
	if (argc < 1 || strcmp(argv[0], "create") != 0)
		return image_usage_error(verb, "need an action: create");
	if (argc < 2 || argc > 3)
		return image_usage_error(verb, "create: FILE [TEXT]");
	if (argc == 3)
		rc = seed_user_text(seed, argv[2], strlen(argv[2]), "TEXT",
				    &err);
	if (!rc)
		rc = seed_write(seed, format, argv[1], epoch, &err);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"format", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"hostname", required_argument, NULL, 'H'},
		{"meta-data", required_argument, NULL, 'm'},
		{"network-config", required_argument, NULL, 'n'},
		{"ssh-key", required_argument, NULL, 'k'},
		{"tree", required_argument, NULL, 't'},
		{"user-data", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0}};
	enum seed_format format = SEED_ISO;
	struct seed seed = {0};
	struct err err = {0};
	int status = IMAGE_EXIT_OK;
	int c;

	while (!status &&
	       (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == 'h') {
			seed_fini(&seed);
			return image_help(verb);
		}
		if (c == '?')
			status = image_usage_error(verb, "%s", "");
		else if (c == 'f' && !parse_format(optarg, &format))
			status = image_usage_error(
				verb, "--format %s: iso, fat, raw or base64",
				optarg);
		else if (c != 'f' && take_option(&seed, c, &err))
			status = image_fail(&err);
	}
	if (!status)
		status = create(verb, &seed, format, argc - optind,
				argv + optind);
	seed_fini(&seed);
	return status;
}

const struct image_verb image_verb_metadata = {
	.name = "metadata",
	.usage = "[OPTION...] create FILE [TEXT]",
	.summary = "Make a disk that tells a machine its name, keys, files.",
	.help = "A disk of the label cidata, which lwx-init, LinuxKit's "
		"metadata package and\n"
		"cloud-init read: lwx-image run --disk FILE.\n"
		"\n"
		"  TEXT                   user data, as LinuxKit's command "
		"takes it\n"
		"  --user-data FILE       user data; JSON: files below "
		"/run/config, as\n"
		"                         {NAME: {\"content\": TEXT | "
		"\"entries\": {...}, \"perm\":\n"
		"                         \"0644\"}}\n"
		"  --tree DIR             that JSON, of the files below DIR\n"
		"  --meta-data FILE       YAML: hostname, public-keys, "
		"instance-id...\n"
		"  --hostname NAME        into the meta data\n"
		"  --ssh-key FILE         public keys, into the meta data; may "
		"be repeated\n"
		"  --network-config FILE  YAML, version 2 of netplan\n"
		"  --format FORMAT        iso [default], fat; raw, base64: the "
		"user data alone\n"
		"                         (for a cloud; for lwx.userdata=), "
		"FILE may be -\n"
		"\n"
		"What is given by option wins over what FILE says. The same "
		"input makes the\n"
		"same bytes.\n",
	.run = run,
};
