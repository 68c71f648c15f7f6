/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rtc.h -- the real-time clock of an MC146818 (its data sheet; Linux: include/linux/mc146818rtc.h), read-only: no
 * alarms, no interrupts, writes are ignored. ACPI says that there is none, but a kernel without kvm-clock reads the
 * date from it all the same, and waits half a second if the registers read as all ones.
 */
#ifndef KTSTR_VMM_DEV_RTC_H
#define KTSTR_VMM_DEV_RTC_H

#include <stdint.h>
#include <time.h>

/*
 * Reads register @index (bit 7, which belongs to the PC, is ignored) at @now, seconds since 1970-01-01T00:00:00Z: UTC,
 * 24 hours, binary, for the years 1970 to 9999; other times are clamped. The update flag is never set.
 */
uint8_t rtc_read(uint8_t index, time_t now);

#endif
