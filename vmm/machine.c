/* machine.c - composition, life cycle and tear-down of one VM. */
#include "machine.h"

#include "acpi_build.h"
#include "boot_x86.h"
#include "fdt_build.h"
#include "image_load.h"
#include "log.h"
#include "machine_internal.h"
#include "macros.h"
#include "virtio_vsock.h"
#include "x86_layout.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENGINE_DEPTH 1024
#define ENGINE_FILES 256

static const char *const reason_names[] = {
	[MACHINE_POWEROFF] = "poweroff", [MACHINE_EXIT] = "exit",
	[MACHINE_RESET] = "reset",	 [MACHINE_TRIPLE] = "triple-fault",
	[MACHINE_PANIC] = "panic",	 [MACHINE_FAULT] = "fault",
	[MACHINE_HOST] = "host",
};
_Static_assert(ARRAY_SIZE(reason_names) == MACHINE_HOST + 1,
	       "every reason has its word");

const char *machine_reason_name(enum machine_reason reason)
{
	return reason_names[reason];
}

void machine_end(struct machine *m, enum machine_reason reason, uint32_t code)
{
	uint64_t one = 1;

	if (atomic_exchange(&m->ending, true))
		return;
	m->outcome = (struct machine_outcome){.reason = reason, .code = code};
	atomic_store_explicit(&m->ended, true, memory_order_release);
	/* Cannot fail: the counter is 0 before this only write. */
	if (write(m->event_fd, &one, sizeof(one)) < 0)
		return;
}

int machine_event_fd(const struct machine *m)
{
	return m->event_fd;
}

bool machine_outcome(const struct machine *m, struct machine_outcome *out)
{
	if (!atomic_load_explicit(&m->ended, memory_order_acquire))
		return false;
	*out = m->outcome;
	return true;
}

static void on_vcpu_end(void *opaque, uint32_t index, enum vcpu_end why,
			uint32_t detail)
{
	static const enum machine_reason reasons[] = {
		[VCPU_END_SHUTDOWN] = MACHINE_TRIPLE,
		[VCPU_END_RESET] = MACHINE_RESET,
		[VCPU_END_POWEROFF] = MACHINE_POWEROFF,
		[VCPU_END_CRASH] = MACHINE_PANIC,
		[VCPU_END_INTERNAL] = MACHINE_FAULT,
	};
	struct machine *m = opaque;

	if (why == VCPU_END_INTERNAL)
		log_err("vCPU %u: KVM cannot go on (detail %u)", index, detail);
	machine_end(m, reasons[why], detail);
}

static void on_platform_request(void *opaque, enum platform_request request,
				uint8_t value)
{
	struct machine *m = opaque;

	switch (request) {
	case PLATFORM_EXIT:
		machine_end(m, MACHINE_EXIT, value);
		break;
	case PLATFORM_RESET:
		machine_end(m, MACHINE_RESET, 0);
		break;
	case PLATFORM_POWEROFF:
		machine_end(m, MACHINE_POWEROFF, 0);
		break;
	case PLATFORM_PANIC:
		machine_end(m, MACHINE_PANIC, 0);
		break;
	case PLATFORM_CRASH_LOADED: /* its crash kernel will end the VM */
		break;
	}
}

static int create_memory(struct machine *m, struct err *err)
{
	const struct vm_memory *memory = &m->cfg->memory;
	const struct guest_mem_config config = {
		.size = memory->size,
		.hole_start = X86_HOLE_START,
		.hole_end = X86_HOLE_END,
		.kind = memory->kind,
		.page_size = memory->page_size,
		.prefault = memory->prefault,
		.locked = memory->locked,
		.mergeable = memory->mergeable,
	};
	const struct guest_mem_region *regions;
	unsigned int count;
	int rc;

	rc = guest_mem_create(&m->mem, &config, err);
	if (rc)
		return rc;
	count = guest_mem_regions(m->mem, &regions);
	for (unsigned int i = 0; i < count; i++) {
		rc = machine_desc_add_ram(&m->desc, regions[i].gpa,
					  regions[i].size, err);
		if (rc)
			return rc;
	}
	return kvm_vm_map(m->vm, m->mem, err);
}

static int create_engines(struct machine *m, struct err *err)
{
	const struct io_engine_config config = {
		.kind = m->cfg->io_engine,
		.depth = ENGINE_DEPTH,
		.max_files = ENGINE_FILES +
			     (m->cfg->vsock.cid ? VIRTIO_VSOCK_FILES : 0),
		.poll_max_ns = m->cfg->poll_us * 1000ULL,
	};

	m->num_io_threads = MAX(m->cfg->io_threads, 1U);
	if (m->num_io_threads > IO_THREADS_MAX)
		return err_setx(err, -EINVAL, "io_threads: at most %d",
				IO_THREADS_MAX);
	for (unsigned int i = 0; i < m->num_io_threads; i++) {
		struct io_thread *thread = &m->io_threads[i];
		int rc;

		thread->machine = m;
		rc = io_engine_create(&thread->engine, &config, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void choose_topology(struct machine *m)
{
	const struct vm_topology *wanted = &m->cfg->topology;

	m->topology = (struct x86_topology){
		.sockets = MAX(wanted->sockets, 1U),
		.cores = wanted->cores,
		.threads = MAX(wanted->threads, 1U),
	};
	if (!m->topology.cores)
		m->topology.cores = m->cfg->vcpus / m->topology.sockets /
				    m->topology.threads;
}

static int create_vcpus(struct machine *m, struct err *err)
{
	m->vcpu_owner = (struct vcpu_owner){
		.pio = m->pio,
		.mmio = m->mmio,
		.ended = &m->ended,
		.end = on_vcpu_end,
		.opaque = m,
	};
	for (uint32_t i = 0; i < m->cfg->vcpus; i++) {
		struct kvm_vcpu *vcpu = &m->vcpus[m->num_vcpus++];
		int rc;

		rc = kvm_vcpu_create(vcpu, m->vm, i, m->desc.cpu_id[i],
				     &m->vcpu_owner, err);
		if (!rc)
			rc = x86_setup_cpuid(m->vm, vcpu, &m->topology, err);
		if (!rc)
			rc = x86_setup_lapic(vcpu, err);
		if (!rc)
			rc = x86_setup_msrs(vcpu, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* Load kernel and initrd, write the tables, point the first vCPU at them. */
static int load_guest(struct machine *m, struct err *err)
{
	const struct vm_boot *boot = &m->cfg->boot;
	const struct image_source source = {
		.kernel_fd = boot->kernel_fd,
		.kernel_name = boot->uki ? boot->uki : boot->kernel,
		.initrd_fd = boot->initrd_fd,
		.initrd_name = boot->initrd,
		.cmdline = boot->cmdline,
	};
	struct boot_image image = {0};
	struct boot_state state;
	int rc;

	rc = image_load(&image, &source, m->mem, err);
	if (!rc)
		rc = boot_x86_setup(&state, &image, &m->desc, m->mem, err);
	boot_image_fini(&image);
	if (rc)
		return rc;
	return kvm_vcpu_set_entry(&m->vcpus[0],
				  &(struct vcpu_entry){
					  .rip = state.rip,
					  .rsp = state.rsp,
					  .rsi = state.rsi,
					  .rbx = state.rbx,
					  .cr0 = state.cr0,
					  .cr3 = state.cr3,
					  .cr4 = state.cr4,
					  .efer = state.efer,
					  .gdt_base = state.gdt_base,
					  .gdt_limit = state.gdt_limit,
					  .code_selector = state.code.selector,
					  .data_selector = state.data.selector,
					  .task_selector = state.tr.selector,
					  .long_mode = state.code.l,
				  },
				  err);
}

static int describe(struct machine *m, struct err *err)
{
	const struct vm_config *cfg = m->cfg;

	if (!cfg->vcpus || cfg->vcpus > VM_VCPUS_MAX)
		return err_setx(err, -EINVAL, "vcpus: 1 to %d", VM_VCPUS_MAX);
	choose_topology(m);
	if (m->topology.sockets * m->topology.cores * m->topology.threads !=
	    cfg->vcpus)
		return err_setx(err, -EINVAL,
				"topology: %u sockets x %u cores x %u threads "
				"are not %u vcpus",
				m->topology.sockets, m->topology.cores,
				m->topology.threads, cfg->vcpus);
	machine_desc_init_x86(&m->desc);
	m->desc.acpi = cfg->announce == VM_ANNOUNCE_ACPI;
	if (!cfg->serial)
		m->desc.serial.size = 0;
	m->desc.num_cpus = cfg->vcpus;
	for (uint32_t i = 0; i < cfg->vcpus; i++)
		m->desc.cpu_id[i] = x86_apic_id(&m->topology, i);
	return 0;
}

static int create_parts(struct machine *m, struct err *err)
{
	int rc;

	rc = describe(m, err);
	if (!rc)
		rc = kvm_vm_create(&m->vm, err);
	if (!rc)
		rc = x86_mask_features(m->vm, m->cfg->cpu_features,
				       m->cfg->num_cpu_features, err);
	if (!rc)
		rc = create_memory(m, err);
	if (!rc)
		rc = kvm_vm_create_irqchip(m->vm, !m->desc.acpi, err);
	if (!rc)
		rc = io_bus_create(&m->pio, err);
	if (!rc)
		rc = io_bus_create(&m->mmio, err);
	if (!rc)
		rc = create_engines(m, err);
	if (!rc)
		rc = platform_add(&m->platform, m->pio, err);
	if (!rc)
		rc = machine_add_devices(m, err);
	if (rc)
		return rc;
	io_bus_seal(m->pio);
	io_bus_seal(m->mmio);
	rc = create_vcpus(m, err);
	return rc ? rc : load_guest(m, err);
}

int machine_create(struct machine **out, const struct vm_config *cfg,
		   const struct machine_events *events, struct err *err)
{
	struct machine *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return err_set(err, -ENOMEM, "machine");
	m->cfg = cfg;
	m->events = *events;
	m->paused = true;
	m->platform = (struct platform){
		.desc = &m->desc,
		.request = on_platform_request,
		.opaque = m,
	};
	m->serial_irq.fd = -1;
	m->power_irq.fd = -1;
	for (size_t i = 0; i < VM_VCPUS_MAX; i++)
		m->vcpus[i].fd = -1;
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = m->event_fd < 0 ? err_set(err, -errno, "machine: eventfd")
			     : create_parts(m, err);
	if (rc) {
		machine_destroy(m);
		return rc;
	}
	*out = m;
	return 0;
}

static void *io_main(void *arg)
{
	struct io_thread *thread = arg;
	int rc = io_engine_run(thread->engine);

	if (rc) {
		log_err("I/O engine failed: error %d", -rc);
		machine_end(thread->machine, MACHINE_FAULT, (uint32_t)-rc);
	}
	return NULL;
}

static int start_io_threads(struct machine *m, struct err *err)
{
	sigset_t all, old;
	int rc = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned int i = 0; i < m->num_io_threads && !rc; i++) {
		struct io_thread *thread = &m->io_threads[i];
		char name[26]; /* of which the kernel takes 15 characters */

		rc = pthread_create(&thread->thread, NULL, io_main, thread);
		if (rc)
			break;
		thread->running = true;
		(void)snprintf(name, sizeof(name), "io%u:%.10s", i,
			       m->cfg->name);
		name[15] = '\0';
		/* A name that is refused costs nothing but readability. */
		(void)pthread_setname_np(thread->thread, name);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? err_set(err, -rc, "I/O thread") : 0;
}

int machine_start(struct machine *m, struct err *err)
{
	int rc = start_io_threads(m, err);

	for (uint32_t i = 0; i < m->num_vcpus && !rc; i++)
		rc = kvm_vcpu_start(&m->vcpus[i], m->cfg->name,
				    i < m->cfg->num_pin ? m->cfg->pin[i] : -1,
				    err);
	if (rc)
		return rc;
	m->paused = false; /* the devices have never been paused */
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_ask(&m->vcpus[i], VCPU_RUNNING);
	return 0;
}

static void ask_all_and_wait(struct machine *m, enum vcpu_state want)
{
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_ask(&m->vcpus[i], want);
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_wait(&m->vcpus[i], want);
}

void machine_pause(struct machine *m)
{
	if (m->paused)
		return;
	ask_all_and_wait(m, VCPU_PAUSED);
	for (unsigned int i = 0; i < m->num_virtio; i++)
		virtio_mmio_pause(m->virtio[i].transport);
	m->paused = true;
}

void machine_resume(struct machine *m)
{
	if (!m->paused)
		return;
	for (unsigned int i = 0; i < m->num_virtio; i++)
		virtio_mmio_resume(m->virtio[i].transport);
	ask_all_and_wait(m, VCPU_RUNNING);
	m->paused = false;
}

bool machine_is_paused(const struct machine *m)
{
	return m->paused;
}

void machine_power_button(struct machine *m)
{
	irq_line_raise(&m->power_irq);
}

/* No guest instruction runs after this; final. */
static void stop_vcpus(struct machine *m)
{
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_ask(&m->vcpus[i], VCPU_STOPPED);
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_join(&m->vcpus[i]);
}

static void stop_io_threads(struct machine *m)
{
	for (unsigned int i = 0; i < m->num_virtio; i++) {
		if (m->virtio[i].transport)
			virtio_mmio_shutdown(m->virtio[i].transport);
	}
	if (m->io_threads[0].running)
		console_hub_drain(m->hub);
	for (unsigned int i = 0; i < m->num_io_threads; i++) {
		struct io_thread *thread = &m->io_threads[i];

		if (!thread->running)
			continue;
		io_engine_stop(thread->engine);
		(void)pthread_join(thread->thread, NULL);
		thread->running = false;
	}
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	stop_vcpus(m);
	stop_io_threads(m);
	for (uint32_t i = 0; i < m->num_vcpus; i++)
		kvm_vcpu_destroy(&m->vcpus[i]);
	machine_remove_devices(m);
	for (unsigned int i = 0; i < m->num_io_threads; i++)
		io_engine_destroy(m->io_threads[i].engine);
	io_bus_destroy(m->mmio);
	io_bus_destroy(m->pio);
	kvm_vm_destroy(m->vm);
	guest_mem_destroy(m->mem);
	if (m->event_fd >= 0)
		(void)close(m->event_fd);
	free(m);
}

int machine_fdt(const struct machine *m, uint8_t **blob, size_t *size,
		struct err *err)
{
	const struct fdt_chosen chosen = {.cmdline = m->cfg->boot.cmdline};

	return fdt_build(&m->desc, &chosen, blob, size, err);
}

int machine_acpi(const struct machine *m, uint8_t **blob, size_t *size,
		 struct err *err)
{
	if (!m->desc.acpi)
		return err_setx(err, -ENOTSUP,
				"inspect: this VM has no ACPI tables: it runs "
				"with announce = \"cmdline\"");
	*blob = malloc(X86_ACPI_MAX);
	if (!*blob)
		return err_set(err, -ENOMEM, "ACPI tables");
	return acpi_build(&m->desc, *blob, X86_ACPI_MAX, X86_ACPI_GPA, size,
			  err);
}
