/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top.h -- a guest's scheduler at one moment, for `ktstr top`: what each CPU runs, how long its queues are, the
 * dispatch queues of sched_ext, and which tasks wait for how long. The guest goes on meanwhile, so members may not fit
 * together.
 */
#ifndef KTSTR_MONITOR_TOP_H
#define KTSTR_MONITOR_TOP_H

#include "base/term.h"
#include "monitor/inspect.h"

#define TOP_SCHEMA	"ktstr.top/1"
#define TOP_WAITING_MAX 64 /* tasks that are named; all are counted */

/*
 * {"schema", "clock_ns", "scheduler" or null, "cpus", "dispatch_queues", "waiting", "waiting_count", "tasks",
 * "bad_reads"}. NULL: no memory.
 */
json_t *top_take(struct inspector *in);
/*
 * The same as text. @before: an earlier one, for rates; or NULL. @rows: lines that there is room for; 0: any number. A
 * table that does not fit shows its first lines, and how many more there are.
 */
void top_render(const json_t *frame, const json_t *before, const struct term *t, unsigned rows, struct buf *out);

#endif
