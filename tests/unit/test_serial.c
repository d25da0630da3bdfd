/* test_serial.c - the UART, register by register. */
#include "macros.h"
#include "serial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	DATA,
	IER,
	IIR,
	LCR,
	MCR,
	LSR,
	MSR,
	SCR
};

#define FCR IIR

struct fixture {
	struct serial *serial;
	struct irq_line irq;
	uint8_t sent[256];
	size_t sent_len;
	unsigned int rooms;
};

static void record_output(void *arg, const void *bytes, size_t len)
{
	struct fixture *f = arg;

	assert_true(len <= sizeof(f->sent) - f->sent_len);
	memcpy(f->sent + f->sent_len, bytes, len);
	f->sent_len += len;
}

static void record_room(void *arg)
{
	struct fixture *f = arg;

	f->rooms++;
}

static int setup(void **state)
{
	static struct fixture f;
	struct serial_config cfg = {
		.irq = &f.irq,
		.output = record_output,
		.input_room = record_room,
		.arg = &f,
	};
	struct err err;

	f = (struct fixture){.irq.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	*state = &f;
	return serial_create(&f.serial, &cfg, &err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	serial_destroy(f->serial);
	return close(f->irq.fd);
}

static uint8_t in(struct fixture *f, unsigned int reg)
{
	uint8_t value = 0;

	serial_ops.read(f->serial, reg, &value, 1);
	return value;
}

static void out(struct fixture *f, unsigned int reg, uint8_t value)
{
	serial_ops.write(f->serial, reg, &value, 1);
}

/* Number of edges since the last call. */
static uint64_t edges(struct fixture *f)
{
	uint64_t n = 0;

	if (read(f->irq.fd, &n, sizeof(n)) < 0)
		assert_int_equal(errno, EAGAIN);
	return n;
}

static void test_output_goes_to_the_sink(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, LSR), 0x60);
	out(f, DATA, 'h');
	out(f, DATA, 'i');
	assert_int_equal(f->sent_len, 2);
	assert_memory_equal(f->sent, "hi", 2);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(edges(f), 0); /* nothing is enabled */
}

static void test_input_is_read_in_order_and_announced(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, 0x01);
	out(f, IER, 0x01);
	assert_int_equal(edges(f), 0);
	assert_int_equal(in(f, IIR), 0xc1);
	assert_int_equal(serial_input(f->serial, "ab", 2), 2);
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, IIR), 0xc4);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, DATA), 'a');
	assert_int_equal(in(f, IIR), 0xc4);
	assert_int_equal(in(f, DATA), 'b');
	assert_int_equal(in(f, IIR), 0xc1);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(in(f, DATA), 0);
	assert_int_equal(edges(f), 0);
	assert_int_equal(serial_input(f->serial, "c", 1), 1);
	assert_int_equal(edges(f), 1); /* a new edge for new data */
}

static void test_full_fifo_refuses_and_asks_again(void **state)
{
	struct fixture *f = *state;
	char text[SERIAL_FIFO_SIZE + 4];

	memset(text, 'x', sizeof(text));
	out(f, FCR, 0x01);
	assert_int_equal(serial_input(f->serial, text, sizeof(text)),
			 SERIAL_FIFO_SIZE);
	assert_int_equal(serial_input(f->serial, text, 1), 0);
	for (int i = 0; i < SERIAL_FIFO_SIZE; i++) {
		assert_int_equal(f->rooms, 0);
		assert_int_equal(in(f, DATA), 'x');
	}
	assert_int_equal(f->rooms, 1);
	assert_int_equal(serial_input(f->serial, text, 4), 4);
	assert_int_equal(serial_input(f->serial, text, sizeof(text)), 12);
	out(f, FCR, 0x03); /* clearing the FIFO makes room too */
	assert_int_equal(f->rooms, 2);
	assert_int_equal(in(f, LSR), 0x60);
}

static void test_transmitter_interrupt(void **state)
{
	struct fixture *f = *state;

	out(f, IER, 0x02); /* fires at once: THR is empty */
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, IIR), 0x02);
	assert_int_equal(in(f, IIR), 0x01); /* reading it cleared it */
	out(f, DATA, 'a');
	assert_int_equal(edges(f), 1);
	out(f, DATA, 'b'); /* still pending: no second edge */
	assert_int_equal(edges(f), 0);
	assert_int_equal(in(f, IIR), 0x02);
	out(f, IER, 0x00);
	out(f, IER, 0x02);
	assert_int_equal(edges(f), 1);
}

static void test_priority_of_conditions(void **state)
{
	struct fixture *f = *state;

	out(f, FCR, 0x01);
	out(f, IER, 0x0f);
	assert_int_equal(in(f, IIR), 0xc2);
	out(f, MCR, 0x10); /* loop-back: the modem lines fall */
	for (int i = 0; i <= SERIAL_FIFO_SIZE; i++)
		out(f, DATA, (uint8_t)i);
	assert_int_equal(in(f, IIR), 0xc6);
	assert_int_equal(in(f, LSR), 0x63); /* overrun, told once */
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, IIR), 0xc4);
	for (int i = 0; i < SERIAL_FIFO_SIZE; i++)
		assert_int_equal(in(f, DATA), i);
	assert_int_equal(in(f, IIR), 0xc2);
	assert_int_equal(in(f, IIR), 0xc0);
	assert_int_equal(in(f, MSR), 0x0b);
	assert_int_equal(in(f, MSR), 0x00);
	assert_int_equal(in(f, IIR), 0xc1);
	assert_int_equal(f->sent_len, 0);
}

static void test_loop_back_drops_line_input(void **state)
{
	struct fixture *f = *state;

	out(f, MCR, 0x10);
	assert_int_equal(serial_input(f->serial, "abc", 3), 3);
	assert_int_equal(in(f, LSR), 0x60);
	out(f, MCR, 0x00);
	assert_int_equal(in(f, MSR) & 0xf0, 0xb0);
	assert_int_equal(serial_input(f->serial, "abc", 3), 3);
	assert_int_equal(in(f, DATA), 'a');
}

/* The probe of Linux's drivers/tty/serial/8250: autoconfig(). */
static void test_linux_finds_a_16550a(void **state)
{
	struct fixture *f = *state;
	uint8_t status, excr;

	out(f, IER, 0x00);
	assert_int_equal(in(f, IER), 0x00);
	out(f, IER, 0xff);
	assert_int_equal(in(f, IER), 0x0f);
	out(f, IER, 0x00);
	out(f, MCR, 0x10 | 0x0a);
	assert_int_equal(in(f, MSR) & 0xf0, 0x90);
	out(f, MCR, 0x00);
	out(f, LCR, 0xbf);
	out(f, FCR, 0x00);
	out(f, LCR, 0x00);
	out(f, FCR, 0x01);
	assert_int_equal(in(f, IIR) & 0xc0, 0xc0);
	out(f, LCR, 0x80);
	assert_int_not_equal(in(f, IIR), 0); /* no EFR: not a 16650 */
	out(f, LCR, 0xbf);
	assert_int_not_equal(in(f, IIR), 0);
	out(f, LCR, 0x00);
	status = in(f, MCR);
	out(f, LCR, 0xe0);
	excr = in(f, IIR);
	assert_int_equal((excr ^ status) & 0x10, 0);
	out(f, LCR, 0x00);
	out(f, MCR, status ^ 0x10);
	out(f, LCR, 0xe0);
	excr = in(f, IIR);
	out(f, LCR, 0x00);
	out(f, MCR, status);
	assert_int_equal((excr ^ status) & 0x10, 0); /* not a NS16550A */
	out(f, FCR, 0x21);
	assert_int_equal(in(f, IIR) >> 5, 6); /* no 64-byte FIFO */
	out(f, SCR, 0x5a);
	assert_int_equal(in(f, SCR), 0x5a);
	assert_int_equal(f->sent_len, 0);
}

static void test_divisor_hides_behind_dlab(void **state)
{
	struct fixture *f = *state;

	out(f, IER, 0x05);
	out(f, LCR, 0x83);
	out(f, DATA, 0x01);
	out(f, IER, 0x02);
	assert_int_equal(in(f, DATA), 0x01);
	assert_int_equal(in(f, IER), 0x02);
	out(f, LCR, 0x03);
	assert_int_equal(in(f, IER), 0x05);
	assert_int_equal(f->sent_len, 0);
}

static void test_wide_access_touches_neighbours(void **state)
{
	struct fixture *f = *state;
	uint8_t both[2] = {'z', 0x01};

	serial_ops.write(f->serial, DATA, both, 2);
	assert_int_equal(f->sent_len, 1);
	assert_int_equal(in(f, IER), 0x01);
	serial_ops.read(f->serial, LSR, both, 2);
	assert_int_equal(both[0], 0x60);
	assert_int_equal(both[1], 0xb0);
}

int main(void)
{
#define SERIAL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		SERIAL_TEST(test_output_goes_to_the_sink),
		SERIAL_TEST(test_input_is_read_in_order_and_announced),
		SERIAL_TEST(test_full_fifo_refuses_and_asks_again),
		SERIAL_TEST(test_transmitter_interrupt),
		SERIAL_TEST(test_priority_of_conditions),
		SERIAL_TEST(test_loop_back_drops_line_input),
		SERIAL_TEST(test_linux_finds_a_16550a),
		SERIAL_TEST(test_divisor_hides_behind_dlab),
		SERIAL_TEST(test_wide_access_touches_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
