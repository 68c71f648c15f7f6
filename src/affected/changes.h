/* SPDX-License-Identifier: GPL-2.0-only */
/* changes.h -- which files of a checkout changed, as git knows it. */
#ifndef KTSTR_AFFECTED_CHANGES_H
#define KTSTR_AFFECTED_CHANGES_H

#include "base/err.h"

struct change_question {
	const char *base;	    /* a commit; NULL: the merge base below */
	const char *base_ref;	    /* merge base with HEAD; NULL: GITHUB_BASE_REF of origin, else default_branch */
	const char *default_branch; /* NULL: main */
	bool worktree;		    /* also what is not committed, and files that are not tracked */
};

struct changes {
	char *top;    /* top of the checkout */
	char **path;  /* absolute; NULL-terminated */
	size_t count; /* a file that was renamed counts with both names */
	char *why;    /* why the changes are not known; NULL: they are */
};

/* Fails only when out of memory. What git cannot tell is in @ret->why. */
int changes_find(const struct change_question *q, struct changes *ret);
/* The changes are these paths, relative to the working directory. */
int changes_take(const char *const *paths, size_t count, struct changes *ret);
void changes_done(struct changes *c);

#endif
