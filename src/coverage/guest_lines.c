/* SPDX-License-Identifier: GPL-2.0-only */
/* guest_lines.c -- see guest_lines.h. */
#include "coverage/guest_lines.h"

int guest_coverage_add(struct guest_coverage *c, const struct coverage_lines *machine)
{
	pthread_mutex_lock(&c->lock);
	int r = coverage_lines_add(&c->lines, machine);
	coverage_settle(&c->lines);
	pthread_mutex_unlock(&c->lock);
	return r;
}

void guest_coverage_done(struct guest_coverage *c)
{
	coverage_lines_done(&c->lines);
	pthread_mutex_destroy(&c->lock);
}
