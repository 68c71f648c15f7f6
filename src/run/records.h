/* SPDX-License-Identifier: GPL-2.0-only */
/* records.h -- what became of each planned test of a run: where its sidecar is, or why there is none. */
#ifndef KTSTR_RUN_RECORDS_H
#define KTSTR_RUN_RECORDS_H

#include "run/plan.h"

struct run_record {
	char *name, *suite, *topology, *scheduler, *kernel_label;
	bool is_reference; /* it ran under the kernel's own scheduler */
	char *sidecar;	   /* path; NULL: there is none */
	char *why;	   /* why there is none; NULL: there is one */
};

struct run_records {
	struct run_record *item;
	size_t count, room;
	size_t lost; /* records left out because memory was short */
};

/* Notes the end of a planned test. @sidecar or @why is NULL. */
void run_records_add(struct run_records *r, const struct plan_case *c, const char *sidecar, const char *why);
void run_records_done(struct run_records *r);

#endif
