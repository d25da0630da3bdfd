/* verbs_machine.c - payloads about the machine itself. */
#include "payload.h"

#define PVPANIC_PANICKED 0x01u
#define SLEEP_S5 0x34u /* SLP_EN, SLP_TYP 5 */
#define RESET_VALUE 0x01u
#define GSI_SERIAL 4
#define GSI_POWER_BUTTON 9
#define SERIAL_VECTOR 0x50
#define BUTTON_VECTOR 0x51

static uint8_t run_exit(void)
{
	return exit_code();
}

static uint8_t run_hello(void)
{
	say("hello from ring 3\n");
	return exit_code();
}

/* Print "lines" lines of 200 bytes, as a guest that floods its console. */
static uint8_t run_flood(void)
{
	uint64_t lines = word_number("lines", 100);
	char line[200];

	for (size_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = (char)('a' + i % 26);
	line[sizeof(line) - 1] = '\0';
	for (uint64_t i = 0; i < lines; i++)
		say("%s\n", line);
	return exit_code();
}

/* Repeat what comes in on COM1 until 'q'. */
static uint8_t run_serial_echo(void)
{
	say("ready\n");
	for (;;) {
		char c;

		if (!(gate(GATE_IN8, 0, PORT_COM1 + 5, 0) & 1))
			continue;
		c = (char)gate(GATE_IN8, 0, PORT_COM1, 0);
		if (c == 'q')
			return exit_code();
		say("<%c>", c);
	}
}

/* The same, woken by the interrupt of COM1. */
static uint8_t run_serial_irq(void)
{
	volatile uint32_t *seen = &irq_counts[SERIAL_VECTOR];

	lapic_enable();
	ioapic_route(GSI_SERIAL, SERIAL_VECTOR);
	gate(GATE_OUT8, 1, PORT_COM1 + 1, 0); /* IER: received data */
	say("ready\n");
	for (uint32_t before = 0;; before++) {
		while (*seen == before)
			gate(GATE_WAIT, (uintptr_t)seen, before, 0);
		while (gate(GATE_IN8, 0, PORT_COM1 + 5, 0) & 1) {
			char c = (char)gate(GATE_IN8, 0, PORT_COM1, 0);

			if (c == 'q')
				return exit_code();
			say("<%c>", c);
		}
	}
}

static uint8_t wait_for_the_end(void)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < PATIENCE_TICKS;)
		cpu_relax();
	fail("still alive\n");
}

static uint8_t run_triple(void)
{
	gate(GATE_TRIPLE_FAULT, 0, 0, 0);
	return wait_for_the_end();
}

static uint8_t run_panic(void)
{
	gate(GATE_OUT8, PVPANIC_PANICKED, PORT_PVPANIC, 0);
	return wait_for_the_end();
}

static uint8_t run_reset(void)
{
	gate(GATE_OUT8, RESET_VALUE, PORT_RESET, 0);
	return wait_for_the_end();
}

static uint8_t run_poweroff(void)
{
	gate(GATE_OUT8, SLEEP_S5, PORT_SLEEP_CONTROL, 0);
	return wait_for_the_end();
}

static void spin(unsigned int cpu)
{
	(void)cpu;
	for (;;)
		cpu_relax();
}

/* Never ends, on "cpus" CPUs. */
static uint8_t run_spin(void)
{
	unsigned int cpus = (unsigned int)word_number("cpus", 1);

	if (cpus > 1)
		start_cpus(cpus, spin);
	say("spinning on %u\n", cpus);
	spin(0);
	return EXIT_FAILED;
}

/* Never ends and needs no CPU time: sleeps with interrupts on. */
static uint8_t run_sleep(void)
{
	static volatile uint32_t never;

	say("sleeping\n");
	while (!never)
		gate(GATE_WAIT, (uintptr_t)&never, 0, 0);
	return EXIT_FAILED;
}

/* Powers off when the power button is pressed. */
static uint8_t run_button(void)
{
	lapic_enable();
	ioapic_route(GSI_POWER_BUTTON, BUTTON_VECTOR);
	say("waiting for the button\n");
	while (!irq_counts[BUTTON_VECTOR])
		gate(GATE_WAIT, (uintptr_t)&irq_counts[BUTTON_VECTOR], 0, 0);
	return run_poweroff();
}

static volatile uint64_t counters[PAYLOAD_CPUS_MAX][8]; /* a line for each */
static volatile uint64_t shared_counter;
static volatile uint32_t cpus_done;

static void count(unsigned int cpu)
{
	for (unsigned int i = 0; i < 100000; i++) {
		counters[cpu][0]++;
		__atomic_fetch_add(&shared_counter, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&cpus_done, 1, __ATOMIC_RELEASE);
}

/* "cpus" CPUs count together. */
static uint8_t run_smp(void)
{
	unsigned int cpus = (unsigned int)word_number("cpus", 2);
	uint64_t start = rdtsc();

	start_cpus(cpus, count);
	count(0);
	while (cpus_done < cpus) {
		check(rdtsc() - start < PATIENCE_TICKS);
		cpu_relax();
	}
	for (unsigned int i = 0; i < cpus; i++)
		check(counters[i][0] == 100000);
	check(shared_counter == 100000ull * cpus);
	say("%u CPUs counted to %lu\n", cpus, shared_counter);
	return exit_code();
}

/* Write and read "megabytes" MiB of RAM from "from" MiB on, one word in each
 * page. */
static uint8_t run_touch(void)
{
	uint64_t start = word_number("from", 64) << 20;
	uint64_t end = start + (word_number("megabytes", 64) << 20);

	map_memory(start, end);
	for (uint64_t at = start; at < end; at += 4096)
		*(volatile uint64_t *)(uintptr_t)at = at;
	for (uint64_t at = start; at < end; at += 4096)
		check(*(volatile uint64_t *)(uintptr_t)at == at);
	return exit_code();
}

/*
 * Read and write every port and a stretch of the MMIO hole where nothing
 * should be listening but nothing may break either. Ports that end the VM are
 * only read.
 */
static uint8_t run_ports(void)
{
	static const uint16_t ports[] = {
		0x20,  0x40,  0x60,  0x64,  0x70,  0x71,  0x80,	 0xcf8,
		0xcfc, 0x2f8, 0x510, 0x600, 0x601, 0x602, 0x604, 0xffff};

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		gate(GATE_IN8, 0, ports[i], 0);
		gate(GATE_IN16, 0, ports[i], 0);
		gate(GATE_IN32, 0, ports[i], 0);
		if (ports[i] < 0x500) {
			gate(GATE_OUT8, 0, ports[i], 0);
			gate(GATE_OUT16, 0, ports[i], 0);
			gate(GATE_OUT32, 0, ports[i], 0);
		}
	}
	for (uintptr_t at = 0xe0000000; at < 0xe0010000; at += 0x800) {
		mmio_write32(at, 1);
		(void)mmio_read32(at);
	}
	return exit_code();
}

const struct verb machine_verbs[] = {
	{"button", run_button},
	{"exit", run_exit},
	{"flood", run_flood},
	{"hello", run_hello},
	{"panic", run_panic},
	{"ports", run_ports},
	{"poweroff", run_poweroff},
	{"reset", run_reset},
	{"serial-echo", run_serial_echo},
	{"serial-irq", run_serial_irq},
	{"sleep", run_sleep},
	{"smp", run_smp},
	{"spin", run_spin},
	{"touch", run_touch},
	{"triple", run_triple},
	{NULL, NULL},
};
