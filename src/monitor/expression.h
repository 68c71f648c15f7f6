/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expression.h -- a number in a running guest by a text over the types of its kernel:
 *
 *	runqueues[1].nr_running			a variable of a CPU
 *	task(42)->scx.dsq_vtime			a task, by its pid
 *	(struct scx_sched *)scx_root->exit_kind	a variable of the kernel, whose type must be said
 *	total_forks				the same without a type: a number of its size
 *	map stats[3].hits			a value of a BPF map of the scheduler
 *	nr_queued				a global variable of the scheduler's program
 *
 * "->" follows a pointer. A comparison ("... == 0", also != < <= > >=) makes it 0 or 1. Names are checked when the
 * text is read, except for those of the scheduler, which is not loaded yet.
 */
#ifndef KTSTR_MONITOR_EXPRESSION_H
#define KTSTR_MONITOR_EXPRESSION_H

#include "monitor/inspect.h"
#include "monitor/variable.h"

#define EXPRESSION_STEPS_MAX 8

enum expression_root { EXPRESSION_CPU, EXPRESSION_TASK, EXPRESSION_SYMBOL, EXPRESSION_VARIABLE };
enum expression_compare { COMPARE_NOTHING, COMPARE_EQ, COMPARE_NE, COMPARE_LE, COMPARE_GE, COMPARE_LT, COMPARE_GT };

struct expression {
	enum expression_root root;
	char *text;	  /* parts of it are cut off by NULs */
	const char *name; /* of a symbol or a map */
	char *map_path;	  /* owned; NULL: `path` is in `text` */
	const char *path; /* of a variable of the scheduler; `name` NULL: a global one */
	unsigned cpu;
	int32_t pid;
	struct field step[EXPRESSION_STEPS_MAX]; /* each but the last is a pointer to the next */
	unsigned steps;
	enum expression_compare compare;
	int64_t operand;
	struct field task_pid;
	/* What was found in the guest. */
	uint64_t task;		  /* address; 0: not found yet */
	uint64_t forks;		  /* that the guest had made when the task was looked for */
	struct variable variable; /* kva 0: not found yet */
};

/* -EINVAL: the error says which part is wrong. The caller calls expression_done(), also after an error. */
int expression_parse(const char *text, const struct kernel_image *image, struct expression *ret, struct err **err);
void expression_done(struct expression *e);
/*
 * The guest stands still, and the view was refreshed. @search: a variable that is not known yet is looked for,
 * which takes long; a task is looked for after each fork of the guest. False: it is not there, or not readable.
 */
bool expression_read(struct expression *e, const struct inspect_config *config, bool search, int64_t *ret);

#endif
