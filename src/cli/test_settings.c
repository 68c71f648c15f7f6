/* SPDX-License-Identifier: GPL-2.0-only */
/* test_settings.c -- checks the arguments of `ktstr test` and the variables beside them, before anything is done. */
#include <fcntl.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/test_session.h"
#include "kernel/ref.h"

static int parse_flake(const struct test_args *a, struct flake_policy *ret, struct err **err)
{
	if (a->require > MAX_OF(a->repeat, 1))
		return FAIL(err, ERR_USAGE, -EINVAL, "--require %lu of --repeat %lu cannot pass", a->require,
			    a->repeat);
	*ret = (struct flake_policy){ .retries = (unsigned)a->retries,
				      .repeat = (unsigned)a->repeat,
				      .require = (unsigned)(a->require ? a->require : a->repeat) };
	return 0;
}

static int parse_cap(struct session *s, const struct test_args *a, struct err **err)
{
	struct cpu_budget_words words = cpu_budget_environment(a->cpu_cap);
	struct cpuset_bits allowed;
	int r = cpus_allowed(&allowed, err);
	s->allowed = r == 0 ? cpuset_count(&allowed) : 0;
	if (r == 0)
		r = cpu_budget_resolve(&words, s->allowed, /* vcpus= */ 0, &s->budget, err);
	s->budget.bypass |= environment_is_on(ENV_CARGO_TEST_MODE);
	return r;
}

static int parse_perf(const struct test_args *a, enum plan_perf *ret, struct err **err)
{
	bool no = session_has_no_perf(a);
	if (a->perf_mode && no)
		return FAIL(err, ERR_USAGE, -EINVAL, "--perf-mode and KTSTR_NO_PERF_MODE exclude each other");
	*ret = no ? PLAN_PERF_NONE : a->perf_mode ? PLAN_PERF_ALL : PLAN_PERF_DECLARED;
	return 0;
}

static int parse_deadline(struct session *s, struct err **err)
{
	const char *said = environment_get(ENV_HOST_DEADLINE_PERCENT);
	s->deadline_percent = 100;
	if (!said || parse_u32_range(said, 1, DEADLINE_PERCENT_MAX, &s->deadline_percent) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL, "KTSTR_HOST_DEADLINE_PERCENT: '%s' is not a number from 1 to %d", said,
		    DEADLINE_PERCENT_MAX);
}

/* The names of backend and kernels must be possible, also for --list, which uses neither. */
static int check_words(const struct session *s, const struct test_args *a, struct err **err)
{
	const struct strings *kernels = session_kernels(s, a);
	enum accel accel;
	const char *said = a->accel ? a->accel : environment_get(ENV_ACCEL);
	int r = said ? accel_parse(said, &accel, err) : 0;
	for (size_t i = 0; r == 0 && i < kernels->count; i++) {
		struct kernel_ref ref;
		r = kernel_ref_parse(kernels->item[i], &ref, err);
		if (r == 0)
			kernel_ref_done(&ref);
	}
	return r;
}

/* An ndjson report is a stream: it is opened before the run and written while tests end. */
int session_open_stream(struct session *s, struct err **err)
{
	struct report_orders *o = &s->reports;
	for (size_t i = 0; i < o->count; i++) {
		const char *file = o->item[i].file;
		if (o->item[i].format->write != ndjson_write)
			continue;
		if (!strcmp(file, "-") || s->stream.fd >= 0)
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--report: ndjson goes to one file; for standard output, use --json");
		_cleanup_free_ char *dir = path_dirname(file);
		int r = dir ? mkdir_parents(dir, 0755, err) : -ENOMEM;
		if (r < 0)
			return r;
		s->stream.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
		if (s->stream.fd < 0)
			return FAIL_SYS(err, -errno, "create '%s'", file);
		s->stream.name = file;
		o->item[i--] = o->item[--o->count];
	}
	return 0;
}

static int find_snapshots(struct session *s, struct err **err)
{
	return cache_sibling_find("snapshots", &s->snapshot_cache, err);
}

int session_parse_args(struct session *s, const struct test_args *a, struct err **err)
{
	s->seed = a->seed;
	int r = parse_perf(a, &s->perf, err);
	if (r == 0)
		r = parse_flake(a, &s->flake, err);
	if (r == 0)
		r = parse_cap(s, a, err);
	if (r == 0)
		r = parse_deadline(s, err);
	if (r == 0)
		r = reports_parse("report", &a->report, &s->reports, err);
	for (size_t i = 0; i < a->paths.count && r == 0; i++)
		r = reports_check_input("report", &s->reports, a->paths.item[i], err);
	if (r == 0 && !a->kernel.count)
		r = kernel_list_read(&s->list, err);
	if (r == 0)
		r = check_words(s, a, err);
	if (r == 0 && a->known)
		r = known_signatures_read(a->known, &s->known, err);
	if (r == 0 && a->start != START_BOOT)
		r = find_snapshots(s, err);
	return r == 0 && a->partition ? partition_parse(a->partition, &s->partition, err) : r;
}

unsigned session_failures_most(const struct test_args *a)
{
	return a->fail_fast ? 1 : a->no_fail_fast ? 0 : (unsigned)a->max_fail;
}
