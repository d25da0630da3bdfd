# vmm/control/local.mk - configuration and control protocol: shared by lwx-vmm,
# host/ and tools/.
noinst_LIBRARIES += libcontrol.a
libcontrol_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_CONTROL) $(CBOR_CFLAGS)
libcontrol_a_CFLAGS = $(AM_CFLAGS)
libcontrol_a_SOURCES = \
	%D%/cbor_rw.c %D%/cbor_rw.h \
	%D%/vm_config.h

CONTROL_LIBS = libcontrol.a $(CBOR_LIBS) $(BASE_LIBS)
