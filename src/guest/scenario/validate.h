/* SPDX-License-Identifier: GPL-2.0-only */
/* validate.h -- checks whether a scenario is possible on a machine. */
#ifndef KTSTR_GUEST_VALIDATE_H
#define KTSTR_GUEST_VALIDATE_H

#include <ktstr/test.h>

#include "base/err.h"
#include "guest/topology.h"

#define STEPS_MAX 256
#define OPS_MAX	  1024

/*
 * Checks the whole scenario before it starts. The error names the problem and its place. @limits: gets a line for each
 * limit that a load sets itself (checks_describe()); NULL: not wanted.
 */
int scenario_check(const struct ktstr_test *test, const struct guest_topology *topology,
		   const struct ktstr_scenario *scenario, struct buf *limits, struct err **err);

#endif
