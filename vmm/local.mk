# vmm/local.mk
#
# libvmm.a: device models that need nothing but base.
noinst_LIBRARIES += libvmm.a
libvmm_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_BASE)
libvmm_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libvmm_a_SOURCES = \
	%D%/console_hub.c %D%/console_hub.h \
	%D%/serial.c %D%/serial.h

# lwx-vmm: the machine, where KVM, virtio and firmware meet.
libexec_PROGRAMS += lwx-vmm
lwx_vmm_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_VMM) $(CBOR_CFLAGS)
lwx_vmm_SOURCES = \
	%D%/agent_watch.c %D%/agent_watch.h \
	%D%/machine.c %D%/machine.h %D%/machine_internal.h \
	%D%/machine_devices.c \
	%D%/machine_metrics.c \
	%D%/main.c \
	%D%/notices.c %D%/notices.h \
	%D%/platform.c %D%/platform.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/vm_commands.c %D%/vm_commands.h
lwx_vmm_LDADD = libvmm.a libkvm.a $(VIRTIO_LIBS) $(FIRMWARE_LIBS) \
	$(CONTROL_LIBS) $(CAPNG_LIBS) $(BASE_LIBS)

dist_man_MANS += %D%/lwx-vmm.8
