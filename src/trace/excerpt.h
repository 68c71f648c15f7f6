/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * excerpt.h -- the steps of a recorded schedule around a moment, for each CPU, and what each CPU did during it. As
 * words and as JSON.
 */
#ifndef KTSTR_TRACE_EXCERPT_H
#define KTSTR_TRACE_EXCERPT_H

#include "base/buf.h"
#include "trace/step.h"

#define EXCERPT_LINES	  20
#define EXCERPT_LINES_MAX 100000
#define EXCERPT_TASKS	  16 /* of a CPU that are named; the others are one sum */

struct excerpt_config {
	struct schedule_moment moment; /* the times that count; a duration has a begin and an end */
	unsigned lines;		       /* at most so many of each CPU */
	int cpu;		       /* only this one; -1: all */
	int32_t pid;		       /* only lines with this task; 0: all */
	unsigned cpus_max;	       /* 0: all; else those with the moment's task or CPU first */
};

struct excerpt;

/* Reads the rest of @reader, which must be at its begin. */
int excerpt_read(struct schedule_log_reader *reader, const struct excerpt_config *config, struct excerpt **ret,
		 struct err **err);
/* The times of the first and the last step that is recorded; false: there is none. */
bool excerpt_range(const struct excerpt *x, uint64_t *ret_first_ns, uint64_t *ret_last_ns);
/* Whether any recorded step passes `cpu` and `pid` of the configuration, also far from the moment. */
bool excerpt_has_steps(const struct excerpt *x);
void excerpt_free(struct excerpt *x);
DEFINE_CLEANUP(struct excerpt *, excerpt_free)

/* Appends lines. @about is that of the reader. @indent: before each of them. */
void excerpt_text(const struct excerpt *x, const struct schedule_about *about, const char *indent, struct buf *out);
json_t *excerpt_json(const struct excerpt *x, const struct schedule_about *about);

#endif
