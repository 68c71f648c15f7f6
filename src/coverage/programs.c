/* SPDX-License-Identifier: GPL-2.0-only */
/* programs.c -- see programs.h. */
#include "coverage/programs.h"

int program_coverage_add(struct program_coverage *c, const struct coverage_lines *machine)
{
	pthread_mutex_lock(&c->lock);
	int r = coverage_lines_add(&c->lines, machine);
	coverage_settle(&c->lines);
	pthread_mutex_unlock(&c->lock);
	return r;
}

void program_coverage_done(struct program_coverage *c)
{
	coverage_lines_done(&c->lines);
	pthread_mutex_destroy(&c->lock);
}
