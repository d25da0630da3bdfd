# host/local.mk - what lwx-vm stands on.

# host.cfg and what is checked of the host.
noinst_LIBRARIES += libhostcfg.a
libhostcfg_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_HOST) $(CONFIG_CFLAGS) \
	$(UUID_CFLAGS) $(JANSSON_CFLAGS)
libhostcfg_a_CFLAGS = $(AM_CFLAGS)
libhostcfg_a_SOURCES = \
	%D%/host_check.c %D%/host_check.h \
	%D%/host_config.c %D%/host_config.h %D%/host_config_priv.h \
	%D%/host_config_check.c %D%/host_config_unique.c \
	%D%/host_config_networks.c %D%/host_publish.c %D%/host_publish.h \
	%D%/host_config_scan.c %D%/host_config_vms.c \
	%D%/host_config_walk.c \
	%D%/host_facts.c %D%/host_facts.h \
	%D%/host_probe.c %D%/host_probe.h

HOSTCFG_LIBS = libhostcfg.a $(CONTROL_LIBS) $(CONFIG_LIBS) $(JANSSON_LIBS)

# State directory, processes, supervision.
noinst_LIBRARIES += libhost.a
libhost_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_HOST) \
	-DLWX_LIBEXECDIR='"$(libexecdir)"'
libhost_a_CFLAGS = $(AM_CFLAGS)
libhost_a_SOURCES = \
	%D%/console_out.c %D%/console_out.h \
	%D%/guest_exec.c %D%/guest_exec.h \
	%D%/guest_forward.c %D%/guest_forward.h \
	%D%/guest_query.c %D%/guest_query.h \
	%D%/host_agent.c %D%/host_agent.h \
	%D%/host_net.c %D%/host_net.h \
	%D%/host_network.c %D%/host_network.h %D%/host_network_priv.h \
	%D%/host_network_keeper.c %D%/host_network_link.c \
	%D%/host_network_rules.c %D%/host_network_state.c \
	%D%/host_program.c %D%/host_program.h \
	%D%/host_share.c %D%/host_share.h \
	%D%/supervised_launch.c %D%/supervised_vm.c %D%/supervised_vm.h \
	%D%/supervisor.c %D%/supervisor.h \
	%D%/vm_claim.c \
	%D%/vm_process.c %D%/vm_process.h \
	%D%/vm_registry.c %D%/vm_registry.h %D%/vm_registry_priv.h \
	%D%/vm_resources.c %D%/vm_resources.h

HOST_LIBS = libhost.a $(HOSTCFG_LIBS)

# host.cfg(5): the keys come from the parser's tables.
noinst_PROGRAMS += host/host_cfg_keys
host_host_cfg_keys_SOURCES = %D%/host_cfg_keys.c
host_host_cfg_keys_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_HOST)
host_host_cfg_keys_LDADD = $(HOSTCFG_LIBS)
nodist_man_MANS += host/host.cfg.5
CLEANFILES += host/host.cfg.5
EXTRA_DIST += %D%/host.cfg.5.in
host/host.cfg.5: %D%/host.cfg.5.in host/host_cfg_keys$(EXEEXT)
	@$(MKDIR_P) host
	$(AM_V_GEN)host/host_cfg_keys <$(srcdir)/host/host.cfg.5.in >$@.tmp && \
		mv $@.tmp $@

systemdsystemunit_DATA = host/lwx-vm@.service
CLEANFILES += host/lwx-vm@.service
EXTRA_DIST += %D%/lwx-vm@.service.in
host/lwx-vm@.service: %D%/lwx-vm@.service.in Makefile
	@$(MKDIR_P) host
	$(AM_V_GEN)sed 's|[@]bindir[@]|$(bindir)|g' \
		<$(srcdir)/host/lwx-vm@.service.in >$@
