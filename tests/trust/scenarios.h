/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios.h -- what a scheduler must stand, one scenario a kind of misbehaviour. Good schedulers pass all of them;
 * each bad one is caught by the one that is about its fault.
 */
#ifndef KTSTR_TRUST_SCENARIOS_H
#define KTSTR_TRUST_SCENARIOS_H

#include <ktstr/ktstr.h>

typedef enum ktstr_verdict scenario_fn(struct ktstr_ctx *t);

scenario_fn scenario_crowd;    /* spinning and sleeping tasks, more than there are CPUs */
scenario_fn scenario_wide;     /* a task for every CPU, half the time asleep */
scenario_fn scenario_pair;     /* two tasks, one CPU: shares */
scenario_fn scenario_cpusets;  /* an LLC for each cgroup */
scenario_fn scenario_pingpong; /* wake-ups by the ten thousand */
scenario_fn scenario_naps;     /* short sleeps on an idle machine: migrations */
scenario_fn scenario_latency;  /* the same: how late they wake up */
scenario_fn scenario_weights;  /* nice -5 against nice 5, in turns */
scenario_fn scenario_kthreads; /* work that the kernel's own threads do */
scenario_fn scenario_forks;    /* tasks come and go; kernel memory stays */
scenario_fn scenario_across;   /* pairs that wake each other across the machine */
scenario_fn scenario_hotplug;  /* a CPU goes and comes back */
scenario_fn scenario_removal;  /* control groups come and go */

#endif
