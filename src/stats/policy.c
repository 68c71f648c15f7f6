/* SPDX-License-Identifier: GPL-2.0-only */
/* policy.c -- see policy.h. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "stats/policy.h"

void policy_done(struct policy *policy)
{
	free(policy->metric);
	*policy = POLICY_NULL;
}

static int read_percent(const char *path, const char *key, const json_t *value, double *ret, struct err **err)
{
	if (!json_is_number(value) || json_number_value(value) < 0)
		return FAIL(err, ERR_DATA, -EINVAL, "read policy '%s': '%s' is not a percentage of 0 or more", path,
			    key);
	*ret = json_number_value(value);
	return 0;
}

static int read_metrics(const char *path, json_t *object, struct policy *ret, struct err **err)
{
	const char *key;
	json_t *value;
	if (!json_is_object(object))
		return FAIL(err, ERR_DATA, -EINVAL, "read policy '%s': 'per_metric_percent' is not an object", path);
	ret->metric = calloc(json_object_size(object) + 1, sizeof(*ret->metric));
	if (!ret->metric)
		return -ENOMEM;
	json_object_foreach(object, key, value) {
		struct policy_metric *m = &ret->metric[ret->metrics];
		if (!metric_find(key, strlen(key)))
			return FAIL(err, ERR_DATA, -EINVAL,
				    "read policy '%s': '%s' is not a metric; see 'ktstr stats list-metrics'", path,
				    key);
		int r = read_percent(path, key, value, &m->percent, err);
		if (r < 0)
			return r;
		snprintf(m->name, sizeof(m->name), "%s", key);
		ret->metrics++;
	}
	return 0;
}

static int read_policy(const char *path, json_t *o, struct policy *ret, struct err **err)
{
	const char *key;
	json_t *value;
	int r = json_is_object(o) ? 0 : FAIL(err, ERR_DATA, -EINVAL, "read policy '%s': it is not an object", path);
	json_object_foreach(o, key, value) {
		if (!strcmp(key, "default_percent"))
			r = read_percent(path, key, value, &ret->default_percent, err);
		else if (!strcmp(key, "per_metric_percent"))
			r = read_metrics(path, value, ret, err);
		else
			r = FAIL(err, ERR_DATA, -EINVAL,
				 "read policy '%s': unknown key '%s'; there are 'default_percent' and "
				 "'per_metric_percent'",
				 path, key);
		if (r < 0)
			break;
	}
	return r;
}

int policy_read(const char *path, struct policy *ret, struct err **err)
{
	json_auto_t *o = NULL;
	*ret = POLICY_NULL;
	int r = json_read_file(path, &o, err);
	if (r == 0)
		r = read_policy(path, o, ret, err);
	if (r < 0)
		policy_done(ret);
	return r;
}

double policy_least(const struct pool *p, uint16_t metric)
{
	const struct metric *like = pool_metric_like(p, metric);
	return like ? like->least : 0;
}

double policy_share(const struct policy *policy, const struct pool *p, uint16_t metric)
{
	const struct metric *like = pool_metric_like(p, metric);
	const char *name = like ? like->name : pool_metric_name(p, metric);
	for (size_t i = 0; i < policy->metrics; i++)
		if (!strcmp(policy->metric[i].name, name))
			return policy->metric[i].percent / 100;
	if (policy->default_percent >= 0)
		return policy->default_percent / 100;
	return like ? like->share : OTHER_METRIC_SHARE;
}
