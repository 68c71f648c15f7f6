/* SPDX-License-Identifier: GPL-2.0-only */
/* live_values.h -- values that only this machine knows (tests, kernels, schedulers, presets, runs), for completions. */
#ifndef KTSTR_CLI_LIVE_VALUES_H
#define KTSTR_CLI_LIVE_VALUES_H

#include "cli/options.h"

/* The kind of an option's value, or of a command's operands; NULL: no live values. */
const char *live_kind_of_option(const struct option_row *o);
const char *live_kind_of_operands(const struct command *c);

/*
 * Appends the values of @kind that begin with @prefix, one a line. Uses what is cached; says nothing about what cannot
 * be read. -ENOENT: no such kind.
 */
int live_values(const char *kind, const char *prefix, struct buf *out);

#endif
