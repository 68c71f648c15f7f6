/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_merge.c -- ktstr merge: joins the results of several runs, such as the shards of a CI matrix, to one verdict. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/reports.h"
#include "cli/reports_planned.h"
#include "cli/shared_options.h"

#define PLAN_BYTES_MAX ((size_t)256 << 20)

struct merge_args {
	struct strings operands, report;
	const char *into, *plan;
	bool json;
};

static const struct option_row merge_options[] = {
	OPT_STRING(struct merge_args, into, "into", 0, "DIR", "copy all results to this directory, with their reports"),
	OPT_STRING(struct merge_args, plan, "plan", 0, "FILE",
		   "output of 'ktstr test --dry-run --json': tests in it that have no result are inconclusive"),
	ROW_REPORTS(struct merge_args, report, "report"),
	ROW_JSON(struct merge_args, "print the results as JSON, one object per line"),
	OPT_END,
};

/* --- plan --------------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int check_planned(const json_t *planned, const json_t *set, struct report_results *r, struct err **err)
{
	_cleanup_buf_ struct buf key = BUF_NULL;
	const struct missing_result missing = { .name = member(planned, "name"),
						.suite = member(planned, "suite"),
						.topology = member(planned, "topology"),
						.scheduler = member(planned, "scheduler"),
						.kernel_label = member(planned, "kernel_label"),
						.replay = member(planned, "command"),
						.why = "it is planned, but none of the runs has its result" };
	if (!missing.name)
		return FAIL(err, ERR_DATA, -EBADMSG, "there is a line without the name of a test");
	result_key(&key, missing.suite ?: "", missing.name);
	if (json_object_get(set, buf_str(&key)))
		return 0;
	return report_results_add_missing(r, &missing, err);
}

static int take_plan(const char *path, struct report_results *r, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_auto_t *set = results_present(r);
	int result = set ? file_read(path, PLAN_BYTES_MAX, &text, err) : -ENOMEM;
	if (result == 0 && (!text.len || strlen(buf_str(&text)) != text.len))
		result = FAIL(err, ERR_DATA, -EBADMSG, "%s",
			      text.len ? "it has a NUL byte" : "it is empty: the job that made it did not end well");
	for (const char *line = buf_str(&text); result == 0 && *line;) {
		size_t len = strcspn(line, "\n");
		json_auto_t *planned = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
		result = planned || !len ? 0 : FAIL(err, ERR_DATA, -EBADMSG, "there is a line that is not JSON");
		if (planned)
			result = check_planned(planned, set, r, err);
		line += len + (line[len] != '\0');
	}
	report_results_sort(r);
	return result < 0 ? err_wrap(err, result, "read the plan '%s'", path) : 0;
}

/* The plan that the user names, and those that lie beside the results. */
static int take_plans(const char *path, struct report_results *r, struct err **err)
{
	int result = path ? take_plan(path, r, err) : 0;
	return result == 0 ? reports_add_planned(r, err) : result;
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

static const char *const endings[] = { SIDECAR_SUFFIX, REPORT_SUFFIX, ".vmcore" };

/*
 * Names for results of one variant of a test, without the ending: NAME-VARIANT, NAME-VARIANT-sSEED, and then
 * NAME-VARIANT-sSEED-2 and so on. @number: from 0. NULL: out of memory.
 */
static char *target_stem(const struct report_result *t, const char *dir, unsigned number)
{
	const char *name = path_basename(t->sidecar);
	size_t len = strlen(name), end = strlen(SIDECAR_SUFFIX);
	_cleanup_buf_ struct buf stem = BUF_NULL;
	buf_appendf(&stem, "%s/%.*s", dir, (int)(len > end ? len - end : len), name);
	if (number)
		buf_appendf(&stem, "-s%016lx", strtoul(t->seed, NULL, 0));
	if (number > 1)
		buf_appendf(&stem, "-%u", number);
	return buf_steal(&stem);
}

static char *with_ending(const char *stem, const char *ending)
{
	char *path = NULL;
	return asprintf(&path, "%s%s", stem, ending) < 0 ? NULL : path;
}

static bool is_taken(const char *stem)
{
	_cleanup_free_ char *path = with_ending(stem, SIDECAR_SUFFIX);
	return path && path_exists(path);
}

/* Each result counted for the verdict, so each one is kept. */
static char *choose_stem(const struct report_result *t, const char *dir)
{
	unsigned number = 0;
	char *stem = target_stem(t, dir, number);
	while (stem && is_taken(stem)) {
		free(stem);
		stem = target_stem(t, dir, ++number);
	}
	if (stem && number > 1)
		say_printf("note: %s with seed %s has several results; all are kept\n", t->name, t->seed);
	return stem;
}

static int copy_result(const struct report_result *t, const char *dir, struct err **err)
{
	size_t len = strlen(t->sidecar), end = strlen(SIDECAR_SUFFIX);
	_cleanup_free_ char *stem = choose_stem(t, dir), *from = strndup(t->sidecar, len > end ? len - end : len);
	int r = stem && from ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(endings); i++) {
		_cleanup_free_ char *source = with_ending(from, endings[i]), *target = with_ending(stem, endings[i]);
		if (!source || !target)
			return -ENOMEM;
		if (i == 0 || path_exists(source))
			r = file_copy(source, target, 0644, NULL, err);
	}
	return r;
}

/* A damaged file stays in sight, unless it may not even be read. */
static bool is_copied(const struct report_result *t)
{
	return *t->sidecar && (t->outcome != OUTCOME_UNREADABLE || access(t->sidecar, R_OK) == 0);
}

static int compare_age(const void *left, const void *right)
{
	const struct report_result *a = *(const struct report_result *const *)left,
				   *b = *(const struct report_result *const *)right;
	if (a->ended != b->ended)
		return a->ended < b->ended ? -1 : 1;
	return (a > b) - (a < b);
}

/* In the order of age, so that the earliest of several results keeps its name. */
static int copy_all(const struct report_results *r, const char *dir, struct err **err)
{
	_cleanup_free_ const struct report_result **order = calloc(r->count + 1, sizeof(*order));
	int result = order ? mkdir_parents(dir, 0755, err) : -ENOMEM;
	if (result < 0)
		return result;
	for (size_t i = 0; i < r->count; i++)
		order[i] = &r->item[i];
	qsort(order, r->count, sizeof(*order), compare_age);
	for (size_t i = 0; result == 0 && i < r->count; i++)
		if (is_copied(order[i]))
			result = copy_result(order[i], dir, err);
	return result < 0 ? err_wrap(err, result, "copy the results to '%s'", dir) : 0;
}

/* The results would be mixed with those of earlier merges. */
static int check_into(const char *dir, struct err **err)
{
	_cleanup_(report_results_done) struct report_results r = RESULTS_NULL;
	if (!path_exists(dir) || report_results_add_path(&r, dir, NULL) < 0)
		return 0;
	return FAIL(err, ERR_USAGE, -EEXIST, "--into: there are results in '%s' already; name a new directory", dir);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static void print_results(const struct report_results *r, bool json)
{
	struct result_counts c = report_results_count(r);
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (json) {
		ndjson_write(r, &text);
	} else {
		results_print_bad(r, &standard_output);
		report_results_summary(&c, &text);
		buf_puts(&text, "\n");
	}
	out_buf(&text);
}

static int run_merge(void *args, struct err **err)
{
	const struct merge_args *a = args;
	struct report_orders orders = { 0 };
	_cleanup_(report_results_done) struct report_results results = RESULTS_NULL;
	if (!a->operands.count)
		return FAIL(err, ERR_USAGE, -EINVAL, "merge: which runs? Name their directories");
	int r = reports_parse("report", &a->report, &orders, err);
	if (r == 0 && a->plan)
		r = reports_check_input("report", &orders, a->plan, err);
	if (r == 0 && a->into)
		r = check_into(a->into, err);
	if (r == 0)
		r = reports_read(&a->operands, &results, err);
	if (r == 0)
		r = reports_check_results("report", &orders, &results, err);
	if (r == 0)
		r = take_plans(a->plan, &results, err);
	if (r == 0 && a->into)
		r = copy_all(&results, a->into, err);
	if (r < 0)
		return r;
	print_results(&results, a->json);
	status_note(results_status(&results));
	return reports_write(&orders, &results, err);
}

const struct command cmd_merge = {
	.name = "merge",
	.group = GROUP_TESTS,
	.summary = "Join the results of several runs to one verdict",
	.operands = "RUN...",
	.text = "Reads the results of all runs, prints those that did not pass and the sum, and exits with the verdict "
		"of "
		"all together. A RUN is the same as for 'ktstr report'.\n\n"
		"A CI matrix runs 'ktstr test --partition' in several jobs and keeps the directory of each. With "
		"--plan, "
		"a job that never ran is noticed: its tests are inconclusive.",
	.option = merge_options,
	.example =
		(const struct example[]){
			{ "ktstr merge shards/* --report html=report.html", "one verdict and one page" },
			{ "ktstr merge shards/* --plan jobs.json --into all", "check that nothing is missing" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_RESULTS,
	.judges = true,
	OPERANDS(struct merge_args, operands),
	.run = run_merge,
};
