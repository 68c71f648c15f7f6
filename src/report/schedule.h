/* SPDX-License-Identifier: GPL-2.0-only */
/* schedule.h -- the recorded schedule of a machine, as a member of the sidecar. */
#ifndef KTSTR_REPORT_SCHEDULE_H
#define KTSTR_REPORT_SCHEDULE_H

#include "report/result.h"

/* Null: it was not recorded. A new reference. */
json_t *schedule_json(const struct result *r);
/* As metrics of the whole test: each figure of the load that is worst. Empty: nothing was recorded. A new reference. */
json_t *schedule_metrics(const struct result *r);
/* Lines of a report about the load with this index; nothing if it was not recorded. */
void schedule_text(const struct evidence *e, uint32_t load, struct buf *out);

#endif
