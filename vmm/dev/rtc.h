/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rtc.h -- the real-time clock of an MC146818 (its data sheet; Linux: include/linux/mc146818rtc.h), for reading: no
 * alarms, no interrupts, and what is written to it is not kept. ACPI says that there is none, but a kernel without
 * kvm-clock asks it for the date all the same, and waits half a second for one that answers with all ones.
 */
#ifndef KTSTR_VMM_DEV_RTC_H
#define KTSTR_VMM_DEV_RTC_H

#include <stdint.h>
#include <time.h>

/*
 * Register @index (bit 7 is the PC's, and is ignored) at @now, seconds since 1970-01-01T00:00:00Z: UTC, 24 hours, in
 * binary, for the years 1970 to 9999; what is outside of them reads as the nearer end. No update is ever under way.
 */
uint8_t rtc_read(uint8_t index, time_t now);

#endif
