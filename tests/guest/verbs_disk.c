/* verbs_disk.c - payloads that use a virtio-blk disk. */
#include "disk.h"

#define CHUNK_SECTORS DISK_CHUNK_SECTORS
#define CHUNK_BYTES ((size_t)CHUNK_SECTORS * SECTOR_SIZE)

static struct disk disk;

/* Write "sectors" sectors from "start" on with the pattern of "seed", flush,
 * read back, compare. "disk" chooses the disk. */
static uint8_t run_blk(void)
{
	disk_open(&disk, (unsigned int)word_number("disk", 0));
	disk_write_and_check(&disk, word_number("seed", 1),
			     word_number("start", 0),
			     word_number("sectors", CHUNK_SECTORS));
	return exit_code();
}

/* Only read "sectors" sectors and compare with the pattern of "seed". */
static uint8_t run_blk_read(void)
{
	uint64_t seed = word_number("seed", 1);
	uint64_t sectors = word_number("sectors", CHUNK_SECTORS);
	uint64_t *in = alloc(SECTOR_SIZE, SECTOR_SIZE);

	disk_open(&disk, (unsigned int)word_number("disk", 0));
	for (uint64_t at = 0; at < sectors; at++) {
		check(disk_transfer(&disk, DISK_IN, at, in, SECTOR_SIZE) ==
		      DISK_S_OK);
		disk_pattern_check(in, seed, at, 1);
	}
	return exit_code();
}

/* What the device must answer to requests that make no sense. */
static uint8_t run_blk_errors(void)
{
	uint8_t *data = alloc(4096, 4096);

	disk_open(&disk, (unsigned int)word_number("disk", 0));
	check(disk_transfer(&disk, DISK_GET_ID, 0, data, 20) == DISK_S_OK);
	data[20] = '\0';
	say("disk id: %s\n", (const char *)data);
	check(disk_transfer(&disk, DISK_IN, disk.sectors, data, 512) ==
	      DISK_S_IOERR);
	check(disk_transfer(&disk, DISK_IN, disk.sectors - 1, data, 1024) ==
	      DISK_S_IOERR);
	check(disk_transfer(&disk, DISK_IN, UINT64_MAX, data, 512) ==
	      DISK_S_IOERR);
	check(disk_transfer(&disk, DISK_OUT, 1ull << 55, data, 512) ==
	      DISK_S_IOERR);
	check(disk_transfer(&disk, DISK_IN, 0, data, 511) != DISK_S_OK);
	check(disk_transfer(&disk, 0x7777, 0, data, 512) == DISK_S_UNSUPP);
	if (disk.device.features & DISK_F_RO)
		check(disk_transfer(&disk, DISK_OUT, 0, data, 512) ==
		      DISK_S_IOERR);
	check(disk_transfer(&disk, DISK_IN, 0, data, 512) == DISK_S_OK);
	return exit_code();
}

/* --- blkstress --------------------------------------------------------- */

#define SLOTS 32u
#define QUIT_INTERVAL_TICKS 20000000u

/**
 * struct slot - one request in flight and the stretch of disk it works on
 * @generation: seed of what is on the disk there; 0: zeroes, or never written
 * @known:      the content is known
 * @head:       in the ring of @queue, -1 when idle
 */
struct slot {
	struct disk_request request;
	uint64_t first;
	uint32_t sectors;
	uint64_t generation;
	bool known;
	int head;
	struct queue *queue;
	uint64_t *data;
};

static struct slot slots[SLOTS];
static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state = mix64(random_state);
	return random_state % limit;
}

/* The range argument of discard and write-zeroes. */
struct disk_range {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};

static uint32_t choose_type(const struct slot *slot)
{
	switch (random_below(8)) {
	case 0:
		if (disk.device.features & DISK_F_WRITE_ZEROES)
			return DISK_WRITE_ZEROES;
		return DISK_OUT;
	case 1:
		if (disk.device.features & DISK_F_FLUSH)
			return DISK_FLUSH;
		return DISK_OUT;
	case 2:
	case 3:
	case 4:
		return slot->known ? DISK_IN : DISK_OUT;
	default:
		return DISK_OUT;
	}
}

static void start_slot(struct slot *slot)
{
	uint32_t length = slot->sectors * SECTOR_SIZE;
	unsigned int pieces = 1 + (unsigned int)random_below(4);

	slot->request.type = choose_type(slot);
	slot->request.sector = slot->first;
	slot->queue = &disk.queues[random_below(disk.num_queues)];
	switch (slot->request.type) {
	case DISK_OUT:
		slot->generation = random_below(UINT64_MAX) | 1;
		slot->known = true;
		disk_pattern_fill(slot->data, slot->generation, slot->first,
				  slot->sectors);
		break;
	case DISK_IN:
		memset(slot->data, 0xa5, length);
		break;
	case DISK_FLUSH:
		slot->request.sector = 0;
		length = 0;
		break;
	default: /* DISK_WRITE_ZEROES */
		slot->generation = 0;
		slot->known = true;
		slot->request.sector = 0;
		*(struct disk_range *)slot->data = (struct disk_range){
			.sector = slot->first, .sectors = slot->sectors};
		length = sizeof(struct disk_range);
		pieces = 1;
	}
	slot->head = disk_submit(slot->queue, &slot->request, slot->data,
				 length, pieces);
}

static void finish_slot(struct slot *slot)
{
	slot->head = -1;
	if (slot->request.status != DISK_S_OK)
		fail("request %u at %lu: status %u\n", slot->request.type,
		     slot->first, slot->request.status);
	if (slot->request.type != DISK_IN)
		return;
	if (slot->generation) {
		disk_pattern_check(slot->data, slot->generation, slot->first,
				   slot->sectors);
		return;
	}
	for (uint64_t i = 0; i < slot->sectors * SECTOR_WORDS; i++)
		check(slot->data[i] == 0);
}

static unsigned int reap_queue(struct queue *queue)
{
	unsigned int count = 0;
	int head;

	while ((head = queue_reap(queue, NULL)) >= 0) {
		struct slot *slot = slots;

		while (slot->head != head || slot->queue != queue) {
			slot++;
			check(slot < slots + SLOTS);
		}
		finish_slot(slot);
		count++;
	}
	return count;
}

/* Has a 'q' come in on COM1? Looks only now and then: it is not cheap. */
static bool told_to_quit(void)
{
	static uint64_t looked;

	if (rdtsc() - looked < QUIT_INTERVAL_TICKS)
		return false;
	looked = rdtsc();
	return gate(GATE_IN8, 0, PORT_COM1 + 5, 0) & 1 &&
	       gate(GATE_IN8, 0, PORT_COM1, 0) == 'q';
}

/*
 * "requests" random ones, up to SLOTS at once, on all queues. Without a limit
 * ("requests=0") until a 'q' comes in on COM1.
 */
static uint8_t run_blkstress(void)
{
	uint64_t total = word_number("requests", 2000), left, done = 0;
	bool unlimited = total == 0;
	uint64_t start = rdtsc();

	random_state = word_number("seed", 1);
	disk_open(&disk, (unsigned int)word_number("disk", 0));
	check(disk.sectors >= (uint64_t)SLOTS * CHUNK_SECTORS);
	for (unsigned int i = 0; i < SLOTS; i++)
		slots[i] = (struct slot){
			.first = (uint64_t)i * CHUNK_SECTORS,
			.sectors = 1 + (uint32_t)random_below(CHUNK_SECTORS),
			.data = alloc(CHUNK_BYTES, 4096),
			.head = -1};
	say("ready\n");
	left = unlimited ? UINT64_MAX : total;
	while (unlimited ? left || done < total : done < total) {
		if (unlimited && left && told_to_quit()) {
			total = UINT64_MAX - left;
			left = 0;
		}
		for (unsigned int i = 0; i < SLOTS && left; i++) {
			if (slots[i].head >= 0)
				continue;
			start_slot(&slots[i]);
			left -= slots[i].head >= 0;
		}
		for (unsigned int i = 0; i < disk.num_queues; i++) {
			queue_kick(&disk.queues[i]);
			done += reap_queue(&disk.queues[i]);
		}
		check(unlimited || rdtsc() - start < 10 * PATIENCE_TICKS);
	}
	say("%lu requests on %u queues\n", done, disk.num_queues);
	return exit_code();
}

/* --- irq --------------------------------------------------------------- */

/* "requests" reads whose completion is only seen through interrupts. */
static uint8_t run_irq(void)
{
	uint64_t requests = word_number("requests", 20);
	struct disk_request request = {.type = DISK_IN};
	uint64_t *data = alloc(SECTOR_SIZE, SECTOR_SIZE);
	struct queue *queue = &disk.queues[0];
	const volatile uint32_t *count;

	disk_open(&disk, 0);
	count = device_interrupts(&disk.device);
	queue_interrupts(queue, true);
	for (uint64_t i = 0; i < requests; i++) {
		uint64_t start = rdtsc();
		uint32_t before = *count;

		check(disk_submit(queue, &request, data, SECTOR_SIZE, 1) >= 0);
		queue_kick(queue);
		if (i % 2) /* asleep, or at work in ring 3 */
			gate(GATE_WAIT, (uintptr_t)count, before, 0);
		while (*count == before)
			check(rdtsc() - start < PATIENCE_TICKS);
		check(device_acknowledge(&disk.device) & 1);
		check(device_read(&disk.device, MMIO_INTERRUPT_STATUS) == 0);
		check(queue_reap(queue, NULL) >= 0);
		check(request.status == DISK_S_OK);
	}
	say("%u interrupts\n", *count);
	return exit_code();
}

/* Waits for another capacity, told by a configuration interrupt, and uses the
 * last sector. */
static uint8_t run_resize(void)
{
	uint8_t *data = alloc(SECTOR_SIZE, SECTOR_SIZE);
	const volatile uint32_t *count;
	uint64_t before;

	disk_open(&disk, 0);
	before = disk.sectors;
	count = device_interrupts(&disk.device);
	say("ready\n");
	while (!*count)
		gate(GATE_WAIT, (uintptr_t)count, 0, 0);
	check(device_acknowledge(&disk.device) & 2);
	disk.sectors = disk_sectors(&disk);
	say("%lu sectors, then %lu\n", before, disk.sectors);
	memset(data, 0x42, SECTOR_SIZE);
	check(disk_transfer(&disk, DISK_OUT, disk.sectors - 1, data,
			    SECTOR_SIZE) == DISK_S_OK);
	check(disk_transfer(&disk, DISK_OUT, disk.sectors, data, SECTOR_SIZE) ==
	      DISK_S_IOERR);
	return exit_code();
}

const struct verb disk_verbs[] = {
	{"blk", run_blk},
	{"blk-errors", run_blk_errors},
	{"blk-read", run_blk_read},
	{"blkstress", run_blkstress},
	{"irq", run_irq},
	{"resize", run_resize},
	{NULL, NULL},
};
