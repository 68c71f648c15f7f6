/* SPDX-License-Identifier: GPL-2.0-only */
/* rerun.c -- see rerun.h. An attempt (attempt.h) with blocking operations of its own. */
#include "run/rerun.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "lock/host_resources.h"
#include "run/perturb.h"

#define MACHINE_MIB 160 /* host memory of a machine's process, besides that of its guest */

struct rerun {
	struct reactor *reactor;
	const struct packed_run *packed;
	struct accel_choice accel;
	struct host_resources resources;
	struct attempt_env env;
	struct watched_kernel watched;
	struct snapshot snapshot; /* of a run that began as a clone */
	char kernel_path[40], vmlinux_path[40];
	const char *lack; /* why the guest cannot be looked at; NULL: it can */
	/* Of the run that is made now. */
	struct attempt attempt;
	const struct watch_probe *probe;
	struct rerun_result *result;
	bool ended;
};

/* --- the attempt's operations ------------------------------------------------------------------------------------- */

static struct rerun *rerun_of(const struct attempt *a)
{
	return a->owner;
}

static int prepare(void *arg)
{
	struct attempt *a = arg;
	struct rerun *r = rerun_of(a);
	const struct packed_run *p = r->packed;
	struct kernel kernel = { .boot = r->vmlinux_path };
	const struct watch_config asked = {
		.patience = p->patience, .watchdog_s = p->watchdog_s, .probe = r->probe, .perturb = &p->perturb
	};
	if (!r->lack)
		watch_prepare(&a->watch, &r->watched, &kernel, a->env->backend, &asked, &a->config);
	a->initrd_fd = fcntl(p->file[PACKED_INITRD].fd, F_DUPFD_CLOEXEC, 3);
	return a->initrd_fd < 0 ? -errno : 0;
}

static void note_result(struct attempt *a, struct rerun_result *ret)
{
	const struct evidence *e = &a->evidence;
	ret->digest = e->digest;
	ret->records = e->records;
	ret->last_ns = e->last_ns;
	ret->failure = a->watch.failure;
	ret->failed_ns = a->watch.failed_ns;
	ret->interrupted = e->interrupted;
	if (e->failure.len || e->contention.len || e->damage.len)
		buf_appendf(&ret->problem, "%s%s%s", buf_str(&e->failure), buf_str(&e->contention),
			    buf_str(&e->damage));
	else if (*e->late_in)
		buf_appendf(&ret->problem, "the guest was ended because it took too long (%s)", e->late_in);
	else if (e->machine_died)
		buf_appendf(&ret->problem, "the machine's process ended: %s", buf_str(&e->stderr_text));
}

static int judge_nothing(void *arg)
{
	struct attempt *a = arg;
	note_result(a, rerun_of(a)->result);
	return 0;
}

static int store_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void on_ended(struct attempt *a, int result)
{
	(void)result;
	rerun_of(a)->ended = true;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int choose_backend(struct rerun *r, struct err **err)
{
	const struct packed_run *p = r->packed;
	int code = accel_choose(ACCEL_TCG, p->lag_ns, NULL, &r->accel, err);
	if (code < 0)
		return code;
	if (p->lag_ns && !r->accel.lag_ns)
		return FAIL(err, ERR_MISSING, -EOPNOTSUPP,
			    "the run has a clock for each CPU, which is not possible here: %s", r->accel.shared_why);
	return 0;
}

static int open_kernel(struct rerun *r, struct err **err)
{
	const struct packed_run *p = r->packed;
	int vmlinux = p->file[PACKED_VMLINUX].fd;
	struct kernel kernel = { .boot = r->vmlinux_path };
	snprintf(r->kernel_path, sizeof(r->kernel_path), "/proc/%d/fd/%d", getpid(), p->file[PACKED_KERNEL].fd);
	snprintf(r->vmlinux_path, sizeof(r->vmlinux_path), "/proc/%d/fd/%d", getpid(), vmlinux);
	r->lack = vmlinux < 0 ? "the run has no vmlinux" : NULL;
	/* Those who look at a run that is made again want it to stop. */
	if (!r->lack && r->accel.backend->vcpu_times)
		r->lack = r->accel.backend->observer_lack(NULL, 0);
	if (!r->lack)
		r->lack = watched_kernel_open(&r->watched, &kernel, r->accel.backend);
	if (r->lack && perturb_on(&p->perturb))
		return FAIL(err, ERR_MISSING, -EOPNOTSUPP, "the run is perturbed, which is not possible here: %s",
			    r->lack);
	return 0;
}

static int open_resources(struct rerun *r, struct err **err)
{
	const struct host_resources_config config = { .memory_mib = r->packed->memory_mib + MACHINE_MIB,
						      .give_up = ADMIT_GIVE_UP };
	return host_resources_open(r->reactor, &config, &r->resources, err);
}

int rerun_open(struct reactor *reactor, const struct packed_run *p, struct rerun **ret, struct err **err)
{
	_cleanup_(rerun_close_p) struct rerun *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->reactor = reactor;
	r->packed = p;
	r->snapshot = SNAPSHOT_NULL;
	watched_kernel_init(&r->watched, NULL);
	int code = choose_backend(r, err);
	if (code == 0)
		code = open_kernel(r, err);
	if (code == 0 && p->cloned)
		code = snapshot_read(p->file[PACKED_SNAPSHOT].fd, &r->snapshot, err);
	if (code == 0)
		code = open_resources(r, err);
	if (code < 0)
		return code;
	r->env = (struct attempt_env){ .backend = r->accel.backend,
				       .admit = &r->resources.admit,
				       .prepare = prepare,
				       .judge = judge_nothing,
				       .store = store_nothing,
				       .ended = on_ended };
	*ret = TAKE_PTR(r);
	return 0;
}

void rerun_close(struct rerun *r)
{
	host_resources_close(&r->resources);
	watched_kernel_done(&r->watched);
	snapshot_done(&r->snapshot);
	free(r);
}

struct watched_kernel *rerun_kernel(struct rerun *r, const char **lack)
{
	*lack = r->lack;
	return r->lack ? NULL : &r->watched;
}

const struct observe_perturb *rerun_perturb(const struct rerun *r)
{
	return &r->packed->perturb;
}

uint64_t rerun_instruction_ns(const struct rerun *r)
{
	return UINT64_C(1) << r->packed->icount_shift;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void fill_attempt(struct rerun *r)
{
	const struct packed_run *p = r->packed;
	r->attempt = (struct attempt){
		.env = &r->env,
		.owner = r,
		.number = 1,
		.seed = p->seed,
		.initrd_fd = -1,
		.initrd_common_fd = -1,
		.kernel_fd = -1,
		.sandbox = SANDBOX_NULL,
		.request = { .tier = PLAN_DEFAULT, .topology = { 1, 1, 1, 1 } },
		.need = { .memory_mib = p->memory_mib },
		.boot_deadline = p->boot_deadline,
		.setup_deadline = p->setup_deadline,
		.run_deadline = p->run_deadline,
		.config = { .topology = p->topology,
			    .memory_mib = p->memory_mib,
			    .kernel = r->kernel_path,
			    .kargs = (const char *const *)p->kargs,
			    .seed = p->seed,
			    .icount_shift = p->icount_shift,
			    .lag_ns = p->lag_ns,
			    .late_cpus = p->late_cpus,
			    .verbose = p->verbose,
			    .kaslr = p->kaslr,
			    .clone = p->cloned ? &r->snapshot : NULL,
			    .initrd_known = p->initrd_known },
	};
}

int rerun_make(struct rerun *r, const struct watch_probe *probe, struct rerun_result *ret, struct err **err)
{
	*ret = (struct rerun_result){ 0 };
	r->probe = probe;
	r->result = ret;
	r->ended = false;
	fill_attempt(r);
	attempt_start(r->reactor, &r->attempt, NULL, "rerun");
	int code = 0;
	while (!r->ended && code >= 0)
		code = reactor_turn(r->reactor, NSEC_NEVER);
	if (code < 0) /* the machine may still run, so nothing is freed */
		return FAIL_SYS(err, code, "run the machine");
	attempt_done(&r->attempt);
	return 0;
}

void rerun_result_done(struct rerun_result *r)
{
	buf_done(&r->problem);
}
