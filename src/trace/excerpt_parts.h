/* SPDX-License-Identifier: GPL-2.0-only */
/* excerpt_parts.h -- the inside of an excerpt, for those who make it and those who write it. */
#ifndef KTSTR_TRACE_EXCERPT_PARTS_H
#define KTSTR_TRACE_EXCERPT_PARTS_H

#include "trace/excerpt.h"

struct excerpt_line {
	struct step step;
	uint64_t left_out; /* lines before this one */
};

/* The time of a task on a CPU during the moment. */
struct excerpt_time {
	struct step_task task; /* pid 0: the CPU was idle */
	uint64_t ns;
};

struct excerpt_cpu {
	struct excerpt_line *line; /* what is shown */
	size_t lines, room;
	struct excerpt_line *recent; /* a ring of the latest lines, until the next point of time comes */
	size_t recents, recent_first;
	uint64_t left_out; /* lines since the last one that is shown, beside those in the ring */
	unsigned crossed;  /* points of time that have passed */
	unsigned after;	   /* lines that are still wanted behind the last one */
	struct excerpt_time time[EXCERPT_TASKS];
	unsigned times;
	uint64_t other_ns; /* of further tasks */
};

struct excerpt {
	struct excerpt_config config;
	unsigned each; /* lines before and after each point of time */
	uint64_t point[2];
	unsigned points;
	struct excerpt_cpu *cpu;
	unsigned cpus;
	uint64_t steps, first_ns, last_ns; /* of all that are recorded */
	uint64_t passed;		   /* lines that pass the configuration's filter */
	bool failed;			   /* out of memory */
};

#endif
