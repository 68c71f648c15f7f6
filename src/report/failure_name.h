/* SPDX-License-Identifier: GPL-2.0-only */
/* failure_name.h -- what the failure of a stored result is called, so that two runs can be compared. */
#ifndef KTSTR_REPORT_FAILURE_NAME_H
#define KTSTR_REPORT_FAILURE_NAME_H

#include <jansson.h>

#include "report/signatures.h"

#define FAILURE_NAME_MAX (SIGNATURE_MAX + 64)

/*
 * Names a failure by its verdict, its kind and its cause without numbers. @result: a sidecar. Returns false if the run
 * did not fail.
 */
bool failure_name(const json_t *result, char out[FAILURE_NAME_MAX]);

#endif
