# vmm/local.mk
#
# libvmm.a: device models that need nothing but base.
noinst_LIBRARIES += libvmm.a
libvmm_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_BASE)
libvmm_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libvmm_a_SOURCES = \
	%D%/console_hub.c %D%/console_hub.h \
	%D%/serial.c %D%/serial.h
