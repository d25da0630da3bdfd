# tests/payload/local.mk - lwx-vmm with payload guests on the local /dev/kvm.
check_LIBRARIES += libpayload.a
PAYLOAD_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) \
	-iquote $(top_srcdir)/tests/guest -iquote $(top_srcdir)/tests/payload \
	-DLWX_VMM='"$(abs_top_builddir)/lwx-vmm"' \
	-DPAYLOAD_ELF='"$(abs_top_builddir)/tests/guest/payload.elf"'
if SANITIZE
PAYLOAD_CPPFLAGS += -DLWX_SANITIZED
endif
PAYLOAD_LIBS = libpayload.a $(CONTROL_LIBS) $(CMOCKA_LIBS)
libpayload_a_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
libpayload_a_SOURCES = %D%/payload_vm.c %D%/payload_vm.h

PAYLOAD_TESTS = \
	tests/payload/test_death \
	tests/payload/test_devices \
	tests/payload/test_hostile \
	tests/payload/test_machine \
	tests/payload/test_net \
	tests/payload/test_rounds \
	tests/payload/test_vsock
check_PROGRAMS += $(PAYLOAD_TESTS)
TESTS += $(PAYLOAD_TESTS)

tests_payload_test_machine_SOURCES = %D%/test_machine.c
tests_payload_test_machine_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_machine_LDADD = $(PAYLOAD_LIBS)

check_PROGRAMS += tests/payload/test_kvm_probe
tests_payload_test_kvm_probe_SOURCES = %D%/test_kvm_probe.c
tests_payload_test_kvm_probe_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_payload_test_kvm_probe_LDADD = libkvm.a $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/payload/test_kvm_probe

tests_payload_test_devices_SOURCES = %D%/test_devices.c
tests_payload_test_devices_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_devices_LDADD = $(PAYLOAD_LIBS)

tests_payload_test_death_SOURCES = %D%/test_death.c
tests_payload_test_death_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_death_LDADD = $(PAYLOAD_LIBS)

tests_payload_test_rounds_SOURCES = %D%/test_rounds.c
tests_payload_test_rounds_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_rounds_LDADD = $(PAYLOAD_LIBS)

tests_payload_test_hostile_SOURCES = %D%/test_hostile.c
tests_payload_test_hostile_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_hostile_LDADD = $(PAYLOAD_LIBS)

tests_payload_test_net_SOURCES = %D%/test_net.c
tests_payload_test_net_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_net_LDADD = $(PAYLOAD_LIBS)

tests_payload_test_vsock_SOURCES = %D%/test_vsock.c
tests_payload_test_vsock_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_vsock_LDADD = $(PAYLOAD_LIBS)

# The same machine under the command a person types.
check_PROGRAMS += tests/payload/test_lwx_vm
tests_payload_test_lwx_vm_SOURCES = %D%/test_lwx_vm.c
tests_payload_test_lwx_vm_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_lwx_vm_LDADD = liblwxvmrig.a $(PAYLOAD_LIBS) $(JANSSON_LIBS)
TESTS += tests/payload/test_lwx_vm

check_PROGRAMS += tests/payload/test_liblwx
tests_payload_test_liblwx_SOURCES = %D%/test_liblwx.c
tests_payload_test_liblwx_CPPFLAGS = $(PAYLOAD_CPPFLAGS) \
	-iquote $(top_srcdir)/host/liblwx
tests_payload_test_liblwx_LDADD = $(LWX_LIBS) liblwxvmrig.a $(PAYLOAD_LIBS) \
	$(JANSSON_LIBS)
TESTS += tests/payload/test_liblwx

check_PROGRAMS += tests/payload/test_run
tests_payload_test_run_SOURCES = %D%/test_run.c
tests_payload_test_run_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_run_LDADD = liblwxvmrig.a $(PAYLOAD_LIBS) $(JANSSON_LIBS)
TESTS += tests/payload/test_run

check_PROGRAMS += tests/payload/test_many_runs
tests_payload_test_many_runs_SOURCES = %D%/test_many_runs.c
tests_payload_test_many_runs_CPPFLAGS = $(PAYLOAD_CPPFLAGS)
tests_payload_test_many_runs_LDADD = liblwxvmrig.a $(PAYLOAD_LIBS) \
	$(JANSSON_LIBS)
TESTS += tests/payload/test_many_runs
