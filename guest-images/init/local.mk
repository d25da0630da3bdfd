# guest-images/init/local.mk - lwx-init. Sees vmm/base and its own folder.
#
# Static, no sanitizer: it is process 1, of images that may have no libc.
INIT_SOURCES = \
	%D%/backoff.h \
	%D%/cmdline.c %D%/cmdline.h \
	%D%/files.c %D%/files.h \
	%D%/ip_option.c %D%/ip_option.h \
	%D%/log_ring.c %D%/log_ring.h \
	%D%/metadata.h %D%/metadata_seed.c %D%/metadata_tree.c \
	%D%/mount_spec.c %D%/mount_spec.h \
	%D%/service_config.c %D%/service_config.h

pkglibexec_PROGRAMS += lwx-init
lwx_init_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_INIT) $(JANSSON_CFLAGS)
lwx_init_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(HARDEN_CFLAGS)
lwx_init_LDFLAGS = -static
lwx_init_LDADD = $(JANSSON_LIBS)
lwx_init_SOURCES = $(INIT_SOURCES) \
	vmm/base/err.c \
	%D%/agent_service.c %D%/agent_service.h \
	%D%/container.c %D%/container.h \
	%D%/control.c %D%/control.h \
	%D%/control_client.c \
	%D%/loop.c %D%/loop.h \
	%D%/lwx_init.c \
	%D%/machine.c %D%/machine.h \
	%D%/metadata.c \
	%D%/modules.c %D%/modules.h \
	%D%/mounts.c %D%/mounts.h \
	%D%/netlink.c %D%/netlink.h \
	%D%/network.c %D%/network.h \
	%D%/power.c %D%/power.h \
	%D%/process.c %D%/process.h \
	%D%/runtime.c %D%/runtime.h \
	%D%/say.c %D%/say.h \
	%D%/service.c %D%/service.h \
	%D%/service_health.c %D%/service_internal.h \
	%D%/tree_copy.c %D%/tree_copy.h \
	%D%/volume.c %D%/volume.h

# The parts that can be tested without a machine, as the rest is built.
check_LIBRARIES += libinit.a
libinit_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_INIT) $(JANSSON_CFLAGS)
libinit_a_SOURCES = $(INIT_SOURCES)

dist_man_MANS += %D%/lwx-init.8
