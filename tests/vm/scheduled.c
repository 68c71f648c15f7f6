/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduled.c -- see scheduled.h. */
#include "scheduled.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "run/observed_events.h"
#include "schedule/model.h"
#include "topo/topology.h"

#define CHECK_ID    900
#define SHOWN_MAX   20
#define EVENTS_ROOM (1u << 20)
#define PIDS_MAX    4096

enum check { RUN_DELAY, RUNS, RUN_TIME, MIGRATIONS, NEXT_RUN_DELAY, NEXT_RUNS, CHECK_COUNT };

static const struct {
	const char *name, *member;
	unsigned base;
} checks[CHECK_COUNT] = {
	[RUN_DELAY] = { "run_delay", "sched_info.run_delay", OBSERVE_ARGUMENT },
	[RUNS] = { "pcount", "sched_info.pcount", OBSERVE_ARGUMENT },
	[RUN_TIME] = { "sum_exec", "se.sum_exec_runtime", OBSERVE_ARGUMENT },
	[MIGRATIONS] = { "migrations", "se.nr_migrations", OBSERVE_ARGUMENT },
	[NEXT_RUN_DELAY] = { "next run_delay", "sched_info.run_delay", OBSERVE_ARGUMENT + 1 },
	[NEXT_RUNS] = { "next pcount", "sched_info.pcount", OBSERVE_ARGUMENT + 1 },
};

static const char *const kinds[SCHEDULE_KIND_COUNT] = {
	[SCHEDULE_SWITCH] = "switch",	[SCHEDULE_WAKE] = "wake",	[SCHEDULE_ENQUEUE] = "enqueue",
	[SCHEDULE_DEQUEUE] = "dequeue", [SCHEDULE_MIGRATE] = "migrate", [SCHEDULE_GROUP] = "group",
	[SCHEDULE_TICK] = "tick",	[SCHEDULE_OFFLINE] = "offline", [SCHEDULE_ONLINE] = "online",
};

struct scheduled {
	FILE *trace; /* or NULL */
	struct kernel_image image;
	struct observed_events events;
	struct observe_hook check;
	struct schedule *model;
	uint64_t records, compared[CHECK_COUNT], wrong[CHECK_COUNT], shown, missed;
	int64_t difference[PIDS_MAX][CHECK_COUNT]; /* each is told once */
	struct schedule_event *kept;		   /* for the measurement of the model */
	uint64_t kept_count;
	struct buf differences;
	struct schedule_event last;
};

static const char *find_check(struct scheduled *s)
{
	s->check = (struct observe_hook){ symbols_find(s->image.symbols, "__switch_to"), CHECK_ID, OBSERVE_RECORD };
	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		struct field f = types_field(s->image.types, "task_struct", checks[i].member);
		if (!field_present(f))
			return checks[i].name;
		s->check.read[i] = (struct observe_read){ (uint8_t)checks[i].base, (uint8_t)f.size, 1, { f.offset } };
	}
	return NULL;
}

struct scheduled *scheduled_new(const struct vm_config *c)
{
	const char *vmlinux = getenv("OBSERVED_SCHEDULE"), *lack;
	if (!vmlinux)
		return NULL;
	struct scheduled *s = calloc(1, sizeof(*s));
	if (!s || symbols_open(vmlinux, &s->image.symbols, NULL) < 0 || types_open(vmlinux, &s->image.types, NULL) < 0)
		abort();
	lack = observed_events_find(&s->events, &s->image, topology_cpus(&c->topology), true);
	lack = lack ? lack : find_check(s);
	if (lack) {
		fprintf(stderr, "the kernel has no %s\n", lack);
		scheduled_free(s);
		return NULL;
	}
	const struct schedule_config config = { .cpus = s->events.cpus, .idle_ns = 1000000 };
	if (schedule_new(&config, &s->model) < 0)
		abort();
	s->differences = BUF_NULL;
	s->trace = getenv("OBSERVED_TRACE") ? fopen(getenv("OBSERVED_TRACE"), "we") : NULL;
	s->kept = getenv("OBSERVED_REPLAY") ? calloc(EVENTS_ROOM, sizeof(*s->kept)) : NULL;
	return s;
}

unsigned scheduled_hooks(const struct scheduled *s, struct observe_hook *out)
{
	bool checked = !getenv("OBSERVED_UNCHECKED");
	memcpy(out, s->events.hook, s->events.hooks * sizeof(*out));
	if (checked)
		out[s->events.hooks] = s->check;
	return s->events.hooks + checked;
}

/* --- the kernel's own statistics ---------------------------------------------------------------------------------- */

static const struct schedule_task *find(const struct scheduled *s, uint64_t key, int32_t pid)
{
	const struct schedule_task *t = pid ? schedule_find(s->model, pid) : NULL;
	return t && t->key == key ? t : NULL;
}

static void compare(struct scheduled *s, const struct observe_record *r, enum check c, const struct schedule_task *t)
{
	const struct schedule_kernel_sums *k = &t->kernel;
	const uint64_t ours[CHECK_COUNT] = {
		k->wait_ns, k->runs, k->run_ns, k->migrations, k->wait_ns, k->runs,
	};
	int64_t *known = &s->difference[t->pid % PIDS_MAX][c % NEXT_RUN_DELAY];
	int64_t difference = (int64_t)(ours[c] - r->value[c]);
	s->compared[c]++;
	if (difference == *known)
		return;
	*known = difference;
	s->wrong[c]++;
	if (s->shown++ < SHOWN_MAX)
		buf_appendf(&s->differences, "differs ns %lu pid %d class %d %s model %lu kernel %lu (%ld)\n",
			    r->guest_ns, t->pid, t->task_class, checks[c].name, ours[c], r->value[c],
			    (long)(ours[c] - r->value[c]));
}

static void check(struct scheduled *s, const struct observe_record *r)
{
	const struct schedule_task *prev = find(s, r->argument[0], s->last.pid);
	const struct schedule_task *next = find(s, r->argument[1], s->last.next_pid);
	for (enum check c = 0; c < CHECK_COUNT; c++) {
		const struct schedule_task *t = c >= NEXT_RUN_DELAY ? next : prev;
		if (t)
			compare(s, r, c, t);
	}
}

void scheduled_record(struct scheduled *s, const struct observe_record *r)
{
	struct schedule_event e;
	s->records++;
	s->missed += r->missed != 0;
	if (r->hook == CHECK_ID)
		check(s, r);
	if (!observed_events_read(&s->events, r, &e))
		return;
	if (s->trace)
		fprintf(s->trace,
			"%lu vcpu %u %s cpu %u pid %d next %d reason %u leaving %u flags %lx clock %lu missed %lx\n",
			e.time_ns, r->vcpu, kinds[e.kind], e.cpu, e.pid, e.next_pid, e.reason, e.leaving,
			r->argument[2], e.clock_ns, r->missed);
	if (e.kind == SCHEDULE_SWITCH)
		s->last = e;
	if (s->kept && s->kept_count < EVENTS_ROOM)
		s->kept[s->kept_count++] = e;
	schedule_add(s->model, &e);
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static void print_task(const struct scheduled *s, const struct schedule_task *t, FILE *f)
{
	const struct schedule_sums *u = &t->sums;
	fprintf(f,
		"task %d class %d group %lu run %lu kernel-run %lu wait %lu kernel-wait %lu runs %lu preempted %lu "
		"migrations %lu "
		"wakeups %lu wakeup-p50 %lu wakeup-max %lu wait-max %lu state %d\n",
		t->pid, t->task_class, schedule_group(s->model, t->group)->id, u->slice.sum, t->kernel.run_ns,
		u->wait.sum, t->kernel.wait_ns, u->runs, u->preempted, u->migrations, u->wakeup.count,
		spread_percentile(&u->wakeup, 500), u->wakeup.max, schedule_longest_wait(s->model, t), t->state);
}

static void print_losses(const struct scheduled *s, FILE *f)
{
	const struct schedule_losses *l = schedule_losses(s->model);
	const struct schedule_idle idle = schedule_idle_while_runnable(s->model);
	fprintf(f,
		"losses events %lu tasks %lu no_room %lu groups %lu intervals %lu gaps %lu pairs %lu backwards %lu\n",
		l->events, l->tasks, l->no_room, l->groups, l->intervals, l->gaps, l->pairs, l->backwards);
	fprintf(f, "idle-while-runnable over 1 ms %lu longest %lu at %lu cpu %u pid %d\n", idle.count, idle.longest_ns,
		idle.end_ns, idle.cpu, idle.pid);
}

/* The model's own time, over the same events. */
static void print_cost(const struct scheduled *s, FILE *f)
{
	struct schedule *m = NULL;
	const struct schedule_config config = { .cpus = s->events.cpus, .idle_ns = 1000000 };
	if (!s->kept_count || schedule_new(&config, &m) < 0)
		return;
	nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t i = 0; i < s->kept_count; i++)
		schedule_add(m, &s->kept[i]);
	nsec_t took = nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began;
	fprintf(f, "model events %lu ns %ld each %.1f\n", s->kept_count, (long)took,
		(double)took / (double)s->kept_count);
	schedule_free(m);
}

void scheduled_print(struct scheduled *s, FILE *f)
{
	for (unsigned i = 0; i < schedule_tasks(s->model); i++)
		print_task(s, schedule_task(s->model, i), f);
	fprintf(f, "%s", buf_str(&s->differences));
	for (enum check c = 0; c < CHECK_COUNT; c++)
		fprintf(f, "compared %s %lu wrong %lu\n", checks[c].name, s->compared[c], s->wrong[c]);
	fprintf(f, "schedule records %lu missed %lu ns %lu\n", s->records, s->missed, schedule_now(s->model));
	print_losses(s, f);
	print_cost(s, f);
}

void scheduled_free(struct scheduled *s)
{
	if (!s)
		return;
	schedule_free(s->model);
	symbols_close(s->image.symbols);
	types_close(s->image.types);
	buf_done(&s->differences);
	if (s->trace)
		fclose(s->trace);
	free(s->kept);
	free(s);
}
