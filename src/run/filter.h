/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h -- the language of `-E`: which tests.
 *
 *   expression := term { ('|' | 'or') term }        term := factor { ('&' | 'and') factor }
 *   factor     := ('!' | 'not') factor | '(' expression ')' | field '(' match ')' | word
 *   field      := test | kernel | topology | scheduler | binary
 *   match      := '=' exact | '~' substring | '/' regex '/' (POSIX extended) | substring
 *
 * A bare word is test(~word).
 */
#ifndef KTSTR_RUN_FILTER_H
#define KTSTR_RUN_FILTER_H

#include "base/err.h"

enum filter_field { FIELD_TEST, FIELD_KERNEL, FIELD_TOPOLOGY, FIELD_SCHEDULER, FIELD_BINARY, FIELD_MAX };

struct filter;

int filter_parse(const char *text, struct filter **ret, struct err **err);
struct filter *filter_free(struct filter *f);
DEFINE_CLEANUP(struct filter *, filter_free)
/* @value[field] is never NULL. A NULL filter matches everything. */
bool filter_match(const struct filter *f, const char *const value[FIELD_MAX]);

#endif
