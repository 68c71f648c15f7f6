/* SPDX-License-Identifier: GPL-2.0-only */
/* timeline.h -- the course of a test, phase by phase, with what the monitor saw in each: as text and in the sidecar. */
#ifndef KTSTR_REPORT_TIMELINE_H
#define KTSTR_REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/result.h"

/* A new reference; an empty list without phases. */
json_t *phases_json(const struct result *r);
/* The lines of the section; nothing without phases or samples. */
void timeline_text(const struct result *r, struct buf *out);

#endif
