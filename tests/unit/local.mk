# tests/unit/local.mk - pure functions, no /dev/kvm, milliseconds.
check_PROGRAMS += tests/unit/test_base
tests_unit_test_base_SOURCES = %D%/test_base.c
tests_unit_test_base_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_base_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_base

check_PROGRAMS += tests/unit/test_cbor_rw
tests_unit_test_cbor_rw_SOURCES = %D%/test_cbor_rw.c
tests_unit_test_cbor_rw_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_cbor_rw_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_cbor_rw

check_PROGRAMS += tests/unit/test_serial
tests_unit_test_serial_SOURCES = %D%/test_serial.c
tests_unit_test_serial_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_serial_LDADD = libvmm.a $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_serial
