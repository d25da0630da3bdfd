# host/local.mk - what lwx-vm stands on.

# host.cfg and what is checked of the host.
noinst_LIBRARIES += libhostcfg.a
libhostcfg_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_HOST) $(CONFIG_CFLAGS) \
	$(UUID_CFLAGS)
libhostcfg_a_CFLAGS = $(AM_CFLAGS)
libhostcfg_a_SOURCES = \
	%D%/host_config.c %D%/host_config.h %D%/host_config_priv.h \
	%D%/host_config_check.c %D%/host_config_unique.c \
	%D%/host_config_scan.c %D%/host_config_vms.c \
	%D%/host_config_walk.c \
	%D%/host_facts.c %D%/host_facts.h

HOSTCFG_LIBS = libhostcfg.a $(CONTROL_LIBS) $(CONFIG_LIBS)
