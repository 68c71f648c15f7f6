/* SPDX-License-Identifier: GPL-2.0-only */
/* watch_live.c -- see watch_live.h. */
#include "run/watch_live.h"

#include <stdlib.h>

#include "run/watch_look.h"
#include "topo/topology.h"
#include "vmm/freeze.h"

#define TRIES	       3 /* of one sample */
#define MARK_LOOK      (2 * NSEC_PER_MSEC)
#define MARK_LOOK_LATE (20 * NSEC_PER_MSEC) /* for tests that declare nothing of the kind */
/* Snapshots count from the begin of a scenario on. A test may ask for one without a declaration, so all have it. */
#define MARKS	    (1u << WIRE_MARK_START | 1u << WIRE_MARK_END | 1u << WIRE_MARK_CAPTURE | 1u << WIRE_MARK_WATCH)
#define FREEZE_LOOK NSEC_PER_MSEC
#define FREEZE_MAX  (1 * NSEC_PER_SEC)

static struct watch *watch_of(struct machine *m)
{
	return container_of(m, struct watch, machine);
}

static nsec_t period(const struct watch_live *l)
{
	return (nsec_t)(OBSERVE_SAMPLE_PERIOD_NS * l->slower);
}

bool watch_live_prepare(struct watch *w, struct vm_config *config)
{
	struct watch_live *l = &w->live;
	l->slower = MAX_OF(config->time_dilation, 1u);
	l->vcpus = topology_cpus(&config->topology);
	l->host = calloc(l->vcpus, sizeof(*l->host));
	w->series.running = true;
	w->series.host.tick_ns = OBSERVE_SAMPLE_PERIOD_NS;
	config->whole_memory = true;
	config->marks = w->captures.decl && l->host ? MARKS : 0;
	return l->host != NULL;
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

/* As guests count time. */
static uint64_t since_start(const struct watch *w, nsec_t now)
{
	return (uint64_t)MAX_OF(now - w->vm->started, 0) / w->live.slower;
}

static void read_host_times(struct watch *w)
{
	struct watch_live *l = &w->live;
	w->vm->backend->vcpu_times(w->vm, l->vcpus, l->host);
	for (unsigned i = 0; i < l->vcpus; i++) {
		l->host[i].cpu_ns /= l->slower;
		l->host[i].wait_ns /= l->slower;
	}
	contention_tick(&w->series.host, l->host, l->vcpus, (uint64_t)vm_held(w->vm) / l->slower);
}

static void put_host_times(struct watch *w)
{
	for (unsigned i = 0; i < w->sample.cpus; i++)
		w->sample.cpu[i].host = i < w->live.vcpus ? w->live.host[i] : (struct vcpu_time){ 0 };
}

/*
 * The values of one sample belong together, so they must be read one right after the other. This is not so when the
 * host takes the CPU away in the middle of it.
 */
static int read_sample(struct watch *w)
{
	struct watch_live *l = &w->live;
	nsec_t began = nsec_now();
	int r = sample_take_running(w->kernel->sampler, &w->view, SAMPLE_ALL,
				    since_start(w, reactor_now(w->machine.reactor)), "/", &w->sample, &l->again);
	return r == 0 && nsec_now() - began > period(l) / 10 ? -ESTALE : r;
}

/* False: there is none. */
static bool take_sample(struct watch *w)
{
	struct watch_live *l = &w->live;
	int r = -ESTALE;
	read_host_times(w);
	for (int i = 0; i < TRIES && r == -ESTALE; i++) {
		l->lost = watch_find_kernel(w, w->vm->backend->memory(w->vm));
		if (l->lost)
			return false;
		r = read_sample(w);
	}
	if (r == -ESTALE) {
		l->lost = "the guest changed what was being read, each time";
		w->series.torn++;
	}
	if (r < 0)
		return false;
	put_host_times(w);
	series_add(&w->series, w->kernel->sampler, &w->sample);
	return true;
}

void watch_see_record(struct watch *w, uint64_t time_ns, nsec_t now)
{
	struct watch_live *l = &w->live;
	if (!w->no_stops || !w->vm)
		return;
	int64_t ahead = (int64_t)since_start(w, now) - (int64_t)MIN_OF(time_ns, (uint64_t)INT64_MAX);
	if (!l->placed || ahead < l->ahead_ns)
		l->ahead_ns = ahead;
	l->placed = true;
}

/* --- while the guest stands still --------------------------------------------------------------------------------- */

static uint64_t guest_now(struct watch *w)
{
	int64_t at = (int64_t)since_start(w, reactor_now(w->machine.reactor)) - w->live.ahead_ns;
	return (uint64_t)MAX_OF(at, 1);
}

/* Guests cannot tell the time for which their process was stopped from the scheduler's. */
static bool is_stalled(struct watch *w)
{
	return watch_is_stalled(w, vm_held(w->vm) / w->live.slower);
}

/* A mark that was not seen yet. */
static bool find_mark(struct watch *w)
{
	const struct vm_backend *b = w->vm->backend;
	return b->mark && b->mark(w->vm, &w->live.mark) && w->live.mark.number != w->live.marks;
}

/* The process stands still at a mark, or at a sample. */
static void look_for_test(struct watch *w)
{
	struct watch_live *l = &w->live;
	struct inspector in;
	struct mark mark;
	const struct inspect_config config = watch_inspect(w);
	if (inspect_begin(&in, &config) < 0)
		return;
	if (l->sampled)
		captures_sample(&w->captures, &in, guest_now(w));
	/* Now nobody writes to it, as somebody may have done when it was found. */
	if (l->marked && find_mark(w) && mark_from_words(l->mark.kind, l->mark.word, &mark))
		captures_mark(&w->captures, &in, &mark, guest_now(w));
	inspect_end(&in);
}

static void miss_mark(struct watch *w, const char *why)
{
	struct mark mark;
	if (w->live.marked && mark_from_words(w->live.mark.kind, w->live.mark.word, &mark))
		captures_miss(&w->captures, &mark, guest_now(w), why);
}

static void look_for_stall(struct watch *w)
{
	w->failure_due = w->live.sampled && !w->dump && is_stalled(w);
	if (!w->failure_due)
		return;
	w->reason = WATCH_STALL_REASON;
	w->failure = WATCH_STALLED;
	w->failed_ns = guest_now(w);
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

enum { LIVE_LOOK, LIVE_FREEZE, LIVE_DUMP, LIVE_COUNT };

/* A sample that is late moves the next one: they need not be at multiples. */
static int look_later(struct watch *w)
{
	nsec_t left = w->live.next - reactor_now(w->machine.reactor);
	const struct seen_decl *decl = w->captures.decl;
	nsec_t most = decl && seen_decl_any(decl) ? MARK_LOOK : MARK_LOOK_LATE;
	machine_sleep(&w->machine, MIN_OF(MAX_OF(left, 1), most));
	return LIVE_LOOK;
}

static int go_on(struct watch *w)
{
	struct watch_live *l = &w->live;
	vm_thaw(w->vm);
	if (l->marked)
		w->vm->backend->mark_seen(w->vm, l->mark.number);
	l->marks = l->marked ? l->mark.number : l->marks;
	return look_later(w);
}

static bool sample_if_due(struct watch *w)
{
	struct watch_live *l = &w->live;
	nsec_t now = reactor_now(w->machine.reactor);
	if (now < l->next)
		return false;
	l->next = now + period(l);
	return w->vm->hello && take_sample(w);
}

/* Whether the guest is to stand still: at a mark, or for the sample that has just been taken. */
static bool wants_still(struct watch *w)
{
	struct watch_live *l = &w->live;
	l->sampled = false;
	l->marked = find_mark(w);
	if (l->marked)
		return true;
	l->sampled = sample_if_due(w);
	return l->sampled && (captures_want_samples(&w->captures) || (!w->dump && is_stalled(w)));
}

static int live_look(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	if (w->vm->ended)
		return MACHINE_END;
	if (!wants_still(w))
		return look_later(w);
	vm_freeze(w->vm);
	w->live.freezes = reactor_now(m->reactor);
	machine_sleep(m, FREEZE_LOOK);
	return LIVE_FREEZE;
}

/* A sample of a running guest may mix several moments. Now the guest stands still, so all is read of one moment. */
static int live_freeze(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	bool frozen = vm_is_frozen(w->vm);
	if (!frozen && !w->vm->ended && reactor_now(m->reactor) - w->live.freezes < FREEZE_MAX) {
		machine_sleep(m, FREEZE_LOOK);
		return LIVE_FREEZE;
	}
	const char *lost = frozen ? watch_find_kernel(w, w->vm->backend->memory(w->vm))
				  : "its process could not be stopped within a second";
	w->failure_due = false;
	if (lost) {
		miss_mark(w, lost);
	} else {
		look_for_test(w);
		look_for_stall(w);
	}
	if (w->failure_due || w->captures.due) {
		machine_offload(m, &w->job, watch_dump_job, w);
		return LIVE_DUMP;
	}
	return go_on(w);
}

static int live_dumped(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	return go_on(w);
}

static const struct machine_state live_states[LIVE_COUNT] = {
	[LIVE_LOOK] = { "look", live_look, DEADLINE_NONE, 0, TO(LIVE_LOOK) | TO(LIVE_FREEZE) | TO_END },
	[LIVE_FREEZE] = { "freeze", live_freeze, DEADLINE_NONE, 0, TO(LIVE_LOOK) | TO(LIVE_FREEZE) | TO(LIVE_DUMP) },
	[LIVE_DUMP] = { "dump", live_dumped, DEADLINE_NONE, 0, TO(LIVE_LOOK), .shielded = true },
};

static void live_ended(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	vm_thaw(w->vm); /* a watch that was cancelled */
	notice_post(&w->vm->changed);
}

static const struct machine_type live_type = { "watch", live_states, LIVE_COUNT, live_ended };

void watch_live_start(struct watch *w, struct reactor *r, struct machine *parent)
{
	machine_start(r, &w->machine, &live_type, parent, "watch");
}

void watch_stop(struct watch *w)
{
	if (w->no_stops && w->machine.started)
		machine_cancel(&w->machine);
}

void watch_live_end(struct watch *w)
{
	struct watch_live *l = &w->live;
	if (!w->vm)
		return;
	read_host_times(w);
	series_move(&w->series, l->ahead_ns);
	if (!w->series.count)
		w->lack = l->lost ? l->lost : "it ended before it was looked at";
}

void watch_live_done(struct watch *w)
{
	free(w->live.host);
	sample_done(&w->live.again);
}
