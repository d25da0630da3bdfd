# tests/integration/local.mk
check_PROGRAMS += tests/integration/test_io_engine
tests_integration_test_io_engine_SOURCES = %D%/test_io_engine.c
tests_integration_test_io_engine_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_io_engine_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_io_engine

check_PROGRAMS += tests/integration/test_io_load
tests_integration_test_io_load_SOURCES = %D%/test_io_load.c
tests_integration_test_io_load_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_io_load_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
tests_integration_test_io_load_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_io_load

check_PROGRAMS += tests/integration/test_aio_slow
tests_integration_test_aio_slow_SOURCES = %D%/test_aio_slow.c
tests_integration_test_aio_slow_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_aio_slow_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=preadv2
tests_integration_test_aio_slow_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_aio_slow

check_PROGRAMS += tests/integration/test_virtio_blk
tests_integration_test_virtio_blk_SOURCES = %D%/test_virtio_blk.c
tests_integration_test_virtio_blk_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_virtio_blk_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_virtio_blk

check_PROGRAMS += tests/integration/test_blk_poll
tests_integration_test_blk_poll_SOURCES = %D%/test_blk_poll.c
tests_integration_test_blk_poll_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_blk_poll_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_blk_poll

check_PROGRAMS += tests/integration/test_virtio_fs
tests_integration_test_virtio_fs_SOURCES = %D%/test_virtio_fs.c
tests_integration_test_virtio_fs_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_virtio_fs_LDADD = libhost.a libhostcfg.a \
	libcontrol.a $(DEVICE_TEST_LIBS) $(CONTROL_LIBS) $(CONFIG_LIBS)
TESTS += tests/integration/test_virtio_fs

check_PROGRAMS += tests/integration/test_console_hub
tests_integration_test_console_hub_SOURCES = %D%/test_console_hub.c
tests_integration_test_console_hub_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_console_hub_LDADD = libvmm.a $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_console_hub

check_PROGRAMS += tests/integration/test_ctl_server
tests_integration_test_ctl_server_SOURCES = %D%/test_ctl_server.c
tests_integration_test_ctl_server_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_ctl_server_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_ctl_server

check_PROGRAMS += tests/integration/test_virtio_core
tests_integration_test_virtio_core_SOURCES = %D%/test_virtio_core.c
tests_integration_test_virtio_core_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_virtio_core_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
tests_integration_test_virtio_core_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_virtio_core

check_PROGRAMS += tests/integration/test_virtio_console
tests_integration_test_virtio_console_SOURCES = %D%/test_virtio_console.c
tests_integration_test_virtio_console_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_virtio_console_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_virtio_console

check_PROGRAMS += tests/integration/test_guest_memory
tests_integration_test_guest_memory_SOURCES = %D%/test_guest_memory.c
tests_integration_test_guest_memory_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_guest_memory_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/integration/test_guest_memory

check_PROGRAMS += tests/integration/test_lwx_vm
tests_integration_test_lwx_vm_SOURCES = %D%/test_lwx_vm.c
tests_integration_test_lwx_vm_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_lwx_vm_LDADD = liblwxvmrig.a $(CMOCKA_LIBS) \
	$(JANSSON_LIBS)
TESTS += tests/integration/test_lwx_vm

check_PROGRAMS += tests/integration/test_boot_chart
tests_integration_test_boot_chart_SOURCES = %D%/test_boot_chart.c
tests_integration_test_boot_chart_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_boot_chart_LDADD = liblwxvmrig.a $(CMOCKA_LIBS) \
	$(JANSSON_LIBS)
TESTS += tests/integration/test_boot_chart

check_PROGRAMS += tests/integration/test_virtio_vsock
tests_integration_test_virtio_vsock_SOURCES = %D%/test_virtio_vsock.c
tests_integration_test_virtio_vsock_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_virtio_vsock_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_virtio_vsock

check_PROGRAMS += tests/integration/test_vsock_load
tests_integration_test_vsock_load_SOURCES = %D%/test_vsock_load.c
tests_integration_test_vsock_load_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_vsock_load_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_vsock_load

check_PROGRAMS += tests/integration/test_net_tap
tests_integration_test_net_tap_SOURCES = %D%/test_net_tap.c
tests_integration_test_net_tap_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_integration_test_net_tap_LDADD = $(DEVICE_TEST_LIBS)
TESTS += tests/integration/test_net_tap

check_PROGRAMS += tests/integration/test_agent
tests_integration_test_agent_SOURCES = %D%/test_agent.c \
	tests/lib/agent_rig.c tests/lib/agent_rig.h
tests_integration_test_agent_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-DLWX_AGENT='"$(abs_top_builddir)/lwx-agent"'
tests_integration_test_agent_LDADD = $(HOST_LIBS) $(CMOCKA_LIBS)
EXTRA_tests_integration_test_agent_DEPENDENCIES = lwx-agent$(EXEEXT)
TESTS += tests/integration/test_agent

check_PROGRAMS += tests/integration/test_agent_machine
tests_integration_test_agent_machine_SOURCES = %D%/test_agent_machine.c \
	tests/lib/agent_rig.c tests/lib/agent_rig.h guest-images/init/log_ring.c
tests_integration_test_agent_machine_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-iquote $(top_srcdir)/guest-images/init \
	-DLWX_AGENT='"$(abs_top_builddir)/lwx-agent"'
tests_integration_test_agent_machine_LDADD = $(HOST_LIBS) $(CMOCKA_LIBS)
EXTRA_tests_integration_test_agent_machine_DEPENDENCIES = lwx-agent$(EXEEXT)
TESTS += tests/integration/test_agent_machine

# Networks of host.cfg in namespaces, with nft and dnsmasq.
TESTS += tests/integration/networks
EXTRA_DIST += %D%/networks
