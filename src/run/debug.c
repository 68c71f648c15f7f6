/* SPDX-License-Identifier: GPL-2.0-only */
/* debug.c -- see debug.h. A probe (watch.h) with a stop at each scheduling event. */
#include "run/debug.h"

#include <string.h>

#include "base/text.h"
#include "run/perturb.h"

#define SEARCH_NS UINT64_C(10000000) /* guest time after which a variable that was not there is looked for again */

struct debug {
	const struct debug_config *config;
	const struct watched_kernel *kernel;
	struct expression expression;
	struct observe_hook hook[PROBE_HOOKS_MAX];
	const char *function[PROBE_HOOKS_MAX];
	unsigned hooks;
	uint64_t events; /* seen so far */
	uint64_t search_ns;
	bool known;
	bool arrived; /* at `where`; breakpoints count from then on */
	int64_t value;
	struct debug_moment moment; /* that was wanted */
	json_t *stack;
};

/* --- hooks -------------------------------------------------------------------------------------------------------- */

static void add_hook(struct debug *d, uint64_t address, const char *function)
{
	d->function[d->hooks] = function;
	d->hook[d->hooks] =
		(struct observe_hook){ .address = address, .id = PROBE_FIRST_HOOK + d->hooks, .kind = OBSERVE_STOP };
	d->hooks++;
}

static int add_functions(struct debug *d, const char *const *name, struct err **err)
{
	for (; *name; name++) {
		uint64_t address = symbols_find(d->kernel->image.symbols, *name);
		if (!address)
			return FAIL(err, ERR_USAGE, -ENOENT, "this kernel has no function '%s'", *name);
		if (d->hooks == PROBE_HOOKS_MAX)
			return FAIL(err, ERR_USAGE, -E2BIG, "more than %d functions", PROBE_HOOKS_MAX);
		add_hook(d, address, *name);
	}
	return 0;
}

/* The places at which a perturbation may hold CPUs back, so that numbers of events mean the same. */
static void add_events(struct debug *d, const struct observe_perturb *p)
{
	struct observe_hook found[PERTURB_HOOKS_MAX];
	unsigned count = perturb_hooks(d->kernel->image.symbols, p->at, found);
	for (unsigned i = 0; i < count; i++)
		if (found[i].kind == OBSERVE_HOLD)
			add_hook(d, found[i].address, perturb_event((uint32_t)perturb_event_index(found[i].id)));
}

static bool wants_hooks(const struct debug_config *c)
{
	return c->expression || c->where == DEBUG_AT_HOOK;
}

static unsigned put_hooks(void *data, const struct kernel_image *image, struct observe_hook *out)
{
	const struct debug *d = data;
	(void)image;
	memcpy(out, d->hook, d->hooks * sizeof(*out));
	return d->hooks + (d->config->breakpoints ? d->config->breakpoints(d->config->data, out + d->hooks) : 0);
}

/* --- a moment ----------------------------------------------------------------------------------------------------- */

static json_t *unwind(struct inspector *in, unsigned cpu, const char **lack)
{
	const struct inspect_config *c = &in->config;
	struct orc_stack stack;
	*lack = c->orc ? cpu < c->registers_count ? NULL : "no registers" : c->no_orc;
	if (*lack)
		return NULL;
	const struct cpu_registers *r = &c->registers[cpu];
	if (r->user) {
		*lack = "the CPU runs a program";
		return NULL;
	}
	orc_unwind(c->orc, in->view, (struct orc_start){ .ip = r->ip, .sp = r->sp, .bp = r->bp, .interrupted = true },
		   &stack);
	return inspect_stack(in, &stack);
}

json_t *debug_stack(const struct inspect_config *config, unsigned cpu, const char **lack)
{
	struct inspector in;
	*lack = NULL;
	if (inspect_begin(&in, config) < 0)
		return NULL;
	json_t *stack = unwind(&in, cpu, lack);
	inspect_end(&in);
	return stack;
}

static void note_task(struct inspector *in, struct debug_moment *m)
{
	uint64_t rq = view_per_cpu(in->view, "runqueues", m->cpu), task = inspect_get(in, LAYOUT_RQ_CURR, rq);
	m->pid = (int32_t)inspect_get(in, LAYOUT_TASK_PID, task);
	inspect_member_text(in, LAYOUT_TASK_COMM, task, m->comm, sizeof(m->comm));
}

static struct debug_moment make_moment(struct debug *d, const struct inspect_config *config,
				       const struct observe_stop *s)
{
	struct debug_moment m = { .guest_ns = s->guest_ns, .cpu = s->vcpu, .hook = d->events };
	struct inspector in;
	if (s->why == OBSERVE_AT_HOOK && s->hook - PROBE_FIRST_HOOK < d->hooks)
		m.function = d->function[s->hook - PROBE_FIRST_HOOK];
	if (inspect_begin(&in, config) < 0)
		return m;
	note_task(&in, &m);
	json_decref(d->stack);
	m.stack = d->stack = unwind(&in, s->vcpu, &m.no_stack);
	inspect_end(&in);
	return m;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void note_last(struct debug *d, const struct observe_stop *s)
{
	*d->config->last = (struct debug_last){ .found = true, .vcpu = s->vcpu, .guest_ns = s->guest_ns };
}

static void look_at_expression(struct debug *d, const struct inspect_config *config, const struct observe_stop *s)
{
	int64_t value = 0;
	bool search = s->guest_ns >= d->search_ns;
	if (search)
		d->search_ns = s->guest_ns + SEARCH_NS;
	bool known = expression_read(&d->expression, config, search, &value);
	if (known == d->known && value == d->value)
		return;
	if (d->config->last)
		note_last(d, s);
	struct debug_moment m = make_moment(d, config, s);
	m.was_known = d->known;
	m.before = d->value;
	m.known = d->known = known;
	m.value = d->value = value;
	d->config->changed(d->config->data, &m);
}

static bool is_wanted(const struct debug *d, const struct observe_stop *s, bool event, const char *failure)
{
	const struct debug_config *c = d->config;
	if (c->where == DEBUG_AT_FAILURE)
		return failure;
	if (c->where == DEBUG_AT_TIME)
		return s->why == OBSERVE_AT_UNTIL;
	return c->where == DEBUG_AT_HOOK && event && d->events == c->hook;
}

/* The guest stops at the next multiple of the period, too. */
static void look_again(const struct debug *d, struct vm *vm, const struct observe_stop *s)
{
	uint64_t period = (uint64_t)d->config->every;
	const struct observe_until until = { .guest_ns = (s->guest_ns / period + 1) * period, .vcpu = OBSERVE_ANY_CPU };
	vm->backend->set_until(vm, &until);
}

/* Only the last event counts, up to where the run stops. */
static enum probe_next look_for_last(struct debug *d, const struct observe_stop *s, bool breakpoint, bool wanted)
{
	if (breakpoint)
		note_last(d, s);
	return wanted ? PROBE_END : PROBE_GO_ON;
}

static enum probe_next look(void *data, struct vm *vm, const struct inspect_config *config,
			    const struct observe_stop *s, const char *failure)
{
	struct debug *d = data;
	bool at_hook = s->why == OBSERVE_AT_HOOK, breakpoint = at_hook && s->hook >= DEBUG_BREAKPOINT_HOOK;
	bool event = at_hook && s->hook >= PROBE_FIRST_HOOK && !breakpoint;
	bool wanted = is_wanted(d, s, event, failure);
	if (d->config->every && s->why == OBSERVE_AT_UNTIL)
		look_again(d, vm, s);
	if (d->config->expression && !breakpoint && !(d->config->last && wanted))
		look_at_expression(d, config, s);
	if (d->config->last)
		return look_for_last(d, s, breakpoint, wanted);
	d->arrived |= wanted;
	wanted |= breakpoint && d->arrived;
	if (wanted)
		d->moment = make_moment(d, config, s);
	d->events += event;
	return wanted ? PROBE_WORK : PROBE_GO_ON;
}

static enum probe_next work(void *data, struct vm *vm, const struct inspect_config *config, const atomic_bool *cancel)
{
	struct debug *d = data;
	return d->config->arrived(d->config->data, vm, config, &d->moment, cancel);
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static int prepare(struct debug *d, struct rerun *r, struct err **err)
{
	const char *lack;
	d->kernel = rerun_kernel(r, &lack);
	if (!d->kernel)
		return FAIL(err, ERR_MISSING, -EOPNOTSUPP, "the guest cannot be looked at: %s", lack);
	int code = d->config->expression
			   ? expression_parse(d->config->expression, &d->kernel->image, &d->expression, err)
			   : 0;
	if (code == 0 && d->config->functions && *d->config->functions)
		code = add_functions(d, d->config->functions, err);
	else if (code == 0 && wants_hooks(d->config))
		add_events(d, rerun_perturb(r));
	return code;
}

int debug_run(struct rerun *r, const struct debug_config *config, struct rerun_result *ret, struct err **err)
{
	_cleanup_free_ struct debug *d = calloc(1, sizeof(*d));
	*ret = (struct rerun_result){ 0 };
	if (!d)
		return -ENOMEM;
	d->config = config;
	int code = prepare(d, r, err);
	if (code == 0) {
		struct watch_probe probe = {
			.data = d, .hooks = put_hooks, .until = config->until, .look = look, .work = work
		};
		if (config->every)
			probe.until = (struct observe_until){ (uint64_t)config->every, OBSERVE_ANY_CPU };
		code = rerun_make(r, &probe, ret, err);
	}
	expression_done(&d->expression);
	json_decref(d->stack);
	return code;
}
