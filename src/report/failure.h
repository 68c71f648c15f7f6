/* SPDX-License-Identifier: GPL-2.0-only */
/* failure.h -- what a person reads when a test did not pass: the cause first, the evidence below.
 * Bounded in lines and in bytes, whatever the guest wrote. */
#ifndef KTSTR_REPORT_FAILURE_H
#define KTSTR_REPORT_FAILURE_H

#include "base/buf.h"
#include "base/term.h"
#include "report/result.h"

void failure_report(const struct result *r, const struct term *term, struct buf *out);

#endif
