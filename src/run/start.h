/* SPDX-License-Identifier: GPL-2.0-only */
/* start.h -- which machines of a run start as clones with `--start auto`. */
#ifndef KTSTR_RUN_START_H
#define KTSTR_RUN_START_H

#include "run/plan.h"

/*
 * Whether a clone of a booted machine saves a boot: another machine of the plan, or another of @tries of the same test,
 * can be a clone of the same one. It depends on the plan only, and not on what is in the cache, so that the same
 * command starts its machines in the same way each time.
 */
bool start_can_be_shared(const struct plan *plan, const struct plan_case *c, unsigned tries);

#endif
