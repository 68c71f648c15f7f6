/* SPDX-License-Identifier: GPL-2.0-only */
/* serial.c -- see serial.h. */
#include "base/cleanup.h"
#include "vmm/dev/serial.h"

enum { /* registers by number, for reading, and for writing where they differ */
       REG_RBR = 0,
       REG_IER = 1,
       REG_IIR = 2,
       REG_LCR = 3,
       REG_MCR = 4,
       REG_LSR = 5,
       REG_MSR = 6,
       REG_SCR = 7,
       REG_THR = REG_RBR,
       REG_FCR = REG_IIR,
};

#define IER_RECEIVED	0x01
#define IER_THR_EMPTY	0x02
#define IER_LINE_STATUS 0x04
#define IER_MODEM	0x08
#define IER_ALL		0x0f

#define IIR_MODEM	0x00
#define IIR_NONE	0x01
#define IIR_THR_EMPTY	0x02
#define IIR_RECEIVED	0x04
#define IIR_LINE_STATUS 0x06
#define IIR_TIMEOUT	0x0c /* fewer bytes than the trigger level, and no more came */
#define IIR_FIFOS	0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_KEPT     0xc9 /* enable, DMA mode, trigger level; the other bits are commands */

#define LCR_DLAB 0x80
#define MCR_LOOP 0x10
#define MCR_ALL	 0x1f

#define LSR_READY   0x01
#define LSR_OVERRUN 0x02
#define LSR_SENT    0x60 /* holding and shift register are empty, always */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI	0x40
#define MSR_DCD 0x80

void serial_init(struct serial *s, serial_sent_fn *sent, void *userdata)
{
	*s = (struct serial){ .sent = sent, .userdata = userdata, .divisor = { 12, 0 } };
}

size_t serial_receive(struct serial *s, const void *data, size_t len)
{
	size_t taken = MIN_OF(len, SERIAL_FIFO - s->waiting);
	for (size_t i = 0; i < taken; i++)
		s->fifo[(s->first + s->waiting++) % SERIAL_FIFO] = ((const uint8_t *)data)[i];
	return taken;
}

static uint8_t take_received(struct serial *s)
{
	if (!s->waiting)
		return 0;
	uint8_t byte = s->fifo[s->first];
	s->first = (s->first + 1) % SERIAL_FIFO;
	s->waiting--;
	return byte;
}

/* Reports a ready peer although there is none: drivers with flow control would wait for ever. */
static uint8_t modem_lines(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((s->mcr & 0x02 ? MSR_CTS : 0) | (s->mcr & 0x01 ? MSR_DSR : 0) | (s->mcr & 0x04 ? MSR_RI : 0) |
			 (s->mcr & 0x08 ? MSR_DCD : 0));
}

static unsigned trigger_level(const struct serial *s)
{
	static const unsigned levels[] = { 1, 4, 8, 14 };
	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* Returns the pending interrupt with the highest priority. */
static uint8_t pending(const struct serial *s)
{
	if ((s->ier & IER_LINE_STATUS) && s->overrun)
		return IIR_LINE_STATUS;
	if ((s->ier & IER_RECEIVED) && s->waiting)
		return s->waiting >= trigger_level(s) ? IIR_RECEIVED : IIR_TIMEOUT;
	if ((s->ier & IER_THR_EMPTY) && s->thr_emptied)
		return IIR_THR_EMPTY;
	if ((s->ier & IER_MODEM) && s->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

bool serial_irq(const struct serial *s)
{
	return pending(s) != IIR_NONE;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t reason = pending(s);
	if (reason == IIR_THR_EMPTY)
		s->thr_emptied = false;
	return reason | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t v = (uint8_t)(LSR_SENT | (s->waiting ? LSR_READY : 0) | (s->overrun ? LSR_OVERRUN : 0));
	s->overrun = false;
	return v;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t v = modem_lines(s) | s->msr_delta;
	s->msr_delta = 0;
	return v;
}

uint8_t serial_read(struct serial *s, unsigned reg)
{
	if ((s->lcr & LCR_DLAB) && reg <= 1)
		return s->divisor[reg];
	switch (reg) {
	case REG_RBR:
		return take_received(s);
	case REG_IER:
		return s->ier;
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
	case REG_SCR:
		return s->scr;
	default:
		return 0xff;
	}
}

static void send_byte(struct serial *s, uint8_t byte)
{
	if (!(s->mcr & MCR_LOOP))
		s->sent(s->userdata, byte);
	else if (!serial_receive(s, &byte, 1))
		s->overrun = true;
	s->thr_emptied = true;
}

/* Enabling the interrupt while the transmitter is empty raises it: drivers start sending that way. */
static void write_ier(struct serial *s, uint8_t value)
{
	if ((value & IER_THR_EMPTY) && !(s->ier & IER_THR_EMPTY))
		s->thr_emptied = true;
	s->ier = value & IER_ALL;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	/* Switching the FIFOs on or off empties them. */
	if ((value & FCR_CLEAR_RX) || ((value ^ s->fcr) & FCR_ENABLE))
		s->waiting = 0;
	s->fcr = value & FCR_KEPT;
}

/* Delta bits are the lines' bits, four places lower; the ring indicator counts only when it goes off. */
static void write_mcr(struct serial *s, uint8_t value)
{
	uint8_t before = modem_lines(s);
	s->mcr = value & MCR_ALL;
	uint8_t after = modem_lines(s), changed = before ^ after;
	if (after & MSR_RI)
		changed &= (uint8_t)~MSR_RI;
	s->msr_delta |= changed >> 4;
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	if ((s->lcr & LCR_DLAB) && reg <= 1) {
		s->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_THR:
		send_byte(s, value);
		break;
	case REG_IER:
		write_ier(s, value);
		break;
	case REG_FCR:
		write_fcr(s, value);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		write_mcr(s, value);
		break;
	case REG_SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR are not for writing */
		break;
	}
}
