/*
 * bench_guest.h - start one guest under lwx-vmm or under a peer, in the same
 * way and with the same files, so that what is measured is the VMM.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum bench_vmm {
	BENCH_LWX,
	BENCH_QEMU, /* QEMU's microvm machine, with ACPI only for Linux */
	BENCH_VMMS,
};

/** bench_vmm_name() - "lwx-vmm", "QEMU microvm". */
const char *bench_vmm_name(enum bench_vmm vmm);

/**
 * struct bench_guest_config - what to start
 * @kernel:    path of an ELF with a PVH note or a bzImage
 * @initrd:    path or NULL
 * @cmdline:   kernel command line
 * @memory:    bytes
 * @acpi:      the guest is a Linux that finds its devices by ACPI
 * @trace:     strace(1) writes its record there; NULL: no tracing
 * @disk:      path of a raw file for a disk, or NULL
 * @direct:    of the disk: past the host's page cache
 * @aio:       how QEMU reads and writes the disk: "io_uring", ...
 * @iothread:  QEMU serves the disk in a thread of its own
 * @poll_us:   how long lwx-vmm's I/O thread polls; 0: not
 * @net_fd:    a tap for an interface; 0: none
 * @net_stream: it is a stream socket instead, with frames behind their lengths
 * @control_fd: a socket that listens for lwx-vmm's control protocol, or that is
 *             QEMU's end of QMP; 0: nobody will call
 * @vsock:     path of the sockets of a vsock device, or NULL; not for QEMU
 */
struct bench_guest_config {
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	uint64_t memory;
	bool acpi;
	const char *trace;
	const char *disk;
	bool direct;
	const char *aio;
	bool iothread;
	uint32_t poll_us;
	int net_fd;
	bool net_stream;
	const char *vsock;
	int control_fd;
};

/**
 * struct bench_guest - a running guest
 * @pid:        process of the VMM (of strace if that was asked for)
 * @console:    what it prints on its serial port; read end of a pipe
 * @started_ns: CLOCK_MONOTONIC just before fork()
 */
struct bench_guest {
	pid_t pid;
	int console;
	uint64_t started_ns;
};

/** bench_guest_start() - fork and exec. Return: 0 or a negative errno. */
int bench_guest_start(struct bench_guest *guest, enum bench_vmm vmm,
		      const struct bench_guest_config *cfg, struct err *err);

/**
 * bench_guest_wait_text() - wait until the console has shown @text
 * @at_ns: set to CLOCK_MONOTONIC when it had
 *
 * Return: 0, or -EPIPE if the guest ended first.
 */
int bench_guest_wait_text(struct bench_guest *guest, const char *text,
			  uint64_t *at_ns);

/** bench_guest_read_line() - the rest of a line of the console, without its
 * end; cut to @size. Return: 0, or -EPIPE if the guest ended first. */
int bench_guest_read_line(struct bench_guest *guest, char *line, size_t size);

/**
 * bench_guest_wait_end() - wait for the process to end
 * @cpu_ns: set to the user and system time it used, its threads included
 *
 * Return: its exit status, or a negative errno.
 */
int bench_guest_wait_end(struct bench_guest *guest, uint64_t *cpu_ns);

/** bench_guest_kill() - SIGKILL and reap. */
void bench_guest_kill(struct bench_guest *guest);

/** bench_now_ns() - CLOCK_MONOTONIC. */
uint64_t bench_now_ns(void);
