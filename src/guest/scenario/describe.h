/* SPDX-License-Identifier: GPL-2.0-only */
/* describe.h -- tells the host which scenario the test really runs, if it asked (`ktstr test --write-scenario`). */
#ifndef KTSTR_GUEST_DESCRIBE_H
#define KTSTR_GUEST_DESCRIBE_H

#include "guest/ctx.h"

/* Does nothing unless the guest has the file WIRE_DESCRIBE. */
void scenario_describe(struct ktstr_ctx *t, const struct ktstr_scenario *scenario);

#endif
