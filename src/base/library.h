/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * library.h -- shared libraries that only some commands need. They are loaded on demand, because libcurl and libgit2
 * with their dependencies cost 10 MiB of memory and a fifth of a short run's CPU time.
 *
 * Their functions are called through a struct of function pointers, which is made from one list:
 *
 *	#define THING_FUNCTIONS(X) X(open) X(close)
 *	#define THING_SLOT(name) __typeof__(thing_##name) *name;
 *	#define THING_NAME(name) "thing_" #name,
 *	struct thing_api { THING_FUNCTIONS(THING_SLOT) };
 *	static const char *const names[] = { THING_FUNCTIONS(THING_NAME) NULL };
 *	r = library_open("libthing.so.1", names, &api, err);
 */
#ifndef KTSTR_BASE_LIBRARY_H
#define KTSTR_BASE_LIBRARY_H

#include "base/err.h"

/*
 * Fills @table, an array of function pointers, with the functions @names (NULL-terminated) of @soname. A library stays
 * loaded until the process ends, so opening it again is cheap. -ELIBACC: it is not installed; -ENOSYS: it lacks a
 * function.
 */
int library_open(const char *soname, const char *const *names, void *table, struct err **err);

#endif
