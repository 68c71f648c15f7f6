/* SPDX-License-Identifier: GPL-2.0-only */
/* words.c -- see words.h. */
#include "trace/words.h"

#include "base/text.h"
#include "base/time.h"

#define LATE_NS	   100000
#define ROOT_GROUP 1 /* cgroup v2: the number of its first directory */

void words_task(const struct schedule_about *about, struct step_task task, struct buf *out)
{
	const struct schedule_about_task *known = schedule_about_task(about, task.pid);
	if (!task.pid) {
		buf_puts(out, "the idle task");
		return;
	}
	if (known && known->name)
		buf_appendf(out, "%s[%d]", known->name, task.pid);
	else
		buf_appendf(out, "task %d", task.pid);
	if (known && known->group)
		buf_appendf(out, " of '%s'", known->group);
}

const char *words_group(const struct schedule_about *about, struct step_task task)
{
	const struct schedule_about_task *known = schedule_about_task(about, task.pid);
	if (known && known->group)
		return known->group;
	const char *name = schedule_about_group(about, task.group);
	return name ? name : task.group == ROOT_GROUP ? "/" : "";
}

/* @from may be later than @to: clocks of two CPUs differ by some microseconds. */
static void put_span(uint64_t from, uint64_t to, struct buf *out)
{
	char text[TIME_TEXT_MAX];
	buf_puts(out, nsec_measure(to > from ? (double)(to - from) : 0, text));
}

/* @since: from when it waits. A wake-up long before that is worth its own time. */
static void put_waker(const struct schedule_about *about, const struct step *s, uint64_t since, struct buf *out)
{
	const struct step_wake *w = &s->wake;
	if (!w->key)
		return;
	buf_puts(out, ", woken ");
	if (since > w->time_ns && since - w->time_ns > LATE_NS) {
		put_span(w->time_ns, s->time_ns, out);
		buf_puts(out, " before ");
	}
	/* An interrupt may have come while a task ran; which of them it was is not recorded. */
	if (w->by) {
		buf_puts(out, "while ");
		words_task(about, (struct step_task){ .pid = w->by }, out);
		buf_puts(out, " ran");
	} else {
		buf_puts(out, "by an interrupt");
	}
	if (w->cpu != s->cpu)
		buf_appendf(out, " on CPU %u", w->cpu);
}

/* Those that still wait are of interest where the CPU has nothing to do. */
static void put_waiting(const struct schedule_about *about, const struct step *s, struct buf *out)
{
	if (!s->waiting)
		return;
	buf_appendf(out, ", although %u task%s that may run here wait%s: ", s->waiting, plural(s->waiting),
		    s->waiting == 1 ? "s" : "");
	words_task(about, s->longest, out);
	buf_puts(out, " for ");
	put_span(s->longest_since_ns, s->time_ns, out);
}

static const char *leaving_word(enum schedule_state becomes)
{
	return becomes == SCHEDULE_RUNNABLE ? "is preempted" : becomes == SCHEDULE_GONE ? "ends" : "goes to sleep";
}

static void put_switch(const struct schedule_about *about, const struct step *s, struct buf *out)
{
	if (s->task.pid) {
		words_task(about, s->task, out);
		buf_appendf(out, " %s", leaving_word(s->becomes));
	} else {
		buf_puts(out, "idle");
	}
	if (s->since_known) {
		buf_puts(out, s->task.pid ? " after " : " for ");
		put_span(s->since_ns, s->time_ns, out);
	}
	if (!s->next.pid) {
		buf_puts(out, "; the CPU becomes idle");
		put_waiting(about, s, out);
		return;
	}
	buf_puts(out, "; now ");
	words_task(about, s->next, out);
	buf_puts(out, " runs");
	if (!s->next_known)
		return;
	buf_puts(out, ", which waited for ");
	put_span(s->next_since_ns, s->time_ns, out);
	put_waker(about, s, s->next_since_ns, out);
}

static void put_ready(const struct schedule_about *about, const struct step *s, struct buf *out)
{
	words_task(about, s->task, out);
	buf_puts(out, " is ready to run here");
	if (s->since_known && s->wake.key) {
		buf_puts(out, " after a sleep of ");
		put_span(s->since_ns, s->time_ns, out);
	}
	put_waker(about, s, s->time_ns, out);
}

static void put_move(const struct schedule_about *about, const struct step *s, struct buf *out)
{
	words_task(about, s->task, out);
	buf_appendf(out, " moves here from CPU %u; it has waited for ", s->from_cpu);
	put_span(s->next_since_ns, s->time_ns, out);
}

void words_step(const struct schedule_about *about, const struct step *s, struct buf *out)
{
	if (s->kind == STEP_SWITCH)
		put_switch(about, s, out);
	else if (s->kind == STEP_READY)
		put_ready(about, s, out);
	else if (s->kind == STEP_MOVES)
		put_move(about, s, out);
	else if (s->kind == STEP_OFFLINE)
		buf_puts(out, "the CPU goes offline");
	else if (s->kind == STEP_ONLINE)
		buf_puts(out, "the CPU comes online");
}
