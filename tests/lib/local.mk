# tests/lib/local.mk - what tests of device models share.
check_LIBRARIES += libdevicetest.a libfakeengine.a

libdevicetest_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
libdevicetest_a_SOURCES = \
	%D%/blk_rig.c %D%/blk_rig.h \
	%D%/device_rig.c %D%/device_rig.h \
	%D%/echo_device.c %D%/echo_device.h \
	%D%/engines.c %D%/engines.h \
	%D%/fake_driver.c %D%/fake_driver.h \
	%D%/hugepages.h \
	%D%/test.h \
	%D%/vsock_end.c %D%/vsock_end.h \
	%D%/vsock_rig.c %D%/vsock_rig.h

libfakeengine_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_BASE) \
	-iquote $(top_srcdir)/tests/lib
libfakeengine_a_SOURCES = %D%/fake_engine.c %D%/fake_engine.h

# Device tests with the real engines; with the fake one in their place.
DEVICE_TEST_LIBS = libdevicetest.a $(VIRTIO_LIBS) $(CMOCKA_LIBS)
FAKE_ENGINE_TEST_LIBS = libdevicetest.a libvirtio.a libfakeengine.a \
	$(BASE_LIBS) $(CMOCKA_LIBS)

# Stands in for lwx-vmm in tests of lwx-vm.
check_PROGRAMS += tests/lib/fake-vmm
tests_lib_fake_vmm_SOURCES = %D%/fake_vmm.c
tests_lib_fake_vmm_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_CONTROL)
tests_lib_fake_vmm_LDADD = $(CONTROL_LIBS)

# Runs lwx-vm in a folder of its own.
check_LIBRARIES += liblwxvmrig.a
liblwxvmrig_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) $(JANSSON_CFLAGS)
liblwxvmrig_a_SOURCES = \
	tools/echo_peer.c tools/echo_peer.h \
	%D%/lwx_vm_rig.c %D%/lwx_vm_rig.h \
	%D%/own_host.c %D%/own_host.h \
	%D%/test.h
