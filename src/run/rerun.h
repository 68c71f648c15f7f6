/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rerun.h -- makes a packed run again, in a machine of its own, and looks at it with a probe (watch.h). Nothing is
 * judged or stored. Blocks until the machine has ended; turns the reactor.
 */
#ifndef KTSTR_RUN_RERUN_H
#define KTSTR_RUN_RERUN_H

#include "run/attempt.h"
#include "run/packed_run.h"
#include "vmm/accel.h"

struct rerun_result {
	uint32_t digest;
	uint64_t records, last_ns;
	enum watch_failure failure;
	uint64_t failed_ns;
	bool interrupted;
	struct buf problem; /* why the guest did not come to its end; empty: it did */
};

struct rerun;

/* Opens the kernel's symbols and what admission needs. Needs the tcg backend; a run that was perturbed, an observer. */
int rerun_open(struct reactor *r, const struct packed_run *p, struct rerun **ret, struct err **err);
void rerun_close(struct rerun *r);
DEFINE_CLEANUP(struct rerun *, rerun_close)
/* The kernel's symbols and types; NULL: @lack says why there are none. */
struct watched_kernel *rerun_kernel(struct rerun *r, const char **lack);
/* How the run is perturbed; perturb_on() says whether it is. */
const struct observe_perturb *rerun_perturb(const struct rerun *r);
/* Guest time of an instruction. */
uint64_t rerun_instruction_ns(const struct rerun *r);
/* @probe: NULL: nobody looks. The caller calls rerun_result_done(), also after an error. */
int rerun_make(struct rerun *r, const struct watch_probe *probe, struct rerun_result *ret, struct err **err);
void rerun_result_done(struct rerun_result *r);

#endif
