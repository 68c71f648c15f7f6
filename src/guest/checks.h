/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.h -- the checks of a declaration: validating, inheriting and sending them. */
#ifndef KTSTR_GUEST_CHECKS_H
#define KTSTR_GUEST_CHECKS_H

#include <ktstr/check.h>

#include "base/buf.h"
#include "guest/channel.h"

/* The problem of @c, or NULL. */
const char *checks_problem(const struct ktstr_checks *c);
/* The same for the checks of a load or a cgroup, which cannot have those of the monitor. */
const char *checks_load_problem(const struct ktstr_checks *c);
/* Copies the checks that @c does not set from @from. */
void checks_inherit(struct ktstr_checks *c, const struct ktstr_checks *from);
/* Appends a line for each check that @c sets: "cgroup 'a' (SpinWait): max_gap_ms 50". A line occurs only once. */
void checks_describe(const struct ktstr_checks *c, const char *cgroup, const char *work, struct buf *out);
/* Sends a load's own checks, after its cgroup record. */
void checks_send(const struct ktstr_checks *c, uint32_t cgroup, struct channel *channel);

#endif
