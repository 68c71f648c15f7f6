/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_stats.c -- ktstr stats: the analysis of one run, the list of runs, and what results have in common. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/stats_args.h"
#include "stats/blocks.h"
#include "stats/csv.h"
#include "stats/gauntlet.h"
#include "stats/runs.h"

struct stats_args {
	const char *dir;
	bool json, history;
	unsigned format;
};

#define STATS_ENVIRONMENT ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_XDG_CACHE_HOME, ENV_MAX

/* Prints JSON or the text. */
static void print_as(enum stats_format format, const json_t *json, struct buf *text)
{
	if (format == FORMAT_JSON)
		out_json(json, true);
	else
		out_buf(text);
}

static int load_root(const struct stats_args *a, const char *root, enum scan_scope with_history, struct results *ret,
		     struct err **err)
{
	int r = root ? stats_check_dir(a->dir, err) : -ENOMEM;
	return r == 0 ? stats_load(root, a->history ? with_history : SCAN_RUNS, a->dir, ret, err) : r;
}

/* --- stats -------------------------------------------------------------------------------------------------------- */

/* The run that changed last; NULL: there is none. */
static char *newest_run(const char *root)
{
	DIR *d = opendir(root);
	char *best = NULL;
	struct timespec when = { 0 };
	struct stat st;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (*e->d_name == '.' || is_samples_name(e->d_name) || fstatat(dirfd(d), e->d_name, &st, 0) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		bool later = st.st_mtim.tv_sec != when.tv_sec ? st.st_mtim.tv_sec > when.tv_sec
							      : st.st_mtim.tv_nsec > when.tv_nsec;
		if (best && !later)
			continue;
		free(best);
		best = path_join(root, e->d_name);
		when = st.st_mtim;
	}
	if (d)
		closedir(d);
	return best;
}

static char *run_to_analyse(const struct stats_args *a)
{
	const char *said = environment_get(ENV_SIDECAR_DIR);
	if (said && !a->dir)
		return strdup(said);
	_cleanup_free_ char *root = stats_root(a->dir);
	return root ? newest_run(root) : NULL;
}

static int print_analysis(const struct stats_args *a, const struct results *r)
{
	struct gauntlet g;
	struct blocks b;
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *o = NULL;
	int code = gauntlet_analyse(r, &g);
	if (code < 0)
		return code;
	code = blocks_read(r, &b);
	if (code == 0) {
		o = json_object();
		json_put_text(&o, "run", r->scan.root);
		json_put(&o, "gauntlet", gauntlet_json(&g, &r->pool));
		json_put(&o, "blocks", blocks_json(&b));
		if (g.results)
			gauntlet_print(&g, &r->pool, &out);
		blocks_print(&b, &out);
		print_as(stats_format_of(0, a->json), o, &out);
		blocks_done(&b);
	}
	gauntlet_done(&g);
	return code;
}

static int run_stats(void *args, struct err **err)
{
	const struct stats_args *a = args;
	_cleanup_free_ char *run = run_to_analyse(a), *root = stats_root(a->dir);
	struct results r;
	int code = stats_check_dir(a->dir, err);
	if (code < 0)
		return code;
	if (!run) {
		say_printf("no runs found at %s. Run `ktstr test` to generate sidecar data.\n", root ?: "");
		return 0;
	}
	code = stats_load(run, SCAN_ONE, a->dir, &r, err);
	if (code < 0)
		return code;
	code = print_analysis(a, &r);
	results_done(&r);
	return code;
}

static const struct option_row stats_options[] = {
	ROW_DIR(struct stats_args),
	OPT_FLAG(struct stats_args, json, "json", 0, "one JSON object on standard output"),
	OPT_END,
};

const struct command cmd_stats = {
	.name = "stats",
	.former = "test-stats",
	.group = GROUP_RESULTS,
	.summary = "Analyse the last run: what stands out, by scenario, topology and work type",
	.text = "Reads the sidecars in KTSTR_SIDECAR_DIR, else those of the run that changed last. A scenario stands "
		"out "
		"in a metric if its mean is more than two standard deviations above the mean of all results. Then come "
		"the verifier's statistics, the profile of the scheduler's callbacks, and KVM's statistics, where "
		"there "
		"are any.",
	.option = stats_options,
	.environment = (const enum environment_id[]){ ENV_SIDECAR_DIR, STATS_ENVIRONMENT },
	.files = FILES_RESULTS,
	.size = sizeof(struct stats_args),
	.run = run_stats,
};

/* --- stats list --------------------------------------------------------------------------------------------------- */

static json_t *runs_json(const struct runs *runs)
{
	json_t *list = json_array();
	for (size_t i = 0; i < runs->count; i++) {
		json_t *o = json_object();
		json_put_text(&o, "run", runs->item[i].name);
		json_put_u64(&o, "tests", runs->item[i].tests);
		json_put_text(&o, "date", runs->item[i].date);
		json_put_text(&o, "arch", runs->item[i].arch);
		json_add(&list, o);
	}
	return list;
}

static void runs_text(const struct runs *runs, struct buf *out)
{
	unsigned width = 3;
	for (size_t i = 0; i < runs->count; i++)
		width = MAX_OF(width, text_columns(runs->item[i].name));
	text_append_columns(out, "RUN", width, true);
	buf_puts(out, "  TESTS  DATE                  ARCH\n");
	for (size_t i = 0; i < runs->count; i++) {
		const struct run *run = &runs->item[i];
		text_append_columns(out, run->name, width, true);
		buf_appendf(out, "  %5zu  %-20s  %s\n", run->tests, run->date ?: "-", run->arch ?: "-");
	}
}

static void runs_csv(const struct runs *runs, struct buf *out)
{
	buf_puts(out, "run,tests,date,arch\n");
	for (size_t i = 0; i < runs->count; i++) {
		csv_put(out, runs->item[i].name, true);
		buf_appendf(out, ",%zu", runs->item[i].tests);
		csv_put(out, runs->item[i].date, false);
		csv_put(out, runs->item[i].arch, false);
		buf_puts(out, "\n");
	}
}

static int run_list(void *args, struct err **err)
{
	const struct stats_args *a = args;
	enum stats_format format = stats_format_of(a->format, a->json);
	_cleanup_free_ char *root = stats_root(a->dir);
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct results r;
	struct runs runs;
	int code = load_root(a, root, SCAN_ALL, &r, err);
	if (code < 0)
		return code;
	code = runs_of(&r, &runs);
	if (code == 0) {
		json_auto_t *o = runs_json(&runs);
		if (format == FORMAT_CSV)
			runs_csv(&runs, &out);
		else if (runs.count)
			runs_text(&runs, &out);
		if (!runs.count)
			say_printf("no runs found at %s. Run `ktstr test` to generate sidecar data.\n", root);
		print_as(format, o, &out);
		runs_done(&runs);
	}
	results_done(&r);
	return code;
}

static const struct option_row list_options[] = {
	ROW_DIR(struct stats_args),
	ROW_HISTORY(struct stats_args),
	ROW_FORMAT(struct stats_args),
	ROW_STATS_JSON(struct stats_args),
	OPT_END,
};
static const struct option_conflict format_conflicts[] = { { "json", "format" }, { NULL, NULL } };

const struct command cmd_stats_list = {
	.name = "stats list",
	.group = GROUP_RESULTS,
	.summary = "List the runs that have results",
	.text = "Prints name, number of results, date of the earliest one, and architecture of each run, the one that "
		"changed last first. With --history also the runs that later ones of the same kernel and commit "
		"replaced, and the samples that 'ktstr perf-delta' made. Those are in no comparison, unless "
		"'ktstr stats compare --run' names them.",
	.option = list_options,
	.conflict = format_conflicts,
	.environment = (const enum environment_id[]){ STATS_ENVIRONMENT },
	.files = FILES_RESULTS | FILES_CACHE,
	.size = sizeof(struct stats_args),
	.run = run_list,
};

/* --- stats list-metrics ------------------------------------------------------------------------------------------- */

static json_t *metric_json(const struct metric *m)
{
	json_t *o = json_object();
	json_put_text(&o, "name", m->name);
	json_put_text(&o, "polarity", metric_polarity_name(m->polarity));
	json_put_number(&o, "default_abs", m->least);
	json_put_number(&o, "default_rel", m->share);
	json_put_text(&o, "display_unit", m->unit);
	json_put_text(&o, "kind", metric_kind_name(m->kind));
	json_put_text(&o, "description", m->description);
	return o;
}

static void metrics_as(enum stats_format format, json_t **list, struct buf *out)
{
	buf_puts(out,
		 format == FORMAT_CSV ? "name,polarity,default_abs,default_rel,display_unit,kind,description\n" : "");
	if (format == FORMAT_TEXT)
		buf_appendf(out, "%-40s %-13s %11s %11s %s\n", "NAME", "POLARITY", "DEFAULT_ABS", "DEFAULT_REL",
			    "UNIT");
	for (const struct metric *m = metrics; m->name; m++) {
		if (m->hidden)
			continue;
		json_add(list, metric_json(m));
		if (format == FORMAT_TEXT) {
			buf_appendf(out, "%-40s %-13s %11g %11g %s\n", m->name, metric_polarity_name(m->polarity),
				    m->least, m->share, m->unit);
		} else {
			buf_appendf(out, "%s,%s,%g,%g,%s,%s", m->name, metric_polarity_name(m->polarity), m->least,
				    m->share, m->unit, metric_kind_name(m->kind));
			csv_put(out, m->description, false);
			buf_puts(out, "\n");
		}
	}
}

static int run_list_metrics(void *args, struct err **err)
{
	const struct stats_args *a = args;
	enum stats_format format = stats_format_of(a->format, a->json);
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *list = json_array();
	(void)err;
	metrics_as(format, &list, &out);
	print_as(format, list, &out);
	return 0;
}

static const struct option_row list_metrics_options[] = {
	ROW_FORMAT(struct stats_args),
	ROW_STATS_JSON(struct stats_args),
	OPT_END,
};

const struct command cmd_stats_list_metrics = {
	.name = "stats list-metrics",
	.group = GROUP_RESULTS,
	.summary = "List the registered metrics, and what counts as a change of them",
	.text = "DEFAULT_ABS is the least change that counts, DEFAULT_REL its least share of the former value. The "
		"JSON "
		"and the CSV also have kind and description, as 'ktstr help metrics' has.",
	.option = list_metrics_options,
	.conflict = format_conflicts,
	.size = sizeof(struct stats_args),
	.run = run_list_metrics,
};

/* --- stats list-values -------------------------------------------------------------------------------------------- */

/* In JSON, numbers are numbers and a missing value is null; elsewhere it is "unknown". */
static int put_values(const struct results *r, enum dimension d, enum stats_format format, json_t **all,
		      struct buf *out)
{
	_cleanup_free_ const char **list = NULL;
	json_t *values = json_array();
	size_t count;
	int code = dimension_values(r, d, &list, &count);
	if (code < 0) {
		json_decref(values);
		return code;
	}
	if (format == FORMAT_TEXT)
		buf_appendf(out, "%s%s:\n", out->len ? "\n" : "", dimensions[d].name);
	for (size_t i = 0; i < count; i++) {
		uint64_t number;
		bool is_number = dimensions[d].number && list[i] && parse_u64(list[i], &number) == 0;
		/* A result without a CPU budget has no number. */
		if (dimensions[d].number && !list[i])
			continue;
		json_add(&values, is_number ? json_u64(number) : list[i] ? json_text(list[i]) : json_null());
		if (format == FORMAT_TEXT) {
			buf_appendf(out, "  %s\n", list[i] ?: "unknown");
		} else {
			csv_put(out, dimensions[d].name, true);
			csv_put(out, list[i] ?: "unknown", false);
			buf_puts(out, "\n");
		}
	}
	json_put(all, dimensions[d].name, values);
	return 0;
}

static int run_list_values(void *args, struct err **err)
{
	const struct stats_args *a = args;
	enum stats_format format = stats_format_of(a->format, a->json);
	_cleanup_free_ char *root = stats_root(a->dir);
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *all = json_object();
	struct results r;
	int code = load_root(a, root, SCAN_WITH_HISTORY, &r, err);
	if (code < 0)
		return code;
	buf_puts(&out, format == FORMAT_CSV ? "dimension,value\n" : "");
	for (int d = 0; d < DIMENSION_MAX && code == 0; d++)
		code = put_values(&r, (enum dimension)d, format, &all, &out);
	if (code == 0)
		print_as(format, all, &out);
	results_done(&r);
	return code;
}

const struct command cmd_stats_list_values = {
	.name = "stats list-values",
	.group = GROUP_RESULTS,
	.summary = "List the kernels, commits, schedulers, topologies ... that results have",
	.text = "Prints the distinct values of every dimension by which 'ktstr stats compare' selects results.",
	.option = list_options,
	.conflict = format_conflicts,
	.environment = (const enum environment_id[]){ STATS_ENVIRONMENT },
	.files = FILES_RESULTS | FILES_CACHE,
	.size = sizeof(struct stats_args),
	.run = run_list_values,
};
