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

check_PROGRAMS += tests/unit/test_image_load
tests_unit_test_image_load_SOURCES = %D%/test_image_load.c \
	tests/lib/synth_image.c tests/lib/synth_image.h
tests_unit_test_image_load_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-DSOURCE_DIR='"$(abs_top_srcdir)"'
tests_unit_test_image_load_LDADD = $(FIRMWARE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_image_load

check_PROGRAMS += tests/unit/test_acpi
tests_unit_test_acpi_SOURCES = %D%/test_acpi.c
tests_unit_test_acpi_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_acpi_LDADD = $(FIRMWARE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_acpi

check_PROGRAMS += tests/unit/test_boot_x86
tests_unit_test_boot_x86_SOURCES = %D%/test_boot_x86.c
tests_unit_test_boot_x86_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_boot_x86_LDADD = $(FIRMWARE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_boot_x86

check_PROGRAMS += tests/unit/test_fdt
tests_unit_test_fdt_SOURCES = %D%/test_fdt.c
tests_unit_test_fdt_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_fdt_LDADD = $(FIRMWARE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_fdt

check_PROGRAMS += tests/unit/test_host_config
tests_unit_test_host_config_SOURCES = %D%/test_host_config.c
tests_unit_test_host_config_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_host_config_LDADD = $(HOSTCFG_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_host_config

check_PROGRAMS += tests/unit/test_bad_config
tests_unit_test_bad_config_SOURCES = %D%/test_bad_config.c
tests_unit_test_bad_config_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-DGOLDEN='"$(abs_top_srcdir)/tests/unit/bad-config.golden"'
tests_unit_test_bad_config_LDADD = $(HOSTCFG_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_bad_config
EXTRA_DIST += %D%/bad-config.golden

check_PROGRAMS += tests/unit/test_ctl_proto
tests_unit_test_ctl_proto_SOURCES = %D%/test_ctl_proto.c
tests_unit_test_ctl_proto_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_ctl_proto_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_ctl_proto

check_PROGRAMS += tests/unit/test_virtio_mmio
tests_unit_test_virtio_mmio_SOURCES = %D%/test_virtio_mmio.c
tests_unit_test_virtio_mmio_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_virtio_mmio_LDADD = $(FAKE_ENGINE_TEST_LIBS)
TESTS += tests/unit/test_virtio_mmio

check_PROGRAMS += tests/unit/test_virtio_rng
tests_unit_test_virtio_rng_SOURCES = %D%/test_virtio_rng.c
tests_unit_test_virtio_rng_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_virtio_rng_LDADD = $(FAKE_ENGINE_TEST_LIBS)
TESTS += tests/unit/test_virtio_rng

check_PROGRAMS += tests/unit/test_blk_faults
tests_unit_test_blk_faults_SOURCES = %D%/test_blk_faults.c
tests_unit_test_blk_faults_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_blk_faults_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=io_engine_writev,--wrap=malloc,--wrap=calloc
tests_unit_test_blk_faults_LDADD = $(FAKE_ENGINE_TEST_LIBS)
TESTS += tests/unit/test_blk_faults

check_PROGRAMS += tests/unit/test_host_check
tests_unit_test_host_check_SOURCES = %D%/test_host_check.c
tests_unit_test_host_check_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_host_check_LDADD = $(HOSTCFG_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_host_check

check_PROGRAMS += tests/unit/test_host_network
tests_unit_test_host_network_SOURCES = %D%/test_host_network.c
tests_unit_test_host_network_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_host_network_LDADD = $(HOST_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_host_network

check_PROGRAMS += tests/unit/test_log
tests_unit_test_log_SOURCES = %D%/test_log.c
tests_unit_test_log_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_log_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_log

check_PROGRAMS += tests/unit/test_vsock_unix
tests_unit_test_vsock_unix_SOURCES = %D%/test_vsock_unix.c
tests_unit_test_vsock_unix_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_vsock_unix_LDADD = $(VIRTIO_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_vsock_unix

check_PROGRAMS += tests/unit/test_virtio_net
tests_unit_test_virtio_net_SOURCES = %D%/test_virtio_net.c
tests_unit_test_virtio_net_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_virtio_net_LDADD = $(FAKE_ENGINE_TEST_LIBS)
TESTS += tests/unit/test_virtio_net

check_PROGRAMS += tests/unit/test_net_passt
tests_unit_test_net_passt_SOURCES = %D%/test_net_passt.c
tests_unit_test_net_passt_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_net_passt_LDADD = $(VIRTIO_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_net_passt

check_PROGRAMS += tests/unit/test_agent_proto
tests_unit_test_agent_proto_SOURCES = %D%/test_agent_proto.c
tests_unit_test_agent_proto_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_agent_proto_LDADD = libcborplain.a $(CONTROL_LIBS) \
	$(CMOCKA_LIBS)
check_LIBRARIES += libcborplain.a
libcborplain_a_SOURCES = guest-images/agent/cbor_plain.c
libcborplain_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_CONTROL) \
	-Dcbor_head_decode=plain_head_decode \
	-Dcbor_head_encode=plain_head_encode
TESTS += tests/unit/test_agent_proto

check_PROGRAMS += tests/unit/test_dhcp_message
tests_unit_test_dhcp_message_SOURCES = %D%/test_dhcp_message.c \
	guest-images/run-init/dhcp_message.c
tests_unit_test_dhcp_message_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-iquote $(top_srcdir)/guest-images/run-init
tests_unit_test_dhcp_message_LDADD = $(CMOCKA_LIBS)
TESTS += tests/unit/test_dhcp_message

check_PROGRAMS += tests/unit/test_boot_chart
tests_unit_test_boot_chart_SOURCES = %D%/test_boot_chart.c \
	tools/boot_chart.c tools/boot_chart_draw.c
tests_unit_test_boot_chart_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	$(JANSSON_CFLAGS)
tests_unit_test_boot_chart_LDADD = $(JANSSON_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_boot_chart

check_PROGRAMS += tests/unit/test_agent_watch
tests_unit_test_agent_watch_SOURCES = %D%/test_agent_watch.c vmm/agent_watch.c
tests_unit_test_agent_watch_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_unit_test_agent_watch_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/test_agent_watch
