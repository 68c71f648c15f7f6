/* SPDX-License-Identifier: GPL-2.0-only */
/* watch_hooks.c -- see watch_hooks.h. */
#include "run/watch_hooks.h"

static const struct {
	const char *reason;
	const char *attaches;
	const char *symbols[4]; /* the first that a kernel has */
} hooks[HOOK_END] = {
	/* The scheduler's exit is recorded, and all queues are as they were. */
	[HOOK_SCHEDULER_EXIT] = { "the kernel ended the scheduler",
				  NULL,
				  { "scx_disable_irq_workfn", "scx_ops_error_irq_workfn" } },
	[HOOK_PANIC] = { "the kernel panicked", NULL, { "vpanic", "panic" } },
	/* A scheduler is about to attach; the first argument is what it declares. */
	[HOOK_ATTACH] = { NULL, "sched_ext_ops", { "bpf_scx_reg" } },
	[HOOK_ATTACH_CID] = { NULL, "sched_ext_ops_cid", { "bpf_scx_reg_cid" } },
	/* The test says where it is (wire.h). */
	[HOOK_MARK] = { NULL, NULL, { "__x64_sys_sched_rr_get_interval" } },
	/* A program was verified, or rejected; or it is about to be verified. */
	[HOOK_VERIFIED] = { NULL, NULL, { VERIFIED_SYMBOL } },
	[HOOK_CONSTANTS] = { NULL, NULL, { RODATA_SYMBOL } },
	/* The kernel has made code: of a program, or a trampoline. */
	[HOOK_PROGRAM] = { NULL, NULL, { PROFILER_SYMBOL } },
};

uint64_t watch_hook_address(enum watch_hook id, const struct symbols *symbols)
{
	uint64_t at = 0;
	for (size_t i = 0; !at && i < ARRAY_SIZE(hooks[id].symbols) && hooks[id].symbols[i]; i++)
		at = symbols_find(symbols, hooks[id].symbols[i]);
	return at;
}

const char *watch_hook_reason(uint32_t id)
{
	return id < HOOK_END ? hooks[id].reason : "unknown";
}

const char *watch_hook_struct(uint32_t id)
{
	return id < HOOK_END ? hooks[id].attaches : NULL;
}
