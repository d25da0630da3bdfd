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

check_PROGRAMS += tests/unit/test_blk_request
tests_unit_test_blk_request_SOURCES = %D%/test_blk_request.c
tests_unit_test_blk_request_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_blk_request_LDADD = $(VIRTIO_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_blk_request

check_PROGRAMS += tests/unit/test_disk_file
tests_unit_test_disk_file_SOURCES = %D%/test_disk_file.c
tests_unit_test_disk_file_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_disk_file_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_disk_file

check_PROGRAMS += tests/unit/test_vm_config
tests_unit_test_vm_config_SOURCES = %D%/test_vm_config.c
tests_unit_test_vm_config_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_vm_config_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_vm_config

check_PROGRAMS += tests/unit/test_rate_limit
tests_unit_test_rate_limit_SOURCES = %D%/test_rate_limit.c
tests_unit_test_rate_limit_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_rate_limit_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_rate_limit

check_PROGRAMS += tests/unit/test_virtqueue
tests_unit_test_virtqueue_SOURCES = %D%/test_virtqueue.c
tests_unit_test_virtqueue_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_virtqueue_LDADD = $(VIRTIO_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_virtqueue
