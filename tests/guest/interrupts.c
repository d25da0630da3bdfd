/* interrupts.c - local APIC, I/O APIC and further CPUs, all from ring 3. */
#include "payload.h"

#define LAPIC_SVR 0x0f0u
#define LAPIC_ICR_LOW 0x300u
#define LAPIC_ICR_HIGH 0x310u
#define LAPIC_SVR_ENABLE 0x1ffu /* spurious vector 255 */
#define ICR_INIT 0x000c4500u	/* level asserted, all but this CPU */
#define ICR_STARTUP 0x000c4600u

#define IOAPIC_SELECT 0x00u
#define IOAPIC_WINDOW 0x10u
#define IOAPIC_REDIRECTION 0x10u /* two registers per GSI */

#define TICKS_10MS 40000000u

extern const uint8_t ap_trampoline[], ap_trampoline_end[];
extern volatile uint32_t cpus_started;

_Noreturn void secondary_start(unsigned int cpu);

static void (*volatile secondary_main)(unsigned int cpu);
static volatile uint32_t cpus_running = 1;

void lapic_enable(void)
{
	mmio_write32(LAPIC_BASE + LAPIC_SVR, LAPIC_SVR_ENABLE);
}

static void ioapic_write(unsigned int reg, uint32_t value)
{
	mmio_write32(IOAPIC_BASE + IOAPIC_SELECT, reg);
	mmio_write32(IOAPIC_BASE + IOAPIC_WINDOW, value);
}

void ioapic_route(unsigned int gsi, uint8_t vector)
{
	ioapic_write(IOAPIC_REDIRECTION + 2 * gsi + 1, 0);
	ioapic_write(IOAPIC_REDIRECTION + 2 * gsi, vector); /* fixed, edge */
}

static void delay(uint64_t ticks)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_relax();
}

_Noreturn void secondary_start(unsigned int cpu)
{
	__atomic_fetch_add(&cpus_running, 1, __ATOMIC_ACQ_REL);
	secondary_main(cpu);
	for (;;)
		cpu_relax();
}

void start_cpus(unsigned int count, void (*main)(unsigned int cpu))
{
	uint64_t start = rdtsc();

	secondary_main = main;
	memcpy((void *)(uintptr_t)AP_TRAMPOLINE, ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	lapic_enable();
	mmio_write32(LAPIC_BASE + LAPIC_ICR_HIGH, 0);
	mmio_write32(LAPIC_BASE + LAPIC_ICR_LOW, ICR_INIT);
	delay(TICKS_10MS);
	mmio_write32(LAPIC_BASE + LAPIC_ICR_LOW,
		     ICR_STARTUP | AP_TRAMPOLINE >> 12);
	while (cpus_running < count) {
		if (rdtsc() - start > PATIENCE_TICKS)
			fail("%u of %u CPUs came up\n", cpus_running, count);
		cpu_relax();
	}
}
