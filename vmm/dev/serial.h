/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * serial.h -- a 16550A without delays: written bytes are sent at once, received bytes are readable at once.
 *
 * Registers: PC16550D data sheet. The state is plain data except for the callback, so a copy of it is a saved device.
 */
#ifndef KTSTR_VMM_DEV_SERIAL_H
#define KTSTR_VMM_DEV_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_REGISTERS 8u
#define SERIAL_FIFO	 64u /* received bytes not yet read; drivers expect at least 16 */

typedef void serial_sent_fn(void *userdata, uint8_t byte);

struct serial {
	serial_sent_fn *sent;
	void *userdata;
	uint8_t ier, fcr, lcr, mcr, scr, divisor[2];
	uint8_t msr_delta; /* modem lines that changed since MSR was read */
	bool thr_emptied;  /* the reason for a "transmitter empty" interrupt, until IIR is read */
	bool overrun;	   /* until LSR is read */
	uint8_t fifo[SERIAL_FIFO];
	uint32_t first, waiting; /* of the FIFO */
};

/* serial_write() calls @sent for every byte that the guest sends. */
void serial_init(struct serial *s, serial_sent_fn *sent, void *userdata);
/* @reg: port - base, 0 .. SERIAL_REGISTERS-1; others read as 0xff and ignore writes. */
uint8_t serial_read(struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);
/* Queues bytes for the guest. Returns how many fitted; try again after the guest has read. */
size_t serial_receive(struct serial *s, const void *data, size_t len);
/* The level of the interrupt line. Update the line after each call above. */
bool serial_irq(const struct serial *s);

#endif
