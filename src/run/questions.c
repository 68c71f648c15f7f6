/* SPDX-License-Identifier: GPL-2.0-only */
/* questions.c -- see questions.h. */
#include <math.h>
#include <string.h>

#include <ktstr/scheduler.h>

#include "base/file.h"
#include "base/test_name.h"
#include "run/questions.h"

/* --- numbers of a sidecar ----------------------------------------------------------------------------------------- */

static const json_t *member(const json_t *o, const char *first, const char *second)
{
	return json_object_get(json_object_get(o, first), second);
}

static double largest(const json_t *sidecar, const char *key, double unit_ns)
{
	const json_t *load;
	double most = NAN;
	size_t i;
	json_array_foreach(member(sidecar, "schedule", "loads"), i, load)
		most = fmax(most, json_number_value(json_object_get(load, key)) / unit_ns);
	return most;
}

static double longest_wait(const json_t *sidecar, const struct question *q)
{
	(void)q;
	return largest(sidecar, "longest_wait_ns", 1e6);
}

static double longest_idle_wait(const json_t *sidecar, const struct question *q)
{
	(void)q;
	return largest(sidecar, "longest_idle_wait_ns", 1e6);
}

static double median_wakeup(const json_t *sidecar, const struct question *q)
{
	(void)q;
	return largest(sidecar, "median_wakeup_ns", 1e3);
}

static double of_first_load(const json_t *sidecar, const char *key)
{
	const json_t *value = json_object_get(json_array_get(member(sidecar, "schedule", "loads"), 0), key);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The first load is the light one. */
static double light_wakeup(const json_t *sidecar, const struct question *q)
{
	(void)q;
	return of_first_load(sidecar, "p99_wakeup_ns") / 1e3;
}

/* The last window: shares have settled. */
static const json_t *last_window(const json_t *sidecar)
{
	const json_t *windows = member(sidecar, "schedule", "windows");
	size_t count = json_array_size(windows);
	const json_t *w = count ? json_array_get(windows, count - 1) : NULL;
	return json_is_true(json_object_get(w, "complete")) ? w : NULL;
}

static double run_ns(const json_t *window, size_t load)
{
	return json_number_value(json_object_get(json_array_get(json_object_get(window, "loads"), load), "run_ns"));
}

/* What the first load got of the CPU time of all. */
static double share_of_first(const json_t *sidecar, const struct question *q)
{
	const json_t *w = last_window(sidecar);
	double all = 0;
	(void)q;
	for (size_t i = 0; i < json_array_size(json_object_get(w, "loads")); i++)
		all += run_ns(w, i);
	return all > 0 ? 100 * run_ns(w, 0) / all : NAN;
}

/* CPU time of the first load, as a share of one CPU. */
static double cpu_of_first(const json_t *sidecar, const struct question *q)
{
	const json_t *w = last_window(sidecar);
	double from = json_number_value(json_object_get(w, "from_ns")),
	       to = json_number_value(json_object_get(w, "to_ns"));
	(void)q;
	return to > from ? 100 * run_ns(w, 0) / (to - from) : NAN;
}

static double cgroup_stat(const json_t *sidecar, const char *cgroup, const char *key)
{
	const json_t *g;
	size_t i;
	json_array_foreach(member(sidecar, "stats", "cgroups"), i, g) {
		const char *name = json_string_value(json_object_get(g, "cgroup_name"));
		const json_t *value = json_object_get(g, key);
		if (name && !strcmp(name, cgroup) && json_is_number(value))
			return json_number_value(value);
	}
	return NAN;
}

static double longest_gap(const json_t *sidecar, const struct question *q)
{
	return cgroup_stat(sidecar, q->of, "max_gap_ms");
}

static double iterations_per_s(const json_t *sidecar, const struct question *q)
{
	double s = json_number_value(json_object_get(sidecar, "duration_ns")) / 1e9;
	return s > 0 ? cgroup_stat(sidecar, q->of, "total_iterations") / s : NAN;
}

/* What the test measured itself. */
static double measured(const json_t *sidecar, const struct question *q)
{
	const json_t *m;
	size_t i;
	json_array_foreach(json_object_get(sidecar, "measured"), i, m) {
		const char *name = json_string_value(json_object_get(m, "name"));
		if (name && !strcmp(name, q->of))
			return json_number_value(json_object_get(m, "value"));
	}
	return NAN;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

const struct question questions[] = {
	{ "progress", "the longest wait of a task", "ms", "not_stuck, max_gap_ms, max_run_delay_ms", 0, false,
	  longest_wait, NULL },
	{ "fairness", "what the worst tenth of pinned and floating tasks gets of the mean", "%",
	  "60 % or more in 5 s (fair_to_pinned), max_spread_pct", 0, true, measured, "least_share" },
	{ "weights", "CPU time of cpu.weight 1000 beside 10", "%", "weights", KTSTR_LACK_WEIGHT, true, share_of_first,
	  NULL },
	{ "nice", "CPU time of nice -5 beside 5", "%", "weights", KTSTR_LACK_NICE, true, share_of_first, NULL },
	{ "quota", "CPU time of a group that may use half of a CPU", "%", "quota", KTSTR_LACK_QUOTA, false,
	  cpu_of_first, NULL },
	{ "cpusets", "the longest wait while two groups swap their CPUs", "ms", "isolation, max_run_delay_ms", 0, false,
	  longest_wait, NULL },
	{ "affinity", "the longest wait while masks change", "ms", "isolation, max_run_delay_ms", 0, false,
	  longest_wait, NULL },
	{ "wakeup_near", "half of the wake-ups within an LLC take at most", "us", "max_idle_wakeup_ms", 0, false,
	  median_wakeup, NULL },
	{ "wakeup_far", "half of the wake-ups between LLCs take at most", "us", "max_idle_wakeup_ms", 0, false,
	  median_wakeup, NULL },
	{ "conservation", "the longest wait of a task beside an idle CPU", "ms", "max_idle_wait_ms, max_idle_wakeup_ms",
	  0, false, longest_idle_wait, NULL },
	{ "spread", "from unpinning until all CPUs are used", "ms", "all are, within 1 s (spread_after_pinning)", 0,
	  false, measured, "spread" },
	{ "grouping", "time that threads are in their process's LLC", "%", "nothing of its own: a number to compare", 0,
	  true, measured, "in_home_llc" },
	{ "interactivity", "99 % of the wake-ups of a light task beside heavy ones take at most", "us",
	  "max_run_delay_ms", 0, false, light_wakeup, NULL },
	{ "forks", "processes that come and go", "/s", "each ends, max_gap_ms", 0, true, iterations_per_s, "forks" },
	{ "hotplug", "the longest wait while a CPU goes and comes back", "ms", "it stays attached, max_run_delay_ms",
	  KTSTR_LACK_HOTPLUG, false, longest_wait, NULL },
	{ "kthreads", "the longest wait for a grace period of RCU", "ms", "max_gap_ms", 0, false, longest_gap,
	  "barrier" },
	{ "reload", "the longest wait while it is loaded anew, twice", "ms", "it attaches, max_run_delay_ms", 0, false,
	  longest_wait, NULL },
	{ "crowd", "the longest wait of 32 tasks on two CPUs", "ms", "not_stuck, max_run_delay_ms, max_spread_pct", 0,
	  false, longest_wait, NULL },
	{ .name = NULL },
};

const struct question *question_find(const char *name)
{
	for (const struct question *q = questions; q->name; q++)
		if (!strcmp(q->name, name))
			return q;
	return NULL;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

const char *const answer_names[ANSWER_MAX] = {
	[ANSWER_PASS] = "pass",
	[ANSWER_FAIL] = "fail",
	[ANSWER_NOT_SUPPORTED] = "not supported",
	[ANSWER_UNKNOWN] = "cannot tell",
};

/* A declaration (--lacks) also counts where the schedule was not recorded. */
static bool is_declared(const struct question *q, const json_t *sidecar)
{
	const json_t *word;
	unsigned lacks = 0;
	size_t i;
	json_array_foreach(json_object_get(sidecar, "scheduler_lacks"), i, word)
		if (json_is_string(word))
			lacks_add(json_string_value(word), &lacks);
	return q->lack & lacks;
}

/* True or false; null: it is not known. */
static const json_t *support_of(const struct question *q, const json_t *sidecar)
{
	static const struct {
		unsigned lack;
		const char *key;
	} keys[] = { { KTSTR_LACK_WEIGHT, "supports_cpu_weight" },
		     { KTSTR_LACK_NICE, "supports_nice" },
		     { KTSTR_LACK_QUOTA, "supports_quota" },
		     { KTSTR_LACK_HOTPLUG, "supports_hotplug" } };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].lack == q->lack)
			return member(sidecar, "schedule", keys[i].key);
	return NULL;
}

enum answer question_answer(const struct question *q, const json_t *sidecar)
{
	const char *verdict = json_string_value(json_object_get(sidecar, "verdict"));
	const json_t *supported = q->lack ? support_of(q, sidecar) : json_true();
	bool passed = verdict && !strcmp(verdict, "pass"), skipped = verdict && !strcmp(verdict, "skip");
	if (verdict && !strcmp(verdict, "fail"))
		return ANSWER_FAIL;
	if ((passed || skipped) && (json_is_false(supported) || is_declared(q, sidecar)))
		return ANSWER_NOT_SUPPORTED;
	/* A check that was not made is not passed. */
	return passed && json_is_true(supported) ? ANSWER_PASS : ANSWER_UNKNOWN;
}

/* --- the suite ---------------------------------------------------------------------------------------------------- */

static char **copy_strings(const char *const *list)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		if (!(copy[i] = strdup(list[i]))) {
			strings_free(copy);
			return NULL;
		}
	return copy;
}

static int make_scheduler(const struct questions_request *q, struct sched_decl *ret, struct err **err)
{
	const char *name = path_basename(q->binary);
	if (test_name_problem(name))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' cannot be the name of a scheduler: use letters, digits, and _ . + -", name);
	*ret = (struct sched_decl){ .name = strdup(name),
				    .binary = strdup(q->binary),
				    .args = copy_strings(q->args),
				    .attach_timeout_s = KTSTR_ATTACH_TIMEOUT_S,
				    .load_cpu = q->load_cpu,
				    .lacks = q->lacks };
	return ret->name && ret->binary && ret->args ? 0 : -ENOMEM;
}

/* Moves a test out of the battery. */
static int take_test(struct test_decl *from, const struct question *question, const struct questions_request *q,
		     const struct sched_decl *scheduler, struct suite *ret)
{
	struct test_decl *t = &ret->test[ret->tests++];
	*t = *from;
	*from = (struct test_decl){ 0 };
	t->scheduler = scheduler;
	t->binary = q->program;
	t->no_perf_mode = true;
	t->question = calloc(1, sizeof(*t->question));
	if (!t->question)
		return -ENOMEM;
	t->question->question = question;
	return 0;
}

static int take_tests(struct suite *from, const struct questions_request *q, const struct sched_decl *scheduler,
		      struct suite *ret)
{
	int r = 0;
	for (const struct question *question = questions; r == 0 && question->name; question++)
		for (size_t i = 0; r == 0 && i < from->tests; i++)
			if (from->test[i].name && !strcmp(from->test[i].name, question->name) &&
			    (!q->wants || q->wants(q->arg, question)))
				r = take_test(&from->test[i], question, q, scheduler, ret);
	return r;
}

int questions_suite(struct suite battery[2], const struct questions_request *q, struct suite *ret, struct err **err)
{
	*ret = (struct suite){ .path = strdup(QUESTIONS_SUITE), .scheduler = calloc(1, sizeof(*ret->scheduler)) };
	ret->test = calloc(battery[0].tests + battery[1].tests + 1, sizeof(*ret->test));
	int r = ret->path && ret->scheduler && ret->test ? 0 : -ENOMEM;
	if (r == 0 && q->binary) {
		r = make_scheduler(q, ret->scheduler, err);
		ret->schedulers = 1;
	}
	if (r == 0 && q->binary)
		r = take_tests(&battery[0], q, ret->scheduler, ret);
	if (r == 0 && (!q->binary || q->reference))
		r = take_tests(&battery[1], q, NULL, ret);
	if (r == -ENOMEM)
		FAIL_SYS(err, r, "make the tests of the battery");
	if (r < 0)
		suite_done(ret);
	return r;
}
