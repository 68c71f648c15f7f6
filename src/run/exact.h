/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exact.h -- records the schedule of one watched machine, event by event, and keeps it as a model. When the machine has
 * ended, its figures become evidence. The guest does not notice.
 */
#ifndef KTSTR_RUN_EXACT_H
#define KTSTR_RUN_EXACT_H

#include "run/observed_events.h"
#include "run/task_names.h"
#include "schedule/log.h"
#include "schedule/model.h"
#include "verdict/evidence.h"
#include "verdict/exact.h"

#define EXACT_ATTACH_HOOKS 2
#define EXACT_HOOKS_MAX	   (OBSERVED_EVENTS_MAX + EXACT_ATTACH_HOOKS + TASK_NAMES_HOOKS)

struct exact {
	const char *lack; /* why nothing is recorded; NULL: it is; static text */
	char lack_text[96];
	struct observed_events events;
	struct observe_hook attach[EXACT_ATTACH_HOOKS]; /* where a scheduler says which callbacks it has */
	unsigned attaches;
	struct schedule *model;
	struct schedule_log *log; /* the latest events, to be kept */
	struct task_names *names;
	unsigned cpus;
	uint8_t node[SCHEDULE_CPUS_MAX]; /* of each CPU */
	uint16_t llc[SCHEDULE_CPUS_MAX];
	uint64_t recorded, missed, attached;
	/* Of the schedulers that attached: the number of those without callbacks, and of those that are not known. */
	unsigned without_weight, without_nice, without_quota, without_hotplug, unknown;
	bool reads_quota; /* this kernel has a callback for cpu.max */
};

/*
 * Looks for the hooks of a kernel. If it cannot be recorded, the result's `lack` says why. NULL: no memory. Any thread.
 */
struct exact *exact_new(const struct kernel_image *image, const struct ktstr_topology *topology);
/* Puts its hooks at @out, which has room for EXACT_HOOKS_MAX. Returns their number. */
unsigned exact_hooks(const struct exact *x, struct observe_hook *out);
/* Takes one record; those of other hooks are passed over. */
void exact_record(struct exact *x, const struct observe_record *r);
/* What was tested. */
struct exact_subject {
	bool has_scheduler; /* not the kernel's own */
	unsigned lacks;	    /* what its declaration says; bits of enum ktstr_lack */
};

/* Measures what the workers of @e did. The machine has ended. -ENOMEM. */
int exact_measure(const struct exact *x, const struct evidence *e, struct exact_subject subject,
		  struct exact_evidence *ret);
/*
 * Makes what was recorded evidence, with its figures at @room; if nothing was, says why: @x->lack, or without @x @lack.
 * -ENOMEM.
 */
int exact_put(const struct exact *x, const char *lack, struct exact_subject subject, struct evidence *e,
	      struct exact_evidence *room);
void exact_free(struct exact *x);

#endif
