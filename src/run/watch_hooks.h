/* SPDX-License-Identifier: GPL-2.0-only */
/* watch_hooks.h -- where in its kernel a watched guest stops. */
#ifndef KTSTR_RUN_WATCH_HOOKS_H
#define KTSTR_RUN_WATCH_HOOKS_H

#include "run/watch.h"

/* Ids of hooks. Those of failures are numbers of enum watch_failure. */
enum watch_hook {
	HOOK_FIRST = WATCH_SCHEDULER_ENDED,
	HOOK_SCHEDULER_EXIT = HOOK_FIRST,
	HOOK_PANIC = WATCH_PANICKED,
	HOOK_ATTACH = WATCH_FAILURES, /* from here on: no failures */
	HOOK_ATTACH_CID,
	HOOK_MARK,
	HOOK_VERIFIED,
	HOOK_CONSTANTS,
	HOOK_PROGRAM,
	HOOK_END,
};

/* Its address; 0: none, or the kernel lacks the function. */
uint64_t watch_hook_address(enum watch_hook id, const struct symbols *symbols);
/* Why a dump is due there; NULL: none is. */
const char *watch_hook_reason(uint32_t id);
/* Where a scheduler attaches: the type of what it declares. NULL: it does not attach there. */
const char *watch_hook_struct(uint32_t id);

#endif
