# tests/image/local.mk - lwx-image: unit tests and whole builds, no KVM.
SEE_IMAGE_TESTS = $(SEE_IMAGE) -iquote $(top_srcdir)/tests/lib \
	-iquote $(top_srcdir)/tests/image $(CMOCKA_CFLAGS)

check_PROGRAMS += tests/image/test_tree
tests_image_test_tree_SOURCES = %D%/test_tree.c
tests_image_test_tree_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_tree_LDADD = $(IMAGE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/image/test_tree

check_PROGRAMS += tests/image/test_spawn
tests_image_test_spawn_SOURCES = %D%/test_spawn.c
tests_image_test_spawn_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_spawn_LDADD = $(IMAGE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/image/test_spawn

check_LIBRARIES += tests/image/librig.a
tests_image_librig_a_SOURCES = %D%/image_rig.c %D%/image_rig.h
tests_image_librig_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
IMAGE_TEST_LIBS = tests/image/librig.a $(IMAGE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/image/test_foreign
tests_image_test_foreign_SOURCES = %D%/test_foreign.c
tests_image_test_foreign_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_foreign_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_foreign

check_PROGRAMS += tests/image/test_archive
tests_image_test_archive_SOURCES = %D%/test_archive.c
tests_image_test_archive_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_archive_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_archive

check_PROGRAMS += tests/image/test_cpio
tests_image_test_cpio_SOURCES = %D%/test_cpio.c
tests_image_test_cpio_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_cpio_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_cpio

check_PROGRAMS += tests/image/test_tree_dir
tests_image_test_tree_dir_SOURCES = %D%/test_tree_dir.c
tests_image_test_tree_dir_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_tree_dir_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_tree_dir

check_PROGRAMS += tests/image/test_oci
tests_image_test_oci_SOURCES = %D%/test_oci.c
tests_image_test_oci_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_oci_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_oci

check_PROGRAMS += tests/image/test_sbom
tests_image_test_sbom_SOURCES = %D%/test_sbom.c
tests_image_test_sbom_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS) \
	$(JANSSON_CFLAGS)
tests_image_test_sbom_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_sbom

check_PROGRAMS += tests/image/test_archive_hostile
tests_image_test_archive_hostile_SOURCES = %D%/test_archive_hostile.c
tests_image_test_archive_hostile_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS)
tests_image_test_archive_hostile_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_archive_hostile

# The verbs of lwx-image: as a plain user without a network, with a registry.
TESTS += tests/image/verbs tests/image/registry
EXTRA_DIST += %D%/verbs %D%/registry

check_PROGRAMS += tests/image/image_make
tests_image_image_make_SOURCES = %D%/image_make.c
tests_image_image_make_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE)
tests_image_image_make_LDADD = $(IMAGE_LIBS)

check_PROGRAMS += tests/image/test_uki
tests_image_test_uki_SOURCES = %D%/test_uki.c
tests_image_test_uki_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS) \
	-iquote $(top_srcdir)/firmware
tests_image_test_uki_LDADD = libfirmware.a $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_uki

# Every format twice, read back by the reference tools.
TESTS += tests/image/formats
EXTRA_DIST += %D%/boot %D%/formats

check_PROGRAMS += tests/image/test_definition
tests_image_test_definition_SOURCES = %D%/test_definition.c
tests_image_test_definition_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS) \
	$(JANSSON_CFLAGS)
tests_image_test_definition_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_definition

check_PROGRAMS += tests/image/test_module
tests_image_test_module_SOURCES = %D%/test_module.c
tests_image_test_module_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS) \
	$(JANSSON_CFLAGS)
tests_image_test_module_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_module

check_PROGRAMS += tests/image/test_check
tests_image_test_check_SOURCES = %D%/test_check.c
tests_image_test_check_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE_TESTS) \
	$(JANSSON_CFLAGS)
tests_image_test_check_LDADD = $(IMAGE_TEST_LIBS)
TESTS += tests/image/test_check

# From a definition to images; the boot of the probe containers is apart.
TESTS += tests/image/build
EXTRA_DIST += %D%/arm64 %D%/build %D%/chain %D%/figures %D%/functions \
	%D%/modules %D%/packages %D%/probe %D%/sources %D%/specs

# Container hosts in a machine with a genuine KVM: a cluster, and many at a time.
EXTRA_DIST += %D%/cluster %D%/cluster-machine %D%/cluster-writer %D%/hosts \
	%D%/hosts-machine %D%/machine-functions %D%/sweep

# lwx-init: its pure parts; the boot of an image with it is apart.
check_PROGRAMS += tests/image/test_init
tests_image_test_init_SOURCES = %D%/test_init.c
tests_image_test_init_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_INIT) \
	-iquote $(top_srcdir)/tests/lib $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_image_test_init_LDADD = libinit.a $(BASE_LIBS) $(JANSSON_LIBS) \
	$(CMOCKA_LIBS)
TESTS += tests/image/test_init
EXTRA_DIST += %D%/init
