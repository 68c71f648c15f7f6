/* SPDX-License-Identifier: GPL-2.0-only */
/* records.c -- see records.h. */
#include <string.h>

#include "base/file.h"
#include "run/cells.h"
#include "run/records.h"

static bool make_room(struct run_records *r)
{
	if (r->count < r->room)
		return true;
	size_t room = r->room ? 2 * r->room : 64;
	struct run_record *item = reallocarray(r->item, room, sizeof(*item));
	if (!item)
		return false;
	r->item = item;
	r->room = room;
	return true;
}

static void record_done(struct run_record *i)
{
	free(i->name);
	free(i->suite);
	free(i->topology);
	free(i->scheduler);
	free(i->kernel_label);
	free(i->sidecar);
	free(i->why);
}

void run_records_add(struct run_records *r, const struct plan_case *c, const char *sidecar, const char *why)
{
	if (!make_room(r)) {
		r->lost++;
		return;
	}
	struct run_record *i = &r->item[r->count];
	*i = (struct run_record){
		.name = strdup(c->name),
		.suite = strdup(test_suite_name(c->test)),
		.topology = strdup(c->topology_text),
		.scheduler = strdup(c->test->scheduler ? c->test->scheduler->name : "eevdf"),
		.kernel_label = strdup(c->kernel->label ?: ""),
		.sidecar = sidecar ? strdup(sidecar) : NULL,
		.why = why ? strdup(why) : NULL,
		.is_reference = !c->test->scheduler,
	};
	if (i->name && i->suite && i->topology && i->scheduler && i->kernel_label && !sidecar == !i->sidecar &&
	    !why == !i->why) {
		r->count++;
		return;
	}
	record_done(i);
	r->lost++;
}

void run_records_done(struct run_records *r)
{
	for (size_t i = 0; i < r->count; i++)
		record_done(&r->item[i]);
	free(r->item);
	*r = (struct run_records){ 0 };
}
