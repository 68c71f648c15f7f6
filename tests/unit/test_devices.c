/* SPDX-License-Identifier: GPL-2.0-only */
/* Device models: registers in, bytes and interrupt levels out. */
#include <string.h>

#include "t.h"
#include "vmm/dev/ioapic.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/rtc.h"
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

/* Linux's driver checks this at start-up: two rises of the enable bit, two interrupts. */
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
	/* If the trigger level is not reached, the timeout interrupt comes at once. */
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
	ck_assert_uint_eq(serial_read(&port, 6) & 0xf0, 0x90); /* Linux's test whether a port exists */
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
	ck_assert_uint_eq(serial_read(&port, 6), 0x40); /* ringing begins: no delta */
	serial_write(&port, 4, 0x10);
	ck_assert_uint_eq(serial_read(&port, 6), 0x04); /* and ends */
}
END_TEST

/* 16550A: the FIFO bits follow FCR; the scratch register keeps its value; other registers do nothing. */
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
	ck_assert_uint_eq(pm_read(&p, 4, 2), 1); /* ACPI mode */
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

/* --- I/O APIC: the 82093AA's data sheet, pin by pin --------------------------------------------------------------- */

#define RTE_LEVEL  (1u << 15)
#define RTE_MASKED (1u << 16)
#define RTE_IRR	   (1u << 14)

static struct ioapic_message message[8];
static unsigned messages;

static void on_message(void *userdata, const struct ioapic_message *m)
{
	ck_assert_ptr_eq(userdata, message);
	if (messages < 8)
		message[messages] = *m;
	messages++;
}

static struct ioapic chip;

static void setup_chip(void)
{
	messages = 0;
	ioapic_init(&chip, on_message, message);
}

static uint32_t chip_read(unsigned reg)
{
	ioapic_write(&chip, 0, reg);
	return ioapic_read(&chip, 0x10);
}

static void chip_write(unsigned reg, uint32_t value)
{
	ioapic_write(&chip, 0, reg);
	ioapic_write(&chip, 0x10, value);
}

START_TEST(ioapic_after_reset)
{
	setup_chip();
	ck_assert_uint_eq(chip_read(1), 0x00170020);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		ck_assert_uint_eq(chip_read(0x10 + 2 * pin), RTE_MASKED);
		ck_assert_uint_eq(chip_read(0x11 + 2 * pin), 0);
		ioapic_line(&chip, pin, true);
		ioapic_line(&chip, pin, false);
	}
	chip_write(0, 0xffffffff);
	ck_assert_uint_eq(chip_read(0), 0x0f000000);
	ck_assert_uint_eq(chip_read(2), 0x0f000000);
	/* Addresses without a register. */
	for (unsigned reg = 3; reg < 256; reg++)
		if (reg < 0x10 || reg >= 0x10 + 2 * IOAPIC_PINS) {
			chip_write(reg, 0x11);
			ck_assert_uint_eq(chip_read(reg), 0);
		}
	ioapic_write(&chip, 0x20, 1);
	ck_assert_uint_eq(ioapic_read(&chip, 0x20), 0);
	ck_assert_uint_eq(messages, 0);
	ck_assert(!chip.changed);
}
END_TEST

START_TEST(ioapic_edge)
{
	setup_chip();
	chip_write(0x10 + 2 * 4, 0x31);
	ck_assert(chip.changed);
	ioapic_line(&chip, 4, true);
	ioapic_line(&chip, 4, true);
	ck_assert_uint_eq(messages, 1);
	ck_assert_uint_eq(message[0].address, 0xfee00000);
	ck_assert_uint_eq(message[0].data, 0x4031);
	ioapic_eoi(&chip, 0x31);
	ck_assert_uint_eq(messages, 1);
	ioapic_line(&chip, 4, false);
	ioapic_line(&chip, 4, true);
	ck_assert_uint_eq(messages, 2);
	/* Masked, an edge is lost. */
	ioapic_line(&chip, 4, false);
	chip_write(0x10 + 2 * 4, 0x31 | RTE_MASKED);
	ioapic_line(&chip, 4, true);
	chip_write(0x10 + 2 * 4, 0x31);
	ck_assert_uint_eq(messages, 2);
}
END_TEST

START_TEST(ioapic_level)
{
	setup_chip();
	chip_write(0x10 + 2 * 9, 0x29 | RTE_LEVEL);
	ioapic_line(&chip, 9, true);
	ck_assert_uint_eq(messages, 1);
	ck_assert_uint_eq(message[0].data, 0xc029);
	ck_assert_uint_eq(chip_read(0x10 + 2 * 9), 0x29 | RTE_LEVEL | RTE_IRR);
	/* No more interrupts before the acknowledgement; then another one, because the level is still up. */
	ioapic_line(&chip, 9, false);
	ioapic_line(&chip, 9, true);
	ioapic_eoi(&chip, 0x2a);
	ck_assert_uint_eq(messages, 1);
	ioapic_eoi(&chip, 0x29);
	ck_assert_uint_eq(messages, 2);
	ioapic_line(&chip, 9, false);
	ioapic_write(&chip, 0x40, 0x29);
	ck_assert_uint_eq(messages, 2);
	ck_assert_uint_eq(chip_read(0x10 + 2 * 9), 0x29 | RTE_LEVEL);
	/* Masked, a level waits. */
	chip_write(0x10 + 2 * 9, 0x29 | RTE_LEVEL | RTE_MASKED);
	ioapic_line(&chip, 9, true);
	ck_assert_uint_eq(messages, 2);
	chip_write(0x10 + 2 * 9, 0x29 | RTE_LEVEL);
	ck_assert_uint_eq(messages, 3);
	/* Linux clears an interrupt that nothing will acknowledge by switching the pin to edge and back. */
	chip_write(0x10 + 2 * 9, 0x29 | RTE_MASKED);
	ck_assert_uint_eq(chip_read(0x10 + 2 * 9), 0x29 | RTE_MASKED);
}
END_TEST

START_TEST(ioapic_destinations)
{
	struct ioapic_message m;
	setup_chip();
	/* APIC id 0x1b3: the low eight bits on top, seven more below them. */
	chip_write(0x11 + 2 * 5, 0xb3u << 24 | 1u << 17);
	chip_write(0x10 + 2 * 5, 0x45);
	ck_assert(ioapic_message(&chip, 5, &m));
	ck_assert_uint_eq(m.address, 0x100feeb3000ull);
	ck_assert_uint_eq(m.data, 0x4045);
	chip_write(0x10 + 2 * 5, 0x45 | 1u << 11 | 1u << 8);
	ck_assert(ioapic_message(&chip, 5, &m));
	ck_assert_uint_eq(m.address, 0x100feeb3004ull);
	ck_assert_uint_eq(m.data, 0x4145);
	/* SMI, reserved, INIT, reserved, ExtINT. */
	static const unsigned never[] = { 2, 3, 5, 6, 7 };
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		chip_write(0x10 + 2 * 5, 0x45 | never[i] << 8);
		ck_assert(!ioapic_message(&chip, 5, &m));
	}
	/* Bits that cannot be written read as zero. */
	chip_write(0x10 + 2 * 5, 0xffffffff);
	chip_write(0x11 + 2 * 5, 0xffffffff);
	ck_assert_uint_eq(chip_read(0x10 + 2 * 5), 0x1afff);
	ck_assert_uint_eq(chip_read(0x11 + 2 * 5), 0xfffe0000);
	/* Changing a masked pin's vector reports no change. */
	chip.changed = false;
	chip_write(0x10 + 2 * 6, 0x55 | RTE_MASKED);
	ck_assert(!chip.changed);
	chip_write(0x10 + 2 * 6, 0x55);
	ck_assert(chip.changed);
}
END_TEST

/* --- the real-time clock ------------------------------------------------------------------------------------------ */

static unsigned rtc_year(time_t t)
{
	return 100u * rtc_read(0x32, t) + rtc_read(0x09, t);
}

static void assert_rtc_shows(time_t t)
{
	struct tm tm;
	gmtime_r(&t, &tm);
	ck_assert_int_eq(rtc_read(0x00, t), tm.tm_sec);
	ck_assert_int_eq(rtc_read(0x02, t), tm.tm_min);
	ck_assert_int_eq(rtc_read(0x04, t), tm.tm_hour);
	ck_assert_int_eq(rtc_read(0x06, t), tm.tm_wday + 1);
	ck_assert_int_eq(rtc_read(0x07, t), tm.tm_mday);
	ck_assert_int_eq(rtc_read(0x08, t), tm.tm_mon + 1);
	ck_assert_int_eq((int)rtc_year(t), tm.tm_year + 1900);
}

/* Every day of five centuries, including every kind of leap year. */
START_TEST(rtc_shows_the_date)
{
	for (time_t day = 0; day < 500 * 366; day++)
		assert_rtc_shows(day * 86400 + day % 86400);
	assert_rtc_shows(253402300799);
	ck_assert_uint_eq(rtc_year(-1), 1970);
	ck_assert_uint_eq(rtc_year((time_t)1 << 60), 9999);
}
END_TEST

/* Linux checks these: no update in progress, 24 hours, binary, and a date that counts. */
START_TEST(rtc_is_ready)
{
	ck_assert_uint_eq(rtc_read(0x0a, 0) & 0x80, 0);
	ck_assert_uint_eq(rtc_read(0x0b, 0) & 0x06, 0x06);
	ck_assert_uint_eq(rtc_read(0x0d, 0) & 0x80, 0x80);
	ck_assert_uint_eq(rtc_read(0x8a, 0), rtc_read(0x0a, 0));
	for (unsigned index = 0; index < 256; index++)
		rtc_read((uint8_t)index, (time_t)index << 40);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, ioapic_after_reset);
	tcase_add_test(tc, ioapic_edge);
	tcase_add_test(tc, ioapic_level);
	tcase_add_test(tc, ioapic_destinations);
	tcase_add_test(tc, serial_sends_at_once);
	tcase_add_test(tc, serial_transmitter_interrupt);
	tcase_add_test(tc, serial_receives);
	tcase_add_test(tc, serial_loops_back);
	tcase_add_test(tc, serial_modem_lines);
	tcase_add_test(tc, serial_is_a_16550a);
	tcase_add_test(tc, pm_powers_off);
	tcase_add_test(tc, rtc_shows_the_date);
	tcase_add_test(tc, rtc_is_ready);
}

int main(void)
{
	return t_main("devices", fill);
}
