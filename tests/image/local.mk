# tests/image/local.mk - lwx-image: unit tests and whole builds, no KVM.
SEE_IMAGE_TESTS = $(SEE_IMAGE) -iquote $(top_srcdir)/tests/lib $(CMOCKA_CFLAGS)

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
