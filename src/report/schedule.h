/* SPDX-License-Identifier: GPL-2.0-only */
/* schedule.h -- the recorded schedule of a machine, as a member of the sidecar. */
#ifndef KTSTR_REPORT_SCHEDULE_H
#define KTSTR_REPORT_SCHEDULE_H

#include "report/result.h"

/* Null: it was not recorded. A new reference. */
json_t *schedule_json(const struct result *r);

#endif
