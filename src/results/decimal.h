/* SPDX-License-Identifier: GPL-2.0-only */
/* decimal.h -- the value of a number in JSON. */
#ifndef KTSTR_RESULTS_DECIMAL_H
#define KTSTR_RESULTS_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The double that is nearest to the number, as strtod() gives it. @text follows the grammar of JSON. False: it is
 * infinite, or longer than any double when it is written exactly (1200 characters).
 */
bool decimal_value(const char *text, size_t len, double *ret);

#endif
