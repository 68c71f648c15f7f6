/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenarios.h -- one scenario per kind of scheduler fault. Good schedulers pass all of them; a bad scheduler fails the
 * one for its fault.
 */
#ifndef KTSTR_TRUST_SCENARIOS_H
#define KTSTR_TRUST_SCENARIOS_H

#include <ktstr/ktstr.h>

typedef enum ktstr_verdict scenario_fn(struct ktstr_ctx *t);

scenario_fn scenario_crowd;    /* spinning and sleeping tasks, more than there are CPUs */
scenario_fn scenario_wide;     /* a task for every CPU, asleep most of the time */
scenario_fn scenario_pair;     /* two tasks on one CPU: shares */
scenario_fn scenario_cpusets;  /* an LLC for each cgroup */
scenario_fn scenario_pingpong; /* tens of thousands of wake-ups */
scenario_fn scenario_naps;     /* short sleeps on an idle machine: migrations */
scenario_fn scenario_latency;  /* the same: wake-up latencies */
scenario_fn scenario_weights;  /* nice -5 against nice 5; workers swap them */
scenario_fn scenario_kthreads; /* work that needs kernel threads */
scenario_fn scenario_forks;    /* tasks start and end; kernel memory must not grow */
scenario_fn scenario_across;   /* pairs that wake each other across LLCs and nodes */
scenario_fn scenario_hotplug;  /* a CPU goes offline and online */
scenario_fn scenario_removal;  /* control groups are made and removed */

#endif
