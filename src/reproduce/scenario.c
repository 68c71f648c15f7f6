/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.c -- a scenario file with the load of a fingerprint; see fingerprint.h. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "reproduce/fingerprint.h"

#define USUAL_CPUS	  4
#define WORKERS_ALL_MAX	  256
#define COMM_MAX	  15
#define SLEEP_MS_MAX	  2000
#define BURST_MS_MAX	  1000
#define DURATION_S	  10
#define WATCHDOG_S	  5
#define USUAL_WATCHDOG_MS 30000
#define USUAL_WEIGHT	  100

/* The guest that the load is fitted to. */
struct guest {
	unsigned cpus;
	double scale;	  /* tasks of the guest per task of the host */
	unsigned workers; /* so far */
};

/* --- names -------------------------------------------------------------------------------------------------------- */

static void clean_name(const char *from, char *out, size_t size)
{
	size_t n = 0;
	for (; *from && n + 1 < size; from++) {
		bool good = isalnum((unsigned char)*from) || *from == '_' || *from == '-' || (*from == '.' && n);
		out[n++] = good ? *from : '_';
	}
	out[n] = '\0';
	if (!n)
		snprintf(out, size, "x");
}

/* The last part of a path on the host; "rest" is the root. */
static void cgroup_name(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	clean_name(*last ? last : "rest", out, size);
}

/* "rusty_1.0.9_x86_64" is scx_rusty: operations often carry the version of their program. */
static void guess_binary(const char *ops, char *out, size_t size)
{
	char name[MESSAGES_NAME_MAX];
	clean_name(ops, name, sizeof(name));
	for (char *at = name; (at = strchr(at, '_')); at++)
		if (isdigit((unsigned char)at[1]) || !strncmp(at, "_x86_64", 7)) {
			*at = '\0';
			break;
		}
	snprintf(out, size, "%s%s", strncmp(name, "scx_", 4) ? "scx_" : "", name);
}

/* --- one group ---------------------------------------------------------------------------------------------------- */

static unsigned group_size(enum work_hint work)
{
	return work == HINT_PIPE || work == HINT_FUTEX || work == HINT_MUTEX ? 2 : 1;
}

static unsigned workers_of(struct fingerprint *f, struct guest *g, const struct group *group)
{
	unsigned size = group_size(group->key.work);
	double wanted = fmax(1, round(group->tasks * g->scale));
	unsigned n = (unsigned)fmin(wanted, GROUP_WORKERS_MAX);
	n = (n + size - 1) / size * size;
	if (wanted > GROUP_WORKERS_MAX)
		fingerprint_note(f, NOTE_CHANGED, "%u tasks '%s' become %u worker%s", group->tasks, group->key.name, n,
				 plural(n));
	g->workers += n;
	return n;
}

static json_t *work_json(const struct group *g)
{
	json_t *o = json_object();
	json_put_text(&o, "type", hint_words[g->key.work]);
	if (g->key.work != HINT_BURSTY)
		return o;
	json_put_u64(&o, "burst_ms", (uint64_t)fmin(fmax(round(g->burst_ms), 1), BURST_MS_MAX));
	json_put_u64(&o, "sleep_ms", (uint64_t)fmin(fmax(round(g->sleep_ms), 1), SLEEP_MS_MAX));
	return o;
}

/* The CPUs of a list that the guest has. */
static void clip_list(const char *list, unsigned cpus, struct buf *out, bool *cut)
{
	*cut = false;
	for (const char *at = list; *at; at += strcspn(at, ",")) {
		char *end;
		at += *at == ',';
		unsigned long first = strtoul(at, &end, 10), last = *end == '-' ? strtoul(end + 1, NULL, 10) : first;
		*cut |= last >= cpus;
		if (first >= cpus || last < first)
			continue;
		last = last >= cpus ? cpus - 1 : last;
		buf_appendf(out, last > first ? "%s%lu-%lu" : "%s%lu", out->len ? "," : "", first, last);
	}
}

static void put_affinity(struct fingerprint *f, const struct guest *g, const struct group_key *key, json_t **load)
{
	_cleanup_buf_ struct buf list = BUF_NULL;
	bool cut;
	if (!*key->affinity)
		return;
	clip_list(key->affinity, g->cpus, &list, &cut);
	if (cut)
		fingerprint_note(f, NOTE_CHANGED, "'%s' may run on CPUs %.60s of the host; the guest has %u CPUs: %s",
				 key->name, key->affinity, g->cpus, list.len ? buf_str(&list) : "all are allowed");
	if (!list.len)
		return;
	json_t *affinity = json_object();
	json_put_text(&affinity, "kind", "exact");
	json_put_text(&affinity, "list", buf_str(&list));
	json_put(load, "affinity", affinity);
}

static void put_policy(const struct group_key *key, json_t **load)
{
	bool is_rt = !strcmp(key->policy, "fifo") || !strcmp(key->policy, "rr");
	if (!*key->policy || !strcmp(key->policy, "normal"))
		return;
	json_t *policy = json_object();
	json_put_text(&policy, "kind", key->policy);
	if (is_rt)
		json_put_u64(&policy, "priority", (uint64_t)key->priority);
	json_put(load, "policy", policy);
}

/* The fields of a load, into a control group or an entry of its loads. */
static void put_load(struct fingerprint *f, struct guest *g, const struct group *group, json_t **o)
{
	char comm[COMM_MAX + 1];
	clean_name(group->key.name, comm, sizeof(comm));
	json_put_text(o, "comm", comm);
	json_put_u64(o, "workers", workers_of(f, g, group));
	json_put(o, "work", work_json(group));
	put_policy(&group->key, o);
	if (group->key.nice >= -20 && group->key.nice <= 19 && group->key.nice)
		json_put_int(o, "nice", group->key.nice);
	put_affinity(f, g, &group->key, o);
}

/* --- control groups ----------------------------------------------------------------------------------------------- */

static void put_limits(const struct fingerprint *f, const char *path, json_t **cgroup)
{
	const json_t *cpu = json_object_get(json_object_get(f->cgroups, path), "cpu");
	json_int_t weight = json_integer_value(json_object_get(cpu, "weight"));
	json_int_t quota = json_integer_value(json_object_get(cpu, "max_quota_us"));
	json_int_t period = json_integer_value(json_object_get(cpu, "max_period_us"));
	json_t *limits = json_object();
	if (weight > 0 && weight <= 10000 && weight != USUAL_WEIGHT)
		json_put_int(&limits, "cpu_weight", weight);
	if (quota >= 1000 && quota <= UINT32_MAX && period >= 1000 && period <= 1000000) {
		json_put_int(&limits, "cpu_quota_us", quota);
		json_put_int(&limits, "cpu_period_us", period);
	}
	if (json_object_size(limits))
		json_put(cgroup, "limits", limits);
	else
		json_decref(limits);
}

/* The first load is in the control group itself; those behind it are its list. */
static json_t *cgroup_json(struct fingerprint *f, struct guest *g, unsigned first, bool *done)
{
	const char *path = f->group[first].key.cgroup;
	char name[64], unique[80];
	json_t *o = json_object(), *more = json_array();
	cgroup_name(path, name, sizeof(name));
	snprintf(unique, sizeof(unique), "%s", name);
	for (unsigned i = 0; i < first; i++) {
		char other[64];
		cgroup_name(f->group[i].key.cgroup, other, sizeof(other));
		if (!strcmp(other, name))
			snprintf(unique, sizeof(unique), "%s_%u", name, first);
	}
	json_put_text(&o, "name", unique);
	for (unsigned i = first; i < f->groups; i++) {
		if (done[i] || strcmp(f->group[i].key.cgroup, path) != 0 || g->workers >= WORKERS_ALL_MAX)
			continue;
		done[i] = true;
		json_t *load = json_object();
		put_load(f, g, &f->group[i], i == first ? &o : &load);
		if (i == first)
			json_decref(load);
		else
			json_add(&more, load);
	}
	put_limits(f, path, &o);
	if (json_array_size(more))
		json_put(&o, "loads", more);
	else
		json_decref(more);
	return o;
}

/* With its load in a scenario, a machine without any is one group that spins on each CPU. */
static void need_group(struct fingerprint *f, const struct guest *g)
{
	struct group_key key = { .cgroup = "/", .policy = "normal", .work = HINT_SPIN };
	if (f->groups)
		return;
	snprintf(key.name, sizeof(key.name), "%s", *f->victim && !is_kernel_thread(f->victim) ? f->victim : "load");
	for (unsigned i = 0; i < 2 * g->cpus; i++)
		fingerprint_add(f, &key, -1, 0, 0);
	fingerprint_note(f, NOTE_UNKNOWN,
			 "nothing is known of the load: two tasks per CPU spin; a profile of the host ('ktstr ctprof "
			 "capture') says more");
}

static json_t *cgroups_json(struct fingerprint *f, struct guest *g)
{
	json_t *list = json_array();
	bool done[GROUPS_MAX] = { false };
	for (unsigned i = 0; i < f->groups; i++)
		if (!done[i] && g->workers < WORKERS_ALL_MAX)
			json_add(&list, cgroup_json(f, g, i, done));
	for (unsigned i = 0; i < f->groups; i++)
		f->lost += done[i] ? 0 : f->group[i].tasks;
	return list;
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

static struct guest fit_guest(struct fingerprint *f)
{
	struct guest g = { .cpus = f->cpus ?: USUAL_CPUS, .scale = 1 };
	if (!f->cpus)
		fingerprint_note(f, NOTE_UNKNOWN, "the number of CPUs is not known; the guest has %u ('cores')",
				 g.cpus);
	if (g.cpus > GUEST_CPUS_MAX) {
		g.scale = (double)GUEST_CPUS_MAX / g.cpus;
		fingerprint_note(f, NOTE_CHANGED, "the host has %u CPUs; the guest has %u, and as many fewer workers",
				 g.cpus, GUEST_CPUS_MAX);
		g.cpus = GUEST_CPUS_MAX;
	}
	fingerprint_note(f, NOTE_UNKNOWN,
			 "caches, cores with several threads%s of the host are not in the inputs; set 'llcs', "
			 "'threads', 'numa_nodes' ('ktstr show-host' on the host shows them)",
			 f->nodes > 1 ? "" : " and nodes of memory");
	return g;
}

static json_t *scheduler_json(struct fingerprint *f, const char *binary)
{
	char guess[MESSAGES_NAME_MAX + 8], name[MESSAGES_NAME_MAX];
	json_t *o = json_object();
	clean_name(f->scheduler, name, sizeof(name));
	guess_binary(f->scheduler, guess, sizeof(guess));
	json_put_text(&o, "name", name);
	json_put_text(&o, "binary", binary ?: guess);
	if (!binary)
		fingerprint_note(f, NOTE_GUESSED,
				 "the program of the scheduler '%s' is '%s'; --scheduler names another one",
				 f->scheduler, guess);
	fingerprint_note(f, NOTE_UNKNOWN, "the arguments of the scheduler; add them as 'args'");
	return o;
}

static const char *end_word(enum scx_end end)
{
	return end == SCX_END_STALL ? "stall" : end == SCX_END_ERROR ? "error" : "load";
}

/* A host waits for half a minute until it calls a task stalled; a guest need not. */
static void put_watchdog(struct fingerprint *f, json_t **test)
{
	uint64_t host = f->watchdog_ms ?: USUAL_WATCHDOG_MS;
	if (f->end != SCX_END_STALL || host <= WATCHDOG_S * 1000)
		return;
	json_put_u64(test, "watchdog_timeout_s", WATCHDOG_S);
	fingerprint_note(f, NOTE_CHANGED,
			 "the kernel's watchdog waits for %d s instead of %s%lu s, so that a stall shows "
			 "sooner",
			 WATCHDOG_S, f->watchdog_ms ? "" : "the usual ", host / 1000);
}

static json_t *test_json(struct fingerprint *f, const struct guest *g)
{
	char scheduler[MESSAGES_NAME_MAX], name[MESSAGES_NAME_MAX + 16];
	json_t *o = json_object();
	clean_name(*f->scheduler ? f->scheduler : "eevdf", scheduler, sizeof(scheduler));
	snprintf(name, sizeof(name), "%s_%s", scheduler, end_word(f->end));
	json_put_text(&o, "name", name);
	if (*f->scheduler)
		json_put_text(&o, "scheduler", scheduler);
	else
		fingerprint_note(f, NOTE_UNKNOWN, "no sched_ext scheduler is named: the test runs under EEVDF");
	json_put_u64(&o, "cores", g->cpus);
	json_put_u64(&o, "duration_s", DURATION_S);
	put_watchdog(f, &o);
	return o;
}

static void note_left_out(struct fingerprint *f)
{
	if (f->end == SCX_END_NORMAL)
		fingerprint_note(f, NOTE_UNKNOWN,
				 "the scheduler was ended from outside, not by an error: there may be nothing "
				 "to reproduce");
	if (f->kernel_threads)
		fingerprint_note(f, NOTE_LEFT_OUT, "%u thread%s of the kernel: the guest has its own",
				 f->kernel_threads, plural(f->kernel_threads));
	if (f->idle)
		fingerprint_note(f, NOTE_LEFT_OUT, "%u thread%s that used next to no CPU", f->idle, plural(f->idle));
	if (f->lost)
		fingerprint_note(f, NOTE_LEFT_OUT, "%u task%s of small groups", f->lost, plural(f->lost));
	if (*f->release)
		fingerprint_note(f, NOTE_UNKNOWN,
				 "the host's kernel was %.60s; choose one of the same series with --kernel",
				 f->release);
}

/*
 * Scenario files of two failures of one scheduler are kept side by side, so their tests need different names: the name
 * ends with a part of the document's hash.
 */
static bool name_test(json_t *document)
{
	_cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
	json_auto_t *test = json_incref(json_object_get(document, "test"));
	char name[MESSAGES_NAME_MAX + 32];
	struct siphash h;
	if (!text)
		return false;
	siphash_init(&h);
	siphash_string(&h, text);
	snprintf(name, sizeof(name), "%s_%06lx", json_string_value(json_object_get(test, "name")),
		 siphash_final(&h) & 0xffffff);
	json_put_text(&test, "name", name);
	return test;
}

json_t *fingerprint_scenario(struct fingerprint *f, const char *binary)
{
	struct guest g = fit_guest(f);
	json_t *o = json_object(), *schedulers = json_array(), *steps = json_array(), *step = json_object();
	json_t *scenario = json_object();
	need_group(f, &g);
	json_put_u64(&o, "ktstr_scenario", 1);
	if (*f->scheduler)
		json_add(&schedulers, scheduler_json(f, binary));
	json_put(&o, "schedulers", schedulers);
	json_put(&o, "test", test_json(f, &g));
	json_put_text(&step, "name", "load");
	json_put(&step, "cgroups", cgroups_json(f, &g));
	json_add(&steps, step);
	json_put(&scenario, "steps", steps);
	json_put(&o, "scenario", scenario);
	note_left_out(f);
	if (!o || name_test(o))
		return o;
	json_decref(o);
	return NULL;
}

/* --- the fingerprint ---------------------------------------------------------------------------------------------- */

static json_t *group_json(const struct group *g)
{
	json_t *o = json_object();
	json_put_text(&o, "cgroup", g->key.cgroup);
	json_put_text(&o, "name", g->key.name);
	json_put_u64(&o, "tasks", g->tasks);
	json_put_text(&o, "work", hint_words[g->key.work]);
	json_put_text(&o, "policy", g->key.policy);
	json_put_int(&o, "nice", g->key.nice);
	json_put_text(&o, "affinity", *g->key.affinity ? g->key.affinity : NULL);
	json_put_number(&o, "cpus", g->cpus < 0 ? NAN : g->cpus);
	json_put_bool(&o, "has_victim", g->has_victim);
	return o;
}

json_t *fingerprint_json(const struct fingerprint *f)
{
	static const char *const ends[] = { [SCX_END_NONE] = "none",
					    [SCX_END_NORMAL] = "normal",
					    [SCX_END_ERROR] = "error",
					    [SCX_END_STALL] = "stall" };
	json_t *o = json_object(), *groups = json_array(), *notes = json_array();
	json_put_text(&o, "scheduler", *f->scheduler ? f->scheduler : NULL);
	json_put_text(&o, "kernel", *f->release ? f->release : NULL);
	json_put_text(&o, "end", ends[f->end]);
	json_put_text(&o, "cause", *f->cause ? f->cause : NULL);
	json_put_text(&o, "victim", *f->victim ? f->victim : NULL);
	json_put_u64(&o, "cpus", f->cpus);
	for (unsigned i = 0; i < f->groups; i++)
		json_add(&groups, group_json(&f->group[i]));
	json_put(&o, "groups", groups);
	for (unsigned i = 0; i < f->notes; i++) {
		json_t *note = json_object();
		json_put_text(&note, "kind", note_words[f->note[i].kind]);
		json_put_text(&note, "text", f->note[i].text);
		json_add(&notes, note);
	}
	json_put(&o, "notes", notes);
	return o;
}
