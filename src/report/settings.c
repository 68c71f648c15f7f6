/* SPDX-License-Identifier: GPL-2.0-only */
/* settings.c -- see settings.h. */
#include <string.h>

#include <ktstr/scheduler.h>

#include "base/json.h"
#include "base/text.h"
#include "report/settings.h"
#include "verdict/expect.h"

static const char *const origins[] = {
	[FROM_DEFAULT] = "default",
	[FROM_SCHEDULER] = "scheduler",
	[FROM_TEST] = "test",
	[FROM_LOAD] = "load",
};

static json_t *limit_value(const struct thresholds *t, enum threshold i)
{
	const struct limit *limit = &t->limit[i];
	if (threshold_rows[i].kind == CHECK_SWITCH)
		return json_boolean(limit->on);
	return limit->on ? json_number(limit->value) : json_null();
}

json_t *thresholds_json(const struct thresholds *t)
{
	json_t *rows = json_object();
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		json_t *o = json_object();
		json_put(&o, "value", limit_value(t, i));
		json_put_text(&o, "origin", origins[t->limit[i].origin]);
		json_put(&rows, threshold_rows[i].name, o);
	}
	return rows;
}

static json_t *load_threshold(const struct evidence *e, const struct evidence_check *c)
{
	json_t *o = json_object();
	json_put_text(&o, "cgroup_name", e->cgroup[c->cgroup].name);
	json_put_text(&o, "work_type", e->cgroup[c->cgroup].work);
	json_put_text(&o, "name", c->name);
	json_put(&o, "value", c->off ? json_null() : json_number(c->value));
	return o;
}

json_t *load_thresholds_json(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->check_count; i++)
		json_add(&array, load_threshold(e, &e->check[i]));
	return array;
}

json_t *expectations_json(const struct judge_facts *facts, bool allow_inconclusive)
{
	json_t *o = json_object();
	json_put_bool(&o, "error", facts->expect_err);
	json_put_text(&o, "finding", finding_name(facts->expect_finding));
	json_put_text(&o, "error_contains", facts->expect_contains);
	json_put_text(&o, "error_matches", facts->expect_matches);
	json_put_bool(&o, "inconclusive_allowed", allow_inconclusive);
	json_put_bool(&o, "auto_repro", facts->expect_repro);
	json_put_bool(&o, "survives_storm", facts->survives_storm);
	json_put(&o, "watchdog_timeout_s", facts->watchdog_s ? json_integer(facts->watchdog_s) : json_null());
	nsec_t budget = facts->cleanup_budget;
	json_put(&o, "cleanup_budget_ms", budget ? json_integer(budget / NSEC_PER_MSEC) : json_null());
	return o;
}

static json_t *distances(const struct ktstr_topology *t)
{
	json_t *rows = json_array();
	for (unsigned i = 0; i < t->numa_nodes; i++) {
		json_t *row = json_array();
		for (unsigned j = 0; j < t->numa_nodes; j++)
			json_add(&row, json_integer(t->distances[i * t->numa_nodes + j]));
		json_add(&rows, row);
	}
	return rows;
}

json_t *numa_json(const struct ktstr_topology *t)
{
	unsigned described = t ? ktstr_described_nodes(t->nodes) : 0;
	bool has_distances = t && t->distances[0];
	if (!described && !has_distances)
		return json_null();
	json_t *o = json_object(), *nodes = json_array();
	for (unsigned i = 0; i < described; i++) {
		json_t *node = json_object();
		json_put_u64(&node, "llcs", t->nodes[i].llcs);
		json_put_u64(&node, "memory_mib", t->nodes[i].memory_mib);
		json_add(&nodes, node);
	}
	json_put(&o, "nodes", described ? nodes : json_null());
	if (!described)
		json_decref(nodes);
	json_put(&o, "distances", has_distances ? distances(t) : json_null());
	return o;
}

json_t *known_fail_json(const struct result *r)
{
	if (!r->known.reason)
		return json_null();
	json_t *o = json_object();
	json_put_text(&o, "outcome", known_outcome_name(r->known_outcome));
	json_put_text(&o, "reason", r->known.reason);
	json_put_bool(&o, "flaky", r->known.flaky);
	return o;
}

json_t *environment_json(const char *const *list)
{
	json_t *o = json_object();
	for (; list && *list; list++) {
		const char *equals = strchr(*list, '=');
		_cleanup_buf_ struct buf name = BUF_NULL;
		text_append_line(&name, *list, strcspn(*list, "="));
		json_put_text(&o, buf_str(&name), equals ? equals + 1 : NULL);
	}
	return o;
}

json_t *lacks_json(unsigned lacks)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = { { KTSTR_LACK_WEIGHT, "weight" },
		      { KTSTR_LACK_NICE, "nice" },
		      { KTSTR_LACK_QUOTA, "quota" },
		      { KTSTR_LACK_HOTPLUG, "hotplug" } };
	if (!lacks)
		return json_null();
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (lacks & names[i].bit)
			json_add(&list, json_text(names[i].name));
	return list;
}
