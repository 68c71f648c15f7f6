/* SPDX-License-Identifier: GPL-2.0-only */
/* work.c -- the blocking operations of an attempt: build the image, judge. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "coverage/collect.h"
#include "image/image.h"
#include "run/capture.h"
#include "run/cells.h"
#include "run/counted.h"
#include "run/devices.h"
#include "run/fleet.h"
#include "run/includes.h"
#include "run/post_vm.h"
#include "run/scheduler_path.h"
#include "run/second_run.h"
#include "topo/topology.h"
#include "vmm/qemu/kernel_seed.h"
#include "vmm/qemu/qemu.h"

/*
 * Guest time after which PID 1 ends the test. Generous, because steps may take longer than the declared duration, and
 * many workers take longer to start.
 */
static nsec_t guest_limit(const struct test_decl *t, unsigned cpus)
{
	nsec_t start = cpus * NSEC_PER_SEC / 2;
	return 3 * t->duration + 10 * NSEC_PER_SEC + start + MAX_OF(test_attach_timeout(t), 20 * NSEC_PER_SEC);
}

static struct fleet *fleet_of(const struct attempt *a)
{
	return a->owner;
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
	/* A pack needs all of it. */
	bool hole = a->env->backend->fills_initrd && !fleet_of(a)->config.capture;
	if (r == 0)
		r = image_memfd(part, hole, suffix, &a->job.cancelled, &a->initrd_fd, &a->err);
	if (r == 0)
		a->config.initrd_known = (uint64_t)st.st_size;
	if (r == 0 && hole)
		a->initrd_common_fd = TAKE_FD(part[IMAGE_COMMON]);
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
	_cleanup_buf_ struct buf suffix = BUF_NULL, places = BUF_NULL;
	char *staged[IMAGE_STAGED_MAX + 1] = { NULL };
	const char *environment[ARRAY_SIZE(forwarded) + 1] = { NULL };
	const char *networks[KTSTR_NETWORKS_MAX + 1] = { NULL };
	struct image_made counting[COUNTED_FILES + 1];
	const struct image_devices devices = devices_in_guest(&t->devices, networks);
	_cleanup_(includes_free) struct includes *includes = calloc(1, sizeof(*includes));
	if (!includes)
		return -ENOMEM;
	const struct cachefile_use use = { .cancel = &a->job.cancelled, .damaged = &fleet_of(a)->damaged };
	struct image_base_spec base_spec = {
		.use = &use,
		.staged = (const char *const *)staged,
		.arch = c->kernel->arch,
		.test = t->program ? t->program : t->binary,
		.scheduler = c->scheduler_path,
		.include = includes->item,
		.cache_dir = fleet_of(a)->config.image_cache,
		.plain = plain,
	};
	struct image_suffix_spec suffix_spec = {
		.test = t->name,
		.seed = a->seed,
		.duration_ns = (uint64_t)t->duration,
		.limit_ns = (uint64_t)guest_limit(t, topology_cpus(&a->item->topology)),
		.sched_args = { NULL, NULL, (const char *const *)t->sched_args },
		.workload_root = test_workload_root(t),
		.environment = environment,
		.devices = &devices,
		.scenario = t->scenario,
		.coverage = a->covers ? counting : NULL,
		.describe = fleet_of(a)->config.write_scenario != NULL,
		.plain = plain,
	};
	a->initrd_fd = fd_close(a->initrd_fd);
	a->initrd_common_fd = fd_close(a->initrd_common_fd);
	fill_environment(a, environment);
	fill_scheduler(t, &suffix_spec);
	int r = prepare_sandbox(a);
	if (r == 0)
		r = locate_staged(c, staged, &suffix_spec, &a->err);
	if (r == 0)
		r = includes_resolve(t, c->kernel->kit, includes, &a->err);
	base_spec.includes = includes->count;
	if (r == 0 && a->covers)
		counted_files(c, staged, includes, &places, counting);
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

/* The kernel of a machine with KASLR draws its place from the seed. */
static int seed_kernel(struct attempt *a)
{
	if (!a->config.kaslr)
		return 0;
	a->kernel_fd = fd_close(a->kernel_fd);
	int r = kernel_seed_boot(a->item->kernel->bzimage, a->seed, &a->job.cancelled, &a->kernel_fd, &a->err);
	snprintf(a->kernel_path, sizeof(a->kernel_path), "/proc/%d/fd/%d", getpid(), a->kernel_fd);
	a->config.kernel = a->kernel_path;
	return r;
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
					    .recorder = a->recorder,
					    .verifies = a->item->test->cell,
					    .constants = a->item->constants,
					    .profiles = f->config.profile_insns && !a->recorder,
					    .program_lines = f->config.coverage && f->config.coverage->bpf_lines,
					    .kernel_lines = f->config.coverage && f->config.coverage->kernel_lines,
					    .perturb = &a->item->perturb };
	if (test_asks_model(a->item->test))
		model_server_look(&f->model, f->config.model_dir);
	captures_done(&a->watch.captures);
	captures_init(&a->watch.captures, &a->item->test->seen, a->item->test->duration);
	if (!f->config.no_monitor)
		watch_prepare(&a->watch, &f->watched[a->item->kernel - f->config.kernels], a->item->kernel,
			      a->env->backend, &asked, &a->config);
	int r = devices_open(a->item, &a->devices, &a->err);
	if (r == 0)
		r = seed_kernel(a);
	if (r == 0)
		r = build_image(a, a->clone_template != NULL);
	if (r == 0 && a->clone_template && !fits_clone(a))
		r = build_image(a, false);
	if (r == 0 && a->clone_template && !fits_clone(a)) {
		free(a->clone_template);
		a->clone_template = NULL;
	}
	return r == 0 && f->config.capture ? capture_machine(a, f->config.capture, &a->err) : r;
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

/* Why there are none; NULL: there may be some. */
static const char *snapshots_lack(const struct attempt *a)
{
	if (fleet_of(a)->config.no_monitor)
		return "--no-monitor";
	return a->watch.no_stops && a->watch.kernel ? NULL : a->watch.lack;
}

/* Without the file, the test has no snapshots and is Inconclusive. */
static void look_at_snapshots(struct attempt *a)
{
	_cleanup_free_ char *sidecar = attempt_sidecar_path(a);
	_cleanup_free_ char *path = sidecar ? rundir_beside(sidecar, SNAPSHOTS_SUFFIX) : NULL;
	if (path && a->number == 1 && !a->looked_at)
		unlinkat(attempt_rundir(a)->fd, path_basename(path), 0);
	if (path && post_vm_run(a, attempt_rundir(a)->fd, path, snapshots_lack(a)) < 0)
		buf_puts(&a->evidence.failure, "the snapshots of the guest could not be looked at: out of memory");
}

/* Puts into the evidence what the watch saw. */
static int put_watched(struct attempt *a, const struct judge_facts *facts)
{
	const struct fleet *f = fleet_of(a);
	a->evidence.series = a->watch.kernel ? &a->watch.series : NULL;
	a->evidence.verified = a->watch.kernel && !a->watch.no_stops ? &a->watch.verified : NULL;
	a->evidence.constants_result = a->watch.constants.result;
	a->evidence.verified_all = a->watch.constants.all;
	a->evidence.no_series = f->config.no_monitor ? "the run has --no-monitor" : a->watch.lack;
	a->evidence.no_stops = a->watch.no_stops;
	a->evidence.watchdog_set = a->watch.watchdog_set;
	const struct exact_subject subject = { facts->has_scheduler, facts->lacks };
	return exact_put(a->watch.exact, a->watch.no_stops ?: a->evidence.no_series, subject, &a->evidence, &a->exact);
}

/* Something else than the machine has a say in the verdict: a function of the test, a language model, another run. */
static bool is_judged_by_others(const struct attempt *a)
{
	const struct test_decl *t = a->item->test;
	return a->watch.captures.decl || a->item->known_fail || test_asks_model(t) || t->expect_auto_repro;
}

int attempt_foresee(void *arg)
{
	struct attempt *a = arg;
	struct judgement judgement = { 0 };
	const struct judge_facts facts = attempt_facts(a);
	if (is_judged_by_others(a))
		return 0;
	int r = put_watched(a, &facts);
	if (r == 0)
		r = judge(&a->evidence, &facts, &judgement);
	bool passes = r == 0 && judgement.verdict == KTSTR_PASS;
	judgement_done(&judgement);
	return passes;
}

int attempt_judge(void *arg)
{
	struct attempt *a = arg;
	const struct flake_policy policy = attempt_policy(a);
	struct fleet *f = a->owner;
	if (a->second)
		second_run_conclude(a);
	else
		find_memory_kill(a);
	struct judge_facts facts = attempt_facts(a);
	if (a->sandbox.path)
		sandbox_remove(&f->groups, &a->sandbox);
	judgement_done(&a->judgement);
	look_at_snapshots(a);
	if (model_metrics_take(a) < 0)
		buf_puts(&a->evidence.failure, "the output of payloads could not be read: out of memory");
	int r = put_watched(a, &facts);
	if (r == 0)
		r = judge(&a->evidence, &facts, &a->judgement);
	if (r == 0 && f->config.skips_fail)
		judgement_refuse_skip(&a->judgement);
	if (r == 0)
		r = flake_note(attempt_history(a), a->number, a->seed, &a->judgement);
	if (r < 0)
		return r;
	a->outcome = flake_fold(&policy, attempt_history(a), a->cut);
	flake_apply(&policy, attempt_history(a), &a->outcome, &a->judgement);
	if (f->config.capture)
		capture_outcome(a, f->config.capture);
	second_run_plan(a, a->item->test);
	return 0;
}
