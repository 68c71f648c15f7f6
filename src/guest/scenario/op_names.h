/* SPDX-License-Identifier: GPL-2.0-only */
/* op_names.h -- the names of operations, as in messages. */
#ifndef KTSTR_GUEST_OP_NAMES_H
#define KTSTR_GUEST_OP_NAMES_H

#include <ktstr/scenario.h>

const char *op_name(enum ktstr_op_kind kind);

#endif
