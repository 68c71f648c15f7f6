/* SPDX-License-Identifier: GPL-2.0-only */
/* explain.h -- says why optional fields of sidecars are null, and which files could not be read. */
#ifndef KTSTR_STATS_EXPLAIN_H
#define KTSTR_STATS_EXPLAIN_H

#include "base/json.h"
#include "stats/results.h"

#define EXPLAIN_VERSION "1" /* changes only when a reader of the JSON would misunderstand it */

/* One optional field. */
struct optional_field {
	const char *name;
	bool actionable;	  /* somebody can do something about it */
	const char *const *cause; /* NULL-terminated */
	const char *fix;	  /* NULL: there is none */
};
extern const struct optional_field optional_fields[]; /* ended by a NULL name */

/* Both read all files of @r (one run) again, because this is about what they say literally. */
void explain_print(const struct results *r, struct buf *out);
json_t *explain_json(const struct results *r);

#endif
