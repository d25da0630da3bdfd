# vmm/control/local.mk - configuration and control protocol: shared by lwx-vmm,
# host/ and tools/.
noinst_LIBRARIES += libcontrol.a
libcontrol_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_CONTROL) $(CBOR_CFLAGS) \
	$(UUID_CFLAGS)
libcontrol_a_CFLAGS = $(AM_CFLAGS)
libcontrol_a_SOURCES = \
	%D%/agent_files.c %D%/agent_files.h \
	%D%/agent_proto.c %D%/agent_proto.h %D%/agent_relay.c %D%/agent_relay.h \
	%D%/agent_stream.c %D%/agent_stream.h \
	%D%/cbor_head.c %D%/cbor_head.h %D%/cbor_libcbor.c \
	%D%/cbor_read.c %D%/cbor_rw.h %D%/cbor_write.c \
	%D%/ctl_client.c %D%/ctl_client.h \
	%D%/ctl_proto.c %D%/ctl_proto.h \
	%D%/ctl_request.c %D%/ctl_server_priv.h \
	%D%/ctl_server.c %D%/ctl_server.h \
	%D%/event_log.c %D%/event_log.h \
	%D%/schema.c %D%/schema.h %D%/schema_cbor.c \
	%D%/schema_text.c \
	%D%/vm_config.c %D%/vm_config.h \
	%D%/vm_schema.c %D%/vm_schema.h \
	%D%/vm_schema_words.c %D%/vm_schema_words.h \
	%D%/vmm_launch.h

CONTROL_LIBS = libcontrol.a $(CBOR_LIBS) $(UUID_LIBS) $(BASE_LIBS)
