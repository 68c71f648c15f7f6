/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * build.h -- the source files of a program, from the build that made it: ninja (Meson, CMake), CMake's makefiles, make,
 * and lists of files that compilers write (.d), also cargo's.
 */
#ifndef KTSTR_AFFECTED_BUILD_H
#define KTSTR_AFFECTED_BUILD_H

#include "affected/graph.h"
#include "base/err.h"

/* One build directory. */
struct build {
	char *dir;
	enum build_kind { BUILD_NINJA, BUILD_CMAKE_MAKE, BUILD_MAKE, BUILD_LISTS } kind;
	struct graph graph;
	json_t *outputs; /* {path: true}: what ninja makes */
	json_t *files;	 /* {path: true}: what describes the build; a change can change everything */
};

/* Builds that were read, so that each is read once. */
struct builds {
	struct build *item;
	size_t count;
	char *top; /* top of the checkout */
};

void builds_done(struct builds *b);
/*
 * Adds to @ret (an object) the files that @program is made from. *@ret_unknown: why this may not be all of them (the
 * caller frees it); NULL: it is. -ENOMEM.
 */
int builds_inputs(struct builds *b, const char *program, json_t **ret, char **ret_unknown);

/* tool.c: runs a program in @dir and appends its standard output. Blocks. *@ret_status: its exit status, or 128. */
int tool_output(const char *const *argv, const char *dir, struct buf *out, int *ret_status);

#endif
