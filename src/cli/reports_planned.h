/* SPDX-License-Identifier: GPL-2.0-only */
/* reports_planned.h -- tests that a run had planned, and that have no result: it was interrupted, or a file is lost. */
#ifndef KTSTR_CLI_REPORTS_PLANNED_H
#define KTSTR_CLI_REPORTS_PLANNED_H

#include "formats/model.h"

/* By this key, tests of a plan find their results. */
void result_key(struct buf *key, const char *suite, const char *name);
/* {key: true} of all results. The caller frees. NULL: out of memory. */
json_t *results_present(const struct report_results *r);
/*
 * Adds the tests without a result. What was planned says the record that `ktstr test` leaves beside the results, or in
 * the directory above. Says how many there are. @r stays sorted.
 */
int reports_add_planned(struct report_results *r, struct err **err);

#endif
