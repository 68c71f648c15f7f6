/* SPDX-License-Identifier: GPL-2.0-only */
/* Device models: registers in, bytes and interrupt levels out. */
#include <string.h>

#include "t.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/serial.h"

/* --- serial port -------------------------------------------------------------------------------------------------- */

static char sent[256];
static size_t sent_len;

static void on_sent(void *userdata, uint8_t byte)
{
	ck_assert_ptr_eq(userdata, sent);
	if (sent_len < sizeof(sent))
		sent[sent_len++] = (char)byte;
}

static struct serial port;

static void setup(void)
{
	memset(sent, 0, sizeof(sent));
	sent_len = 0;
	serial_init(&port, on_sent, sent);
}

START_TEST(serial_sends_at_once)
{
	setup();
	for (const char *p = "hello"; *p; p++) {
		ck_assert_uint_eq(serial_read(&port, 5) & 0x60, 0x60);
		serial_write(&port, 0, (uint8_t)*p);
	}
	ck_assert_str_eq(sent, "hello");
	ck_assert(!serial_irq(&port));
	/* With the divisor latch open, registers 0 and 1 are the divisor. */
	serial_write(&port, 3, 0x83);
	serial_write(&port, 0, 1);
	serial_write(&port, 1, 2);
	ck_assert_uint_eq(serial_read(&port, 0), 1);
	ck_assert_uint_eq(serial_read(&port, 1), 2);
	serial_write(&port, 3, 0x03);
	ck_assert_uint_eq(sent_len, 5);
	ck_assert_uint_eq(serial_read(&port, 1), 0);
}
END_TEST

/* Linux's driver looks for this at start-up: two rises of the enable bit, two interrupts. */
START_TEST(serial_transmitter_interrupt)
{
	setup();
	for (unsigned i = 0; i < 2; i++) {
		serial_write(&port, 1, 0x02);
		ck_assert(serial_irq(&port));
		ck_assert_uint_eq(serial_read(&port, 2), 0x02);
		ck_assert(!serial_irq(&port));
		ck_assert_uint_eq(serial_read(&port, 2), 0x01);
		serial_write(&port, 1, 0);
	}
	serial_write(&port, 1, 0x02);
	serial_read(&port, 2);
	serial_write(&port, 0, 'x');
	ck_assert(serial_irq(&port));
	serial_write(&port, 1, 0);
	ck_assert(!serial_irq(&port));
}
END_TEST

START_TEST(serial_receives)
{
	uint8_t many[100];
	setup();
	memset(many, 'a', sizeof(many));
	ck_assert_uint_eq(serial_receive(&port, "xy", 2), 2);
	ck_assert(!serial_irq(&port));
	serial_write(&port, 1, 0x01);
	ck_assert(serial_irq(&port));
	ck_assert_uint_eq(serial_read(&port, 2), 0x04);
	/* A trigger level that is not reached is a timeout, at once. */
	serial_write(&port, 2, 0xc1);
	ck_assert_uint_eq(serial_receive(&port, "xy", 2), 2);
	ck_assert_uint_eq(serial_read(&port, 2), 0xcc);
	ck_assert_uint_eq(serial_read(&port, 5), 0x61);
	ck_assert_uint_eq(serial_read(&port, 0), 'x');
	ck_assert_uint_eq(serial_read(&port, 0), 'y');
	ck_assert_uint_eq(serial_read(&port, 0), 0);
	ck_assert(!serial_irq(&port));
	ck_assert_uint_eq(serial_receive(&port, many, sizeof(many)), SERIAL_FIFO);
	ck_assert_uint_eq(serial_receive(&port, many, 1), 0);
	ck_assert_uint_eq(serial_read(&port, 2), 0xc4);
	serial_write(&port, 2, 0x03);
	ck_assert_uint_eq(serial_read(&port, 5), 0x60);
}
END_TEST

START_TEST(serial_loops_back)
{
	setup();
	serial_write(&port, 4, 0x1a);
	ck_assert_uint_eq(serial_read(&port, 6) & 0xf0, 0x90);	/* Linux's test for a port that is there */
	serial_write(&port, 0, 'l');
	ck_assert_uint_eq(sent_len, 0);
	ck_assert_uint_eq(serial_read(&port, 0), 'l');
	serial_write(&port, 1, 0x04);
	for (unsigned i = 0; i <= SERIAL_FIFO; i++)
		serial_write(&port, 0, 'o');
	ck_assert_uint_eq(serial_read(&port, 2), 0x06);
	ck_assert_uint_eq(serial_read(&port, 5), 0x63);
	ck_assert_uint_eq(serial_read(&port, 5), 0x61);
	ck_assert(!serial_irq(&port));
}
END_TEST

START_TEST(serial_modem_lines)
{
	setup();
	ck_assert_uint_eq(serial_read(&port, 6), 0xb0);
	serial_write(&port, 1, 0x08);
	serial_write(&port, 4, 0x10);
	ck_assert(serial_irq(&port));
	ck_assert_uint_eq(serial_read(&port, 2), 0x00);
	ck_assert_uint_eq(serial_read(&port, 6), 0x0b);
	ck_assert(!serial_irq(&port));
	serial_write(&port, 4, 0x14);
	ck_assert_uint_eq(serial_read(&port, 6), 0x40);		/* ringing begins: no delta */
	serial_write(&port, 4, 0x10);
	ck_assert_uint_eq(serial_read(&port, 6), 0x04);		/* and ends */
}
END_TEST

/* 16550A: the FIFO bits follow FCR; scratch keeps; registers that are none do nothing. */
START_TEST(serial_is_a_16550a)
{
	setup();
	ck_assert_uint_eq(serial_read(&port, 2), 0x01);
	serial_write(&port, 2, 0x21);
	ck_assert_uint_eq(serial_read(&port, 2), 0xc1);
	serial_write(&port, 7, 0x5a);
	ck_assert_uint_eq(serial_read(&port, 7), 0x5a);
	serial_write(&port, 1, 0xff);
	ck_assert_uint_eq(serial_read(&port, 1), 0x0f);
	serial_write(&port, 5, 0);
	serial_write(&port, 9, 0);
	ck_assert_uint_eq(serial_read(&port, 9), 0xff);
	ck_assert_uint_eq(serial_read(&port, 5), 0x60);
}
END_TEST

/* --- power management --------------------------------------------------------------------------------------------- */

START_TEST(pm_powers_off)
{
	struct pm p = { 0 };
	ck_assert_uint_eq(pm_read(&p, 4, 2), 1);	/* ACPI mode */
	ck_assert_uint_eq(pm_read(&p, 0, 2), 0);
	ck_assert(!pm_write(&p, 2, 2, 0x0120));
	ck_assert_uint_eq(pm_read(&p, 2, 2), 0x0120);
	ck_assert_uint_eq(pm_read(&p, 0, 4), 0x01200000);
	ck_assert(!pm_write(&p, 0, 2, 0xffff));
	ck_assert_uint_eq(pm_read(&p, 2, 2), 0x0120);
	ck_assert(!pm_write(&p, 4, 2, 5 << 10));
	ck_assert(!pm_write(&p, 4, 2, 1 << 10 | 1 << 13));
	ck_assert(pm_write(&p, 4, 2, 5 << 10 | 1 << 13));
	ck_assert(!pm_write(&p, 4, 1, 0));
	ck_assert(pm_write(&p, 5, 1, (5 << 10 | 1 << 13) >> 8));
	ck_assert(!pm_write(&p, UINT32_MAX, 4, UINT32_MAX));
	ck_assert_uint_eq(pm_read(&p, 5, 4), 0xffffff14);
	ck_assert_uint_eq(pm_read(&p, UINT32_MAX, 4), UINT32_MAX);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, serial_sends_at_once);
	tcase_add_test(tc, serial_transmitter_interrupt);
	tcase_add_test(tc, serial_receives);
	tcase_add_test(tc, serial_loops_back);
	tcase_add_test(tc, serial_modem_lines);
	tcase_add_test(tc, serial_is_a_16550a);
	tcase_add_test(tc, pm_powers_off);
}

int main(void)
{
	return t_main("devices", fill);
}
