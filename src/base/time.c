/* SPDX-License-Identifier: GPL-2.0-only */
/* time.c -- see time.h. */
#include <stdbool.h>
#include <stdio.h>

#include "base/time.h"

const char *nsec_format(nsec_t t, char out[TIME_TEXT_MAX])
{
	if (t < NSEC_PER_SEC)
		snprintf(out, TIME_TEXT_MAX, "%lldms", (long long)(t / NSEC_PER_MSEC));
	else if (t < NSEC_PER_MIN)
		snprintf(out, TIME_TEXT_MAX, "%lld.%llds", (long long)(t / NSEC_PER_SEC),
			 (long long)(t % NSEC_PER_SEC / (100 * NSEC_PER_MSEC)));
	else
		snprintf(out, TIME_TEXT_MAX, "%lldm%02llds", (long long)(t / NSEC_PER_MIN),
			 (long long)(t % NSEC_PER_MIN / NSEC_PER_SEC));
	return out;
}

const char *nsec_measure(double ns, char out[TIME_TEXT_MAX])
{
	bool micro = ns < 999500;
	double value = ns / (micro ? 1e3 : 1e6);
	if (value >= 99.95)
		snprintf(out, TIME_TEXT_MAX, "%.0f %s", value, micro ? "us" : "ms");
	else
		snprintf(out, TIME_TEXT_MAX, "%.3g %s", value, micro && value > 0 ? "us" : "ms");
	return out;
}

const char *time_rfc3339(time_t t, char out[TIME_TEXT_MAX])
{
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}
