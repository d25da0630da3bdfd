/*
 * test_definition.c - every key of the tables: a value of the wrong type, a
 * misspelling, a second one; files and labels on top of each other.
 */
#include "test.h"

#include "definition.h"
#include "oci_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(json_t **out, const char *text,
		 const struct field_group *group, struct err *err)
{
	struct yaml_doc *doc = NULL;
	int rc = yaml_doc_parse(&doc, text, strlen(text), "t.yml", err);

	*out = NULL;
	*err = (struct err){0};
	if (!rc)
		rc = definition_parse(out, yaml_doc_root(doc), group, err);
	yaml_doc_destroy(doc);
	return rc;
}

static void assert_refused(const char *text, const struct field_group *group,
			   const char *where, const char *what)
{
	struct err err = {0};
	json_t *json;

	assert_int_equal(parse(&json, text, group, &err), -EBADMSG);
	assert_null(json);
	if (strncmp(err.msg, where, strlen(where)) != 0 ||
	    !strstr(err.msg, what))
		fail_msg("%s: got \"%s\", expected \"%s ... %s\"", text,
			 err.msg, where, what);
}

/* A value that no type takes but FIELD_ANY: the wrong kind of thing. */
static const char *wrong_value(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
		return "[]";
	case FIELD_BOOL:
		return "maybe";
	case FIELD_INT:
		return "many";
	case FIELD_OCTAL:
		return "\"0988\"";
	case FIELD_ID:
	case FIELD_SIZE:
		return "{}";
	default:
		return "7";
	}
}

static void check_group(const struct field_group *group, unsigned int depth)
{
	for (size_t i = 0; i < group->num; i++) {
		const struct field *field = &group->fields[i];
		char text[256];

		(void)snprintf(text, sizeof(text), "%s: %s\n", field->key,
			       wrong_value(field->type));
		if (field->type != FIELD_ANY)
			assert_refused(text, group, "t.yml:1:", field->key);
		else
			assert_refused(text, group,
				       "t.yml:1:1: ", "not supported");
		(void)snprintf(text, sizeof(text), "\n%sx: 1\n", field->key);
		assert_refused(text, group, "t.yml:2:1: ", "no such key");
		/* The missing letter: the key is what was meant. */
		if (strlen(field->key) > 4) {
			(void)snprintf(text, sizeof(text), "%sx: 1\n",
				       field->key);
			assert_refused(text, group,
				       "t.yml:1:1: ", "did you mean");
		}
		(void)snprintf(text, sizeof(text), "%s:\n%s:\n", field->key,
			       field->key);
		if (!(field->flags & FIELD_REFUSED)) {
			struct err err = {0};
			json_t *json;

			assert_int_not_equal(parse(&json, text, group, &err),
					     0);
		}
		if (field->group && depth < 4)
			check_group(field->group, depth + 1);
	}
}

static void test_every_key(void **state)
{
	(void)state;
	check_group(&definition_group, 0);
}

static json_t *good(const char *text, const struct field_group *group)
{
	struct err err = {0};
	json_t *json;

	if (parse(&json, text, group, &err))
		fail_msg("%s", err.msg);
	return json;
}

/* Compares with JSON in which ' stands for ". */
static void assert_json(const json_t *json, const char *want)
{
	json_t *copy = definition_copy(json);
	char *text = json_dumps(copy, JSON_SORT_KEYS | JSON_COMPACT);
	char *quoted = strdup(want);

	for (char *c = quoted; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_string_equal(text, quoted);
	free(quoted);
	free(text);
	json_decref(copy);
}

static void test_both_spellings(void **state)
{
	json_t *json = good("name: a\nimage: b\nrmlimits: [\"nofile,1,2\"]\n"
			    "runtime: {interface: [{name: eth0}]}\n"
			    "devices: [{path: all, type: b, mode: 0666}]\n",
			    &image_group);

	(void)state;
	assert_json(json, "{'devices':[{'mode':438,'path':'all','type':'b'}],"
			  "'image':'b','name':'a','rlimits':['nofile,1,2'],"
			  "'runtime':{'interfaces':[{'name':'eth0'}]}}");
	json_decref(json);
	assert_refused("name: a\nimage: b\nrlimits: []\nrmlimits: []\n",
		       &image_group, "t.yml:4:1: ", "given twice");
}

static void test_merge_files(void **state)
{
	struct err err = {0};
	json_t *low = good("kernel: {image: k, cmdline: one}\ninit: [a]\n"
			   "layerworx: {role: vm, modules: [m]}\n",
			   &definition_group);
	json_t *high = good("kernel: {cmdline: two}\ninit: [b]\n"
			    "layerworx: {role: host, modules: [n]}\n",
			    &definition_group);

	(void)state;
	assert_int_equal(definition_merge(low, high, &err), 0);
	assert_json(low, "{'init':['a','b'],"
			 "'kernel':{'cmdline':'two','image':'k'},"
			 "'layerworx':{'modules':['m','n'],'role':'host'}}");
	json_decref(low);
	json_decref(high);
}

static void test_label(void **state)
{
	static const char label[] =
		"{\"capabilities\": [\"CAP_CHOWN\"], \"net\": \"new\", "
		"\"binds\": [\"/a:/a\"], \"binds.add\": [\"/b:/b\"], "
		"\"runtime\": {\"mkdir\": [\"/x\"], "
		"\"bindNS\": {\"net\": \"/n\", \"pid\": \"/p\"}}}";
	json_t *image = good("name: a\nimage: b\nnet: host\n"
			     "capabilities.add: [CAP_KILL, CAP_CHOWN]\n"
			     "binds.add: [\"/c:/c\"]\n"
			     "runtime: {cgroups: [g], bindNS: {net: /m}}\n",
			     &image_group);
	struct err err = {0};
	json_t *merged = NULL;

	(void)state;
	assert_int_equal(definition_image(&merged, image, label, "b", &err), 0);
	assert_json(merged, "{'binds':['/a:/a','/b:/b','/c:/c'],"
			    "'capabilities':['CAP_CHOWN','CAP_KILL'],"
			    "'image':'b','name':'a','net':'host',"
			    "'runtime':{'bindNS':{'net':'/m','pid':'/p'},"
			    "'cgroups':['g'],'mkdir':['/x']}}");
	json_decref(merged);
	assert_int_equal(definition_image(&merged, image, "{\"name\": \"x\"}",
					  "b", &err),
			 -EBADMSG);
	assert_non_null(strstr(err.msg, "b: label org.mobyproject.config:1:2"));
	json_decref(image);
}

static void assert_spec_refused(const char *more, const char *what)
{
	struct oci_config config = {0};
	struct err err = {0};
	json_t *spec = NULL;
	json_t *runtime = NULL;
	json_t *image;
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "name: a\nimage: b\ncommand: [x]\n%s\n", more);
	image = good(text, &image_group);
	assert_int_equal(
		oci_spec_create(&spec, &runtime, image, &config, NULL, &err),
		-EBADMSG);
	if (strncmp(err.msg, "t.yml:", 6) != 0 || !strstr(err.msg, what))
		fail_msg("%s: %s", more, err.msg);
	json_decref(image);
}

/* Without numbers it is every device of its kind, not 0:0. */
static void test_all_devices(void **state)
{
	struct oci_config config = {0};
	struct err err = {0};
	json_t *spec = NULL;
	json_t *runtime = NULL;
	json_t *image = good("name: a\nimage: b\ncommand: [x]\n"
			     "devices: [{path: all, type: b}]\n",
			     &image_group);
	json_t *rules;

	(void)state;
	assert_int_equal(
		oci_spec_create(&spec, &runtime, image, &config, NULL, &err),
		0);
	rules = json_object_get(
		json_object_get(json_object_get(spec, "linux"), "resources"),
		"devices");
	assert_json(rules, "[{'access':'rwm','allow':true,'type':'b'}]");
	json_decref(runtime);
	json_decref(spec);
	json_decref(image);
}

static void test_values(void **state)
{
	(void)state;
	assert_spec_refused("capabilities: [CAP_CHWN]",
			    "did you mean CAP_CHOWN?");
	assert_spec_refused("ambient: [chown]", "not a capability");
	assert_spec_refused("binds: [/a]", "expected source:destination");
	assert_spec_refused("binds: [\"/a:/b:ro:x\"]", "more than two");
	assert_spec_refused("binds: [\"/a:b\"]", "does not start with /");
	assert_spec_refused("tmpfs: [\"/a:b:c\"]", "more than one");
	assert_spec_refused("mounts: [{destination: /a}]", "type is missing");
	assert_spec_refused("mounts: [{type: tmpfs}]", "destination");
	assert_spec_refused("net: nwe", "expected host");
	assert_spec_refused("pid: none", "expected host");
	assert_spec_refused("uid: nobody", "there is no container nobody");
	assert_spec_refused("rlimits: [\"nofile,1\"]", "expected name,soft");
	assert_spec_refused("rlimits: [\"nofiles,1,1\"]",
			    "did you mean nofile");
	assert_spec_refused("rlimits: [\"nofile,1,-1\"]", "expected name,soft");
	assert_spec_refused("devices: [{path: x, type: c}]", "needs a path");
}

static void test_schema(void **state)
{
	json_t *schema = definition_schema(&definition_group);
	char *manual = definition_manual();

	(void)state;
	assert_non_null(schema);
	assert_non_null(json_object_get(json_object_get(schema, "properties"),
					"kernel"));
	for (size_t i = 0; i < image_group.num; i++)
		assert_non_null(strstr(manual, image_group.fields[i].key));
	free(manual);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_both_spellings),
		cmocka_unit_test(test_merge_files),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_all_devices),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
