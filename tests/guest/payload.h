/*
 * payload.h - run time of the payload guests: small programs that run on bare
 * virtual hardware, in ring 3 (entry.S says why).
 *
 * The kernel command line chooses what happens: "payload=VERB key=value ...".
 * A payload ends with a byte in the exit port; EXIT_* mean it could not do its
 * job.
 */
#pragma once

#include "pattern.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_EXCEPTION 110 /* an exception nobody expected */
#define EXIT_FAILED 111	   /* a check failed; the reason was printed */
#define EXIT_USAGE 112	   /* no such verb, or a word is missing */

#define PORT_COM1 0x3f8
#define PORT_PVPANIC 0x505
#define PORT_SLEEP_CONTROL 0x600
#define PORT_RESET 0x602
#define PORT_EXIT 0x604

#define LAPIC_BASE 0xfee00000u
#define IOAPIC_BASE 0xfec00000u
#define AP_TRAMPOLINE 0x10000u /* below 1 MiB, page-aligned */
#define PAYLOAD_CPUS_MAX 64

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/** enum gate_op - what ring 0 does for ring 3; gate(op, rsi, rdx, rcx) */
enum gate_op {
	GATE_OUT8,  /* rsi: value, rdx: port */
	GATE_OUT16, /* the same */
	GATE_OUT32,
	GATE_IN8, /* rdx: port */
	GATE_IN16,
	GATE_IN32,
	GATE_OUTS,	 /* rsi: bytes, rdx: port, rcx: count */
	GATE_WAIT,	 /* while *(uint32_t *)rsi == rdx: hlt once */
	GATE_INTERRUPTS, /* rsi: 0x200 to let interrupts in, or 0 */
	GATE_TRIPLE_FAULT,
};

/** gate() - run an operation in ring 0 (about 150 us where it is emulated). */
long gate(enum gate_op op, uint64_t rsi, uint64_t rdx, uint64_t rcx);

/** irq_counts - interrupts seen, by vector. */
extern volatile uint32_t irq_counts[256];

/** payload_exit() - end the VM with @code. */
_Noreturn void payload_exit(uint8_t code);

/** say() - print to COM1; knows %s %c %u %x %lu %lx. One gate call. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** fail() - print and end with EXIT_FAILED. */
_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** check() - fail() with the text of @condition unless it holds. */
#define check(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			fail("%s:%u: %s\n", __FILE_NAME__, __LINE__,           \
			     #condition);                                      \
	} while (0)

/** word_string() - value of "key=" on the command line, copied to @out (cut to
 * @size). Return: false if the key is not there. */
bool word_string(const char *key, char *out, size_t size);

/** word_number() - value of "key=" as number (0x for hex), else @otherwise. */
uint64_t word_number(const char *key, uint64_t otherwise);

/** exit_code() - what "code=" asks for. */
uint8_t exit_code(void);

/** next_word() - the word at or after @at; *len is set. Return: NULL at the
 * end. For going through the whole command line: start with command_line(). */
const char *next_word(const char *at, size_t *len);
const char *command_line(void);

/** parse_number() - decimal or 0x hex, K and M suffix; *end is set. */
uint64_t parse_number(const char *text, const char **end);

bool strings_equal(const char *a, const char *b);
void *memcpy(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/** alloc() - @size zero bytes aligned to @align, never freed. Memory behind the
 * payload is known to be zero and RAM to be at least 32 MiB. */
void *alloc(size_t size, size_t align);

/** alloc_mark() / alloc_release() - give back all that was allocated since. */
void *alloc_mark(void);
void alloc_release(void *mark);

/** map_memory() - map [@start, @end) 1:1, beyond the first 8 GiB. */
void map_memory(uint64_t start, uint64_t end);

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/** deadline - polling gives up after this many TSC ticks: ten seconds or more
 * on any machine of today. */
#define PATIENCE_TICKS 60000000000ull

static inline uint32_t mmio_read32(uintptr_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

/* Interrupts (interrupts.c) */

/** lapic_enable() - let the local APIC of this CPU accept interrupts. */
void lapic_enable(void);

/** ioapic_route() - edge interrupt @gsi to @vector on CPU 0. */
void ioapic_route(unsigned int gsi, uint8_t vector);

/** start_cpus() - start CPUs 1..@count-1, which run @main(cpu) in ring 3, and
 * wait until all are there. */
void start_cpus(unsigned int count, void (*main)(unsigned int cpu));

/**
 * struct verb - one program
 * @name: value of "payload="
 * @run:  returns the exit code
 */
struct verb {
	const char *name;
	uint8_t (*run)(void);
};

extern const struct verb machine_verbs[], disk_verbs[], stream_verbs[],
	net_verbs[], vsock_verbs[], devices_verbs[], hostile_verbs[],
	ring_attack_verbs[], bench_verbs[];
