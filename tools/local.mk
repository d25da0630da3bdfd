# tools/local.mk
EXTRA_DIST += %D%/arm64-sysroot %D%/install-deps %D%/agent.cddl %D%/control.cddl \
	docs/supervision.md

bin_PROGRAMS += lwx-vm
lwx_vm_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TOOLS) $(JANSSON_CFLAGS)
lwx_vm_SOURCES = \
	%D%/acpi_dump.c %D%/acpi_dump.h \
	%D%/boot_chart.c %D%/boot_chart.h %D%/boot_chart_draw.c \
	%D%/cbor_json.c %D%/cbor_json.h \
	%D%/lwx_vm.c %D%/lwx_vm.h \
	%D%/verb_boot_chart.c \
	%D%/verb_check.c \
	%D%/run_config.c %D%/run_config.h \
	%D%/run_initrd.c %D%/run_initrd.h \
	%D%/run_options.c %D%/run_options.h \
	%D%/run_report.c %D%/run_report.h \
	%D%/verb_console.c \
	%D%/verb_cp.c \
	%D%/verb_disk.c \
	%D%/verb_events.c \
	%D%/verb_exec.c %D%/verb_forward.c %D%/verb_guest.c \
	%D%/verb_inspect.c \
	%D%/verb_pause.c \
	%D%/verb_ps.c \
	%D%/verb_run.c \
	%D%/verb_start.c \
	%D%/verb_stop.c \
	%D%/verb_wait.c
lwx_vm_LDADD = libhost.a $(HOSTCFG_LIBS) $(JANSSON_LIBS)

# lwx-vm(1): the verbs come from their --help.
nodist_man_MANS += tools/lwx-vm.1
CLEANFILES += tools/lwx-vm.1
EXTRA_DIST += %D%/lwx-vm.1.in %D%/verbs-manual
tools/lwx-vm.1: %D%/lwx-vm.1.in %D%/verbs-manual lwx-vm$(EXEEXT)
	@$(MKDIR_P) tools
	$(AM_V_GEN)$(srcdir)/tools/verbs-manual ./lwx-vm \
		<$(srcdir)/tools/lwx-vm.1.in >$@.tmp && mv $@.tmp $@

bashcompletion_DATA = %D%/completions/lwx-image %D%/completions/lwx-vm
EXTRA_DIST += $(bashcompletion_DATA)

# lwx-bench: lwx-vmm beside a peer.
bin_PROGRAMS += lwx-bench
lwx_bench_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TOOLS) $(JANSSON_CFLAGS)
lwx_bench_SOURCES = \
	%D%/bench_block.c %D%/bench_block.h \
	%D%/bench_first.c %D%/bench_first.h \
	%D%/bench_guest.c %D%/bench_guest.h \
	%D%/bench_job.c %D%/bench_job.h \
	%D%/bench_load.c %D%/bench_load.h \
	%D%/bench_matrix.c %D%/bench_matrix.h \
	%D%/bench_meter.c %D%/bench_meter.h \
	%D%/bench_net.c %D%/bench_net.h \
	%D%/bench_pause.c %D%/bench_pause.h \
	%D%/bench_run.c %D%/bench_run.h \
	%D%/bench_start.c %D%/bench_start.h \
	%D%/bench_stats.c %D%/bench_stats.h \
	%D%/bench_vsock.c %D%/bench_vsock.h \
	%D%/echo_peer.c %D%/echo_peer.h \
	%D%/lwx_bench.c
lwx_bench_LDADD = $(HOST_LIBS) $(JANSSON_LIBS)
