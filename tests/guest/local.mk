# tests/guest/local.mk - payload.elf: bare-metal guests, one verb each.
#
# Freestanding: none of the flags of the hosted programs apply.
# lwx-bench runs it too.
noinst_PROGRAMS += tests/guest/payload.elf
tests_guest_payload_elf_SOURCES = \
	%D%/bench.c %D%/bench.h \
	%D%/disk.c %D%/disk.h \
	%D%/driver.c %D%/driver.h \
	%D%/entry.S \
	%D%/interrupts.c \
	%D%/net.c %D%/net.h \
	%D%/pattern.h \
	%D%/payload.h \
	%D%/runtime.c \
	%D%/target.c %D%/target.h \
	%D%/udp.c %D%/udp.h \
	%D%/verbs_bench.c \
	%D%/verbs_devices.c \
	%D%/verbs_disk.c \
	%D%/verbs_hostile.c \
	%D%/verbs_machine.c \
	%D%/verbs_net.c \
	%D%/verbs_rings.c \
	%D%/verbs_stream.c \
	%D%/verbs_vsock.c \
	%D%/vsock.c %D%/vsock.h
tests_guest_payload_elf_CPPFLAGS = -iquote $(top_srcdir)/tests/guest
tests_guest_payload_elf_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(WARN_CONVERSION) \
	-ffreestanding -fno-pic -fno-pie -m64 -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables
tests_guest_payload_elf_CCASFLAGS = -m64
tests_guest_payload_elf_LDFLAGS = -nostdlib -static \
	-Wl,-T,$(top_srcdir)/tests/guest/payload.ld -Wl,--build-id=none \
	-Wl,-z,noexecstack
tests_guest_payload_elf_LDADD =
tests_guest_payload_elf_DEPENDENCIES = $(top_srcdir)/tests/guest/payload.ld
EXTRA_DIST += tests/guest/payload.ld
dist_noinst_SCRIPTS += tests/guest/run-in-qemu
