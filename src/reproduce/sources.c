/* SPDX-License-Identifier: GPL-2.0-only */
/* sources.c -- what profiles, dumps and kernel messages say about a workload; see fingerprint.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "reproduce/fingerprint.h"

#define SHARE_MIN      0.005 /* of a CPU: tasks that use less are left out */
#define SHARE_SPIN     0.9
#define SWITCHES_QUICK 500	     /* a second: more are a conversation between tasks */
#define IO_BYTES_MIN   (1024 * 1024) /* a second */

static void fill(char *out, size_t size, const char *from)
{
	if (!*out && from)
		text_copy_line(out, size, from, strlen(from));
}

/* --- kernel messages ---------------------------------------------------------------------------------------------- */

/* Where a task sleeps or waits, by the innermost function of its kernel stack that tells something. */
static const struct {
	const char *function;
	enum work_hint work;
} hints[] = {
	{ "futex", HINT_FUTEX },       { "pipe_", HINT_PIPE },	   { "unix_stream", HINT_PIPE },
	{ "sched_yield", HINT_YIELD }, { "mutex", HINT_MUTEX },	   { "rwsem", HINT_MUTEX },
	{ "nanosleep", HINT_BURSTY },  { "io_schedule", HINT_IO }, { "blk_", HINT_IO },
	{ "ep_poll", HINT_BURSTY },    { "do_poll", HINT_BURSTY }, { "do_wait", HINT_BURSTY },
};

static bool find_hint(const char *function, enum work_hint *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (strstr(function, hints[i].function)) {
			*ret = hints[i].work;
			return true;
		}
	return false;
}

#define USUAL_BURST_MS 5
#define USUAL_SLEEP_MS 5

static void add_message_task(struct fingerprint *f, const struct message_task *t)
{
	struct group_key key = { .cgroup = "/", .policy = "normal", .work = HINT_SPIN };
	if (is_kernel_thread(t->comm)) {
		f->kernel_threads++;
		return;
	}
	fill(key.name, sizeof(key.name), t->comm);
	fill(key.affinity, sizeof(key.affinity), t->cpus);
	find_hint(t->function, &key.work);
	fingerprint_add(f, &key, -1, USUAL_BURST_MS, USUAL_SLEEP_MS);
}

void fingerprint_of_messages(struct fingerprint *f, const struct messages *m)
{
	fill(f->scheduler, sizeof(f->scheduler), m->scheduler);
	fill(f->victim, sizeof(f->victim), m->victim);
	if (m->end != SCX_END_NONE && f->end == SCX_END_NONE) {
		f->end = m->end;
		snprintf(f->cause, sizeof(f->cause), "%s%s%s", m->reason, *m->detail ? ": " : "", m->detail);
	}
	f->cpus = f->cpus ?: m->cpus;
	if (f->groups)
		return;
	for (unsigned i = 0; i < m->tasks; i++)
		add_message_task(f, &m->task[i]);
	f->lost += m->tasks_lost;
	if (m->tasks)
		fingerprint_note(
			f, NOTE_UNKNOWN,
			"the kernel's debug dump has neither control groups nor nice values; a profile ('ktstr "
			"ctprof capture') has them");
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

static double metric_of(const struct thread *t, const char *name)
{
	for (unsigned i = 0; i < metric_row_count(); i++)
		if (!strcmp(metric_rows[i].name, name))
			return thread_knows(t, i) ? (double)t->value[i] : NAN;
	return NAN;
}

static double or_zero(double x)
{
	return isnan(x) ? 0 : x;
}

/* Over the life of a thread. */
struct rates {
	double share; /* of a CPU; NAN: unknown */
	double wants; /* the same, of the time in which it did not wait for a CPU */
	double sleeps_per_s;
	double io_bytes_per_s;
	double burst_ms, sleep_ms;
};

static struct rates rates_of(const struct profile *p, const struct thread *t)
{
	double ticks = p->ticks_per_second ? (double)p->ticks_per_second : 100;
	double age = (double)p->uptime_ns / 1e9 - (double)t->start_ticks / ticks;
	struct rates r = { .share = NAN };
	if (age < 0.01)
		return r;
	double run = metric_of(t, "run_time_ns") / 1e9;
	if (isnan(run))
		run = (metric_of(t, "utime_clock_ticks") + metric_of(t, "stime_clock_ticks")) / ticks;
	double sleeps = or_zero(metric_of(t, "voluntary_csw"));
	double awake = fmax(age - or_zero(metric_of(t, "wait_time_ns")) / 1e9, or_zero(run));
	r.share = fmin(run / age, 1);
	r.wants = awake > 0 ? fmin(run / awake, 1) : NAN;
	r.sleeps_per_s = sleeps / age;
	r.io_bytes_per_s = (or_zero(metric_of(t, "read_bytes")) + or_zero(metric_of(t, "write_bytes"))) / age;
	r.burst_ms = sleeps > 0 ? 1000 * or_zero(run) / sleeps : 0;
	r.sleep_ms = sleeps > 0 ? 1000 * fmax(awake - or_zero(run), 0) / sleeps : 0;
	return r;
}

static enum work_hint work_of(const struct rates *r)
{
	if (r->wants >= SHARE_SPIN)
		return HINT_SPIN;
	if (r->io_bytes_per_s >= IO_BYTES_MIN)
		return HINT_IO;
	return r->sleeps_per_s >= SWITCHES_QUICK ? HINT_PIPE : HINT_BURSTY;
}

static const struct {
	const char *name, *word;
	int number;
} policies[] = {
	{ "SCHED_OTHER", "normal", 0 }, { "SCHED_FIFO", "fifo", 1 }, { "SCHED_RR", "rr", 2 },
	{ "SCHED_BATCH", "batch", 3 },	{ "SCHED_IDLE", "idle", 5 }, { "SCHED_EXT", "ext", 7 },
};

static void set_policy(struct group_key *key, const char *name, int number, double rt_priority)
{
	snprintf(key->policy, sizeof(key->policy), "normal");
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (name ? !strcmp(name, policies[i].name) : number == policies[i].number)
			snprintf(key->policy, sizeof(key->policy), "%s", policies[i].word);
	if (!strcmp(key->policy, "fifo") || !strcmp(key->policy, "rr"))
		key->priority = (int)fmin(fmax(or_zero(rt_priority), 1), 99);
}

/* "0-7" on a machine with 8 CPUs is no affinity. */
static void set_affinity(const struct fingerprint *f, struct group_key *key, const char *list)
{
	char all[32];
	snprintf(all, sizeof(all), f->cpus > 1 ? "0-%u" : "0", f->cpus - 1);
	if (list && f->cpus && strcmp(list, all) != 0)
		text_copy_line(key->affinity, sizeof(key->affinity), list, strlen(list));
}

static void add_thread(struct fingerprint *f, const struct profile *p, const struct thread *t)
{
	struct group_key key = { .nice = (int)or_zero(metric_of(t, "nice")) };
	struct rates r = rates_of(p, t);
	const char *name = t->pcomm ?: t->comm ?: "task";
	bool is_victim = *f->victim && t->comm && !strcmp(t->comm, f->victim);
	/* Threads of the kernel have no memory of their own. */
	if (is_kernel_thread(name) || (t->comm && is_kernel_thread(t->comm)) || metric_of(t, "hiwater_vm_bytes") == 0) {
		f->kernel_threads++;
		return;
	}
	if (!is_victim && t->state != 'R' && !(r.share >= SHARE_MIN)) {
		f->idle++;
		return;
	}
	fill(key.name, sizeof(key.name), is_victim ? t->comm : name);
	fill(key.cgroup, sizeof(key.cgroup), t->cgroup && *t->cgroup == '/' ? t->cgroup : "/");
	set_policy(&key, t->policy, -1, metric_of(t, "rt_priority"));
	set_affinity(f, &key, t->affinity);
	key.work = work_of(&r);
	fingerprint_add(f, &key, or_zero(r.share), r.burst_ms, r.sleep_ms);
}

static uint64_t number_of(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : 0;
}

static void note_victim(struct fingerprint *f)
{
	for (unsigned i = 0; i < f->groups; i++)
		if (f->group[i].has_victim)
			return;
	if (*f->victim)
		fingerprint_note(f, NOTE_UNKNOWN,
				 "the task '%.60s' that was not run is not in the profile; what it did is not known",
				 f->victim);
}

void fingerprint_of_profile(struct fingerprint *f, const struct profile *p)
{
	uint64_t cpus = number_of(p->host, "online_cpus"), nodes = number_of(p->host, "numa_nodes");
	f->cpus = cpus && cpus <= 8192 ? (unsigned)cpus : f->cpus;
	f->nodes = nodes && nodes <= 1024 ? (unsigned)nodes : f->nodes;
	fill(f->release, sizeof(f->release), json_string_value(json_object_get(p->host, "kernel_release")));
	fill(f->scheduler, sizeof(f->scheduler), json_string_value(json_object_get(p->sched_ext, "ops")));
	json_decref(f->cgroups);
	f->cgroups = p->cgroups ? json_incref(p->cgroups) : NULL;
	for (size_t i = 0; i < p->count; i++)
		add_thread(f, p, &p->thread[i]);
	note_victim(f);
	fingerprint_note(f, NOTE_GUESSED,
			 "kinds of work are derived from means over the life of each thread: what the load was at the "
			 "moment of the failure is not in a profile");
}

/* --- dumps -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static enum work_hint stack_hint(const json_t *task)
{
	const json_t *frame;
	enum work_hint work = HINT_SPIN;
	size_t i;
	json_array_foreach(json_object_get(task, "stack"), i, frame) {
		if (json_is_string(frame) && find_hint(json_string_value(frame), &work))
			break;
	}
	return work;
}

static void add_dump_task(struct fingerprint *f, const json_t *task)
{
	struct group_key key = { .cgroup = "" };
	const char *comm = text_of(task, "comm") ?: "task", *cgroup = text_of(task, "cgroup");
	json_t *static_prio = json_object_get(task, "static_prio");
	if (is_kernel_thread(comm)) {
		f->kernel_threads++;
		return;
	}
	fill(key.name, sizeof(key.name), comm);
	fill(key.cgroup, sizeof(key.cgroup), cgroup && *cgroup == '/' ? cgroup : "/");
	set_policy(&key, NULL, (int)json_integer_value(json_object_get(task, "policy")),
		   (double)json_integer_value(json_object_get(task, "rt_priority")));
	json_int_t prio = json_integer_value(static_prio);
	key.nice = prio >= 100 && prio <= 139 ? (int)prio - 120 : 0;
	set_affinity(f, &key, text_of(task, "cpus_allowed"));
	key.work = stack_hint(task);
	fingerprint_add(f, &key, -1, USUAL_BURST_MS, USUAL_SLEEP_MS);
}

/* The task that has waited for longest comes first. */
static void find_dump_victim(struct fingerprint *f, const json_t *tasks)
{
	const json_t *first = json_array_get(tasks, 0);
	if (json_is_true(json_object_get(first, "waiting")))
		fill(f->victim, sizeof(f->victim), text_of(first, "comm"));
}

static void take_end(struct fingerprint *f, const json_t *dump)
{
	const json_t *end = json_object_get(dump, "scx_exit"), *state = json_object_get(dump, "scx_sched_state");
	const char *kind = text_of(end, "kind") ?: text_of(state, "exit_kind") ?: "";
	fill(f->scheduler, sizeof(f->scheduler), text_of(state, "ops_name"));
	f->watchdog_ms = number_of(state, "watchdog_timeout_ms");
	if (f->end != SCX_END_NONE)
		return;
	f->end = strstr(kind, "STALL") ? SCX_END_STALL : strstr(kind, "ERROR") ? SCX_END_ERROR : SCX_END_NONE;
	const char *reason = text_of(end, "reason") ?: text_of(dump, "reason");
	snprintf(f->cause, sizeof(f->cause), "%.200s: %.380s", reason ?: "a dump", text_of(end, "msg") ?: "");
}

int fingerprint_of_dump(struct fingerprint *f, const json_t *dump, struct err **err)
{
	const json_t *tasks = json_object_get(dump, "task_enrichments"), *kernel = json_object_get(dump, "kernel"),
		     *task;
	uint64_t cpus = number_of(kernel, "cpus");
	size_t i;
	if (json_is_true(json_object_get(dump, "is_placeholder")))
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "it is a placeholder: nothing could be seen of the guest; name another dump");
	f->cpus = f->cpus ?: cpus <= 8192 ? (unsigned)cpus : 0;
	fill(f->release, sizeof(f->release), text_of(kernel, "release"));
	take_end(f, dump);
	find_dump_victim(f, tasks);
	json_array_foreach(tasks, i, task) {
		if (json_is_object(task))
			add_dump_task(f, task);
	}
	if (!json_is_array(tasks))
		fingerprint_note(f, NOTE_UNKNOWN, "the dump has no tasks: %.160s",
				 text_of(dump, "task_enrichments_unavailable") ?: "no task waited or ran");
	else
		fingerprint_note(f, NOTE_LEFT_OUT, "tasks that slept when the dump was taken are not in it");
	return 0;
}
