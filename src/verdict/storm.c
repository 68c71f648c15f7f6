/* SPDX-License-Identifier: GPL-2.0-only */
/* storm.c -- see storm.h. */
#include "verdict/storm.h"

/* Whether the scheduler is attached after @event; @before: whether it was. */
static bool attached_after(enum wire_sched_event event, bool before)
{
	switch (event) {
	case WIRE_SCHED_ENABLED:
		return true;
	case WIRE_SCHED_DETACHED:
	case WIRE_SCHED_DIED:
	case WIRE_SCHED_EJECTED:
		return false;
	default:
		return before;
	}
}

/* The time at which the scheduler was not attached between @from and @to; UINT64_MAX: it was, all the time. */
static uint64_t time_without_scheduler(const struct evidence *e, uint64_t from, uint64_t to)
{
	bool attached = false;
	for (uint32_t i = 0; i < e->sched_count; i++) {
		const struct evidence_sched *s = &e->sched[i];
		if (s->time_ns > from && !attached)
			break;
		if (s->time_ns > to)
			return UINT64_MAX;
		attached = attached_after(s->wire.event, attached);
		if (s->time_ns > from && !attached)
			return s->time_ns;
	}
	return attached ? UINT64_MAX : from;
}

void find_storm(const struct evidence *e, struct judgement *j)
{
	bool held = false;
	for (uint32_t i = 0; i < e->phase_count; i++) {
		const struct evidence_phase *p = &e->phase[i];
		if (p->wire.kind != WIRE_PHASE_HOLD)
			continue;
		uint64_t end = i + 1 < e->phase_count ? e->phase[i + 1].time_ns : e->last_ns;
		uint64_t without = time_without_scheduler(e, p->time_ns, end);
		held = true;
		if (without == UINT64_MAX)
			continue;
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "survives_storm: the scheduler was not attached %.1fs after the hold of step '%s' began",
			      (double)(without - p->time_ns) / 1e9, p->wire.name);
		return;
	}
	if (!held && e->has_result && e->result.verdict == KTSTR_PASS)
		judgement_add(
			j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			"survives_storm: the test has no hold that its scheduler could survive; run a scenario in "
			"its body");
}
