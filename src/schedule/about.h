/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * about.h -- what a kept schedule is of: the description in its file (log.h). JSON, so that it can be read without this
 * program; times are nanoseconds of the guest.
 */
#ifndef KTSTR_SCHEDULE_ABOUT_H
#define KTSTR_SCHEDULE_ABOUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SCHEDULE_ABOUT_NAME	 "ktstr.schedule"
#define SCHEDULE_ABOUT_BYTES_MAX ((size_t)16 << 20)

/* A time about which something is to be said. */
struct schedule_moment {
	uint64_t from_ns, to_ns; /* equal: a point */
	int32_t pid;		 /* of the task that it is about; 0: no task */
	int cpu;		 /* -1: no CPU */
	const char *text;	 /* what was found; NULL: nothing more */
};

struct schedule_phase {
	uint64_t from_ns, to_ns;
	const char *name;
};

struct schedule_about_task {
	int32_t pid;
	const char *name;  /* NULL: unknown */
	const char *group; /* control group of a worker; NULL: it is not a worker */
};

struct schedule_about_group {
	uint64_t id;
	const char *name;
};

/* All texts are clean lines. They and the arrays belong to it. */
struct schedule_about {
	json_t *json;
	const char *test, *scheduler, *kernel, *topology, *seed; /* scheduler NULL: the kernel's own */
	unsigned cpus;
	uint64_t events, dropped; /* in the file, and older ones that are not */
	uint64_t began_ns;	  /* when the test's first step began */
	bool has_failure;
	struct schedule_moment failure;
	struct schedule_phase *phase;
	struct schedule_about_task *task; /* by pid */
	struct schedule_about_group *group;
	size_t phases, tasks, groups;
};

/* Checks all members. Takes its own reference to @json. -EBADMSG. */
int schedule_about_read(json_t *json, struct schedule_about *ret, struct err **err);
void schedule_about_done(struct schedule_about *a);
/* The task that has this pid; NULL: nothing is known of it. */
const struct schedule_about_task *schedule_about_task(const struct schedule_about *a, int32_t pid);
/* The control group with this id; NULL: its name is not known. */
const char *schedule_about_group(const struct schedule_about *a, uint64_t id);

#endif
