/* SPDX-License-Identifier: GPL-2.0-only */
/* reports.h -- the reports that a command is asked for: --report of `ktstr test`, --to of `ktstr report`. */
#ifndef KTSTR_CLI_REPORTS_H
#define KTSTR_CLI_REPORTS_H

#include "base/output.h"
#include "cli/options.h"
#include "formats/formats.h"
#include "run/records.h"

struct report_orders {
	struct report_order item[REPORT_ORDERS_MAX];
	size_t count;
};

/*
 * @option: its name, for messages. Also refuses files that cannot be written, and two reports to one file: tests may
 * run for hours before the reports are written.
 */
int reports_parse(const char *option, const struct strings *texts, struct report_orders *ret, struct err **err);
/* Refuses a report that would replace @path, which the command reads. */
int reports_check_input(const char *option, const struct report_orders *orders, const char *path, struct err **err);
/* Refuses a report that would replace one of the results, or the text beside one. */
int reports_check_results(const char *option, const struct report_orders *orders, const struct report_results *r,
			  struct err **err);
/* Writes all reports, also if one of them fails; the error is that of the first. */
int reports_write(const struct report_orders *orders, const struct report_results *r, struct err **err);
/* The results of a run that has just ended. @ret is sorted. */
int reports_collect(const struct run_records *records, struct report_results *ret, struct err **err);
/* Prints a warning for each sidecar that could not be read, and notes the exit status for that. */
void reports_say_problems(const struct report_results *r);
/*
 * The directory or file that the user means by @text: a path, or the name of a run's directory. NULL: the run that was
 * written last. The caller frees *@ret.
 */
int reports_find_run(const char *text, char **ret, struct err **err);
/* Reads the results of the named runs; of the last one if @runs is empty. @ret is sorted. */
int reports_read(const struct strings *runs, struct report_results *ret, struct err **err);

/* The exit status that the results have together: 1, 2 or 0. */
int results_status(const struct report_results *r);
/* Prints a line for each result that makes the status, the gravest first. */
void results_print_bad(const struct report_results *r, struct output *to);

#endif
