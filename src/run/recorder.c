/* SPDX-License-Identifier: GPL-2.0-only */
/* recorder.c -- see recorder.h. */
#include "run/recorder.h"

#include <string.h>

/* sched_ext's function to which BPF hands a struct sched_ext_ops whose members can already be called. */
#define LOAD_SYMBOL "bpf_scx_reg"

const char *recorder_new(const struct kernel_image *image, const struct layout *layout, const json_t *dump,
			 struct recorder **ret)
{
	struct recorder *r = calloc(1, sizeof(*r));
	const char *lack = r && repro_trace_init(&r->trace) == 0 ? NULL : "out of memory";
	if (!lack)
		lack = repro_plan_make(&r->plan, image, layout, dump);
	if (lack) {
		recorder_free(r);
		r = NULL;
	}
	*ret = r;
	return lack;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	repro_trace_done(&r->trace);
	free(r);
}

static void take_record(void *data, const struct observe_record *record)
{
	struct recorder *r = data;
	uint32_t i = record->hook - RECORDER_FIRST_HOOK;
	if (i < r->recorded)
		repro_trace_add(&r->trace, &r->plan, r->of[i].function, r->of[i].group, record);
}

/* Returns the number of hooks in @out; 0: there is no room. */
static unsigned make_hooks(struct recorder *r, unsigned function, uint64_t address,
			   struct observe_hook out[REPRO_GROUPS])
{
	if (r->recorded + REPRO_GROUPS > RECORDER_HOOKS_MAX)
		return 0;
	unsigned count = repro_hooks(&r->plan, function, address, RECORDER_FIRST_HOOK + r->recorded, out);
	for (unsigned i = 0; i < count; i++, r->recorded++) {
		r->of[r->recorded].function = (uint16_t)function;
		r->of[r->recorded].group = (uint16_t)i;
	}
	return count;
}

void recorder_prepare(struct recorder *r, struct observe_config *observe)
{
	uint64_t load = symbols_find(r->plan.image->symbols, LOAD_SYMBOL);
	for (; r->hooks < observe->hook_count; r->hooks++)
		r->hook[r->hooks] = observe->hooks[r->hooks];
	if (load)
		r->hook[r->hooks++] =
			(struct observe_hook){ .address = load, .id = RECORDER_LOAD_HOOK, .kind = OBSERVE_STOP };
	for (unsigned i = 0; i < r->plan.functions && r->hooks + REPRO_GROUPS <= RECORDER_HOOKS_MAX; i++)
		if (r->plan.function[i].address)
			r->hooks += make_hooks(r, i, r->plan.function[i].address, &r->hook[r->hooks]);
	observe->hooks = r->hook;
	observe->hook_count = r->hooks;
	observe->record = take_record;
	observe->data = r;
}

void recorder_arm(struct recorder *r, struct vm *vm, const struct inspect_config *config)
{
	struct inspector in;
	const struct observe_stop *stop = vm->stop;
	uint64_t ops = stop->registers[stop->vcpu].general[RDI];
	if (inspect_begin(&in, config) < 0)
		return;
	for (unsigned i = 0; i < r->plan.functions; i++) {
		struct observe_hook hook[REPRO_GROUPS];
		uint64_t address = repro_find(&in, &r->plan.function[i], ops);
		unsigned count = address >= OBSERVE_ADDRESS_MIN ? make_hooks(r, i, address, hook) : 0;
		/* Without a free hook, this function is not recorded: the chain has no such call. */
		for (unsigned k = 0; k < count; k++)
			vm->backend->set_hook(vm, &hook[k], NULL);
	}
	inspect_end(&in);
}

void recorder_stop(struct recorder *r, uint64_t guest_ns)
{
	r->trace.until_ns = guest_ns;
}
