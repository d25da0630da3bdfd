# guest-images/local.mk - what runs inside guests.
EXTRA_DIST += %D%/debian-disk %D%/quickstart/autologin.conf \
	%D%/quickstart/config.json %D%/quickstart/lwx-dhcp %D%/quickstart/lwx-proof \
	%D%/quickstart/lwx-proof.service %D%/quickstart/web.yml

# Programs of guests are static and without sanitizers: they run in any root.
GUEST_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(HARDEN_CFLAGS)
SEE_AGENT = $(SEE_CONTROL) -iquote $(top_srcdir)/guest-images/agent \
	-iquote $(top_srcdir)/guest-images/init
AGENT_SOURCES = \
	%D%/agent/agent.h \
	%D%/agent/agent_command.c \
	%D%/agent/agent_connect.c \
	%D%/agent/agent_exec.c \
	%D%/agent/agent_logs.c \
	%D%/agent/agent_machine.c \
	%D%/agent/agent_serve.c \
	%D%/agent/agent_session.c \
	%D%/agent/cbor_plain.c \
	guest-images/init/log_ring.c \
	vmm/base/err.c \
	vmm/control/agent_files.c \
	vmm/control/agent_proto.c \
	vmm/control/agent_relay.c \
	vmm/control/agent_stream.c \
	vmm/control/cbor_head.c \
	vmm/control/cbor_read.c \
	vmm/control/cbor_write.c

dist_man_MANS += %D%/agent/lwx-agent.8
pkglibexec_PROGRAMS += lwx-agent
lwx_agent_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_AGENT)
lwx_agent_CFLAGS = $(GUEST_CFLAGS)
lwx_agent_LDFLAGS = -static
lwx_agent_SOURCES = %D%/agent/agent_main.c $(AGENT_SOURCES)

# Process 1 of a throwaway VM (lwx-vm run).
pkglibexec_PROGRAMS += lwx-run-init
lwx_run_init_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_AGENT) \
	-iquote $(top_srcdir)/tools/image/root-init
lwx_run_init_CFLAGS = $(GUEST_CFLAGS)
lwx_run_init_LDFLAGS = -static
lwx_run_init_SOURCES = \
	%D%/run-init/dhcp_message.c %D%/run-init/dhcp_message.h \
	%D%/run-init/run_init.c \
	%D%/run-init/user_net.c %D%/run-init/user_net.h \
	guest-images/init/netlink.c \
	tools/image/root-init/root_modules.c \
	$(AGENT_SOURCES)

# Modules and definitions: folders are kept, so the rules are written out.
EXTRA_DIST += \
	%D%/cluster/cluster.cfg %D%/cluster/cluster.yml %D%/cluster/nested.yml \
	%D%/container.yml %D%/container-host.yml %D%/host.yml \
	%D%/modules/agent/module.yml \
	%D%/modules/base/layerworx-digest \
	%D%/modules/base/module.yml \
	%D%/modules/busybox/module.yml \
	%D%/modules/busybox-source/module.yml \
	%D%/modules/containerd/box-layout \
	%D%/modules/containerd/module.yml \
	%D%/modules/crun/module.yml \
	%D%/modules/crun-source/module.yml \
	%D%/modules/data/module.yml \
	%D%/modules/dev/module.yml \
	%D%/modules/docker/module.yml \
	%D%/modules/etcd/etcd \
	%D%/modules/etcd/module.yml \
	%D%/modules/init/module.yml \
	%D%/modules/kernel-host/module.yml \
	%D%/modules/kernel-lwx/config \
	%D%/modules/kernel-lwx/module.yml \
	%D%/modules/kernel-stock/module.yml \
	%D%/modules/lwx-vm/module.yml \
	%D%/modules/network/module.yml \
	%D%/modules/podman/module.yml \
	%D%/modules/ssh/module.yml \
	%D%/modules/ssh/ssh \
	%D%/modules/time/module.yml \
	%D%/modules/tools/module.yml
install-data-local: install-modules
install-modules:
	@$(MKDIR_P) $(DESTDIR)$(pkgdatadir)
	cp $(srcdir)/guest-images/*.yml $(DESTDIR)$(pkgdatadir)/
	cp -R $(srcdir)/guest-images/modules $(srcdir)/guest-images/cluster \
		$(DESTDIR)$(pkgdatadir)/
	chmod -R u+w $(DESTDIR)$(pkgdatadir)/modules $(DESTDIR)$(pkgdatadir)/cluster
uninstall-local:
	rm -rf $(DESTDIR)$(pkgdatadir)/modules $(DESTDIR)$(pkgdatadir)/cluster \
		$(DESTDIR)$(pkgdatadir)/*.yml $(DESTDIR)$(pkglibexecdir)/arm64
.PHONY: install-modules
