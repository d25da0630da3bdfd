/* runtime.c - start, output, command line and memory of the payloads. */
#include "payload.h"

/* From entry.S and payload.ld. */
extern const uint8_t exception_stubs[], interrupt_stubs[], invalid_opcode[];
extern uint32_t start_info;
extern uint64_t idt[256][2];
extern uint64_t pml4[512];
extern uint8_t heap_start[];

void payload_start(unsigned int cpu);
_Noreturn void payload_exception(unsigned int vector, uint64_t rip,
				 uint64_t error);
void secondary_start(unsigned int cpu);

#define STUB_SIZE 32u
#define SEL_CODE64 0x08u
#define GATE_TYPE 0x8eu /* present, interrupt gate, from ring 0 only */
#define START_INFO_MAGIC 0x336ec578u
#define START_INFO_CMDLINE 24
#define CMDLINE_MAX 4096
#define PAGE_FLAGS 7u /* present, writable, user */
#define PAGE_LARGE 0x80u
#define LARGE_PAGE 0x200000ull

static char cmdline[CMDLINE_MAX];
static uint8_t *heap = heap_start;

/* --- memory and strings ------------------------------------------------ */

void *memcpy(void *dst, const void *src, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(src), "+c"(len)
			 :
			 : "memory");
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep stosb"
			 : "+D"(to), "+c"(len)
			 : "a"(byte)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < len; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

bool strings_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void *alloc(size_t size, size_t align)
{
	uintptr_t at = ((uintptr_t)heap + align - 1) & ~(uintptr_t)(align - 1);

	heap = (uint8_t *)at + size;
	return (uint8_t *)at;
}

void *alloc_mark(void)
{
	return heap;
}

void alloc_release(void *mark)
{
	memset(mark, 0, (size_t)(heap - (uint8_t *)mark));
	heap = mark;
}

/* The table behind an entry; an empty one if there was none. */
static uint64_t *page_table(uint64_t *entry)
{
	if (!*entry)
		*entry = (uint64_t)(uintptr_t)alloc(4096, 4096) | PAGE_FLAGS;
	return (uint64_t *)(uintptr_t)(*entry & ~(uint64_t)0xfff);
}

/* A page that was not there before needs no flush. */
void map_memory(uint64_t start, uint64_t end)
{
	for (uint64_t at = start & ~(LARGE_PAGE - 1); at < end;
	     at += LARGE_PAGE) {
		uint64_t *pdpt = page_table(&pml4[at >> 39 & 511]);
		uint64_t *pd = page_table(&pdpt[at >> 30 & 511]);

		pd[at >> 21 & 511] = at | PAGE_FLAGS | PAGE_LARGE;
	}
}

/* --- output ------------------------------------------------------------ */

struct line {
	char text[256];
	size_t len;
};

static void put_char(struct line *line, char c)
{
	if (line->len < sizeof(line->text))
		line->text[line->len++] = c;
}

static void put_string(struct line *line, const char *s)
{
	while (*s)
		put_char(line, *s++);
}

static void put_number(struct line *line, uint64_t value, unsigned int base)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(line, digits[--n]);
}

static void say_list(const char *fmt, va_list ap)
{
	struct line line = {.len = 0};

	for (; *fmt; fmt++) {
		bool is_long = false;

		if (*fmt != '%') {
			put_char(&line, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == 'l') {
			is_long = true;
			fmt++;
		}
		if (*fmt == 's')
			put_string(&line, va_arg(ap, const char *));
		else if (*fmt == 'c')
			put_char(&line, (char)va_arg(ap, int));
		else
			put_number(&line,
				   is_long ? va_arg(ap, uint64_t)
					   : va_arg(ap, unsigned int),
				   *fmt == 'x' ? 16 : 10);
	}
	gate(GATE_OUTS, (uintptr_t)line.text, PORT_COM1, line.len);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
}

_Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
	payload_exit(EXIT_FAILED);
}

_Noreturn void payload_exit(uint8_t code)
{
	for (;;)
		gate(GATE_OUT8, code, PORT_EXIT, 0);
}

_Noreturn void payload_exception(unsigned int vector, uint64_t rip,
				 uint64_t error)
{
	say("exception %u at %lx, error %lx\n", vector, rip, error);
	payload_exit(EXIT_EXCEPTION);
}

/* --- command line ------------------------------------------------------ */

const char *command_line(void)
{
	return cmdline;
}

const char *next_word(const char *at, size_t *len)
{
	while (*at == ' ')
		at++;
	for (*len = 0; at[*len] && at[*len] != ' '; ++*len)
		;
	return *len ? at : NULL;
}

static const char *find_value(const char *key, size_t *len)
{
	const char *word = next_word(cmdline, len);

	for (; word; word = next_word(word + *len, len)) {
		size_t i = 0;

		while (key[i] && i < *len && word[i] == key[i])
			i++;
		if (!key[i] && i < *len && word[i] == '=') {
			*len -= i + 1;
			return word + i + 1;
		}
	}
	return NULL;
}

bool word_string(const char *key, char *out, size_t size)
{
	size_t len;
	const char *value = find_value(key, &len);

	if (!value)
		return false;
	if (len >= size)
		len = size - 1;
	memcpy(out, value, len);
	out[len] = '\0';
	return true;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	return UINT32_MAX;
}

uint64_t parse_number(const char *text, const char **end)
{
	uint64_t value = 0, base = 10;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	for (;; text++) {
		unsigned int digit = digit_value(*text);

		if (digit >= base)
			break;
		value = value * base + digit;
	}
	if (*text == 'K' || *text == 'M')
		value <<= *text++ == 'K' ? 10 : 20;
	*end = text;
	return value;
}

uint64_t word_number(const char *key, uint64_t otherwise)
{
	const char *end;
	size_t len;
	const char *value = find_value(key, &len);

	return value ? parse_number(value, &end) : otherwise;
}

uint8_t exit_code(void)
{
	return (uint8_t)word_number("code", 0);
}

/* The loader's copy may lie where an AP is to start: take our own. */
static void copy_cmdline(void)
{
	const uint8_t *info = (const uint8_t *)(uintptr_t)start_info;
	const char *from;
	uint64_t address;
	uint32_t magic;

	memcpy(&magic, info, sizeof(magic));
	if (magic != START_INFO_MAGIC)
		fail("start info: magic is %x\n", magic);
	memcpy(&address, info + START_INFO_CMDLINE, sizeof(address));
	from = (const char *)(uintptr_t)address;
	for (size_t i = 0; i < CMDLINE_MAX - 1 && from && from[i]; i++)
		cmdline[i] = from[i];
}

/* --- start ------------------------------------------------------------- */

static void set_idt_gate(unsigned int vector, const uint8_t *stub)
{
	uint64_t address = (uintptr_t)stub;

	idt[vector][0] = (address & 0xffff) | SEL_CODE64 << 16 |
			 (uint64_t)GATE_TYPE << 40 |
			 (address & 0xffff0000) << 32;
	idt[vector][1] = address >> 32;
}

static void fill_idt(void)
{
	for (unsigned int i = 0; i < 32; i++)
		set_idt_gate(i, exception_stubs + (size_t)i * STUB_SIZE);
	for (unsigned int i = 32; i < 256; i++)
		set_idt_gate(i, interrupt_stubs + (size_t)(i - 32) * STUB_SIZE);
	set_idt_gate(6, invalid_opcode);
}

static const struct verb *find_verb(const char *name)
{
	static const struct verb *const tables[] = {
		machine_verbs, disk_verbs,	  stream_verbs,
		net_verbs,     vsock_verbs,	  devices_verbs,
		hostile_verbs, ring_attack_verbs, bench_verbs};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct verb *verb = tables[i]; verb->name; verb++)
			if (strings_equal(verb->name, name))
				return verb;
	return NULL;
}

/* "wait=1": do nothing before a 'q' has come in on COM1. */
static void wait_if_told(void)
{
	if (!word_number("wait", 0))
		return;
	say("waiting\n");
	while (!(gate(GATE_IN8, 0, PORT_COM1 + 5, 0) & 1) ||
	       gate(GATE_IN8, 0, PORT_COM1, 0) != 'q')
		cpu_relax();
}

/* entry.S comes here in ring 3, on a stack of its own for each CPU. */
void payload_start(unsigned int cpu)
{
	const struct verb *verb;
	char name[32];

	if (cpu)
		secondary_start(cpu);
	fill_idt();
	copy_cmdline();
	if (!word_string("payload", name, sizeof(name))) {
		say("no payload= on the command line\n");
		payload_exit(EXIT_USAGE);
	}
	verb = find_verb(name);
	if (!verb) {
		say("no such payload: %s\n", name);
		payload_exit(EXIT_USAGE);
	}
	wait_if_told();
	payload_exit(verb->run());
}
