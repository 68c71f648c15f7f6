/* SPDX-License-Identifier: GPL-2.0-only */
/* facts.c -- see facts.h. */
#include <string.h>

#include "base/text.h"
#include "ctprof/facts.h"

#define DEPTH_MAX 8

/* Takes text of a file in lines of a table: a copy of it, cleaned. */
static void put_clean(json_t **facts, const char *name, const char *text)
{
	_cleanup_free_ char *clean = text_clean_line(text);
	json_put(facts, name, clean ? json_string(clean) : NULL);
}

static void add_fact(json_t **facts, const char *name, json_t *value)
{
	json_t *old = json_object_get(*facts, name);
	if (old && json_is_number(old) && json_is_number(value))
		json_put_number(facts, name, json_number_value(old) + json_number_value(value));
	else if (old && !json_equal(old, value))
		json_put_text(facts, name, "(mixed)");
	else if (json_is_string(value))
		put_clean(facts, name, json_string_value(value));
	else
		json_put(facts, name, json_incref(value));
}

static void add_facts(json_t **facts, const json_t *object, const char *prefix, unsigned depth)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value) {
		_cleanup_buf_ struct buf name = BUF_NULL;
		buf_appendf(&name, "%s%s", prefix, *prefix ? "." : "");
		text_append_line(&name, key, strlen(key));
		if (json_is_object(value) && depth < DEPTH_MAX)
			add_facts(facts, value, buf_str(&name), depth + 1);
		else if (json_is_number(value) || json_is_string(value))
			add_fact(facts, buf_str(&name), value);
	}
}

void facts_of_object(json_t **facts, const json_t *object, const char *prefix)
{
	add_facts(facts, object, prefix, 0);
}

/* Which members of a control group's object a section shows. */
static const struct {
	enum section section;
	const char *part, *member; /* NULL: all members of the part */
} cgroup_members[] = {
	{ SECTION_CGROUP_STATS, "cpu", "usage_usec" },
	{ SECTION_CGROUP_STATS, "cpu", "nr_throttled" },
	{ SECTION_CGROUP_STATS, "cpu", "throttled_usec" },
	{ SECTION_CGROUP_STATS, "memory", "current" },
	{ SECTION_CGROUP_STATS, "pids", "current" },
	{ SECTION_CGROUP_LIMITS, "cpu", "max_quota_us" },
	{ SECTION_CGROUP_LIMITS, "cpu", "max_period_us" },
	{ SECTION_CGROUP_LIMITS, "cpu", "weight" },
	{ SECTION_CGROUP_LIMITS, "cpu", "weight_nice" },
	{ SECTION_CGROUP_LIMITS, "memory", "max" },
	{ SECTION_CGROUP_LIMITS, "memory", "high" },
	{ SECTION_CGROUP_LIMITS, "memory", "low" },
	{ SECTION_CGROUP_LIMITS, "memory", "min" },
	{ SECTION_CGROUP_LIMITS, "pids", "max" },
	{ SECTION_MEMORY_STAT, "memory", "stat" },
	{ SECTION_MEMORY_EVENTS, "memory", "events" },
	{ SECTION_PRESSURE, "psi", NULL },
};

void facts_of_cgroup(json_t **facts, const json_t *cgroup, enum section section)
{
	for (size_t i = 0; i < ARRAY_SIZE(cgroup_members); i++) {
		const char *part = cgroup_members[i].part, *member = cgroup_members[i].member;
		json_t *object = json_object_get(cgroup, part);
		char name[64];
		if (cgroup_members[i].section != section || !json_is_object(object))
			continue;
		json_t *value = member ? json_object_get(object, member) : object;
		snprintf(name, sizeof(name), "%s%s%s", part, member ? "." : "", member ?: "");
		if (json_is_object(value))
			add_facts(facts, value, name, 0);
		else if (json_is_number(value) || json_is_string(value))
			add_fact(facts, name, value);
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), wanted = strlen(end);
	return len >= wanted && !strcmp(s + len - wanted, end);
}

/* memory.stat has bytes, and counts of pages and events. */
static enum unit memory_stat_unit(const char *name)
{
	static const char *const counts[] = { "memory.stat.pg",	  "memory.stat.workingset_", "memory.stat.thp_",
					      "memory.stat.zswp", "memory.stat.swpin",	     "memory.stat.swpout" };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (!strncmp(name, counts[i], strlen(counts[i])))
			return UNIT_COUNT;
	return UNIT_BYTES;
}

enum unit fact_unit(enum section section, const char *name)
{
	if (section == SECTION_MEMORY_STAT)
		return memory_stat_unit(name);
	if (section == SECTION_SMAPS_ROLLUP)
		return UNIT_KIB;
	if (ends_with(name, "_usec") || ends_with(name, "_us"))
		return UNIT_USEC;
	if (!strncmp(name, "memory.", 7) && section != SECTION_MEMORY_EVENTS && section != SECTION_HOST_PRESSURE)
		return UNIT_BYTES;
	return strstr(name, "avg") || ends_with(name, "weight") || ends_with(name, "weight_nice") ? UNIT_NONE
												  : UNIT_COUNT;
}

struct value fact_value(const json_t *fact)
{
	if (json_is_number(fact))
		return (struct value){ .kind = VALUE_NUMBER, .number = json_number_value(fact), .known = 1 };
	if (json_is_string(fact))
		return (struct value){ .kind = VALUE_MODE, .text = json_string_value(fact), .count = 1, .known = 1 };
	return (struct value){ 0 };
}
