/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * data.h -- the directory with what was counted, and the tools that make lines of it.
 *
 * It has .profraw files of clang's programs, the tree of gcc's .gcda files, which are below it as their objects are
 * below "/", and a list of the programs (the file "programs"): each line has a path, a tab, and the name of a .profraw
 * file of that program.
 */
#ifndef KTSTR_COVERAGE_DATA_H
#define KTSTR_COVERAGE_DATA_H

#include "coverage/lines.h"

#define COVERAGE_PROGRAMS "programs"
#define COVERAGE_PROFILE  "merged.profdata"

enum coverage_clean {
	COVERAGE_CLEAN_ALL,
	COVERAGE_CLEAN_PROFRAW, /* only the .profraw files, and those not in directories below */
};

/* Adds to the list of programs. @profile: the name of the .profraw file that is this program's, if it writes one. */
int coverage_note_program(const char *dir, const char *program, const char *profile, struct err **err);
/* Removes data. A directory that does not exist is clean. *@ret: number of files of the directory itself, or trees. */
int coverage_clean(const char *dir, enum coverage_clean what, size_t *ret, struct err **err);
/* Lines and functions of all that is in the directory, settled. -ENOENT: there is nothing. Blocks. */
int coverage_read(const char *dir, struct coverage_lines *ret, struct err **err);
/* The program of LLVM that fits the installed clang: "llvm-cov-14" for @name "llvm-cov"; the caller frees. */
char *coverage_llvm_tool(const char *name);

/* The gcov that fits the counters of gcc in the directory; NULL: there are none. The caller frees. */
char *coverage_gcov(const char *dir);

#endif
