/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * graph.h -- what files are made from, as builds tell it: make's rules, ninja's records, compilers' lists of the files
 * that they read.
 */
#ifndef KTSTR_AFFECTED_GRAPH_H
#define KTSTR_AFFECTED_GRAPH_H

#include "base/json.h"

/* All paths are absolute, without "." and "..". */
struct graph {
	json_t *edge;	  /* {output: {input: true}} */
	json_t *compiled; /* {output: true}: made from a source file that can include others */
	json_t *informed; /* {output: true}: the compiler said which files it read for it */
	bool failed;	  /* something could not be represented: nothing is certain */
};

/* -ENOMEM */
int graph_init(struct graph *g);
void graph_done(struct graph *g);
/* Adds an edge. Relative paths are relative to @dir. */
void graph_add(struct graph *g, const char *dir, const char *output, const char *input);
void graph_note(struct graph *g, json_t **set, const char *dir, const char *path);
/* Adds to @found all that @output is made from, directly or not. */
void graph_closure(const struct graph *g, const char *output, json_t **found);

/* An absolute path without "." and ".."; symbolic links are kept. The caller frees it. NULL: out of memory. */
char *path_normal(const char *dir, const char *path);
/* Does the name say that it is a source in a language whose compiler reads other files too? */
bool is_source(const char *path);

/*
 * Rules as make writes them: "output ...: input ...", with continued lines and escapes. Ignores recipes, comments,
 * assignments and pattern rules. Calls @rule for each pair; without inputs, never.
 */
void rules_parse(const char *text, void (*rule)(void *data, const char *output, const char *input), void *data);

/*
 * Ninja's .ninja_deps: which files compilers read for each output. Calls @dep for each pair of the newest record of
 * each output. A damaged end is ignored, as ninja does. False: it is not such a file.
 */
bool ninja_deps_parse(const void *data, size_t len, void (*dep)(void *data, const char *output, const char *input),
		      void *arg);

#endif
