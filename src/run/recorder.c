/* SPDX-License-Identifier: GPL-2.0-only */
/* recorder.c -- see recorder.h. */
#include "run/recorder.h"

#include <string.h>

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
		repro_trace_add(&r->trace, &r->plan, r->function[i], record);
}

static struct observe_hook make_hook(struct recorder *r, unsigned function, uint64_t address)
{
	struct observe_hook hook = repro_hook(&r->plan, function, address, RECORDER_FIRST_HOOK + r->recorded);
	r->function[r->recorded++] = function;
	return hook;
}

void recorder_prepare(struct recorder *r, struct observe_config *observe)
{
	for (; r->hooks < observe->hook_count; r->hooks++)
		r->hook[r->hooks] = observe->hooks[r->hooks];
	for (unsigned i = 0; i < r->plan.functions && r->hooks < RECORDER_HOOKS_MAX; i++)
		if (r->plan.function[i].address)
			r->hook[r->hooks++] = make_hook(r, i, r->plan.function[i].address);
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
	for (unsigned i = 0; i < r->plan.functions && r->recorded < RECORDER_HOOKS_MAX; i++) {
		uint64_t address = repro_find(&in, &r->plan.function[i], ops);
		if (address < OBSERVE_ADDRESS_MIN)
			continue;
		struct observe_hook hook = make_hook(r, i, address);
		/* Without a free hook, this function is not recorded: the chain has no such call. */
		vm->backend->set_hook(vm, &hook, NULL);
	}
	inspect_end(&in);
}

void recorder_stop(struct recorder *r, uint64_t guest_ns)
{
	r->trace.until_ns = guest_ns;
}
