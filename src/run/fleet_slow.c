/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_slow.c -- says which tests have been running for long. It changes nothing else about them. */
#include "base/message.h"
#include "run/fleet.h"

void fleet_report_slow(struct fleet *f)
{
	nsec_t now = f->reactor->now;
	char text[TIME_TEXT_MAX];
	/* A test that starts now is slow at this time at the earliest. */
	f->slow_at = now + f->config.slow;
	for (size_t i = 0; i < f->config.plan->count; i++) {
		struct attempt *a = f->live[i];
		nsec_t began = a ? attempt_began(a) : 0;
		if (!began || a->called_slow)
			continue;
		if (now < began + f->config.slow) {
			f->slow_at = MIN_OF(f->slow_at, began + f->config.slow);
			continue;
		}
		a->called_slow = true;
		fleet_view_hide(f);
		message(f->config.messages, &f->config.err, MESSAGE_NOTE, "%s has been running for %s (--slow-timeout)",
			a->item->name, nsec_format(now - began, text));
	}
}
