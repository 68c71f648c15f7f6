/* SPDX-License-Identifier: GPL-2.0-only */
/* host.h -- describes the host on which a test ran. */
#ifndef KTSTR_REPORT_HOST_H
#define KTSTR_REPORT_HOST_H

#include "base/json.h"

/* A new object; unreadable values are null. Blocks for a few small reads of /proc and /sys. */
json_t *host_context(void);

#endif
