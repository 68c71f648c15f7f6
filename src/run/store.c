/* SPDX-License-Identifier: GPL-2.0-only */
/* store.c -- the result of an attempt, and the files in which it is kept. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "coverage/collect.h"
#include "report/failure.h"
#include "report/sidecar.h"
#include "run/cells.h"
#include "run/counted.h"
#include "run/fleet.h"
#include "run/perturb_file.h"
#include "run/kept_schedule.h"
#include "run/machine_card.h"
#include "run/replay.h"
#include "run/scenario_file.h"
#include "run/scheduler_path.h"
#include "vmm/qemu/qemu.h"
#include "vmm/vmcore.h"

static struct fleet *fleet_of(const struct attempt *a)
{
	return a->owner;
}

/* --- the result --------------------------------------------------------------------------------------------------- */

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
		.cell = c->test->cell,
		.question = c->test->question,
		.scheduler = c->test->cell || c->test->question ? c->test->scheduler : NULL,
		.constants = c->constants ? config->constants_dir : NULL,
		.preset = c->preset ? c->preset->name : NULL,
		.kernel = c->kernel->name,
		.image = c->kernel->image,
		.accel = config->accel->backend->name,
		.tcg_time = c->lag_ns || config->accel->backend->vcpu_threads ? NULL : tcg_time_name(0),
		.lag_ns = c->lag_ns == QEMU_LAG_NS ? 0 : c->lag_ns,
		.perturb = &c->perturb,
		.perturb_file = config->perturb_file,
		.gauntlet = c->preset != NULL,
		.clone = a->cloned,
		.start_chosen = config->start_auto,
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
	return c->scheduler_path ? scheduler_source(c->scheduler_path, c->test->scheduler->binary, test_home(c->test),
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
	ret->perf_gates = a->item->test->perf_gates;
	ret->devices = a->item->test->devices.json;
	ret->known_outcome = attempt_known(a);
	if (k)
		ret->known = (struct known_fail){ .reason = k->reason, .flaky = k->flaky };
	else if (ret->known_outcome == KNOWN_XFAIL)
		ret->known = (struct known_fail){ .reason = "its signature is listed (--known)" };
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
	ret->schedule_file = a->schedule;
	ret->schedule_text = buf_str(&a->schedule_text);
	ret->repro_wall = a->second ? a->second->wall : 0;
	ret->perturb_points = a->perturb_points;
	ret->insns = a->insns;
	ret->kaslr = a->config.kaslr && w->found ? &w->view : NULL;
	if (perturb_on(&a->item->perturb))
		perturb_format(&a->item->perturb, ret->perturb);
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
		.suite = test_suite_name(c->test),
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
		.run_id = attempt_rundir(a)->id,
		.project_commit = attempt_rundir(a)->commit,
		.host = f->host,
		.seed = a->seed,
		.variant = c->variant,
		.memory_mib = c->memory_mib,
		.facts = attempt_facts(a),
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

/* --- its files ---------------------------------------------------------------------------------------------------- */

/* This try has no such file. The first try removes the file of an earlier run; later tries keep those of this run. */
static int leave_out(const struct attempt *a, const char *path)
{
	if (a->number == 1)
		unlinkat(attempt_rundir(a)->fd, path_basename(path), 0);
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
	return file_write_atomic_at(attempt_rundir(a)->fd, path_basename(path), text.data, text.len, 0644, err);
}

/* What the language model's server answered, if that is to be kept. */
static int store_answers(const struct attempt *a, const char *sidecar, struct err **err)
{
	_cleanup_free_ char *path = rundir_beside(sidecar, MODEL_SUFFIX);
	const struct buf *answers = a->model ? &a->model->answers : NULL;
	if (!path)
		return -ENOMEM;
	if (!answers || !answers->len)
		return leave_out(a, path);
	return file_write_atomic_at(attempt_rundir(a)->fd, path_basename(path), answers->data, answers->len, 0644, err);
}

/* Writes the guest's memory as a core file for crash(8), drgn or scripts. */
static int store_memory(const struct attempt *a, const char *sidecar, struct err **err)
{
	_cleanup_free_ char *path = rundir_beside(sidecar, MEMORY_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (a->judgement.verdict == KTSTR_PASS || !a->memory.nodes || !a->keep_memory)
		return leave_out(a, path);
	const struct plan_case *c = a->item;
	const struct vmcore_machine machine = {
		.arch = c->kernel->arch,
		.low_memory =
			machine_low_memory(c->kernel->arch, fleet_of(a)->config.accel->backend->name, c->memory_mib),
	};
	return vmcore_write(&a->memory, &machine, attempt_rundir(a)->fd, path_basename(path), &a->job.cancelled, err);
}

/* A name finds a scheduler beside the test binary, but not beside the file. */
static const char *scheduler_of_file(const struct plan_case *c)
{
	const struct sched_decl *s = c->test->scheduler;
	if (!s || !s->binary || !c->scheduler_path)
		return NULL;
	const char *source = scheduler_source(c->scheduler_path, s->binary, test_home(c->test), c->kernel->schedulers);
	return !strcmp(source, "sibling") || !strcmp(source, "declared") ? c->scheduler_path : NULL;
}

/* --write-scenario */
static int store_scenario(const struct attempt *a, struct err **err)
{
	const char *path = fleet_of(a)->config.write_scenario;
	const struct evidence *e = &a->evidence;
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *program = NULL;
	if (!path)
		return 0;
	if (!e->scenarios)
		return FAIL(err, ERR_DATA, -ENOENT, "the test ran no scenario, so there is none to write");
	if (e->scenario_refused) {
		text_append_line(&text, e->scenario.data, e->scenario.len);
		return FAIL(err, ERR_DATA, -EOPNOTSUPP, "its scenario cannot be written: %s", buf_str(&text));
	}
	if (e->scenarios > 1)
		return FAIL(err, ERR_DATA, -EOPNOTSUPP, "the test ran %u scenarios, and a file has one", e->scenarios);
	const char *scheduler = scheduler_of_file(a->item);
	program = scheduler ? realpath(scheduler, NULL) : NULL;
	int r = scenario_file_text(e->scenario.data, e->scenario.len, program, &text, err);
	return r == 0 ? file_write_output(path, text.data, text.len, 0644, err) : r;
}

/* Where CPUs were held back. Of the many schedules of a campaign, only those that did not pass are kept. */
static int store_points(const struct attempt *a, const char *sidecar, struct err **err)
{
	_cleanup_free_ char *path = rundir_beside(sidecar, PERTURB_SUFFIX);
	bool passed = a->judgement.verdict == KTSTR_PASS && fleet_of(a)->config.exploring;
	if (!path)
		return -ENOMEM;
	if (!a->perturb_point || passed)
		return leave_out(a, path);
	json_auto_t *file = perturb_file_json(&a->item->perturb, a->perturb_point, a->perturb_points);
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_print(file, /* pretty= */ false, &text);
	if (text.failed)
		return -ENOMEM;
	return file_write_atomic_at(attempt_rundir(a)->fd, path_basename(path), text.data, text.len, 0644, err);
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
	int r = json_write_file_at(attempt_rundir(a)->fd, path_basename(path), dump, err);
	if (r < 0)
		return r;
	/* The memory of a guest at its end explains no failure that came before, but shows who never came back. */
	const struct dump_view view = { .parts = a->watch.reason ? DUMP_HEADER : DUMP_BLOCKED, .cpu = -1 };
	buf_done(&a->dump_text);
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
	int r = json_write_file_at(attempt_rundir(a)->fd, path_basename(path), dump, err);
	if (r < 0)
		return r;
	free(a->repro_dump);
	a->repro_dump = TAKE_PTR(path);
	return 0;
}

static void note_lineless(const struct attempt *a, struct coverage_run *coverage)
{
	const char *why;
	if (watched_kernel_lines(a->watch.kernel, &why) || atomic_fetch_add(&coverage->lineless, 1))
		return;
	snprintf(coverage->lineless_why, sizeof(coverage->lineless_why), "%s", why);
}

static int add_coverage(const struct attempt *a, const struct insns *p)
{
	const struct coverage_run *coverage = a->covers ? fleet_of(a)->config.coverage : NULL;
	_cleanup_(coverage_lines_done) struct coverage_lines lines = { 0 };
	int r = 0;
	if (coverage && coverage->kernels)
		r = kernel_coverage_add(coverage->kernels, a->item->kernel->version, a->watch.kernel->image.symbols, p);
	if (r < 0 || !coverage || !coverage->lines)
		return r;
	if (coverage->kernel_lines && !a->watch.profiler->kernel_lines)
		note_lineless(a, fleet_of(a)->config.coverage);
	r = profiler_add_lines(a->watch.profiler, a->item->kernel->version, &lines);
	return r == 0 ? guest_coverage_add(coverage->lines, &lines) : r;
}

/* The instructions of the kernel; and those numbers of them that are metrics, for the sidecar. */
static int store_profile(struct attempt *a, const char *sidecar, struct err **err)
{
	const struct plan_case *c = a->item;
	_cleanup_(insns_done) struct insns p = { 0 };
	_cleanup_free_ char *path = rundir_beside(sidecar, PROFILE_SUFFIX);
	int r = path ? 0 : -ENOMEM;
	if (r == 0 && (!a->watch.profiler || profiler_profile(a->watch.profiler, &p) == -ENODATA))
		return leave_out(a, path);
	p.seed = a->seed;
	p.test = strdup(c->name);
	p.topology = strdup(c->topology_text);
	p.kernel = strdup(c->kernel->version);
	if (r < 0 || !p.paths || !p.test || !p.topology || !p.kernel)
		return -ENOMEM;
	r = add_coverage(a, &p);
	if (r < 0)
		return r;
	json_decref(a->insns);
	a->insns = insns_metrics(&p);
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_auto_t *o = insns_json(&p);
	json_print(o, false, &text);
	if (text.failed || !a->insns)
		return -ENOMEM;
	return file_write_atomic_at(attempt_rundir(a)->fd, path_basename(path), text.data, text.len, 0644, err);
}

/* The recorded schedule of a test that did not pass, and the part of it that its report shows. */
static int store_schedule(struct attempt *a, const char *sidecar, struct err **err)
{
	enum ktstr_verdict v = a->judgement.verdict;
	_cleanup_free_ char *path = rundir_beside(sidecar, SCHEDULE_SUFFIX), *about = NULL;
	if (!path)
		return -ENOMEM;
	if (v == KTSTR_PASS || v == KTSTR_SKIP || !kept_schedule_any(a))
		return leave_out(a, path);
	int r = kept_schedule_describe(a, true, &about);
	if (r == 0)
		r = kept_schedule_write(a, about, attempt_rundir(a)->fd, path_basename(path), err);
	if (r < 0)
		return r;
	free(a->schedule);
	a->schedule = TAKE_PTR(path);
	buf_clear(&a->schedule_text);
	return kept_schedule_excerpt(a, about, &a->schedule_text, err);
}

/* --schedule-trace. Results of several kernels have the same names. */
static int store_trace(const struct attempt *a, const char *sidecar, struct err **err)
{
	const struct fleet_config *config = &fleet_of(a)->config;
	bool failed = a->judgement.verdict != KTSTR_PASS && a->judgement.verdict != KTSTR_SKIP;
	_cleanup_free_ char *stem = rundir_beside(path_basename(sidecar), ""), *path = NULL, *about = NULL;
	if (!config->schedule_trace || !kept_schedule_any(a))
		return 0;
	if (!stem || asprintf(&path, "%s/%s%s%s" TRACE_SUFFIX, config->schedule_trace,
			      config->kernel_count > 1 ? attempt_rundir(a)->id : "",
			      config->kernel_count > 1 ? "-" : "", stem) < 0)
		return -ENOMEM;
	int r = kept_schedule_describe(a, failed, &about);
	return r == 0 ? kept_schedule_trace(a, about, path, err) : r;
}

/* A cell of the verifier sweep keeps what its scheduler printed, because the verifier's log explains the cell. */
static int store_load_log(const struct attempt *a, const char *sidecar, struct err **err)
{
	const struct buf *log = &a->evidence.text[WIRE_STREAM_SCHED];
	_cleanup_free_ char *path = rundir_beside(sidecar, LOAD_LOG_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (!a->item->test->cell || !log->len)
		return leave_out(a, path);
	return file_write_atomic_at(attempt_rundir(a)->fd, path_basename(path), log->data, log->len, 0644, err);
}

/* The constants of the programs, with which the cell's topology can be verified elsewhere. */
static int store_constants(const struct attempt *a, const char *sidecar, struct err **err)
{
	const struct plan_case *c = a->item;
	const struct rodata *data = &a->watch.constants.found;
	_cleanup_free_ char *path = rundir_beside(sidecar, RODATA_SUFFIX);
	if (!path)
		return -ENOMEM;
	if (!c->test->cell || !c->preset || !data->len)
		return leave_out(a, path);
	json_auto_t *o = cell_constants_json(c->test->cell->label, c->kernel->version, c->preset->name, data);
	return o ? json_write_file_at(attempt_rundir(a)->fd, path_basename(path), o, err) : -ENOMEM;
}

/* Stores the counters of the code that the guest's programs executed. */
static int store_coverage(const struct attempt *a, struct err **err)
{
	const struct test_decl *t = a->item->test;
	const struct guestmem *m = &a->memory;
	const uint8_t *region = NULL;
	if (!a->covers || a->on_host || !a->wall)
		return 0;
	if (!m->nodes)
		return FAIL(err, ERR_DATA, -ENODATA, "count what '%s' executes: the guest's memory is gone", t->name);
	region = guestmem_at(m, m->log + GUEST_LOG_BYTES - WIRE_COVERAGE_BYTES, WIRE_COVERAGE_BYTES);
	return region ? coverage_collect(fleet_of(a)->config.coverage, counted_program, a, region, WIRE_COVERAGE_BYTES,
					 err)
		      : 0;
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
	_cleanup_free_ char *path = attempt_sidecar_path(a);
	struct err *err = NULL;
	struct result result;
	if (!path)
		return -ENOMEM;
	note_loss(&err, store_dump(a, path, &err), &lost);
	note_loss(&err, store_repro(a, path, &err), &lost);
	note_loss(&err, store_profile(a, path, &err), &lost);
	note_loss(&err, store_schedule(a, path, &err), &lost);
	note_loss(&err, store_trace(a, path, &err), &lost);
	attempt_result(a, &replay, &result);
	json_auto_t *sidecar = sidecar_json(&result);
	int r = json_write_file_at(attempt_rundir(a)->fd, path_basename(path), sidecar, &err);
	note_loss(&err, r, &lost);
	if (r == 0) {
		free(a->sidecar);
		a->sidecar = strdup(path);
		attempt_result(a, &replay, &result);
	}
	note_loss(&err, store_report(a, &result, path, &err), &lost);
	note_loss(&err, store_load_log(a, path, &err), &lost);
	note_loss(&err, store_constants(a, path, &err), &lost);
	note_loss(&err, store_points(a, path, &err), &lost);
	note_loss(&err, store_scenario(a, &err), &lost);
	note_loss(&err, store_coverage(a, &err), &lost);
	note_loss(&err, store_memory(a, path, &err), &lost);
	note_loss(&err, store_answers(a, path, &err), &lost);
	guestmem_done(&a->memory);
	a->err = err_free(a->err);
	if (!lost.len)
		return 0;
	return FAIL(&a->err, ERR_OUTPUT, -EIO, "keep the result of '%s' in '%s': %s", a->item->name,
		    attempt_rundir(a)->path, buf_str(&lost));
}
