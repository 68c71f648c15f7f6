/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * second_run.h -- a test whose scheduler failed runs once more, with the same seed, so it is the same run, and calls
 * that lead to the failure are recorded. The second run has no verdict, is no try, and changes neither. What it said is
 * JSON (docs/dump.schema.json, "auto_repro").
 */
#ifndef KTSTR_RUN_SECOND_RUN_H
#define KTSTR_RUN_SECOND_RUN_H

#include "run/attempt.h"
#include "run/suite.h"

/*
 * A judged first run: whether a second one is due. Sets a->recorder_of_second if so; else a->repro, where there is a
 * reason to be told. Blocks.
 */
void second_run_plan(struct attempt *a, const struct test_decl *t);
/* The second run has ended: sets a->repro. Blocks. */
void second_run_conclude(struct attempt *a);
/* True if the second run showed the failure of the first one. */
bool second_run_reproduced(const struct attempt *a);

#endif
