/* SPDX-License-Identifier: GPL-2.0-only */
/* op_names.h -- the names of operations and steps, as in messages. */
#ifndef KTSTR_GUEST_OP_NAMES_H
#define KTSTR_GUEST_OP_NAMES_H

#include <ktstr/scenario.h>

#include "base/err.h"

const char *op_name(enum ktstr_op_kind kind);
/* The name of the only step of ktstr_run_cgroups(), whose caller has no steps. */
extern const char only_step[];
/* Names the step in an error, unless it is the only one. */
void step_wrap_error(struct err **err, int r, const struct ktstr_step *step);

#endif
