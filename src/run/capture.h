/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.h -- takes from an attempt all that decides its run (packed_run.h). On the offload pool; both block. */
#ifndef KTSTR_RUN_CAPTURE_H
#define KTSTR_RUN_CAPTURE_H

#include "run/attempt.h"
#include "run/packed_run.h"

/* The attempt was prepared. -EOPNOTSUPP: its run is not a function of what can be packed. */
int capture_machine(const struct attempt *a, struct packed_run *p, struct err **err);
/* The attempt was judged. */
void capture_outcome(const struct attempt *a, struct packed_run *p);

#endif
