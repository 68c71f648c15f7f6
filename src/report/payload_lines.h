/* SPDX-License-Identifier: GPL-2.0-only */
/* payload_lines.h -- one line with the metrics of each payload of a test. */
#ifndef KTSTR_REPORT_PAYLOAD_LINES_H
#define KTSTR_REPORT_PAYLOAD_LINES_H

#include "base/term.h"
#include "report/result.h"

/* "      payload fio in cg_0: pass, 2.1s: iops=1200, latency=14.5 us", a line for each payload of @r. */
void payload_lines(const struct result *r, const struct term *t, struct buf *out);

#endif
