/* SPDX-License-Identifier: GPL-2.0-only */
/* reports_planned.c -- see reports_planned.h. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/last_run.h"
#include "cli/out.h"
#include "cli/reports_planned.h"

void result_key(struct buf *key, const char *suite, const char *name)
{
	buf_clear(key);
	buf_appendf(key, "%s\n%s", suite, name);
}

json_t *results_present(const struct report_results *r)
{
	json_t *set = json_object();
	_cleanup_buf_ struct buf key = BUF_NULL;
	for (size_t i = 0; i < r->count; i++) {
		result_key(&key, r->item[i].suite, r->item[i].name);
		json_put(&set, buf_str(&key), json_true());
	}
	return set;
}

struct planning {
	struct report_results *results;
	json_t *present;
	size_t before; /* results that were read */
};

/* A file that could not be read may be its result: it is named NAME-VARIANT. */
static bool may_be_damaged(const struct planning *p, const char *name)
{
	const char *test = strchr(name, '/') ? strchr(name, '/') + 1 : name;
	size_t len = strcspn(test, "/");
	for (size_t i = 0; i < p->before; i++) {
		const struct report_result *t = &p->results->item[i];
		if (t->outcome == OUTCOME_UNREADABLE && !strncmp(t->name, test, len) && t->name[len] == '-')
			return true;
	}
	return false;
}

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

static int add_test(struct planning *p, const json_t *test, struct err **err)
{
	_cleanup_buf_ struct buf key = BUF_NULL;
	const struct missing_result missing = {
		.name = member(test, "name"),
		.suite = member(test, "suite"),
		.why = "its run ended before it began, or has not ended yet",
	};
	result_key(&key, missing.suite, missing.name);
	if (json_object_get(p->present, buf_str(&key)) || may_be_damaged(p, missing.name))
		return 0;
	json_put(&p->present, buf_str(&key), json_true());
	return report_results_add_missing(p->results, &missing, err);
}

/* The record in the directory is of its results alone; one above it may be of several directories. */
static int add_record(struct planning *p, const char *dir, struct err **err)
{
	_cleanup_free_ char *real = realpath(dir, NULL), *above = real ? path_dirname(real) : NULL;
	json_auto_t *record = NULL;
	size_t i;
	json_t *test;
	int r = 0;
	if (!above)
		return 0;
	bool own = last_run_read(real, &record, NULL) == 0;
	if (!own && last_run_read(above, &record, NULL) < 0)
		return 0;
	json_array_foreach(json_object_get(record, "tests"), i, test) {
		const char *run = member(test, "run");
		/* The whole tree may have been copied from another machine, so that only the name is the same. */
		if (r == 0 && (own || !strcmp(path_basename(run), path_basename(real))))
			r = add_test(p, test, err);
	}
	return r;
}

static int add_records(struct planning *p, struct err **err)
{
	json_auto_t *seen = json_object();
	int r = seen ? 0 : -ENOMEM;
	for (size_t i = 0; i < p->before && r == 0; i++) {
		const char *sidecar = p->results->item[i].sidecar;
		_cleanup_free_ char *dir = *sidecar ? path_dirname(sidecar) : NULL;
		if (!dir || json_object_get(seen, dir))
			continue;
		json_put(&seen, dir, json_true());
		r = add_record(p, dir, err);
	}
	return r;
}

int reports_add_planned(struct report_results *r, struct err **err)
{
	struct planning p = { .results = r, .present = results_present(r), .before = r->count };
	int result = p.present ? add_records(&p, err) : -ENOMEM;
	size_t missing = r->count - p.before;
	json_decref(p.present);
	if (missing && result == 0)
		say_printf("warning: %zu planned test%s no result: the run ended before, or has not ended yet\n",
			   missing, missing == 1 ? " has" : "s have");
	report_results_sort(r);
	return result;
}
