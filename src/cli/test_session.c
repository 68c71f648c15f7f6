/* SPDX-License-Identifier: GPL-2.0-only */
/* test_session.c -- see test_session.h. */
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/sweep.h"
#include "cli/test_session.h"
#include "cli/test_source.h"
#include "model/server.h"
#include "run/model_metrics.h"
#include "vmm/qemu/qemu.h"

bool session_has_no_perf(const struct test_args *a)
{
	return a->no_perf_mode || environment_is_on(ENV_NO_PERF_MODE);
}

const struct strings *session_kernels(const struct session *s, const struct test_args *a)
{
	return a->kernel.count ? &a->kernel : &s->list.kernel;
}

#define PROBLEMS_MOST 50 /* that are printed */

/* The presets of a test share its problem. */
static bool is_repeated(const struct plan *p, size_t i)
{
	return i && p->item[i].test == p->item[i - 1].test && !strcmp(p->item[i].problem, p->item[i - 1].problem);
}

/* If no planned test can run, the run fails. Prints the problems of all tests, the first one as the error. */
static int check_problems(const struct plan *p, struct err **err)
{
	size_t printed = 0;
	for (size_t i = 0; i < p->count; i++)
		if (!p->item[i].problem)
			return 0;
	for (size_t i = 1; i < p->count && printed < PROBLEMS_MOST; i++) {
		if (is_repeated(p, i))
			continue;
		say_printf("error: test '%s': %s\n", p->item[i].test->name, p->item[i].problem);
		printed++;
	}
	return p->count ? FAIL(err, ERR_DATA, -EINVAL, "test '%s': %s", p->item[0].test->name, p->item[0].problem) : 0;
}

/* Tests that are ignored are listed, but run only if they are asked for. */
static int leave_out_ignored(struct session *s, const struct test_args *a, struct err **err)
{
	if (a->run_ignored == IGNORED_TOO || (a->list && a->run_ignored != IGNORED_ONLY))
		return 0;
	size_t dropped = plan_keep_ignored(&s->plan, a->run_ignored == IGNORED_ONLY);
	if (a->run_ignored == IGNORED_ONLY)
		return s->plan.count
			       ? 0
			       : FAIL(err, ERR_USAGE, -ENOENT,
				      "none of the %zu tests is ignored; leave '--run-ignored only' out", dropped);
	if (dropped && !s->plan.count)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "all tests that match are ignored (%zu); run them with '--run-ignored all'", dropped);
	if (dropped)
		say_printf("%zu test%s ignored; '--run-ignored all' runs %s too\n", dropped,
			   dropped == 1 ? " is" : "s are", dropped == 1 ? "it" : "them");
	return 0;
}

/* What the user asked for, as far as it is relevant. */
static int make_filter(struct session *s, const struct test_args *a, struct err **err)
{
	_cleanup_buf_ struct buf both = BUF_NULL;
	if (!s->relevant || !a->filter)
		return s->relevant || a->filter ? filter_parse(s->relevant ?: a->filter, &s->filter, err) : 0;
	buf_appendf(&both, "(%s) & (%s)", a->filter, s->relevant);
	return filter_parse(buf_str(&both), &s->filter, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a run on several machines, the tests that this process has. */
static int keep_part(struct plan *p, const struct test_part *part)
{
	_cleanup_free_ bool *keep = calloc(p->count + 1, sizeof(*keep));
	if (!keep)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		keep[i] = bsearch(&p->item[i].name, part->names, part->count, sizeof(*part->names), compare_names);
	plan_keep(p, keep);
	return 0;
}

bool session_needs_schedulers(const struct session *s)
{
	for (size_t i = 0; i < s->suites; i++)
		for (size_t k = 0; k < s->suite[i].schedulers; k++)
			if (s->suite[i].scheduler[k].binary)
				return true;
	return false;
}

/* A mistake in the environment is better said before the machines run than after each of them. */
static int check_model_settings(const struct plan *p, struct err **err)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->item[i].skip && test_asks_model(p->item[i].test))
			return model_server_check_settings(err);
	return 0;
}

int session_plan(struct session *s, const struct test_args *a, struct err **err)
{
	struct plan_request request = {
		.suites = s->suite,
		.suite_count = s->suites,
		.kernels = s->kernel + s->first,
		.kernel_count = s->kernels - s->first,
		.labels = s->labels,
		.backend = s->accel.backend,
		.lag_ns = s->accel.lag_ns,
		.strict = a->release,
		.gauntlet = a->gauntlet && !environment_is_on(ENV_CARGO_TEST_MODE),
		.presets = a->source ? a->source->presets : NULL,
		.constants = a->source ? a->source->constants : NULL,
		.perf = s->perf,
		.perf_only = environment_is_on(ENV_PERF_ONLY),
		.perf_if_possible = environment_is_on(ENV_PERF_DELTA),
		.first_duplicate = a->duplicates == DUPLICATES_FIRST,
		.time_dilation = (unsigned)a->time_dilation,
		.host_cpus = s->allowed,
		.cpu_cap = s->budget.said ? s->budget.cpus : 0,
		.perturb = session_explores(a) ? (struct observe_perturb){ 0 } : s->perturb,
		.schedules = session_explores(a) ? 0 : (unsigned)a->schedules,
	};
	int r = make_filter(s, a, err);
	if (r < 0)
		return r;
	request.filter = s->filter;
	r = plan_make(&request, &s->plan, err);
	if (r < 0)
		return r;
	if (!s->plan.count && s->relevant) {
		say_printf("note: no test that is asked for is relevant\n");
		return 0;
	}
	if (!s->plan.count)
		return FAIL(err, ERR_USAGE, -ENOENT, "no test matches%s%s; 'ktstr test --list' lists all tests",
			    a->filter ? " " : "", a->filter ? a->filter : "");
	r = leave_out_ignored(s, a, err);
	if (r < 0)
		return r;
	plan_partition(&s->plan, &s->partition);
	if (a->write_scenario && (s->plan.count != 1 || a->schedules))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--write-scenario writes the scenario of one test, and there are %zu; choose one with -E",
			    s->plan.count);
	if (a->write_scenario && !a->list && !a->dry_run)
		r = file_check_output(a->write_scenario, err);
	if (r < 0)
		return r;
	if (a->part && keep_part(&s->plan, a->part) < 0)
		return -ENOMEM;
	if (a->list)
		return 0;
	r = check_model_settings(&s->plan, err);
	return r < 0 ? r : check_problems(&s->plan, err);
}

static int spend_budget(struct session *s, struct err **err)
{
	const char *text = environment_get(ENV_BUDGET_SECS);
	struct budget_report report;
	nsec_t budget;
	if (!text)
		return 0;
	if (!budget_parse(text, &budget)) {
		say_printf("warning: KTSTR_BUDGET_SECS='%s' is not a positive number and is ignored\n", text);
		return 0;
	}
	if (plan_budget(&s->plan, budget, &report) < 0)
		return FAIL_SYS(err, -ENOMEM, "choose tests for the budget");
	say_printf("ktstr budget: %zu/%zu tests, %.0f/%.0fs used, %u/%u configurations covered, %u/%u pairs of them\n",
		   report.kept, report.total, (double)report.used / 1e9, (double)budget / 1e9, report.features,
		   report.features_possible, report.pairs, report.pairs_possible);
	if (report.total && !report.kept)
		return FAIL(err, ERR_USAGE, -EDOM,
			    "KTSTR_BUDGET_SECS=%s: no test fits, so nothing would be judged; give it more seconds "
			    "(--dry-run without it prints the estimates)",
			    text);
	return 0;
}

int session_schedule(struct session *s, struct err **err)
{
	json_auto_t *durations = durations_load();
	plan_estimate(&s->plan, s->accel.backend->name, durations);
	int r = spend_budget(s, err);
	plan_order(&s->plan);
	return r;
}

unsigned session_slots(const struct session *s, const struct test_args *a)
{
	unsigned cpus = s->budget.said ? s->budget.cpus : s->allowed;
	if (!a->jobs)
		return cpus;
	return session_has_no_perf(a) && !s->budget.said ? (unsigned)a->jobs : MIN_OF((unsigned)a->jobs, cpus);
}

/* Of a part of a campaign, the seeds must not depend on what is in the cache. */
static int check_schedules(struct session *s, const struct test_args *a, struct err **err)
{
	struct observe_perturb *p = &s->perturb;
	if (!a->schedules)
		return 0;
	if (p->branches)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--perturb: then=EVENT:SEED is one schedule, and exploring makes many; run it with 'ktstr "
			    "test'");
	if (!p->seed && !session_explores(a))
		p->seed = 1;
	if (p->seed > UINT64_MAX - a->schedules)
		return FAIL(err, ERR_USAGE, -ERANGE, "--perturb: there are no %lu seeds from %lu on", a->schedules,
			    p->seed);
	return 0;
}

static int read_perturb(struct session *s, const struct test_args *a, struct err **err)
{
	const char *text = a->perturb ? a->perturb : a->schedules ? "random" : NULL;
	if (!text)
		return 0;
	if (a->no_monitor)
		return FAIL(err, ERR_USAGE, -EINVAL, "--perturb needs the monitor, which --no-monitor switches off");
	if (!perturb_is_file(text)) {
		int r = perturb_parse(text, &s->perturb, err);
		return r == 0 ? check_schedules(s, a, err) : r;
	}
	if (a->schedules)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--perturb: a file is one schedule, and exploring needs a seed; run it with 'ktstr test'");
	return perturb_file_read(text, &s->perturb, &s->perturb_points, err);
}

static int check_perturb(const struct session *s, struct err **err)
{
	char why[256];
	if (!perturb_on(&s->perturb))
		return 0;
	if (!s->accel.lag_ns)
		return FAIL(err, ERR_MISSING, -ENOTSUP,
			    "schedules can be perturbed only where each CPU has a clock of its own (tcg, --tcg-time "
			    "parallel)%s%s",
			    *s->accel.shared_why ? ": " : "", s->accel.shared_why);
	const char *lack = s->accel.backend->observer_lack(why, sizeof(why));
	return lack ? FAIL(err, ERR_MISSING, -ENOTSUP, "schedules cannot be perturbed: %s", lack) : 0;
}

void session_find_arch(struct session *s, const struct test_args *a)
{
	const struct test_decl *first = NULL;
	s->arch = chosen_arch(a->arch);
	for (size_t i = 0; !a->arch && i < s->suites; i++)
		for (size_t k = 0; k < s->suite[i].tests; k++) {
			const struct test_decl *t = &s->suite[i].test[k];
			first = first ?: t;
			if (t->arch != first->arch)
				return;
		}
	if (first)
		s->arch = first->arch;
}

int session_choose_accel(struct session *s, const struct test_args *a, struct err **err)
{
	enum accel want = ACCEL_AUTO;
	if (a->tcg_time != TCG_PARALLEL && a->tcg_lag != QEMU_LAG_NS)
		return FAIL(err, ERR_USAGE, -EINVAL, "--tcg-lag needs --tcg-time parallel");
	const char *accel = a->accel ? a->accel : environment_get(ENV_ACCEL);
	s->probe_cache = cache_sibling("host");
	int r = accel ? accel_parse(accel, &want, err) : 0;
	if (r == 0)
		r = read_perturb(s, a, err);
	if (r < 0)
		return r;
	unsigned lag_ns = a->tcg_time == TCG_PARALLEL ? (unsigned)a->tcg_lag : 0;
	bool remote_kvm = a->slurm && want == ACCEL_KVM && s->arch == arch_host();
	if (remote_kvm)
		accel_choose_remote_kvm(&s->accel);
	else
		r = s->arch == arch_host() ? accel_choose(want, lag_ns, s->probe_cache, &s->accel, err)
					   : accel_choose_foreign(want, s->arch, lag_ns, &s->accel, err);
	if (r == 0)
		r = check_perturb(s, err);
	if (r < 0)
		return r;
	if (a->perf_mode && !s->accel.backend->vcpu_threads)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "--perf-mode needs the kvm backend, and this is %s: %s",
			    s->accel.backend->name, s->accel.reason);
	if (a->time_dilation > 1 && !s->accel.backend->vcpu_threads)
		return FAIL(err, ERR_MISSING, -ENOTSUP,
			    "--time-dilation needs the kvm backend: time on %s is counted in instructions",
			    s->accel.backend->name);
	return 0;
}
