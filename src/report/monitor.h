/* SPDX-License-Identifier: GPL-2.0-only */
/* monitor.h -- what the monitor's samples of a machine say, as members of the sidecar and as text. */
#ifndef KTSTR_REPORT_MONITOR_H
#define KTSTR_REPORT_MONITOR_H

#include "report/result.h"

/* Null: the machine was not sampled. Both are new references. */
json_t *monitor_json(const struct result *r);
/* How much CPU time the host gave to the machine's vCPUs. Null: that is not known. */
json_t *host_contention_json(const struct result *r);
/* Of each BPF program of the scheduler. */
json_t *verifier_stats_json(const struct result *r);
/* The lines of the section; nothing if the machine was not sampled. */
void monitor_text(const struct result *r, struct buf *out);

#endif
