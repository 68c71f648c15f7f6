/* SPDX-License-Identifier: GPL-2.0-only */
/* watched_constants.c -- see watched_constants.h. */
#include <string.h>

#include "run/watched_constants.h"

void watched_constants_init(struct watched_constants *c, const struct rodata *wanted)
{
	*c = (struct watched_constants){ .wanted = wanted, .result = -ENOENT };
}

/* For each program again, because the first ones are libbpf's own, and a map may be missing then. */
void watched_constants_begin(struct watched_constants *c, const struct inspect_config *config)
{
	struct inspector in;
	if (!c->wanted || inspect_begin(&in, config) < 0)
		return;
	int r = rodata_apply(&in, c->wanted, &c->saved);
	if (r != -ENOENT)
		c->result = r;
	inspect_end(&in);
}

/*
 * Due after each program, because libbpf may try out one of its own before it has made all maps. What another object
 * has that is loaded later does not count.
 */
static void read_again(struct watched_constants *c, struct inspector *in)
{
	struct rodata now;
	if (rodata_read(in, &now) < 0)
		return;
	bool other = c->found.data && strcmp(now.map, c->found.map) != 0;
	rodata_done(other ? &now : &c->found);
	if (!other)
		c->found = now;
}

/* The kernel itself goes by the sizes of maps. */
void watched_constants_end(struct watched_constants *c, const struct inspect_config *config, bool own)
{
	struct inspector in;
	bool due = c->wanted ? c->saved.count : own;
	if (!due || inspect_begin(&in, config) < 0)
		return;
	if (c->wanted)
		rodata_restore(&in, &c->saved);
	else
		read_again(c, &in);
	inspect_end(&in);
}

void watched_constants_done(struct watched_constants *c)
{
	rodata_done(&c->found);
}
