/* SPDX-License-Identifier: GPL-2.0-only */
/* ops.h -- the operations of a step: create, change, fill, freeze, empty and remove cgroups. */
#ifndef KTSTR_GUEST_OPS_H
#define KTSTR_GUEST_OPS_H

#include "guest/scenario/stage.h"

int stage_op(struct stage *s, const struct ktstr_op *op, struct err **err);

#endif
