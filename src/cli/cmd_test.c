/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_test.c -- ktstr test: runs test binaries on kernels and reports the verdict. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <ktstr/test.h>

#include "base/dir.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "reactor/interrupt.h"
#include "cli/kernels.h"
#include "cli/last_run.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/slurm.h"
#include "cli/test_config.h"
#include "cli/test_session.h"
#include "cli/test_source.h"
#include "kernel/ref.h"
#include "lock/flock.h"
#include "reactor/trace.h"
#include "report/signatures.h"
#include "run/build.h"
#include "run/fleet.h"
#include "run/planner.h"
#include "run/replay.h"
#include "run/scenario_file.h"

static void session_done(struct session *s)
{
	campaign_done(&s->campaign);
	known_signatures_done(&s->known);
	plan_done(&s->plan);
	closing_done(&s->closing);
	run_records_done(&s->records);
	json_decref(s->record);
	kernel_list_done(&s->list);
	fd_close(s->stream.fd);
	program_done(&s->built_in);
	program_done(&s->from_file);
	filter_free(s->filter);
	free(s->relevant);
	for (size_t i = 0; i < s->kernels; i++) {
		kernel_done(&s->kernel[i]);
		rundir_done(&s->rundir[i]);
	}
	for (size_t i = 0; i < KERNELS_MAX; i++)
		free(s->source[i]);
	suites_free(s->suite, s->suites);
	strings_free(s->binaries);
	cache_done(&s->cache);
	strings_free(s->environment);
	free(s->image_cache);
	free(s->model_dir);
	free(s->snapshot_cache);
	free(s->probe_cache);
	free(s->corpus_cache);
	free(s->perturb_points);
	reactor_free(s->reactor);
}

static const char *const default_paths[] = { "build", NULL };

static int note_binaries(struct session *s)
{
	s->binaries = calloc(s->suites + 1, sizeof(*s->binaries));
	for (size_t i = 0; s->binaries && i < s->suites; i++)
		if (!(s->binaries[i] = strdup(s->suite[i].path)))
			return -ENOMEM;
	return s->binaries ? 0 : -ENOMEM;
}

/* Scenario files are named one by one; the program that runs them is a megabyte, which others do without. */
static int open_scenario_program(struct session *s, const char *const *paths, struct err **err)
{
	for (; *paths; paths++)
		if (is_scenario_file(*paths))
			return program_open_from_file(&s->from_file, err);
	return 0;
}

static int load_suites(struct session *s, const struct test_args *a, struct err **err)
{
	const char *const *paths = a->paths.count ? a->paths.item : default_paths;
	struct signals signals = { .fd = -1 };
	if (a->source && !a->source->needs_paths)
		return a->source->suites(a->source, s, err);
	int r = open_scenario_program(s, paths, err);
	if (r == 0)
		r = interrupt_watch(&signals, s->reactor, err);
	if (r == 0)
		r = suites_load(s->reactor, paths, s->from_file.fd < 0 ? NULL : s->from_file.path, &s->suite,
				&s->suites, err);
	signals_done(&signals);
	/* It may have come after the last suite was read. */
	if (r == 0 && signals.caught)
		r = FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted while suites were listed");
	for (size_t i = 0; r == 0 && i < s->suites; i++) {
		if (!s->suite[i].problem)
			continue;
		say_printf("error: %s; its tests do not run\n", s->suite[i].problem);
		status_note(EXIT_BAD_DATA);
	}
	if (r == 0 && a->slurm)
		r = note_binaries(s);
	return r == 0 && a->source ? a->source->suites(a->source, s, err) : r;
}

/* --- kernels: all are resolved, and built if necessary, before any test starts ------------------------------------ */

/* A kernel that was named may be for another architecture than --arch. */
static int check_arch(const struct session *s, struct kernel *k, struct err **err)
{
	if (!s->args->arch || k->absent || k->arch == s->arch)
		return 0;
	int r = FAIL(err, ERR_USAGE, -EINVAL,
		     "the kernel %s is for %s, and --arch asks for %s; name another kernel, or leave --arch out",
		     k->name, arch_names[k->arch].name, arch_names[s->arch].name);
	kernel_done(k);
	return r;
}

static int take_kernel(struct session *s, struct kernels_result *k, size_t i, struct err **err)
{
	struct kernel *kernel = &s->kernel[s->kernels];
	int r = kernel_list_check(&s->list, k->count, err);
	if (r == 0)
		r = s->args->slurm ? slurm_load_kernel(s, k, i, kernel, err)
				   : kernels_load(&s->cache, k, i, kernel, err);
	if (r == 0)
		r = check_arch(s, &s->kernel[s->kernels], err);
	s->kernels += r == 0;
	return r == 0 ? kernel_list_label(&s->list, i, &s->kernel[s->kernels - 1]) : r;
}

static int run_ready_kernel(void *data, struct kernels_result *k, size_t i, struct err **err);

static int get_kernels(struct session *s, const struct test_args *a, struct err **err)
{
	_cleanup_free_ char *clang = tool_clang();
	struct kernels_request q = {
		.ready = a->eager ? run_ready_kernel : NULL,
		.data = s,
		.texts = session_kernels(s, a)->item,
		.count = session_kernels(s, a)->count,
		.schedulers = session_needs_schedulers(s) && clang,
		.stop_at_failure = true,
		.skip_absent = true,
		.include_eol = a->include_eol,
		.skip_sha256 = a->skip_sha256,
		.no_verify_signature = a->no_verify_signature,
		.json = a->json,
		.no_ccache = a->no_ccache,
		.cpu_cap = a->cpu_cap,
	};
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	int r = a->slurm ? slurm_get_kernels(s, &q, &k, err) : kernels_get(s->reactor, &s->cache, &q, &k, err);
	s->labels = k.count > 1 || (a->part && a->part->labels);
	for (size_t i = 0; i < k.count && r == 0 && !a->eager; i++)
		r = take_kernel(s, &k, i, err);
	/* With --eager other threads are at work. */
	return r == 0 && !a->eager ? kernel_list_export(s->kernel, s->kernels) : r;
}

/* Names of the test binaries. The strings are borrowed; the caller frees the list. */
static const char **suite_names(const struct session *s)
{
	const char **names = calloc(s->suites + 1, sizeof(*names));
	for (size_t i = 0; names && i < s->suites; i++)
		names[i] = path_basename(s->suite[i].path); /* "verifier" or "try" */
	return names;
}

/* Do these arguments leave out tests of the suites? */
static bool is_narrowed(const struct test_args *a)
{
	return a->filter || a->relevant || a->partition || environment_get(ENV_BUDGET_SECS);
}

static int open_rundirs(struct session *s, const struct test_args *a, struct err **err)
{
	_cleanup_free_ const char **suites = suite_names(s);
	if (!suites)
		return -ENOMEM;
	struct rundir_scope scope = {
		.suites = suites, .plan = &s->plan, .narrowed = is_narrowed(a), .keep = (unsigned)a->keep_runs
	};
	for (size_t i = s->first; i < s->kernels; i++) {
		bool twin = false;
		for (size_t j = 0; j < i; j++)
			twin |= !strcmp(s->kernel[i].version, s->kernel[j].version);
		int r = rundir_open(twin ? s->kernel[i].label : s->kernel[i].version, s->commit, &scope, &s->rundir[i],
				    err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the plan and its execution ----------------------------------------------------------------------------------- */

static int verdict_status(const struct run_counts *c, const struct test_args *a)
{
	bool failed = c->failed || c->xpassed > c->xallowed || (a->flaky_fails && c->flaky);
	int status = status_first(failed ? KTSTR_EXIT_FAIL : KTSTR_EXIT_PASS,
				  c->inconclusive > c->allowed ? KTSTR_EXIT_INCONCLUSIVE : KTSTR_EXIT_PASS);
	return status_first(status, c->interrupted ? EXIT_INTERRUPTED : 0);
}

static void print_rundir(const struct rundir *d)
{
	say_printf("results: %s\n", d->path);
	if (d->lost && d->moved)
		say_printf("note: %zu result%s of earlier runs in %s, of tests that did not run now, %s moved; 'ktstr "
			   "stats "
			   "list --history' shows earlier runs\n",
			   d->lost, plural(d->lost), d->path, d->lost == 1 ? "was" : "were");
	else if (d->lost)
		say_printf("note: %zu result%s of earlier runs in %s, of tests that did not run now, %s removed; "
			   "--keep-runs "
			   "keeps them\n",
			   d->lost, plural(d->lost), d->path, d->lost == 1 ? "was" : "were");
}

/* The command prints something else on standard output. */
static bool has_own_output(const struct test_args *a)
{
	return a->source || a->capture || a->end;
}

static void print_summary(const struct session *s, const struct test_args *a, const struct run_counts *c, nsec_t wall)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct term t = term_probe(has_own_output(a) ? STDERR_FILENO : STDOUT_FILENO);
	if (a->json) {
		json_auto_t *event = summary_json(c, wall);
		if (a->schedules)
			json_put(&event, "signatures", signatures_json(&s->closing));
		if (s->campaign.rounds)
			json_put(&event, "exploration", campaign_json(&s->campaign));
		out_json(event, false);
	} else {
		if (a->schedules)
			signatures_render(&s->closing, &t, &text);
		if (s->campaign.rounds)
			campaign_render(&s->campaign, &text);
		if (!a->schedules)
			closing_render(&s->closing, c->total, &t, &text);
		summary_line(c, wall, &t, &text);
		output_buf(has_own_output(a) ? &standard_error : &standard_output, &text);
	}
	for (size_t i = 0; i < s->kernels; i++)
		print_rundir(&s->rundir[i]);
}

/* The first round of a campaign says it for all. */
static void say_what_runs(const struct session *s, const struct test_args *a, size_t tests)
{
	if (s->campaign.rounds > 1)
		return;
	say_printf("%zu test%s, %u at a time, seed 0x%lx, backend %s (%s)\n", tests, plural(tests), session_slots(s, a),
		   s->seed, s->accel.backend->name, s->accel.reason);
	if (*s->accel.shared_why)
		say_printf("guests' CPUs share one clock: %s\n", s->accel.shared_why);
}

static bool note_schedule(void *data, const struct attempt *a, enum ktstr_verdict verdict)
{
	return campaign_note(data, a, verdict);
}

static int run_tests(struct session *s, const struct test_args *a, struct err **err)
{
	struct fleet_config config = {
		.plan = s->campaign.rounds ? &s->campaign.plan : &s->plan,
		.before = s->counts,
		.until = s->until,
		.known = s->known.count ? &s->known : NULL,
		.judged = s->campaign.rounds ? note_schedule : NULL,
		.data = &s->campaign,
		.accel = &s->accel,
		.rundirs = s->rundir + s->first,
		.kernels = s->kernel + s->first,
		.kernel_count = s->kernels - s->first,
		.jobs = (unsigned)a->jobs,
		.cpu_cap = s->budget.said ? s->budget.cpus : 0,
		.no_perf = session_has_no_perf(a),
		.bypass = s->budget.bypass,
		.flake = s->flake,
		.seed = s->seed,
		.deadline_percent = s->deadline_percent,
		.strict = a->release,
		.perf = s->perf,
		.environment = (const char *const *)s->environment,
		.image_cache = s->image_cache,
		.model_dir = s->model_dir,
		.snapshot_cache = s->snapshot_cache,
		.start_auto = a->start == START_AUTO,
		.verbose = environment_is_on(ENV_VERBOSE) || environment_is_on(ENV_BACKTRACE),
		.log_passes = a->verbose || a->show_output == SHOW_ALL || environment_is_on(ENV_LOG_PASSES),
		.no_capture = a->no_capture,
		.no_reports = a->show_output == SHOW_NEVER || a->capture,
		.failures_most = session_failures_most(a),
		.slow = a->slow_timeout,
		.json = a->json,
		.keep_logs = a->keep_logs,
		.keep_memory = a->keep_memory,
		.schedule_trace = a->schedule_trace,
		.no_monitor = a->no_monitor,
		.profile_insns = a->profile_insns,
		.coverage = a->coverage,
		.exploring = a->schedules > 1,
		.capture = a->capture,
		.write_scenario = a->write_scenario,
		.perturb_file = s->perturb_points ? a->perturb : NULL,
		.constants_dir = a->source ? a->source->constants_dir : NULL,
		/* The variable counts if it is set, whatever its value. */
		.skips_fail = a->no_skip_mode || environment_is_on(ENV_NO_SKIP_MODE),
		.out = term_probe(has_own_output(a) ? STDERR_FILENO : STDOUT_FILENO),
		.err = term_probe(STDERR_FILENO),
		.events = has_own_output(a) ? &standard_error : &standard_output,
		.messages = &standard_error,
		.stream = s->stream.fd >= 0 ? &s->stream : NULL,
		.closing = &s->closing,
		.records = &s->records,
	};
	struct run_counts counts = { 0 };
	if (a->capture && s->plan.count != 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "the command line means %zu tests; name the run of one test",
			    s->plan.count);
	say_what_runs(s, a, s->plan.count);
	int r = fleet_run(s->reactor, &config, &counts, err);
	run_counts_add(&s->counts, &counts);
	return r;
}

static int sum_up(const struct session *s, const struct test_args *a, nsec_t wall)
{
	print_summary(s, a, &s->counts, wall);
	if (a->source && a->source->judges)
		return s->counts.interrupted ? EXIT_INTERRUPTED : 0;
	return verdict_status(&s->counts, a);
}

/* Plans the tests of the kernels from `first` on, and orders them. */
static int plan_kernels(struct session *s, const struct test_args *a, struct err **err)
{
	filter_free(s->filter);
	s->filter = NULL;
	plan_done(&s->plan);
	int r = session_plan(s, a, err);
	if (r == 0 && a->source && a->source->trim)
		r = a->source->trim(a->source, s, err);
	/* Estimate before the run directories are cleared: they hold the durations of earlier runs. */
	if (r == 0)
		r = session_schedule(s, err);
	if (r == 0)
		r = open_rundirs(s, a, err);
	/* Exploring says itself how its failures are repeated. */
	return r == 0 && !a->schedules && !a->capture && !a->part ? last_run_write(s, a, err) : r;
}

/* --eager: runs one kernel's tests while other kernels are still being built. */
static int run_ready_kernel(void *data, struct kernels_result *k, size_t i, struct err **err)
{
	struct session *s = data;
	unsigned most = session_failures_most(s->args);
	if (most && s->counts.failed >= most)
		return 0;
	s->labels = k->count > 1;
	s->first = s->kernels;
	int r = take_kernel(s, k, i, err);
	if (r == 0)
		r = plan_kernels(s, s->args, err);
	if (r == 0)
		r = run_tests(s, s->args, err);
	return r;
}

/* Checked before kernels are built for tests that could not run. */
static int check_lock_dir(const struct session *s, struct err **err)
{
	struct lock_dir dir = LOCK_DIR_NULL;
	int inotify = -1;
	if (s->budget.bypass)
		return 0;
	int r = lock_dir_open(lock_dir_path(), NULL, &dir, err);
	if (r == 0)
		r = release_event_watch(&dir, &inotify, err);
	fd_close(inotify);
	lock_dir_done(&dir);
	return r;
}

/* Without a cache directory, every test would silently pack and boot again. */
static int check_cache_dir(const char *path, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_close_ int fd = -1;
	int r = path ? dir_open(path, true, "XDG_CACHE_HOME", &fd, &why) : 0;
	if (r != -EPERM)
		return 0;
	if (err)
		*err = TAKE_PTR(why);
	return r;
}

static int prepare_run(struct session *s, const struct test_args *a, struct err **err)
{
	s->image_cache = cache_sibling("images");
	s->model_dir = cache_sibling("models");
	s->environment = replay_environment(environ);
	if (!s->environment)
		return -ENOMEM;
	int r = check_cache_dir(s->image_cache, err);
	session_find_arch(s, a);
	if (r == 0)
		r = session_choose_accel(s, a, err);
	if (r == 0)
		r = check_lock_dir(s, err);
	if (r == 0)
		r = cache_open(&s->cache, err);
	s->cache.arch = s->arch;
	/* Parse the filter early, so that a syntax error is reported before a kernel is built. */
	struct filter *early = NULL;
	if (r == 0 && a->filter)
		r = filter_parse(a->filter, &early, err);
	filter_free(early);
	return r;
}

static int find_commit(struct session *s)
{
	_cleanup_free_ char *root = rundir_root();
	int r = 0;
	if (s->args->part)
		snprintf(s->commit, sizeof(s->commit), "%s", s->args->part->commit);
	else
		r = checkout_commit(s->reactor, s->commit);
	if (r == 0 && rundir_is_shared(s->commit))
		say_printf("note: no git commit here; results go to %s/KERNEL-%s (or set KTSTR_SIDECAR_DIR)\n",
			   root ?: "", COMMIT_UNKNOWN);
	return r;
}

/* The end of the event stream, and the other reports. */
static int write_reports(struct session *s, nsec_t wall, struct err **err)
{
	_cleanup_(report_results_done) struct report_results results = { .interrupted = s->counts.interrupted };
	int r = 0;
	if (s->stream.fd >= 0) {
		_cleanup_buf_ struct buf line = BUF_NULL;
		json_auto_t *event = summary_json(&s->counts, wall);
		json_print(event, false, &line);
		output_buf(&s->stream, &line);
		r = output_end(&s->stream, "the event stream", err);
	}
	if (r < 0 || !s->reports.count)
		return r;
	r = reports_collect(&s->records, &results, err);
	reports_say_problems(&results);
	return r == 0 ? reports_write(&s->reports, &results, err) : r;
}

/* Reports are also written of a run that failed; its own error counts. */
static int finish_reports(struct session *s, nsec_t wall, int run, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = write_reports(s, wall, run < 0 ? &why : err);
	if (run == 0 || r == 0)
		return run ?: r;
	err_format(why, &text);
	say_printf("error: %s\n", buf_str(&text));
	return run;
}

static int run_on_kernels(struct session *s, const struct test_args *a, struct err **err)
{
	nsec_t began = nsec_now();
	s->args = a;
	int r = slurm_check_options(a, err) ?: prepare_run(s, a, err);
	if (r == 0)
		r = session_open_stream(s, err);
	if (r == 0)
		r = find_commit(s);
	if (r == 0)
		r = get_kernels(s, a, err);
	if (r == 0 && a->slurm)
		return session_on_slurm(s, err);
	if (r == 0 && !a->eager) {
		r = plan_kernels(s, a, err);
		began = nsec_now();
		if (r == 0)
			r = session_explores(a) ? session_explore(s, a, run_tests, err) : run_tests(s, a, err);
	}
	bool ran = s->counts.total || r == 0;
	if (a->capture)
		return r == 0 && s->counts.interrupted ? EXIT_INTERRUPTED : r;
	if (ran)
		status_note(sum_up(s, a, nsec_now() - began));
	if (ran && r == 0 && a->source)
		r = a->source->finish(a->source, s, err);
	if (ran && r == 0 && a->end)
		r = a->end->finish(a->end->args, &s->records, err);
	return ran ? finish_reports(s, nsec_now() - began, r, err) : r;
}

/* Must run before the schedulers' programs are searched. */
static int build_schedulers(struct session *s, const struct test_args *a, struct err **err)
{
	int r = schedulers_build(s->suite, s->suites, a->profile ? a->profile : BUILD_PROFILE);
	return r < 0 ? FAIL_SYS(err, r, "build the schedulers") : 0;
}

int test_run(const struct test_args *a, struct err **err)
{
	_cleanup_(session_done) struct session s = { .stream.fd = -1, .built_in.fd = -1, .from_file.fd = -1 };
	for (size_t i = 0; i < KERNELS_MAX; i++)
		s.rundir[i] = RUNDIR_NULL;
	struct trace *trace = NULL;
	int r = session_parse_args(&s, a, err);
	if (r == 0)
		r = reactor_new(&s.reactor, err);
	if (r == 0 && a->trace)
		r = trace_open(&trace, s.reactor, a->trace, err);
	if (r == 0 && a->schedule_trace)
		r = mkdir_parents(a->schedule_trace, 0755, err);
	if (r == 0)
		r = load_suites(&s, a, err);
	if (r == 0 && !a->list && !a->dry_run)
		r = build_schedulers(&s, a, err);
	if (r == 0)
		r = session_find_relevant(&s, a, err);
	if (r == 0 && !s.no_relevant)
		r = a->list	 ? session_list(&s, a, err)
		    : a->dry_run ? session_dry_run(&s, a, err)
				 : run_on_kernels(&s, a, err);
	return end_trace(trace, r, err);
}

static int run_test(void *args, struct err **err)
{
	json_auto_t *config = NULL;
	int r = test_config_apply(args, &config, err);
	return r == 0 ? test_run(args, err) : r;
}

const struct command cmd_test = {
	.name = "test",
	.alias = "nextest",
	.group = GROUP_TESTS,
	.summary = "Run scheduler tests, each in a fresh virtual machine",
	.operands = "[PATH...]",
	.text = "Finds test binaries under the paths (default: build), boots every test in a virtual machine of its "
		"own with the topology it asks for, judges what happened, and writes one sidecar a test. On tcg, the "
		"same command with the same seed, kernel, QEMU and test binary gives the same run.\n\nResults are "
		"written to target/ktstr/KERNEL-COMMIT. A run first moves the results of earlier runs there to "
		"target/ktstr/.history; with -E, --partition or KTSTR_BUDGET_SECS it moves only those of the tests "
		"that it "
		"runs. KTSTR_SIDECAR_DIR names another directory, from which nothing is moved. With --repeat and "
		"--retries "
		"each try has its own sidecar.\n\nA path is a file or a "
		"directory, never a program that is looked for in PATH.\n\n"
		"Without --kernel the kernel is KTSTR_TEST_KERNEL, KTSTR_KERNEL, the newest usable one in the cache, "
		"or one that is installed on this machine, whichever of them is found first.\n\n"
		"A test that cannot run as it is declared is reported as failed, with its file and line; the others "
		"run.",
	.option = test_options,
	.conflict = test_conflicts,
	.passed = test_passed_words,
	.example =
		(const struct example[]){
			{ "ktstr test a.out", "the tests of one binary" },
			{ "ktstr test --kernel 6.12,6.14 --kernel ./linux build", "a matrix of kernels" },
			{ "ktstr test --gauntlet --dry-run",
			  "every test over every preset topology: what, in which order, "
			  "how long" },
			{ "ktstr test -E 'scheduler(simple) & !test(/stress/)'", "some of them" },
			{ "ktstr test --repeat 20 --require 20", "twenty seeds, all must pass" },
			{ NULL },
		},
	.environment =
		(const enum environment_id[]){ ENV_ACCEL, ENV_BUDGET_SECS, ENV_KERNEL, ENV_NO_PERF_MODE,
					       ENV_NO_SKIP_MODE, ENV_RUNS_ROOT, ENV_SIDECAR_DIR, ENV_SCHEDULER,
					       ENV_SCHEDULER_ALLOW_STALE_FALLBACK, ENV_SCHEDULER_BIN, ENV_LOG_PASSES,
					       ENV_VERBOSE, ENV_TMPDIR, ENV_LLM_URL, ENV_LLM_TIMEOUT,
					       ENV_LLM_DEBUG_RESPONSES, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct test_args, paths),
	GIVEN(struct test_args, given),
	.run = run_test,
};
