/* SPDX-License-Identifier: GPL-2.0-only */
/* verifier_args.h -- the arguments of `ktstr verifier`, and what it shows. */
#ifndef KTSTR_CLI_VERIFIER_ARGS_H
#define KTSTR_CLI_VERIFIER_ARGS_H

#include "cli/sweep.h"
#include "cli/test_args.h"
#include "formats/model.h"
#include "stats/sweep.h"

enum verifier_output { VERIFIER_GRID, VERIFIER_TABLE, VERIFIER_CSV, VERIFIER_JSON };

struct verifier_args {
	struct test_args test; /* of the run */
	struct strings operands, schedulers, programs, presets, profiles;
	struct strings emit, sort, filter, fail_on;
	const char *save, *compare, *replay, *rodata;
	unsigned output; /* enum verifier_output */
	uint64_t top, top_lines;
	bool raw, all_profiles;
};

/* What the arguments say of columns, orders and filters, parsed before anything runs. */
struct verifier_view {
	struct veristat_specs columns, order;
	struct veristat_filters filters, limits; /* limits: of --fail-on */
	struct veristat_rows base;		 /* of --compare */
	bool compared;
};

int verifier_view_parse(const struct verifier_args *a, struct verifier_view *ret, struct err **err);
void verifier_view_done(struct verifier_view *v);

/* Prints a sweep, or rows that were stored. Notes the exit status. */
int verifier_show(const struct verifier_args *a, const struct verifier_view *v, const struct sweep *s,
		  struct err **err);
int verifier_show_rows(const struct verifier_args *a, const struct verifier_view *v, const struct veristat_rows *rows,
		       struct err **err);
/* Prints the results of a sweep that were collected, as the command with the options in @words would. */
int verifier_show_collected(char *const *words, const struct report_results *results, struct err **err);
int verifier_read_rows(const char *path, struct veristat_rows *ret, struct err **err);

#endif
