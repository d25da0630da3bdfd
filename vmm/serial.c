/*
 * serial.c - 16550A UART (COM1) on the port bus.
 *
 * DOC: what is modelled. The line is infinitely fast: a byte written to THR is
 * gone at once, so LSR always reports an empty transmitter. Received data is
 * announced as soon as there is any, whatever the trigger level, which saves
 * the character time-out. The interrupt is an edge for every condition that
 * becomes pending; OUT2 does not gate it. Loop-back is complete (data and modem
 * lines), because drivers use it to tell whether there is a chip at all.
 */
#include "serial.h"

#include "macros.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	REG_DATA, /* RBR and THR, DLL when DLAB is set */
	REG_IER,  /* DLM when DLAB is set */
	REG_IIR,  /* FCR when written */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

#define IER_RDA 0x01
#define IER_THRE 0x02
#define IER_RLS 0x04
#define IER_MSI 0x08
#define IER_MASK 0x0f

#define IIR_NONE 0x01
#define IIR_THRE 0x02
#define IIR_RDA 0x04
#define IIR_RLS 0x06
#define IIR_MSI 0x00
#define IIR_FIFO 0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02

#define LCR_DLAB 0x80

#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define MSR_DELTA 0x0f
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80

/* DLL and DLM after reset: 9600 baud. */
#define DIVISOR_DEFAULT 12

/**
 * struct serial - one UART
 * @cfg:        wiring, constant
 * @lock:       guards everything below
 * @ier:        interrupt enable
 * @fifo_mode:  FCR bit 0
 * @lcr:        line control
 * @mcr:        modem control
 * @msr:        modem status, with its delta bits
 * @scr:        scratch
 * @divisor:    DLL and DLM; kept, without effect
 * @overrun:    LSR_OE
 * @thre:       THR became empty and IIR has not told yet
 * @pending:    IER_* conditions an edge was raised for
 * @refused:    serial_input() took less than it was given
 * @fifo:       received bytes, a ring
 * @fifo_head:  oldest byte
 * @fifo_count: bytes in @fifo
 */
struct serial {
	struct serial_config cfg;
	pthread_mutex_t lock;
	uint8_t ier;
	bool fifo_mode;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t msr;
	uint8_t scr;
	uint8_t divisor[2];
	bool overrun;
	bool thre;
	uint8_t pending;
	bool refused;
	uint8_t fifo[SERIAL_FIFO_SIZE];
	unsigned int fifo_head;
	unsigned int fifo_count;
};

/**
 * struct serial_effect - what an access asks of the outside world, done after
 * the lock is released
 * @raise: an interrupt condition became pending
 * @room:  tell the input side that there is room
 * @send:  @byte goes out
 */
struct serial_effect {
	bool raise;
	bool room;
	bool send;
	uint8_t byte;
};

/* Conditions in the chip's order of priority. */
static const struct {
	uint8_t ier;
	uint8_t iir;
} priorities[] = {
	{IER_RLS, IIR_RLS},
	{IER_RDA, IIR_RDA},
	{IER_THRE, IIR_THRE},
	{IER_MSI, IIR_MSI},
};

/* Which modem line an MCR output drives in loop-back mode. */
static const struct {
	uint8_t mcr;
	uint8_t msr;
} loop_lines[] = {
	{MCR_DTR, MSR_DSR},
	{MCR_RTS, MSR_CTS},
	{MCR_OUT1, MSR_RI},
	{MCR_OUT2, MSR_DCD},
};

/* Recompute the pending conditions; a new one is an edge. */
static void update_pending(struct serial *s, struct serial_effect *effect)
{
	uint8_t now = 0;

	if (s->overrun)
		now |= IER_RLS;
	if (s->fifo_count)
		now |= IER_RDA;
	if (s->thre)
		now |= IER_THRE;
	if (s->msr & MSR_DELTA)
		now |= IER_MSI;
	now &= s->ier;
	if (now & ~s->pending)
		effect->raise = true;
	s->pending = now;
}

static void set_modem_lines(struct serial *s)
{
	uint8_t lines = 0, changed;

	if (s->mcr & MCR_LOOP) {
		for (size_t i = 0; i < ARRAY_SIZE(loop_lines); i++)
			if (s->mcr & loop_lines[i].mcr)
				lines |= loop_lines[i].msr;
	} else {
		lines = MSR_DCD | MSR_DSR | MSR_CTS;
	}
	changed = (uint8_t)(s->msr ^ lines) & ~MSR_DELTA & 0xff;
	if (lines & MSR_RI)
		changed &=
			(uint8_t)~MSR_RI; /* RI tells its falling edge only */
	s->msr = lines | (s->msr & MSR_DELTA) | (uint8_t)(changed >> 4);
}

static void fifo_put(struct serial *s, uint8_t byte)
{
	unsigned int tail;

	tail = (s->fifo_head + s->fifo_count) % SERIAL_FIFO_SIZE;
	s->fifo[tail] = byte;
	s->fifo_count++;
}

/* The FIFO has drained: whoever was refused may come again. */
static void fifo_drained(struct serial *s, struct serial_effect *effect)
{
	effect->room = s->refused;
	s->refused = false;
}

static uint8_t read_data(struct serial *s, struct serial_effect *effect)
{
	uint8_t byte = 0;

	if (!s->fifo_count)
		return byte;
	byte = s->fifo[s->fifo_head];
	s->fifo_head = (s->fifo_head + 1) % SERIAL_FIFO_SIZE;
	if (!--s->fifo_count)
		fifo_drained(s, effect);
	return byte;
}

static void write_data(struct serial *s, uint8_t byte,
		       struct serial_effect *effect)
{
	s->thre = true; /* sent before the guest can look */
	if (!(s->mcr & MCR_LOOP)) {
		effect->send = true;
		effect->byte = byte;
	} else if (s->fifo_count < SERIAL_FIFO_SIZE) {
		fifo_put(s, byte);
	} else {
		s->overrun = true;
	}
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = IIR_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++) {
		if (s->pending & priorities[i].ier) {
			iir = priorities[i].iir;
			break;
		}
	}
	if (iir == IIR_THRE)
		s->thre = false; /* telling it is what clears it */
	return iir | (s->fifo_mode ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t lsr = LSR_THRE | LSR_TEMT;

	if (s->fifo_count)
		lsr |= LSR_DR;
	if (s->overrun)
		lsr |= LSR_OE;
	s->overrun = false;
	return lsr;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t msr = s->msr;

	s->msr &= (uint8_t)~MSR_DELTA;
	return msr;
}

static uint8_t read_register(struct serial *s, uint64_t reg,
			     struct serial_effect *effect)
{
	switch (reg) {
	case REG_DATA:
		return s->lcr & LCR_DLAB ? s->divisor[0] : read_data(s, effect);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->divisor[1] : s->ier;
	case REG_IIR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(s);
	case REG_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

static void write_ier(struct serial *s, uint8_t value)
{
	/* Enabling THRE while THR is empty, which it always is, fires it. */
	if (value & ~s->ier & IER_THRE)
		s->thre = true;
	s->ier = value & IER_MASK;
}

static void write_fcr(struct serial *s, uint8_t value,
		      struct serial_effect *effect)
{
	bool enable = value & FCR_ENABLE;

	if (enable != s->fifo_mode || value & FCR_CLEAR_RX) {
		s->fifo_count = 0;
		fifo_drained(s, effect);
	}
	s->fifo_mode = enable;
}

static void write_register(struct serial *s, uint64_t reg, uint8_t value,
			   struct serial_effect *effect)
{
	switch (reg) {
	case REG_DATA:
	case REG_IER:
		if (s->lcr & LCR_DLAB)
			s->divisor[reg] = value;
		else if (reg == REG_DATA)
			write_data(s, value, effect);
		else
			write_ier(s, value);
		break;
	case REG_IIR:
		write_fcr(s, value, effect);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & MCR_MASK;
		set_modem_lines(s);
		break;
	case REG_SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static void apply(struct serial *s, const struct serial_effect *effect)
{
	if (effect->send)
		s->cfg.output(s->cfg.arg, &effect->byte, 1);
	if (effect->raise && s->cfg.irq)
		irq_line_raise(s->cfg.irq);
	if (effect->room && s->cfg.input_room)
		s->cfg.input_room(s->cfg.arg);
}

/* A wide access touches neighbouring registers one by one, as on the ISA bus.
 */
static void serial_read(void *dev, uint64_t offset, void *data,
			unsigned int len)
{
	struct serial *s = dev;
	uint8_t *bytes = data;

	for (unsigned int i = 0; i < len; i++) {
		struct serial_effect effect = {0};

		pthread_mutex_lock(&s->lock);
		bytes[i] = read_register(s, offset + i, &effect);
		update_pending(s, &effect);
		pthread_mutex_unlock(&s->lock);
		apply(s, &effect);
	}
}

static void serial_write(void *dev, uint64_t offset, const void *data,
			 unsigned int len)
{
	struct serial *s = dev;
	const uint8_t *bytes = data;

	for (unsigned int i = 0; i < len; i++) {
		struct serial_effect effect = {0};

		pthread_mutex_lock(&s->lock);
		write_register(s, offset + i, bytes[i], &effect);
		update_pending(s, &effect);
		pthread_mutex_unlock(&s->lock);
		apply(s, &effect);
	}
}

const struct io_bus_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
};

size_t serial_input(struct serial *s, const void *bytes, size_t len)
{
	struct serial_effect effect = {0};
	const uint8_t *from = bytes;
	size_t taken;

	pthread_mutex_lock(&s->lock);
	taken = MIN(len, (size_t)(SERIAL_FIFO_SIZE - s->fifo_count));
	if (s->mcr & MCR_LOOP)
		taken = len; /* the line is disconnected: the bytes are lost */
	else
		for (size_t i = 0; i < taken; i++)
			fifo_put(s, from[i]);
	s->refused = taken < len;
	update_pending(s, &effect);
	pthread_mutex_unlock(&s->lock);
	apply(s, &effect);
	return taken;
}

int serial_create(struct serial **out, const struct serial_config *cfg,
		  struct err *err)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, -ENOMEM, "serial port");
	s->cfg = *cfg;
	s->divisor[0] = DIVISOR_DEFAULT;
	s->msr = MSR_DCD | MSR_DSR | MSR_CTS;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}
