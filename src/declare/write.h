/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * write.h -- a test and the scenario that it ran, as JSON (docs/scenario.schema.json) and as C. Neither needs a
 * library, because a guest writes the JSON.
 */
#ifndef KTSTR_DECLARE_WRITE_H
#define KTSTR_DECLARE_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "declare/fields.h"

#define SCENARIO_FILE_VERSION 1

/*
 * Appends one JSON document. -EOPNOTSUPP: the test has something that is not data; the error names it ("step 'a':
 * watch is a function"). -EINVAL: a value is not one of its enum.
 */
int declare_write(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct buf *out,
		  struct err **err);

/* Appends a C program with this test, as an author would write it. The same errors. */
int declare_source(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct buf *out,
		   struct err **err);

/* Can all of it be written? The same errors. */
int declare_check(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct err **err);

/* The schedulers of a test: its own and the staged ones, each once. Returns how many; at most @max. */
unsigned declare_schedulers(const struct ktstr_test *test, const struct ktstr_scheduler **out, unsigned max);
#define DECLARE_SCHEDULERS_MAX 65

/* Checks that all of an object can be said as data; @what: what it is, for the error ("step 'a'"). */
int declare_refuse(const struct shape *s, const void *object, const char *what, struct err **err);

#endif
