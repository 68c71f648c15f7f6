/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * affected.h -- which schedulers must be tested again after a change.
 *
 * A changed file belongs to the programs that were made from it. What nobody can tell counts as a change of every
 * scheduler, so that the answer can be too large and never too small.
 */
#ifndef KTSTR_AFFECTED_AFFECTED_H
#define KTSTR_AFFECTED_AFFECTED_H

#include "affected/build.h"
#include "affected/changes.h"

/* A program whose change means that schedulers are tested again. */
struct affected_program {
	const char *path;	 /* absolute; NULL: it is not known where it is */
	const char *problem;	 /* why its inputs cannot be known, such as a failed build; or NULL */
	const size_t *scheduler; /* indices of the schedulers */
	size_t schedulers;
};

struct affected_scheduler {
	const char *name;
	bool affected;
	char *why; /* the first reason */
};

struct affected {
	struct affected_scheduler *item; /* the names are the caller's */
	size_t count;
	bool all;	/* a change that can concern everything */
	bool only_docs; /* nothing changed but documentation, or nothing at all */
	char *why;	/* of `all` */
};

/* @ret: `item` and `count` are set by the caller, which also frees them after affected_done(). -ENOMEM. */
int affected_find(const struct changes *c, const struct affected_program *program, size_t programs,
		  struct affected *ret);
void affected_done(struct affected *a);

/* Is the file documentation by its name? @path: below the top of the checkout. */
bool is_documentation(const char *path);
/* Does it, by its name, describe how programs are built? */
bool is_build_description(const char *path);

#endif
