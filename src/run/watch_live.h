/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch_live.h -- the part of a watch for backends that do not stop their guests to look at them. Samples are taken
 * while the guest runs, each 100 ms of host time (times the dilation). So they are not exact: see
 * sample_take_running().
 *
 * At a mark of the test one vCPU waits, and the machine's process is stopped for a look. So it is at a sample of a test
 * that wants to see samples, and when a sample shows a task that waits for too long: if that is still so then, the
 * memory is dumped. In the guest, time goes on meanwhile:
 *
 *	LOOK > LOOK ... > FREEZE > FREEZE ... > DUMP > LOOK ...
 *
 * Samples begin with the guest's first record. Before it, the kernel sets up what they read.
 */
#ifndef KTSTR_RUN_WATCH_LIVE_H
#define KTSTR_RUN_WATCH_LIVE_H

#include "monitor/sample.h"
#include "reactor/reactor.h"
#include "vmm/vm.h"

struct watch;

struct watch_live {
	unsigned slower; /* how many times slower than the host's the guest's time passes */
	unsigned vcpus;
	struct vcpu_time *host; /* of each vCPU's thread, in the guest's time */
	struct sample again;
	nsec_t next;  /* when a sample is due */
	bool sampled; /* a sample was taken right now */
	bool marked;  /* there is a new mark: */
	struct vm_mark mark;
	uint64_t marks;	  /* the number of the last one that was seen */
	nsec_t freezes;	  /* since when its process is to stand still */
	const char *lost; /* why the last sample could not be taken; static text, NULL: it could */
	/*
	 * What to subtract from the time since the machine's start to get the guest's. Records are seen later than they
	 * are written, so the smallest difference that was seen is the best one.
	 */
	bool placed;
	int64_t ahead_ns;
};

/* False: out of memory. */
bool watch_live_prepare(struct watch *w, struct vm_config *config);
void watch_live_start(struct watch *w, struct reactor *r, struct machine *parent);
/* The machine has ended: takes what the host gave it to the end, and gives samples the guest's times. */
void watch_live_end(struct watch *w);
void watch_live_done(struct watch *w);

#endif
