/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_commits.h -- commits as git writes them (HEAD~3, tags, A..B), for filters of results. */
#ifndef KTSTR_CLI_STATS_COMMITS_H
#define KTSTR_CLI_STATS_COMMITS_H

#include "stats/filter.h"
#include "base/err.h"

/* The texts of commits that filters borrow. */
struct commits {
	char **item;
	size_t count;
};

/*
 * Adds the short commits that @value means to the filter of @d, if @d is a dimension of commits and @value is a
 * revision or a range of the checkout: the working directory's, or for kernels that at KTSTR_KERNEL. Otherwise adds
 * nothing, and the value stands for itself.
 */
int commits_expand(struct commits *c, enum dimension d, const char *value, struct filter *f, struct err **err);
void commits_done(struct commits *c);

#endif
