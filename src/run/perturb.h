/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perturb.h -- another schedule of a test (--perturb): its parameters as text, and the kernel functions at which vCPUs
 * are held back (vmm/observe.h, struct observe_perturb).
 */
#ifndef KTSTR_RUN_PERTURB_H
#define KTSTR_RUN_PERTURB_H

#include "base/err.h"
#include "monitor/symbols.h"
#include "vmm/observe.h"

#define PERTURB_ONE_IN	   3u
#define PERTURB_HOLD_NS	   500000u
#define PERTURB_FIRST_HOOK 100000 /* id of the first hook; others that a machine has are lower */
#define PERTURB_HOOKS_MAX  32
#define PERTURB_TEXT_MAX   80

/*
 * Reads "seed=7,one-in=3,hold=500us"; the last two may be left out, and "7" means "seed=7". The result has no points.
 * -EINVAL: the error names the part that is wrong.
 */
int perturb_parse(const char *text, struct observe_perturb *ret, struct err **err);
/*
 * The same text with all parts; returns @out. Of points that are given: "points=3,sum=9a0b1c2d", their number and a
 * checksum. perturb_parse() does not read that.
 */
const char *perturb_format(const struct observe_perturb *p, char out[PERTURB_TEXT_MAX]);
bool perturb_on(const struct observe_perturb *p);

/*
 * Hooks for the functions that a kernel has of those at which the order of CPUs matters most: wake-ups, moves between
 * CPUs and queues, and what BPF schedulers call. Returns how many.
 */
unsigned perturb_hooks(const struct symbols *symbols, struct observe_hook out[PERTURB_HOOKS_MAX]);
/* The function of a hook; NULL: not one of ours. Static text. */
const char *perturb_function(uint32_t hook);

#endif
