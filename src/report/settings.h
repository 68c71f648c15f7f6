/* SPDX-License-Identifier: GPL-2.0-only */
/* settings.h -- the limits and settings of a result as JSON. All return new objects; NULL: out of memory. */
#ifndef KTSTR_REPORT_SETTINGS_H
#define KTSTR_REPORT_SETTINGS_H

#include <jansson.h>

#include "report/result.h"

/* {NAME: {value, origin}} of all limits. value null: not checked. */
json_t *thresholds_json(const struct thresholds *t);
/* Limits of single loads, which override those of the test; a value of null: switched off. */
json_t *load_thresholds_json(const struct evidence *e);
/* The outcome that the test declares as expected. */
json_t *expectations_json(const struct judge_facts *facts, bool allow_inconclusive);
/* Nodes and distances that are declared individually; null if all nodes are equal. */
json_t *numa_json(const struct ktstr_topology *t);
/* The known failure of the test and whether it occurred; null: none. */
json_t *known_fail_json(const struct result *r);
/* What the scheduler's declaration says that it does not support (bits of enum ktstr_lack). Null: it says nothing. */
json_t *lacks_json(unsigned lacks);
/* Converts a NULL-terminated list of NAME=VALUE to {NAME: VALUE}. */
json_t *environment_json(const char *const *list);

#endif
