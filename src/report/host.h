/* SPDX-License-Identifier: GPL-2.0-only */
/* host.h -- the machine that a result was obtained on. */
#ifndef KTSTR_REPORT_HOST_H
#define KTSTR_REPORT_HOST_H

#include "base/json.h"

/* A new object; what cannot be read is null. Blocks for a few small reads of /proc and /sys. */
json_t *host_context(void);

#endif
