/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_cells.c -- cells of the verifier sweep that need not run. */
#include <sys/wait.h>

#include "base/message.h"
#include "run/fleet.h"

static const char no_scheduler[] = "in another cell, the program ended before it loaded a BPF program";

/*
 * The program ended well, and the kernel was never asked to verify anything for it. A program that fails may do so
 * because of the topology.
 */
static bool is_no_scheduler(const struct attempt *a)
{
	const struct evidence_sched *end = evidence_sched(&a->evidence, WIRE_SCHED_LOAD_FAILED);
	return a->item->test->cell && a->watch.kernel && !a->watch.no_stops && end && WIFEXITED(end->wire.status) &&
	       !WEXITSTATUS(end->wire.status) && !a->watch.verified.programs && !a->watch.verified.lost;
}

void fleet_drop_cells(struct fleet *f, const struct attempt *a)
{
	const struct plan_case *item = f->config.plan->item;
	unsigned dropped = 0;
	if (!is_no_scheduler(a))
		return;
	for (size_t i = 0; i < f->config.plan->count; i++) {
		struct attempt *other = f->live[i];
		if (!other || other->dropped || item[i].test != a->item->test || item[i].kernel != a->item->kernel ||
		    attempt_began(other))
			continue;
		other->dropped = no_scheduler;
		attempt_cancel_unstarted(other);
		dropped++;
	}
	if (!dropped)
		return;
	fleet_view_hide(f);
	message(f->config.messages, &f->config.err, MESSAGE_NOTE,
		"'%s' ended with status 0 before it loaded a BPF program: it is no scheduler, and its other cells do "
		"not run: %u",
		a->item->test->cell->label, dropped);
}
