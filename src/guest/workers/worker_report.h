/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_report.h -- the telemetry of a worker set, sent to PID 1. */
#ifndef KTSTR_GUEST_WORKER_REPORT_H
#define KTSTR_GUEST_WORKER_REPORT_H

#include <ktstr/check.h>

#include "guest/channel.h"
#include "guest/workers/worker_set.h"

/*
 * Sends the cgroup records and then every worker's telemetry, and advances both counters. Returns Fail if a worker
 * could not do what its load requires, Skip if at worst the machine lacks something. @why gets the reason.
 */
enum ktstr_verdict worker_set_report(struct worker_set *c, struct channel *channel, uint32_t *cgroups,
				     uint32_t *workers, char *why, size_t size);

#endif
