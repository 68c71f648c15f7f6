/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failure.h -- the report of a test that did not pass: the cause first, then the evidence. Its length is limited,
 * independent of how much the guest wrote.
 */
#ifndef KTSTR_REPORT_FAILURE_H
#define KTSTR_REPORT_FAILURE_H

#include "base/buf.h"
#include "base/term.h"
#include "report/result.h"

void failure_report(const struct result *r, const struct term *term, struct buf *out);

#endif
