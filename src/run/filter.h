/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h -- the expressions of `-E`, which select tests.
 *
 *   expression := term { ('|' | '+' | 'or') term }  term := factor { ('&' | 'and') factor | '-' factor }
 *   factor     := ('!' | 'not') factor | '(' expression ')' | 'all()' | 'none()' | field '(' match ')' | word
 *   field      := test | kernel | topology | scheduler | binary
 *   match      := ['~'] ['='] '/' regex '/' (POSIX extended) | '=' exact | '#' glob | ['~'] substring
 *
 * "A - B" is A without B. After a bare word the '-' needs a space before it, because names may contain '-'. A bare word
 * is test(~word). A field with several names (a preset and its former name) matches if any name matches.
 */
#ifndef KTSTR_RUN_FILTER_H
#define KTSTR_RUN_FILTER_H

#include <stdbool.h>

#include "base/err.h"

enum filter_field { FIELD_TEST, FIELD_KERNEL, FIELD_TOPOLOGY, FIELD_SCHEDULER, FIELD_BINARY, FIELD_MAX };

#define FILTER_NAMES_MAX 4

/* Names of each field: at least one, at most FILTER_NAMES_MAX, ended by NULL if fewer. Borrowed. */
struct filter_subject {
	const char *name[FIELD_MAX][FILTER_NAMES_MAX];
};

struct filter;

int filter_parse(const char *text, struct filter **ret, struct err **err);
struct filter *filter_free(struct filter *f);
DEFINE_CLEANUP(struct filter *, filter_free)
/* A NULL filter matches everything. */
bool filter_match(const struct filter *f, const struct filter_subject *s);
/* Does the filter match, and name the test exactly: test(=NAME)? Not through a negation. */
bool filter_names(const struct filter *f, const struct filter_subject *s);

#endif
