/* SPDX-License-Identifier: GPL-2.0-only */
/* rtc.c -- see rtc.h. Not gmtime_r(): it opens files at its first call, and a confined thread may not. */
#include "base/cleanup.h"
#include "vmm/dev/rtc.h"

enum {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEKDAY = 0x06,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_STATUS_A = 0x0a,
	RTC_STATUS_B = 0x0b,
	RTC_STATUS_D = 0x0d,
	RTC_CENTURY = 0x32,
};

#define INDEX_BITS     0x7fu
#define A_DIVIDER      0x26u /* 32.768 kHz, and the usual rate; bit 7, an update, is never set */
#define B_24H_BINARY   0x06u
#define D_VALID	       0x80u
#define DAY_SECONDS    86400
#define LAST_SECOND    253402300799 /* of the year 9999 */
#define DAYS_4_YEARS   1461u
#define DAYS_100_YEARS 36524u
#define DAYS_400_YEARS 146097u
#define EPOCH_DAYS     719468u /* from 0000-03-01 to 1970-01-01 */

struct date {
	unsigned year, month, day;
};

/* The Gregorian calendar, counted from the first of March, so that the leap day is the last day of a year. */
static struct date date_of(unsigned days_since_1970)
{
	unsigned days = days_since_1970 + EPOCH_DAYS;
	unsigned era = days / DAYS_400_YEARS;
	unsigned of_era = days % DAYS_400_YEARS;
	unsigned year =
		(of_era - of_era / (DAYS_4_YEARS - 1) + of_era / DAYS_100_YEARS - of_era / (DAYS_400_YEARS - 1)) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned from_march = (5 * of_year + 2) / 153; /* months of 153 days in five, from March on */
	unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
	return (struct date){ .year = era * 400 + year + (month <= 2),
			      .month = month,
			      .day = of_year - (153 * from_march + 2) / 5 + 1 };
}

uint8_t rtc_read(uint8_t index, time_t now)
{
	const time_t t = MIN_OF(MAX_OF(now, (time_t)0), (time_t)LAST_SECOND);
	const unsigned days = (unsigned)(t / DAY_SECONDS), second = (unsigned)(t % DAY_SECONDS);
	const struct date d = date_of(days);
	switch (index & INDEX_BITS) {
	case RTC_SECONDS:
		return (uint8_t)(second % 60);
	case RTC_MINUTES:
		return (uint8_t)(second / 60 % 60);
	case RTC_HOURS:
		return (uint8_t)(second / 3600);
	case RTC_WEEKDAY:
		return (uint8_t)((days + 4) % 7 + 1); /* 1970-01-01 was a Thursday; Sunday is 1 */
	case RTC_DAY:
		return (uint8_t)d.day;
	case RTC_MONTH:
		return (uint8_t)d.month;
	case RTC_YEAR:
		return (uint8_t)(d.year % 100);
	case RTC_CENTURY:
		return (uint8_t)(d.year / 100);
	case RTC_STATUS_A:
		return A_DIVIDER;
	case RTC_STATUS_B:
		return B_24H_BINARY;
	case RTC_STATUS_D:
		return D_VALID;
	default:
		return 0;
	}
}
