/* cloud_command.c - the clouds and what their own tools want; see cloud.h. */
#include "cloud.h"

#include "cleanup.h"
#include "macros.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cloud clouds[] = {
	{"aws",
	 "aws",
	 {".raw"},
	 cloud_check_raw,
	 {"aws s3 cp {file} s3://{bucket}/{base}[ --region {region}]",
	  "task=$(aws ec2 import-snapshot[ --region {region}] --description "
	  "{name} --disk-container Format=RAW,UserBucket='\\{S3Bucket='"
	  "{bucket}',S3Key='{base}'\\}' --query ImportTaskId --output text)",
	  "aws ec2 wait snapshot-imported[ --region {region}] "
	  "--import-task-ids \"$task\"",
	  "snapshot=$(aws ec2 describe-import-snapshot-tasks[ --region "
	  "{region}] --import-task-ids \"$task\" --query "
	  "'ImportSnapshotTasks\\[0\\].SnapshotTaskDetail.SnapshotId' --output "
	  "text)",
	  "aws ec2 register-image[ --region {region}] --name {name} "
	  "--architecture x86_64 --virtualization-type hvm --ena-support "
	  "--root-device-name /dev/xvda --block-device-mappings "
	  "\"DeviceName=/dev/xvda,Ebs=\\{SnapshotId=$snapshot\\}\""}},
	{"azure",
	 "vhd",
	 {".vhd"},
	 cloud_check_vhd,
	 {"az storage blob upload --account-name {account} --container-name "
	  "{container} --type page --name {base} --file {file}",
	  "az image create --resource-group {group}[ --location {region}] "
	  "--name {name} --os-type Linux --hyper-v-generation V1 --source "
	  "https://{account}.blob.core.windows.net/{container}/{base}"}},
	{"equinixmetal",
	 "kernel+initrd",
	 {"-kernel"},
	 cloud_check_kernel,
	 {"printf '%s\\n' '#!ipxe' dhcp 'kernel '{url}'/'{base}'-kernel '"
	  "{cmdline} 'initrd '{url}'/'{base}'-initrd.img' boot >{base}.ipxe",
	  "# Put {base}-kernel, {base}-initrd.img and {base}.ipxe to {url}",
	  "metal device create --project-id {project} --metro {region} --plan "
	  "{plan} --hostname {name} --operating-system custom_ipxe "
	  "--ipxe-script-url {url}/{base}.ipxe"}},
	{"gcp",
	 "gcp",
	 {".img.tar.gz"},
	 cloud_check_gcp,
	 {"gcloud storage cp {file} gs://{bucket}/{base}[ --project "
	  "{project}]",
	  "gcloud compute images create {name}[ --project {project}][ "
	  "--family {family}] --architecture X86_64 --source-uri "
	  "gs://{bucket}/{base}"}},
	{"openstack",
	 "qcow2-bios",
	 {".qcow2", "-efi.qcow2"},
	 cloud_check_qcow2,
	 {"openstack image create --disk-format qcow2 --container-format bare"
	  "[ --property hw_firmware_type={uefi}] --file {file} {name}"}},
	{"scaleway",
	 "qcow2-efi",
	 {"-efi.qcow2", ".qcow2"},
	 cloud_check_qcow2,
	 {"aws s3 cp --endpoint-url https://s3.{region}.scw.cloud {file} "
	  "s3://{bucket}/{base}",
	  "snapshot=$(scw block snapshot import-from-object-storage name={name}"
	  " bucket={bucket} key={base} --wait -o template='\\{\\{.ID\\}\\}')",
	  "scw instance image create name={name} arch=x86_64 "
	  "snapshot-id=\"$snapshot\""}},
	{"vcenter",
	 "vmdk",
	 {".vmdk"},
	 cloud_check_vmdk,
	 {"govc import.vmdk -ds={datastore} {file} {name}",
	  "govc vm.create -ds={datastore} -on=false -disk={name}/{base} "
	  "{name}"}},
};

static const char *const value_names[] = {
	[CLOUD_FILE] = "file",
	[CLOUD_BASE] = "base",
	[CLOUD_CMDLINE] = "cmdline",
	[CLOUD_UEFI] = "uefi",
	[CLOUD_NAME] = "name",
	[CLOUD_ACCOUNT] = "account",
	[CLOUD_BUCKET] = "bucket",
	[CLOUD_CONTAINER] = "container",
	[CLOUD_DATASTORE] = "datastore",
	[CLOUD_FAMILY] = "family",
	[CLOUD_GROUP] = "group",
	[CLOUD_PLAN] = "plan",
	[CLOUD_PROJECT] = "project",
	[CLOUD_REGION] = "region",
	[CLOUD_URL] = "url",
};
_Static_assert(ARRAY_SIZE(value_names) == CLOUD_VALUES, "a name for each");

const struct cloud *cloud_find(const char *name, struct err *err)
{
	char names[256] = "";

	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
		size_t used = strlen(names);

		if (strcmp(clouds[i].name, name) == 0)
			return &clouds[i];
		(void)snprintf(names + used, sizeof(names) - used, "%s%s",
			       i ? ", " : "", clouds[i].name);
	}
	(void)err_setx(err, -EINVAL, "%s: no such cloud: %s", name, names);
	return NULL;
}

const char *cloud_value_name(enum cloud_value value)
{
	return value_names[value];
}

/* A word of the shell. */
static void put_word(FILE *out, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-.,:/+@%=";

	if (*text && strspn(text, plain) == strlen(text)) {
		(void)fputs(text, out);
		return;
	}
	(void)fputc('\'', out);
	for (; *text; text++)
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*text, out);
	(void)fputc('\'', out);
}

static void put_value(FILE *out, const char *name, size_t length,
		      const char *const values[CLOUD_VALUES])
{
	for (size_t i = 0; i < CLOUD_VALUES; i++) {
		if (strlen(value_names[i]) != length ||
		    strncmp(value_names[i], name, length) != 0)
			continue;
		if (values[i]) {
			put_word(out, values[i]);
			return;
		}
	}
	/* The shell will ask for it. */
	(void)fputs("\"${", out);
	for (size_t i = 0; i < length; i++)
		(void)fputc(toupper((unsigned char)name[i]), out);
	(void)fputs(":?}\"", out);
}

/* Is every value of "[...]" given? @text is behind the bracket. */
static bool group_counts(const char *text,
			 const char *const values[CLOUD_VALUES])
{
	const char *name = text + strcspn(text, "{") + 1;

	for (size_t i = 0; i < CLOUD_VALUES; i++)
		if (strncmp(value_names[i], name, strlen(value_names[i])) ==
			    0 &&
		    name[strlen(value_names[i])] == '}')
			return values[i] != NULL;
	return false;
}

static void put_command(FILE *out, const char *text,
			const char *const values[CLOUD_VALUES])
{
	for (; *text; text++) {
		if (*text == '\\' && strchr("{}[]", text[1])) {
			(void)fputc(*++text, out);
		} else if (*text == '[' && !group_counts(text + 1, values)) {
			text += strcspn(text, "]");
		} else if (*text == '{') {
			size_t length = strcspn(text, "}");

			put_value(out, text + 1, length - 1, values);
			text += length;
		} else if (*text != '[' && *text != ']') {
			(void)fputc(*text, out);
		}
	}
}

int cloud_commands(json_t **out, const struct cloud *cloud,
		   const char *const values[CLOUD_VALUES], struct err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; list && cloud->commands[i]; i++) {
		AUTO_FREE char *text = NULL;
		size_t size = 0;
		FILE *line = open_memstream(&text, &size);

		if (line)
			put_command(line, cloud->commands[i], values);
		if (!line || fclose(line) ||
		    json_array_append_new(list, json_string(text))) {
			json_decref(list);
			list = NULL;
		}
	}
	*out = list;
	return list ? 0 : err_set(err, -ENOMEM, "%s", cloud->name);
}
