/* SPDX-License-Identifier: GPL-2.0-only */
/* attempt_results.h -- what stays of an attempt's machine. */
#ifndef KTSTR_RUN_ATTEMPT_RESULTS_H
#define KTSTR_RUN_ATTEMPT_RESULTS_H

#include "run/attempt.h"

/* The machine has ended, and its records were read: takes what it leaves, and frees it. */
void attempt_take_results(struct attempt *a);

#endif
