/* SPDX-License-Identifier: GPL-2.0-only */
/* watched_constants.c -- see watched_constants.h. */
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

/* The kernel itself goes by the sizes of maps. */
void watched_constants_end(struct watched_constants *c, const struct inspect_config *config, bool own)
{
	struct inspector in;
	bool due = c->wanted ? c->saved.count : own && !c->found.data;
	if (!due || inspect_begin(&in, config) < 0)
		return;
	if (c->wanted)
		rodata_restore(&in, &c->saved);
	else
		rodata_read(&in, &c->found);
	inspect_end(&in);
}

void watched_constants_done(struct watched_constants *c)
{
	rodata_done(&c->found);
}
