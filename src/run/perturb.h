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

#define PERTURB_ONE_IN	      3u
#define PERTURB_HOLD_NS	      500000u
#define PERTURB_PCT_HOLD_NS   10000000u
#define PERTURB_WINDOW_NS     1000000u
#define PERTURB_WINDOW_ONE_IN 2u
#define PERTURB_WINDOW_NS_MAX 1000000000u
#define PERTURB_SPAN_NS_MAX   (UINT64_C(86400) * 1000000000)
#define PERTURB_FIRST_HOOK    100000 /* id of the first hook; others that a machine has are lower */
#define PERTURB_HOOKS_MAX     48
#define PERTURB_TEXT_MAX      400

/* Sets of functions, beside enum observe_event, for observe_perturb.at. */
enum perturb_set {
	PERTURB_TASKS = 1 << 8,	   /* wake-up, start on a CPU, moves between CPUs and queues of the core */
	PERTURB_QUEUES = 1 << 9,   /* sched_ext: into and out of queues */
	PERTURB_KFUNCS = 1 << 10,  /* what schedulers call: queues and CPUs */
	PERTURB_ATOMICS = 1 << 11, /* and data that CPUs share */
	PERTURB_LOCKS = 1 << 12,
	PERTURB_OPS = 1 << 13,	    /* where the kernel calls a scheduler's operations */
	PERTURB_RQ_LOCKS = 1 << 14, /* locks of the CPUs' queues */
};
#define PERTURB_AT (PERTURB_TASKS | PERTURB_QUEUES | PERTURB_KFUNCS | PERTURB_ATOMICS | PERTURB_LOCKS)

/*
 * Reads "seed=7,one-in=3,hold=500us"; the last two may be left out, and "7" means "seed=7". "pct:3" and "window:1ms"
 * are other policies (docs/EXPLORING.md). The result has no points; with a depth and without a span, its span is 0.
 * -EINVAL: the error names the part that is wrong.
 */
int perturb_parse(const char *text, struct observe_perturb *ret, struct err **err);
/*
 * The same text with all parts; returns @out. Of points that are given: "points=3,sum=9a0b1c2d", their number and a
 * checksum. perturb_parse() does not read that.
 */
const char *perturb_format(const struct observe_perturb *p, char out[PERTURB_TEXT_MAX]);
bool perturb_on(const struct observe_perturb *p);
/* Another perturbation is another result: a number that tells them apart. 0: there is none. */
uint64_t perturb_hash(const struct observe_perturb *p);
/* "random", "pct" or "window" */
const char *perturb_policy(const struct observe_perturb *p);

/* The set with this name; 0: there is none. Names by index: NULL behind the last. */
uint32_t perturb_set(const char *word);
const char *perturb_set_word(unsigned index, uint32_t *ret);

/*
 * Hooks for the functions of @at (0: PERTURB_AT) that a kernel has, and for those of PERTURB_AT beside them, which only
 * note orders (OBSERVE_ORDER). Returns how many.
 */
unsigned perturb_hooks(const struct symbols *symbols, uint32_t at, struct observe_hook out[PERTURB_HOOKS_MAX]);

/* All events, by their number in files: name (static text; NULL: there is none), id of hook or event. */
unsigned perturb_event_count(void);
const char *perturb_event(uint32_t index);
uint32_t perturb_event_id(uint32_t index);
/* -ENOENT: not one of ours. */
int perturb_event_index(uint32_t id);

#endif
