/* SPDX-License-Identifier: GPL-2.0-only */
/* stage.c -- see stage.h. */
#include <string.h>

#include "guest/scenario/stage.h"

struct tracked *tracked_find(struct tracked *list, unsigned count, const char *name)
{
	for (unsigned i = 0; name && i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

struct tracked *stage_find(struct stage *s, const char *name)
{
	return tracked_find(s->tracked, s->count, name);
}

struct worker_set *stage_workers(struct stage *s)
{
	return s->t->in_step ? &s->step : &s->backdrop;
}
