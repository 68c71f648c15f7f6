/* SPDX-License-Identifier: GPL-2.0-only */
/* list.h -- a test binary describes itself as JSON. */
#ifndef KTSTR_GUEST_LIST_H
#define KTSTR_GUEST_LIST_H

#include "guest/binary/registry.h"

/* Writes every declaration as JSON for `ktstr` (docs/design/run.md). */
void registry_list(const struct registry *r, struct buf *out);

#endif
