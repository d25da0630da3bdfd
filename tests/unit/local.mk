# tests/unit/local.mk - pure functions, no /dev/kvm, milliseconds.
check_PROGRAMS += tests/unit/test_base
tests_unit_test_base_SOURCES = %D%/test_base.c
tests_unit_test_base_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_base_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_base
