/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_show_thresholds.c -- ktstr show-thresholds: the limits that a test is judged by, and their origins. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "reactor/reactor.h"
#include "report/settings.h"
#include "run/suite.h"
#include "verdict/thresholds.h"

struct thresholds_args {
	struct strings operands;
	bool json, release;
};

static const struct option_row thresholds_options[] = {
	OPT_FLAG(struct thresholds_args, release, "release", 0,
		 "use the strict limits, as 'ktstr test --release' does"),
	ROW_JSON(struct thresholds_args, "one JSON object on standard output"),
	OPT_END,
};

static const char *const origins[] = { "default", "scheduler", "test", "load" };

struct suites {
	struct reactor *reactor;
	struct suite *item;
	size_t count;
};

static void suites_close(struct suites *s)
{
	suites_free(s->item, s->count);
	reactor_free(s->reactor);
}

static int load(struct suites *s, const char *const *paths, struct err **err)
{
	struct signals signals;
	int r = interrupt_watch(&signals, s->reactor, err);
	if (r == 0)
		r = suites_load(s->reactor, paths, /* scenario_program= */ NULL, &s->item, &s->count, err);
	signals_done(&signals);
	return r;
}

static const struct test_decl *find_test(const struct suites *s, const char *name, const char **ret_nearest)
{
	unsigned distance = 6;
	*ret_nearest = NULL;
	for (size_t i = 0; i < s->count; i++) {
		for (size_t k = 0; k < s->item[i].tests; k++) {
			const struct test_decl *t = &s->item[i].test[k];
			unsigned d = edit_distance(t->name, name);
			if (!strcmp(t->name, name))
				return t;
			if (d < distance) {
				distance = d;
				*ret_nearest = t->name;
			}
		}
	}
	return NULL;
}

static const char *value_text(const struct thresholds *t, enum threshold i, char *out, size_t size)
{
	const struct limit *limit = &t->limit[i];
	if (threshold_rows[i].kind == CHECK_SWITCH)
		return limit->on ? "true" : "false";
	if (!limit->on)
		return limit->origin == FROM_DEFAULT ? "none" : "off";
	snprintf(out, size, "%.10g", limit->value);
	return out;
}

/* Limits of single loads come before those above. */
static void print_load_limits(const struct test_decl *t)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	if (!t->load_limits)
		return;
	buf_puts(&out, "Limits of single cgroups and loads, which replace those above for them:\n");
	for (const char *line = t->load_limits; *line;) {
		size_t len = strcspn(line, "\n");
		buf_puts(&out, "  ");
		text_append_line(&out, line, len);
		buf_puts(&out, "\n");
		line += len + (line[len] != '\0');
	}
	out_buf(&out);
}

/* A line of load limits ends with a name and a value. */
static bool is_replaced(const struct test_decl *t, const char *name)
{
	const size_t len = strlen(name);
	for (const char *at = t->load_limits; at && (at = strstr(at, name)); at += len)
		if (at > t->load_limits && at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

static void print_text(const struct test_decl *t, const struct thresholds *limits)
{
	char value[32];
	out_printf("Test: %s\nScheduler: %s\nResolved assertion thresholds:\n", t->name,
		   t->scheduler ? t->scheduler->name : "eevdf");
	for (unsigned i = 0; i < LIMIT_MAX; i++)
		out_printf("  %-38s: %-10s (%s%s)\n", threshold_rows[i].name,
			   value_text(limits, i, value, sizeof(value)), origins[limits->limit[i].origin],
			   is_replaced(t, threshold_rows[i].name) ? "; replaced below" : "");
	print_load_limits(t);
}

static void print_json(const struct test_decl *t, const struct thresholds *limits)
{
	json_auto_t *o = json_object();
	json_put_text(&o, "test", t->name);
	json_put_text(&o, "scheduler", t->scheduler ? t->scheduler->name : "eevdf");
	json_put(&o, "thresholds", thresholds_json(limits));
	json_put_text(&o, "load_limits", t->load_limits);
	out_json(o, true);
}

/* Also accepts "ktstr/NAME" and "gauntlet/NAME/PRESET". */
static char *function_name(const char *text)
{
	const char *name = !strncmp(text, "ktstr/", 6) ? text + 6 : !strncmp(text, "gauntlet/", 9) ? text + 9 : text;
	return strndup(name, strcspn(name, "/"));
}

static int show(const struct suites *s, const char *name, const struct thresholds_args *a, struct err **err)
{
	static const struct ktstr_checks none = { 0 };
	const char *nearest;
	const struct test_decl *t = find_test(s, name, &nearest);
	if (!t)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "no registered ktstr test named '%s'.%s%s%s Run 'ktstr test --list' to see the available "
			    "test names, "
			    "then pass just the function-name component",
			    name, nearest ? " Did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
	struct thresholds limits =
		thresholds_merge(a->release, t->scheduler ? &t->scheduler->checks : &none, &t->checks);
	if (a->json)
		print_json(t, &limits);
	else
		print_text(t, &limits);
	return 0;
}

static int run_show_thresholds(void *args, struct err **err)
{
	static const char *const default_paths[] = { "build", NULL };
	const struct thresholds_args *a = args;
	_cleanup_(suites_close) struct suites s = { 0 };
	if (!a->operands.count)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "show-thresholds needs the name of a test; 'ktstr test --list' prints them");
	int r = reactor_new(&s.reactor, err);
	if (r == 0)
		r = load(&s, a->operands.count > 1 ? a->operands.item + 1 : default_paths, err);
	_cleanup_free_ char *name = function_name(a->operands.item[0]);
	if (!name)
		return -ENOMEM;
	return r == 0 ? show(&s, name, a, err) : r;
}

const struct command cmd_show_thresholds = {
	.name = "show-thresholds",
	.group = GROUP_TESTS,
	.summary = "Show the limits of a test, and where each of them is set",
	.operands = "TEST [PATH...]",
	.text = "Looks the test up in the test binaries under the paths (default: build) and prints every limit after "
		"the layers are merged: the defaults, the scheduler's, the test's. A limit of none is not checked; "
		"one that is off was switched off by that layer. Limits that the scenario sets for one cgroup or load "
		"follow, unless the test does more than to declare it.",
	.option = thresholds_options,
	.example =
		(const struct example[]){
			{ "ktstr show-thresholds two_cgroups", "by the name of its function" },
			{ "ktstr show-thresholds ktstr/two_cgroups --release build/tests", "by its full name, in these "
											   "binaries" },
			{ NULL },
		},
	OPERANDS(struct thresholds_args, operands),
	.run = run_show_thresholds,
};
