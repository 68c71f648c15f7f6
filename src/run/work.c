/* SPDX-License-Identifier: GPL-2.0-only */
/* work.c -- the blocking operations of an attempt: build the image, judge, write the sidecar. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/test_name.h"
#include "image/image.h"
#include "report/failure.h"
#include "report/sidecar.h"
#include "run/fleet.h"
#include "run/includes.h"
#include "run/post_vm.h"
#include "run/replay.h"
#include "run/second_run.h"
#include "vmm/qemu/qemu.h"
#include "vmm/vmcore.h"

/* Guest time after which PID 1 ends the test. Generous, because steps may take longer than the declared duration. */
static nsec_t guest_limit(const struct test_decl *t)
{
	return 3 * t->duration + 10 * NSEC_PER_SEC + MAX_OF(test_attach_timeout(t), 20 * NSEC_PER_SEC);
}

static struct fleet *fleet_of(const struct attempt *a)
{
	return a->owner;
}

struct flake_history *attempt_history(const struct attempt *a)
{
	const struct fleet *f = fleet_of(a);
	return &f->history[a->item - f->config.plan->item];
}

struct flake_policy attempt_policy(const struct attempt *a)
{
	struct flake_policy policy = fleet_of(a)->config.flake;
	if (a->item->known_fail)
		policy.retries = 0;
	return policy;
}

enum known_outcome attempt_known(const struct attempt *a)
{
	return known_outcome(a->item->known_fail && a->outcome.final && !a->item->problem, &a->judgement);
}

/* --- prepare ------------------------------------------------------------------------------------------------------ */

/* Locates the staged schedulers of a test; the caller frees the paths. */
static int locate_staged(const struct plan_case *c, char *path[IMAGE_STAGED_MAX + 1], struct image_suffix_spec *suffix,
			 struct err **err)
{
	const struct sched_decl *const *staged = (const struct sched_decl *const *)c->test->staged;
	for (size_t i = 0; staged && staged[i]; i++) {
		if (i == IMAGE_STAGED_MAX)
			return FAIL(err, ERR_DATA, -E2BIG, "test '%s': more than %d staged schedulers", c->test->name,
				    IMAGE_STAGED_MAX);
		int r = scheduler_locate(staged[i]->binary, c->test->binary, c->kernel->schedulers, &path[i], err);
		if (r < 0)
			return err_wrap(err, r, "test '%s'", c->test->name);
		suffix->staged[i].name = staged[i]->name;
		suffix->staged[i].attach_timeout_s = staged[i]->attach_timeout_s;
		if (staged[i]->config_file)
			suffix->staged[i].args[0] = (const char *const *)staged[i]->config_args;
		suffix->staged[i].args[1] = (const char *const *)staged[i]->args;
	}
	return 0;
}

/* Makes a control group that confines a machine without reserved CPUs, if control groups are available. */
static int prepare_sandbox(struct attempt *a)
{
	struct fleet *f = a->owner;
	if (!f->has_groups || a->sandbox.path || a->request.tier != PLAN_BUDGET)
		return 0;
	int r = sandbox_make(&f->groups, &a->claim->plan, f->config.cpu_cap || a->item->cpu_budget, &a->sandbox,
			     &a->err);
	a->config.cgroup = &a->sandbox.procs;
	return r;
}

static void includes_free(struct includes **i)
{
	if (*i)
		includes_done(*i);
	free(*i);
}

static int make_initrd(struct attempt *a, struct image_base_spec *spec, const struct buf *suffix)
{
	int part[IMAGE_PARTS] = { -1, -1 }, r = 0;
	struct stat st = { 0 };
	for (int i = 0; i < IMAGE_PARTS && r == 0; i++) {
		spec->part = (enum image_part)i;
		r = image_base(spec, &part[i], &a->err);
	}
	if (r == 0 && fstat(part[IMAGE_COMMON], &st) < 0)
		r = FAIL_SYS(&a->err, -errno, "look at the initramfs");
	if (r == 0)
		r = image_memfd(part, suffix, &a->job.cancelled, &a->initrd_fd, &a->err);
	if (r == 0)
		a->config.initrd_known = (uint64_t)st.st_size;
	for (int i = 0; i < IMAGE_PARTS; i++)
		fd_close(part[i]);
	return r;
}

/* Environment variables of the host that are passed to the guest. */
static const char *const forwarded[] = { "KTSTR_BACKTRACE=", "KTSTR_VERBOSE=" };

static void fill_environment(const struct attempt *a, const char *ret[ARRAY_SIZE(forwarded) + 1])
{
	const char *const *set = fleet_of(a)->config.environment;
	size_t n = 0;
	for (; set && *set; set++)
		for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
			if (!strncmp(*set, forwarded[i], strlen(forwarded[i])) && n < ARRAY_SIZE(forwarded))
				ret[n++] = *set;
}

/* What the scheduler's declaration says about its start. */
static void fill_scheduler(const struct test_decl *t, struct image_suffix_spec *spec)
{
	const struct sched_decl *s = t->scheduler;
	if (!s)
		return;
	spec->scheduler = s->binary != NULL;
	spec->load_cpu = s->load_cpu;
	spec->attach_timeout_s = s->attach_timeout_s;
	spec->sched_args[0] = s->config_file || t->config ? (const char *const *)s->config_args : NULL;
	spec->sched_args[1] = (const char *const *)s->args;
	spec->sysctls = (const char *const *)s->sysctls;
	spec->builtin_enable = (const char *const *)s->builtin_enable;
	spec->builtin_disable = (const char *const *)s->builtin_disable;
	spec->cgroup_parent = s->cgroup_parent;
	spec->config_path = t->config ? s->config_path : NULL;
	spec->config = t->config;
}

/* @plain: do not compress the image. */
static int build_image(struct attempt *a, bool plain)
{
	const struct plan_case *c = a->item;
	const struct test_decl *t = c->test;
	_cleanup_buf_ struct buf suffix = BUF_NULL;
	char *staged[IMAGE_STAGED_MAX + 1] = { NULL };
	const char *environment[ARRAY_SIZE(forwarded) + 1] = { NULL };
	_cleanup_(includes_free) struct includes *includes = calloc(1, sizeof(*includes));
	if (!includes)
		return -ENOMEM;
	const struct cachefile_use use = { .cancel = &a->job.cancelled, .damaged = &fleet_of(a)->damaged };
	struct image_base_spec base_spec = {
		.use = &use,
		.staged = (const char *const *)staged,
		.test = t->binary,
		.scheduler = c->scheduler_path,
		.include = includes->item,
		.cache_dir = fleet_of(a)->config.image_cache,
		.plain = plain,
	};
	struct image_suffix_spec suffix_spec = {
		.test = t->name,
		.seed = a->seed,
		.duration_ns = (uint64_t)t->duration,
		.limit_ns = (uint64_t)guest_limit(t),
		.sched_args = { NULL, NULL, (const char *const *)t->sched_args },
		.workload_root = test_workload_root(t),
		.environment = environment,
		.plain = plain,
	};
	a->initrd_fd = fd_close(a->initrd_fd);
	fill_environment(a, environment);
	fill_scheduler(t, &suffix_spec);
	int r = prepare_sandbox(a);
	if (r == 0)
		r = locate_staged(c, staged, &suffix_spec, &a->err);
	if (r == 0)
		r = includes_resolve(t, c->kernel->kit, includes, &a->err);
	base_spec.includes = includes->count;
	if (r == 0)
		r = image_suffix(&suffix_spec, &suffix, &a->err);
	if (r == 0)
		r = make_initrd(a, &base_spec, &suffix);
	for (size_t i = 0; staged[i]; i++)
		free(staged[i]);
	return r;
}

static bool fits_clone(const struct attempt *a)
{
	struct stat st;
	return fstat(a->initrd_fd, &st) == 0 &&
	       (uint64_t)st.st_size - a->config.initrd_known <= CLONE_PAYLOAD_BYTES_MAX;
}

/* How long a task may wait for a CPU: the limit on gaps, or what it is by default. */
static nsec_t patience(const struct attempt *a)
{
	const struct limit *gap = &a->item->limits.limit[LIMIT_GAP];
	const struct thresholds usual = thresholds_default(fleet_of(a)->config.strict);
	return (nsec_t)((gap->on ? gap->value : usual.limit[LIMIT_GAP].value) * NSEC_PER_MSEC);
}

/* The space for a clone's image is limited. Tries an uncompressed image, then a compressed one, then boots instead. */
int attempt_prepare(void *arg)
{
	struct attempt *a = arg;
	a->memory_kills = memory_kills("");
	struct fleet *f = fleet_of(a);
	const struct watch_config asked = { .patience = patience(a),
					    .watchdog_s = a->item->test->watchdog_timeout_s,
					    .recorder = a->recorder };
	captures_done(&a->watch.captures);
	captures_init(&a->watch.captures, &a->item->test->seen, a->item->test->duration);
	if (!f->config.no_monitor)
		watch_prepare(&a->watch, &f->watched[a->item->kernel - f->config.kernels], a->item->kernel,
			      a->env->backend, &asked, &a->config);
	int r = build_image(a, a->clone_template != NULL);
	if (r == 0 && a->clone_template && !fits_clone(a))
		r = build_image(a, false);
	if (r == 0 && a->clone_template && !fits_clone(a)) {
		free(a->clone_template);
		a->clone_template = NULL;
	}
	return r;
}

/* --- judge -------------------------------------------------------------------------------------------------------- */

/* A machine died by SIGKILL and the kernel's count of OOM kills rose meanwhile: notes that memory ran out. */
static void find_memory_kill(struct attempt *a)
{
	struct evidence *e = &a->evidence;
	struct memory_room room;
	if (!e->machine_died || !WIFSIGNALED(e->machine_status) || WTERMSIG(e->machine_status) != SIGKILL ||
	    memory_kills("") <= a->memory_kills)
		return;
	memory_look("", &room);
	if (room.limit_mib)
		snprintf(e->memory_kill, sizeof(e->memory_kill),
			 "the control group ran out of memory (its limit is %lu MiB)", room.limit_mib);
	else
		snprintf(e->memory_kill, sizeof(e->memory_kill), "the host ran out of memory");
}

static const struct rundir *rundir_of(const struct attempt *a)
{
	const struct fleet_config *config = &fleet_of(a)->config;
	return &config->rundirs[a->item->kernel - config->kernels];
}

/* The path of the sidecar; the caller frees. Tries of one test have a file each, which their seeds tell apart. */
static char *sidecar_path(const struct attempt *a)
{
	const struct flake_policy *policy = &fleet_of(a)->config.flake;
	char name[TEST_NAME_MAX + 1], seed[24] = "", *path = NULL;
	test_name_for_file(a->item->test->name, name);
	if (policy->repeat || policy->retries)
		snprintf(seed, sizeof(seed), "-s%016lx", a->seed);
	if (asprintf(&path, "%s/%s-%016lx%s" SIDECAR_SUFFIX, rundir_of(a)->path, name, a->item->variant, seed) < 0)
		return NULL;
	return path;
}

/* Without the file, the test has no snapshots and is Inconclusive. */
static void look_at_snapshots(struct attempt *a)
{
	_cleanup_free_ char *sidecar = sidecar_path(a);
	_cleanup_free_ char *path = sidecar ? rundir_beside(sidecar, SNAPSHOTS_SUFFIX) : NULL;
	const char *lack = fleet_of(a)->config.no_monitor ? "--no-monitor" : a->watch.lack;
	if (path && a->number == 1 && !a->looked_at)
		unlinkat(rundir_of(a)->fd, path_basename(path), 0);
	if (path && post_vm_run(a, rundir_of(a)->fd, path, lack) < 0)
		buf_puts(&a->evidence.failure, "the snapshots of the guest could not be looked at: out of memory");
}

static struct judge_facts facts_of(const struct attempt *a)
{
	const struct test_decl *t = a->item->test;
	return (struct judge_facts){
		.has_scheduler = t->scheduler != NULL,
		.scheduler = t->scheduler ? t->scheduler->name : NULL,
		.duration = t->duration,
		.expect_err = t->expect_err,
		.expect_finding = t->expect_finding,
		.emulated = !strcmp(fleet_of(a)->config.accel->backend->name, "tcg"),
		.parallel_time = a->item->lag_ns > 0,
		.expect_contains = t->expect_contains,
		.expect_matches = t->expect_matches,
		.survives_storm = t->survives_storm,
		.watchdog_s = t->watchdog_timeout_s,
		.expect_repro = t->expect_auto_repro,
		.reproduced = second_run_reproduced(a),
		.cleanup_budget = t->cleanup_budget_ms * NSEC_PER_MSEC,
		.file = t->file,
		.line = t->line,
		.limits = a->item->limits,
	};
}

int attempt_judge(void *arg)
{
	struct attempt *a = arg;
	const struct flake_policy policy = attempt_policy(a);
	struct fleet *f = a->owner;
	if (a->second)
		second_run_conclude(a);
	struct judge_facts facts = facts_of(a);
	find_memory_kill(a);
	if (a->sandbox.path)
		sandbox_remove(&f->groups, &a->sandbox);
	judgement_done(&a->judgement);
	a->evidence.series = a->watch.kernel ? &a->watch.series : NULL;
	a->evidence.no_series = f->config.no_monitor ? "the run has --no-monitor" : a->watch.lack;
	a->evidence.watchdog_set = a->watch.watchdog_set;
	look_at_snapshots(a);
	int r = judge(&a->evidence, &facts, &a->judgement);
	if (r == 0 && f->config.skips_fail)
		judgement_refuse_skip(&a->judgement);
	if (r == 0)
		r = flake_note(attempt_history(a), a->number, a->seed, &a->judgement);
	if (r < 0)
		return r;
	a->outcome = flake_fold(&policy, attempt_history(a), a->cut);
	flake_apply(&policy, attempt_history(a), &a->outcome, &a->judgement);
	second_run_plan(a, a->item->test);
	return 0;
}

/* --- store -------------------------------------------------------------------------------------------------------- */

/* Leaves out parts that were not tried, because other parts make them unnecessary. */
static void take_parts(const struct confine_outcome *o, struct result *ret)
{
	_Static_assert(CONFINE_PART_MAX <= RESULT_PARTS_MAX, "room for all parts of a confinement");
	for (unsigned i = 0; i < CONFINE_PART_MAX; i++) {
		bool in_force = o->part[i] == CONFINE_IN_FORCE;
		if (o->part[i])
			ret->part[ret->parts++] =
				(struct result_part){ confine_part_names[i],
						      in_force ? NULL : strerrordesc_np(-o->part[i]) };
	}
}

static void put_replay(const struct attempt *a, struct buf *out)
{
	const struct fleet_config *config = &fleet_of(a)->config;
	const struct plan_case *c = a->item;
	struct replay_facts facts = {
		.environment = config->environment,
		.test = c->short_name,
		.binary = c->test->binary,
		.kernel = c->kernel->name,
		.image = c->kernel->image,
		.accel = config->accel->backend->name,
		.tcg_time = c->lag_ns || config->accel->backend->vcpu_threads ? NULL : tcg_time_name(0),
		.lag_ns = c->lag_ns == QEMU_LAG_NS ? 0 : c->lag_ns,
		.gauntlet = c->preset != NULL,
		.clone = a->cloned,
		.strict = config->strict,
		.skips_fail = config->skips_fail,
		.no_monitor = config->no_monitor,
		.perf = config->perf,
		.time_dilation = c->time_dilation,
		.cpu_cap = config->cpu_cap,
		.seed = replay_seed(attempt_history(a), a->number, a->seed, a->judgement.verdict),
	};
	buf_clear(out);
	replay_line(&facts, out);
}

static const char *source_of(const struct plan_case *c)
{
	const struct sched_decl *s = c->test->scheduler;
	if (s && !s->binary)
		return "kernel_builtin";
	if (s && s->is_built && !s->build_problem)
		return "auto_built";
	return c->scheduler_path ? scheduler_source(c->scheduler_path, c->test->scheduler->binary, c->test->binary,
						    c->kernel->schedulers)
				 : NULL;
}

static void put_perf_settings(const struct attempt *a, struct result *ret)
{
	_Static_assert(VM_PERF_SETTINGS_MAX <= RESULT_PERF_SETTINGS_MAX, "room for the settings of perf mode");
	for (unsigned i = 0; i < a->perf_settings; i++)
		ret->perf_setting[i] =
			(struct result_perf_setting){ a->perf_setting[i].name, a->perf_setting[i].asked,
						      a->perf_setting[i].granted, a->perf_setting[i].why };
}

static void take_known(const struct attempt *a, struct result *ret)
{
	const struct known_fail_decl *k = a->item->known_fail;
	if (!k)
		return;
	ret->known = (struct known_fail){ .reason = k->reason, .flaky = k->flaky };
	ret->known_outcome = attempt_known(a);
}

static void take_counters(const struct attempt *a, struct result *ret)
{
	ret->counter_names = a->counter_names;
	ret->counter = a->counter;
	ret->counters = a->counters;
	ret->counted_vcpus = a->counted_vcpus;
	ret->event_names = a->event_names;
	ret->event = a->event;
	ret->events = a->events;
}

/* What was seen from outside. */
static void take_watch(const struct attempt *a, struct result *ret)
{
	const struct watch *w = &a->watch;
	ret->monitor_lack = w->lack;
	ret->snapshots = a->snapshot_list;
	ret->snapshots_file = a->snapshots;
	ret->map_metrics = a->map_metrics;
	ret->dump = a->dump;
	ret->dump_text = buf_str(&a->dump_text);
	ret->repro = a->repro;
	ret->repro_dump = a->repro_dump;
	ret->repro_wall = a->second ? a->second->wall : 0;
}

/* How the machine came to be; NULL: there was none. */
static const char *start_of(const struct attempt *a)
{
	if (a->item->skip || a->item->problem)
		return NULL;
	return a->on_host ? "host" : a->cloned ? "clone" : "boot";
}

void attempt_result(const struct attempt *a, struct buf *replay, struct result *ret)
{
	const struct fleet *f = fleet_of(a);
	const struct plan_case *c = a->item;
	const struct sched_decl *s = c->test->scheduler;
	const struct kernel *k = c->kernel;
	put_replay(a, replay);
	*ret = (struct result){
		.name = c->name,
		.test = c->test->name,
		.suite = path_basename(c->test->binary),
		.file = c->test->file,
		.line = c->test->line,
		.payload = c->test->payload,
		.scheduler = s ? s->name : NULL,
		.scheduler_args = { s ? (const char *const *)s->args : NULL, (const char *const *)c->test->sched_args },
		.topology = c->topology_text,
		.shape = &c->topology,
		.kernel = k->name,
		.kernel_version = k->version,
		.kernel_commit = k->commit,
		.resolve_source = source_of(c),
		.kernel_label = k->label,
		.accel = f->config.accel->backend->name,
		.sysctls = s ? (const char *const *)s->sysctls : NULL,
		.kargs = s ? (const char *const *)s->kargs : NULL,
		.replay = buf_str(replay),
		.sidecar = a->sidecar,
		.run_id = rundir_of(a)->id,
		.project_commit = rundir_of(a)->commit,
		.host = f->host,
		.seed = a->seed,
		.variant = c->variant,
		.memory_mib = c->memory_mib,
		.facts = facts_of(a),
		.strict = f->config.strict,
		.skips_fail = f->config.skips_fail,
		.allow_inconclusive = c->test->allow_inconclusive,
		.performance = plan_perf_name(f->config.perf),
		.cpu_cap = f->config.cpu_cap,
		.cpu_budget = c->cpu_budget,
		.workload_root = test_workload_root(c->test),
		.config = c->test->config,
		.environment = f->config.environment,
		.attempt = a->number,
		.policy = attempt_policy(a),
		.outcome = a->outcome,
		.history = attempt_history(a),
		.estimate = c->estimate,
		.start = start_of(a),
		.icount_shift = c->icount_shift,
		.lag_ns = c->lag_ns,
		.tcg_time = f->config.accel->backend->vcpu_threads ? NULL : tcg_time_name(c->lag_ns),
		.time_dilation = c->time_dilation,
		.cleanup = a->wall ? a->cleanup : -1,
		.wall = a->wall,
		.boot = a->boot,
		.vm_cpu_usec = a->vm_cpu_usec,
		.vm_rss_kib = a->vm_rss_kib,
		.perf_mode = c->perf,
		.perf_settings = a->perf_settings,
		.evidence = &a->evidence,
		.judgement = &a->judgement,
	};
	take_counters(a, ret);
	take_watch(a, ret);
	take_known(a, ret);
	put_perf_settings(a, ret);
	take_parts(&a->confinement, ret);
}

/* This try has no such file. The first try removes the file of an earlier run; later tries keep those of this run. */
static int leave_out(const struct attempt *a, const char *path)
{
	if (a->number == 1)
		unlinkat(rundir_of(a)->fd, path_basename(path), 0);
	return 0;
}

/* Writes the report of a test that did not pass beside its sidecar, because CI systems keep files. */
static int store_report(const struct attempt *a, const struct result *r, const char *sidecar, struct err **err)
{
	const struct term plain = { .fd = -1, .columns = 120 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = rundir_beside(sidecar, REPORT_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (a->judgement.verdict == KTSTR_PASS && !fleet_of(a)->config.keep_logs)
		return leave_out(a, path);
	failure_report(r, &plain, &text);
	if (a->evidence.console.len) {
		buf_puts(&text, "--- console ---\n");
		buf_append(&text, a->evidence.console.data, a->evidence.console.len);
	}
	return file_write_atomic_at(rundir_of(a)->fd, path_basename(path), text.data, text.len, 0644, err);
}

/* Writes the guest's memory as a core file for crash(8), drgn or scripts. */
static int store_memory(const struct attempt *a, const char *sidecar, struct err **err)
{
	_cleanup_free_ char *path = rundir_beside(sidecar, MEMORY_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (a->judgement.verdict == KTSTR_PASS || !a->memory.nodes || !a->keep_memory)
		return leave_out(a, path);
	return vmcore_write(&a->memory, rundir_of(a)->fd, path_basename(path), &a->job.cancelled, err);
}

/* What the guest's memory said about the failure. A test without a machine has none. */
static int store_dump(struct attempt *a, const char *sidecar, struct err **err)
{
	enum ktstr_verdict v = a->judgement.verdict;
	_cleanup_free_ char *path = rundir_beside(sidecar, DUMP_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (v == KTSTR_PASS || v == KTSTR_SKIP || a->on_host || a->item->problem)
		return leave_out(a, path);
	json_auto_t *dump = watch_take_dump(&a->watch, &a->memory);
	int r = json_write_file_at(rundir_of(a)->fd, path_basename(path), dump, err);
	if (r < 0)
		return r;
	const struct dump_view view = { .parts = DUMP_HEADER, .cpu = -1 };
	buf_done(&a->dump_text);
	/* What the memory of a guest at its end looks like explains no failure that came before. */
	if (a->watch.reason)
		dump_text(dump, &view, &a->dump_text);
	free(a->dump);
	a->dump = TAKE_PTR(path);
	return 0;
}

/* The failure as the second run showed it, with the calls that led to it. */
static int store_repro(struct attempt *a, const char *sidecar, struct err **err)
{
	_cleanup_free_ char *path = rundir_beside(sidecar, REPRO_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (!a->second || !a->second->watch.dump || !json_object_get(a->repro, "calls"))
		return leave_out(a, path);
	json_t *dump = a->second->watch.dump;
	if (json_object_set(dump, "auto_repro", a->repro) < 0)
		return -ENOMEM;
	int r = json_write_file_at(rundir_of(a)->fd, path_basename(path), dump, err);
	if (r < 0)
		return r;
	free(a->repro_dump);
	a->repro_dump = TAKE_PTR(path);
	return 0;
}

/* If @r is an error, adds its text to @lost. */
static void note_loss(struct err **err, int r, struct buf *lost)
{
	if (r == 0)
		return;
	buf_puts(lost, lost->len ? "; " : "");
	if (*err)
		err_format(*err, lost);
	else
		buf_puts(lost, strerror(-r));
	*err = err_free(*err);
}

/* Writes each file even if another fails, so that a full disk for the memory image does not lose the sidecar. */
int attempt_store(void *arg)
{
	struct attempt *a = arg;
	_cleanup_buf_ struct buf replay = BUF_NULL, lost = BUF_NULL;
	_cleanup_free_ char *path = sidecar_path(a);
	struct err *err = NULL;
	struct result result;
	if (!path)
		return -ENOMEM;
	note_loss(&err, store_dump(a, path, &err), &lost);
	note_loss(&err, store_repro(a, path, &err), &lost);
	attempt_result(a, &replay, &result);
	json_auto_t *sidecar = sidecar_json(&result);
	int r = json_write_file_at(rundir_of(a)->fd, path_basename(path), sidecar, &err);
	note_loss(&err, r, &lost);
	if (r == 0) {
		free(a->sidecar);
		a->sidecar = strdup(path);
		attempt_result(a, &replay, &result);
	}
	note_loss(&err, store_report(a, &result, path, &err), &lost);
	note_loss(&err, store_memory(a, path, &err), &lost);
	guestmem_done(&a->memory);
	a->err = err_free(a->err);
	if (!lost.len)
		return 0;
	return FAIL(&a->err, ERR_OUTPUT, -EIO, "keep the result of '%s' in '%s': %s", a->item->name, rundir_of(a)->path,
		    buf_str(&lost));
}
