/* SPDX-License-Identifier: GPL-2.0-only */
/* attempt.c -- see attempt.h. State handlers are in the order in which they run. */
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "run/attempt.h"
#include "run/attempt_results.h"
#include "run/model_metrics.h"
#include "topo/topology.h"

#define PREPARE_DEADLINE	(5 * NSEC_PER_MIN)
#define CLONE_TEMPLATE_DEADLINE (10 * NSEC_PER_MIN) /* added to the boot deadline: other runs may hold the lock first */
#define BOOT_DEADLINE		(3 * NSEC_PER_MIN)
#define SETUP_DEADLINE		(5 * NSEC_PER_MIN) /* the scheduler loads and attaches */
#define DRAIN_DEADLINE		(20 * NSEC_PER_SEC)
#define STORE_DEADLINE		(2 * NSEC_PER_MIN)

static struct attempt *attempt_of(struct machine *m)
{
	return container_of(m, struct attempt, machine);
}

/* --- QUEUED, ON_HOST, PREPARING, CLONING, STARTING ---------------------------------------------------------------- */

static void say_admitted(struct attempt *a)
{
	if (a->env->admitted)
		a->env->admitted(a);
}

static int queued(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	if (a->on_host)
		return ATTEMPT_ON_HOST;
	a->claim = admit_ask(a->env->admit, &a->request, a->need);
	if (!a->claim)
		return FAIL_SYS(&a->err, -ENOMEM, "ask for CPUs");
	machine_wait_notice(m, &a->claim->ready);
	return ATTEMPT_PREPARING;
}

/* The offload job has its own deadline, so the state has none. */
static int on_host(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	say_admitted(a);
	machine_offload(m, &a->job, a->env->on_host, a);
	return ATTEMPT_JUDGING;
}

bool attempt_begin_on_host(struct attempt *a)
{
	nsec_t none = 0;
	return atomic_compare_exchange_strong(&a->host_began, &none, nsec_now());
}

void attempt_cancel_unstarted(struct attempt *a)
{
	nsec_t none = 0;
	bool unstarted = a->on_host ? atomic_compare_exchange_strong(&a->host_began, &none, HOST_NEVER) : !a->admitted;
	if (unstarted)
		machine_cancel(&a->machine);
}

/* Results of earlier tries must be kept even if this try ends early. */
static bool was_tried(const struct attempt *a)
{
	return a->number > 1;
}

/* -EBUSY: the CPUs were busy for too long. -ERANGE: this host is too small. Other errors: lock files are broken. */
static int no_cpus(struct attempt *a)
{
	struct claim *c = a->claim;
	/* The admission queue was cancelled before this attempt. */
	if (c->result == -ECANCELED) {
		a->evidence.interrupted = true;
		return was_tried(a) ? ATTEMPT_JUDGING : MACHINE_END;
	}
	if (c->result == -EBUSY || c->result == -ERANGE) {
		err_format(c->err, &a->evidence.contention);
		return ATTEMPT_JUDGING;
	}
	a->err = TAKE_PTR(c->err);
	return c->result;
}

/* Binds the memory of each guest node to the host node of its first vCPU. */
static void pin_to_plan(struct attempt *a, const struct cpu_plan *plan)
{
	const struct ktstr_topology *t = &a->config.topology;
	const struct host *h = a->env->admit->config.host;
	struct vm_pinning *p = a->pinning;
	_Static_assert(HOST_NONE == PIN_ANY, "a plan's CPUs are taken as they are");
	vm_pinning_init(p);
	p->service = plan->service;
	for (unsigned i = 0; i < plan->vcpus && i < GUEST_CPUS_MAX; i++)
		p->vcpu[i] = plan->vcpu[i];
	for (unsigned n = 0; n < t->numa_nodes && n < GUEST_NODES_MAX; n++) {
		unsigned first, cpu = topology_first_cpu(t, n, &first) ? p->vcpu[first] : PIN_ANY;
		if (cpu < HOST_CPUS_MAX && h->cpu[cpu].node < h->nodes)
			p->node[n] = h->node[h->cpu[cpu].node].id;
	}
}

/* Sets the CPU affinity of the machine's process; in perf mode also pins each vCPU to one CPU. */
static int apply_plan(struct attempt *a)
{
	const struct cpu_plan *plan = &a->claim->plan;
	a->config.affinity = plan->cpus.word;
	if (!a->config.perf)
		return 0;
	a->pinning = malloc(sizeof(*a->pinning));
	if (!a->pinning)
		return -ENOMEM;
	pin_to_plan(a, plan);
	a->config.pinning = a->pinning;
	return 0;
}

static int preparing(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	if (a->claim->result < 0)
		return no_cpus(a);
	a->admitted = m->reactor->now;
	result = apply_plan(a);
	if (result < 0)
		return result;
	say_admitted(a);
	machine_offload(m, &a->job, a->env->prepare, a);
	return ATTEMPT_CLONING;
}

/* Without a usable template the machine boots. If booting fails for the same reason, the boot reports it. */
static void be_clone(struct attempt *a)
{
	if (!a->clone_template) {
		a->cloned = a->config.clone;
		return;
	}
	a->cloned = a->clone_template->snapshot.fd >= 0;
	a->config.clone = a->cloned ? &a->clone_template->snapshot : NULL;
}

/* Gets the template of a clone. A machine that boots, or whose vCPUs are pinned, needs none. */
static int cloning(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (result < 0)
		return result;
	if (!a->clone_template || a->config.perf)
		return ATTEMPT_STARTING;
	a->clone_template->config = a->config;
	a->clone_template->config.observe = NULL;
	a->clone_template->config.marks = 0;
	machine_deadline(m, CLONE_TEMPLATE_DEADLINE + a->boot_deadline);
	clone_template_start(m->reactor, a->clone_template, m);
	machine_await(m, &a->clone_template->machine);
	return ATTEMPT_STARTING;
}

static int starting(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	be_clone(a);
	a->config.initrd_fd = a->initrd_fd;
	a->config.initrd_common = a->initrd_common_fd < 0 ? NULL : &a->initrd_common_fd;
	a->vm = a->env->backend->create();
	if (!a->vm)
		return FAIL_SYS(&a->err, -ENOMEM, "start the virtual machine");
	result = a->env->backend->start(a->vm, m->reactor, &a->config, m, &a->err);
	if (result < 0) {
		a->env->backend->destroy(a->vm);
		a->vm = NULL;
		return err_wrap(&a->err, result, "start the virtual machine");
	}
	watch_start(&a->watch, m->reactor, a->vm, m);
	if (a->env->started)
		a->env->started(a);
	return ATTEMPT_BOOTING;
}

/* --- BOOTING, SETTING_UP, RUNNING: each collects records until its condition holds -------------------------------- */

static void note_damage(struct attempt *a, struct err *why)
{
	if (!a->evidence.damage.len)
		err_format(why, &a->evidence.damage);
	a->env->backend->kill(a->vm, false);
}

/* Moves all available records into the evidence. Stops at the first invalid record and ignores all later ones. */
static void collect(struct attempt *a)
{
	struct wire_item item;
	_cleanup_err_ struct err *why = NULL;
	int r = 0;
	while (!a->evidence.damage.len && (r = a->env->backend->next_record(a->vm, &item, &why)) > 0) {
		watch_see_record(&a->watch, item.time_ns, reactor_now(a->machine.reactor));
		r = evidence_take(&a->evidence, item.type, item.time_ns, item.payload, item.length, &why);
		if (r < 0)
			break;
	}
	if (r < 0)
		note_damage(a, why);
	if (a->vm->console_overflow && !a->evidence.console_flooded) {
		a->evidence.console_flooded = true;
		a->env->backend->kill(a->vm, false);
	}
}

/* Collects records. Returns ATTEMPT_DRAINING when no more will follow, else -EAGAIN. */
static int listen(struct machine *m)
{
	struct attempt *a = attempt_of(m);
	collect(a);
	if (a->evidence.has_exit && !a->over) {
		a->over = m->reactor->now;
		a->over_away = m->reactor->away;
	}
	bool over = a->vm->ended || a->watch.at_end || a->evidence.has_exit || a->evidence.damage.len;
	return over ? ATTEMPT_DRAINING : -EAGAIN;
}

/* On the first entry into a state, begins its host deadline of @length (0: the table's). */
static void begin_state(struct attempt *a, nsec_t length)
{
	if (!a->machine.first_entry)
		return;
	struct machine *m = &a->machine;
	nsec_t limit = length ? length : m->type->states[m->state].deadline;
	granted_begin(&a->granted, limit, reactor_now(m->reactor), m->reactor->away, vm_usage(a->vm));
	machine_deadline(m, granted_left(&a->granted));
}

/* The deadline passed: whether the host let the machine run for all of its limit. */
static nsec_t allow(struct machine *m)
{
	struct attempt *a = attempt_of(m);
	if (!a->vm || a->vm->ended)
		return 0;
	granted_sample(&a->granted, reactor_now(m->reactor), m->reactor->away, vm_usage(a->vm));
	return granted_left(&a->granted);
}

static int booting(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	begin_state(a, a->boot_deadline);
	int next = listen(m);
	if (next >= 0)
		return next;
	if (a->evidence.has_hello)
		return ATTEMPT_SETTING_UP;
	machine_wait_notice(m, &a->vm->changed);
	return ATTEMPT_BOOTING;
}

static int setting_up(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	begin_state(a, a->setup_deadline);
	int next = listen(m);
	if (next >= 0)
		return next;
	if (a->evidence.phase_count)
		return ATTEMPT_RUNNING;
	machine_wait_notice(m, &a->vm->changed);
	return ATTEMPT_SETTING_UP;
}

static int running(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	begin_state(a, a->run_deadline);
	int next = listen(m);
	if (next >= 0)
		return next;
	machine_wait_notice(m, &a->vm->changed);
	return ATTEMPT_RUNNING;
}

/* --- DRAINING: the machine ended, was killed, or missed a deadline ------------------------------------------------ */

/*
 * Handles a missed deadline. Collects records first: the guest may have ended in time. Notes the CPU time that the
 * machine got and whether it was stopped, because a guest that could not run is not at fault.
 */
static void note_late(struct attempt *a)
{
	const struct machine *m = &a->machine;
	struct evidence *e = &a->evidence;
	const struct granted *g = &a->granted;
	collect(a);
	if (e->has_exit || e->damage.len || a->vm->ended)
		return;
	snprintf(e->late_in, sizeof(e->late_in), "%s", m->type->states[m->failed_in].name);
	e->late_after = g->elapsed;
	e->late_limit = g->limit;
	e->late_granted = g->granted;
	e->late_cpu = g->cpu;
	e->late_known = g->usage.known;
	e->late_waits_known = g->usage.waited_known;
	e->late_stopped = g->usage.stopped;
}

static void note_end(struct attempt *a, int result)
{
	if (result == -ECANCELED)
		a->evidence.interrupted = true;
	else if (result == -ETIME && a->machine.failed_in < ATTEMPT_DRAINING)
		note_late(a);
	if (result < 0)
		a->env->backend->kill(a->vm, result == -ETIME && !a->evidence.has_exit);
}

/* The machine stands still at its end, and nobody asks for its memory whatever the verdict is. */
static bool may_foresee(const struct attempt *a)
{
	return a->watch.at_end && !a->foreseen && a->env->foresee && !a->keep_memory && !a->covers;
}

static int draining(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (result < 0)
		note_end(a, result);
	else if (may_foresee(a)) {
		collect(a);
		machine_offload(m, &a->job, a->env->foresee, a);
		return ATTEMPT_FORESEEING;
	}
	if (a->watch.at_end)
		watch_leave(&a->watch);
	if (a->vm->ended)
		watch_stop(&a->watch);
	if (!a->vm->ended || watch_running(&a->watch)) {
		machine_wait_notice(m, &a->vm->changed);
		return ATTEMPT_DRAINING;
	}
	collect(a);
	attempt_take_results(a);
	return ATTEMPT_ASKING;
}

static int foreseeing(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	a->foreseen = true;
	if (result == 1 && a->vm->stop)
		a->env->backend->leave_memory(a->vm);
	return ATTEMPT_DRAINING;
}

/* --- ASKING, JUDGING, STORING, DONE ------------------------------------------------------------------------------- */

/* Another attempt may start from here on. */
static void give_back(struct attempt *a)
{
	if (a->claim)
		admit_release(a->env->admit, a->claim);
	a->claim = NULL;
	a->config.affinity = NULL;
}

static int asking(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	if (!a->keep_cpus)
		give_back(a);
	struct machine *model = a->env->ask && !m->cancelled ? a->env->ask(a) : NULL;
	if (model)
		machine_await(m, model);
	return ATTEMPT_JUDGING;
}

static int judging(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (!a->keep_cpus)
		give_back(a);
	bool unstarted = m->failed_in == ATTEMPT_QUEUED || (m->failed_in == ATTEMPT_ON_HOST && !attempt_began(a));
	if (result == -ECANCELED && unstarted && !was_tried(a))
		return MACHINE_END;
	a->cut = m->cancelled;
	if (result == -ECANCELED)
		a->evidence.interrupted = true;
	else if (result < 0 && !a->evidence.failure.len) {
		if (!a->err)
			FAIL_SYS(&a->err, result, "prepare the test");
		err_format(a->err, &a->evidence.failure);
	}
	machine_offload(m, &a->job, a->env->judge, a);
	return ATTEMPT_REPEATING;
}

/* The second run gets its own CPUs; a cancel of the run cancels it, too. */
static int repeating(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (result < 0)
		return result;
	a->judged = true;
	if (a->env->judged)
		a->env->judged(a);
	give_back(a);
	a->second = a->env->second && !m->cancelled ? a->env->second(a) : NULL;
	if (!a->second)
		return ATTEMPT_STORING;
	attempt_start(m->reactor, a->second, m, "second run");
	machine_await(m, &a->second->machine);
	return ATTEMPT_JUDGING_AGAIN;
}

/* The second run may have failed; the result of the first one stands. */
static int judging_again(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	(void)result;
	machine_offload(m, &a->job, a->env->judge, a);
	return ATTEMPT_STORING;
}

/* True if the run was interrupted after this try was judged: the try is now the last one and must be judged again. */
static bool cut_since(struct attempt *a)
{
	bool late = a->machine.cancelled && !a->cut && !a->outcome.final;
	a->cut = a->cut || late;
	return late;
}

static int storing(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (result < 0 && !a->judged)
		return result;
	a->judged = true;
	if (cut_since(a)) {
		machine_offload(m, &a->job, a->env->judge, a);
		return ATTEMPT_STORING;
	}
	machine_offload(m, &a->job, a->env->store, a);
	return ATTEMPT_DONE;
}

static int done(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	if (result < 0)
		return result;
	if (cut_since(a)) {
		machine_offload(m, &a->job, a->env->judge, a);
		return ATTEMPT_STORING;
	}
	a->stored = true;
	return MACHINE_END;
}

/*
 * A first try that is cancelled in QUEUED, or in ON_HOST before its body started, ends without a result, because
 * nothing was run. A later try is judged together with the earlier ones. From PREPARING on every attempt is judged and
 * stored, so that partial results are kept and marked. A cancel does not stop judging and storing.
 */
static const struct machine_state states[ATTEMPT_STATE_MAX] = {
	[ATTEMPT_QUEUED] = { "queued", queued, DEADLINE_NONE, ATTEMPT_JUDGING,
			     TO(ATTEMPT_ON_HOST) | TO(ATTEMPT_PREPARING) | TO(ATTEMPT_JUDGING) },
	[ATTEMPT_ON_HOST] = { "on-host", on_host, DEADLINE_NONE, ATTEMPT_JUDGING, TO(ATTEMPT_JUDGING) },
	[ATTEMPT_PREPARING] = { "preparing", preparing, PREPARE_DEADLINE, ATTEMPT_JUDGING,
				TO(ATTEMPT_CLONING) | TO(ATTEMPT_JUDGING) | TO_END },
	[ATTEMPT_CLONING] = { "cloning", cloning, PREPARE_DEADLINE, ATTEMPT_JUDGING, TO(ATTEMPT_STARTING) },
	[ATTEMPT_STARTING] = { "starting", starting, PREPARE_DEADLINE, ATTEMPT_JUDGING, TO(ATTEMPT_BOOTING) },
	[ATTEMPT_BOOTING] = { "booting", booting, BOOT_DEADLINE, ATTEMPT_DRAINING,
			      TO(ATTEMPT_SETTING_UP) | TO(ATTEMPT_DRAINING), .allow = allow },
	[ATTEMPT_SETTING_UP] = { "setting up", setting_up, SETUP_DEADLINE, ATTEMPT_DRAINING,
				 TO(ATTEMPT_RUNNING) | TO(ATTEMPT_DRAINING), .allow = allow },
	[ATTEMPT_RUNNING] = { "running", running, 10 * NSEC_PER_MIN, ATTEMPT_DRAINING, TO(ATTEMPT_DRAINING),
			      .allow = allow },
	[ATTEMPT_DRAINING] = { "draining", draining, DRAIN_DEADLINE, ATTEMPT_DRAINING,
			       TO(ATTEMPT_FORESEEING) | TO(ATTEMPT_ASKING), .shielded = true },
	[ATTEMPT_FORESEEING] = { "foreseeing", foreseeing, DRAIN_DEADLINE, ATTEMPT_DRAINING, TO(ATTEMPT_DRAINING),
				 .shielded = true },
	[ATTEMPT_ASKING] = { "asking", asking, DEADLINE_NONE, ATTEMPT_JUDGING, TO(ATTEMPT_JUDGING) },
	[ATTEMPT_JUDGING] = { "judging", judging, STORE_DEADLINE, 0, TO(ATTEMPT_REPEATING) | TO_END, .shielded = true },
	[ATTEMPT_REPEATING] = { "repeating", repeating, DEADLINE_NONE, ATTEMPT_JUDGING_AGAIN,
				TO(ATTEMPT_JUDGING_AGAIN) | TO(ATTEMPT_STORING) },
	[ATTEMPT_JUDGING_AGAIN] = { "judging again", judging_again, STORE_DEADLINE, 0, TO(ATTEMPT_STORING),
				    .shielded = true },
	[ATTEMPT_STORING] = { "storing", storing, STORE_DEADLINE, 0, TO(ATTEMPT_DONE), .shielded = true },
	[ATTEMPT_DONE] = { "done", done, STORE_DEADLINE, 0, TO(ATTEMPT_STORING) | TO_END, .shielded = true },
};

static void attempt_ended(struct machine *m, int result)
{
	struct attempt *a = attempt_of(m);
	REQUIRE(!a->vm);
	give_back(a);
	a->initrd_fd = fd_close(a->initrd_fd);
	a->initrd_common_fd = fd_close(a->initrd_common_fd);
	a->env->ended(a, result);
}

static const struct machine_type attempt_type = { "attempt", states, ATTEMPT_STATE_MAX, attempt_ended };

void attempt_start(struct reactor *r, struct attempt *a, struct machine *parent, const char *name)
{
	machine_start(r, &a->machine, &attempt_type, parent, "%s", name);
}

void attempt_done(struct attempt *a)
{
	a->model = model_metrics_free(a->model);
	evidence_done(&a->evidence);
	guestmem_done(&a->memory);
	watch_done(&a->watch);
	exact_evidence_done(&a->exact);
	judgement_done(&a->judgement);
	if (a->clone_template)
		clone_template_done(a->clone_template);
	free(a->clone_template);
	free(a->orders);
	free(a->perturb_point);
	a->clone_template = NULL;
	a->err = err_free(a->err);
	free(a->sidecar);
	a->sidecar = NULL;
	free(a->dump);
	a->dump = NULL;
	free(a->snapshots);
	a->snapshots = NULL;
	json_decref(a->snapshot_list);
	json_decref(a->map_metrics);
	a->snapshot_list = a->map_metrics = NULL;
	buf_done(&a->dump_text);
	buf_done(&a->schedule_text);
	free(TAKE_PTR(a->schedule));
	recorder_free(TAKE_PTR(a->recorder));
	recorder_free(TAKE_PTR(a->recorder_of_second));
	json_decref(TAKE_PTR(a->insns));
	json_decref(TAKE_PTR(a->repro));
	free(TAKE_PTR(a->repro_dump));
	if (a->second)
		attempt_done(a->second);
	free(TAKE_PTR(a->second));
	a->kernel_fd = fd_close(a->kernel_fd);
	free(a->pinning);
	a->pinning = NULL;
	if (a->devices.disk)
		a->devices.disk_fd = fd_close(a->devices.disk_fd);
	free(a->counter);
	a->counter = NULL;
}
