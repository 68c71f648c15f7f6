/* SPDX-License-Identifier: GPL-2.0-only */
/* settings.h -- what a result was judged by and run with, as JSON. All return new objects; NULL: out of memory. */
#ifndef KTSTR_REPORT_SETTINGS_H
#define KTSTR_REPORT_SETTINGS_H

#include <jansson.h>

#include "report/result.h"

/* Every limit by name: {value, origin}. A value of null is not checked; an origin of null: nothing measures it yet. */
json_t *thresholds_json(const struct thresholds *t);
/* The limits that loads set for themselves, over those of the test; a value of null: switched off. */
json_t *load_thresholds_json(const struct evidence *e);
/* What the test declares about its own end. */
json_t *expectations_json(const struct judge_facts *facts, bool allow_inconclusive);
/* Nodes and distances that were declared one by one; null where all nodes are alike. */
json_t *numa_json(const struct ktstr_topology *t);
/* The failure that is known of the test, and whether it came; null where none is. */
json_t *known_fail_json(const struct result *r);
/* Strings NAME=VALUE, NULL-terminated, as {NAME: VALUE}. */
json_t *environment_json(const char *const *list);

#endif
