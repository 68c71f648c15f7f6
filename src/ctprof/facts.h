/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * facts.h -- values that belong to no thread (control groups, pressure, memory maps, sched_ext), as flat JSON objects.
 */
#ifndef KTSTR_CTPROF_FACTS_H
#define KTSTR_CTPROF_FACTS_H

#include "ctprof/groups.h"

/*
 * Each adds to @facts: names are paths joined by dots, values are numbers, or texts where they differ from numbers
 * ("max"). Numbers of several objects are added up. Null values are left out.
 */
void facts_of_cgroup(json_t **facts, const json_t *cgroup, enum section section);
void facts_of_object(json_t **facts, const json_t *object, const char *prefix);

enum unit fact_unit(enum section section, const char *name);
/* The value of a fact; unknown for NULL. */
struct value fact_value(const json_t *fact);

#endif
