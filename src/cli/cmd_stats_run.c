/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_stats_run.c -- ktstr stats show-host and explain-sidecar, for one run; ktstr show-host, for this machine. */
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/stats_args.h"
#include "report/host.h"
#include "stats/explain.h"
#include "stats/host_text.h"
#include "stats/runs.h"

struct run_args {
	const char *run, *dir;
	bool json;
};

#define ROW_RUN	    OPT_STRING(struct run_args, run, "run", 0, "RUN", "name of the run; 'ktstr stats list' shows them")
#define ROW_AS_JSON OPT_FLAG(struct run_args, json, "json", 0, "one JSON object on standard output")

static const struct option_row run_options[] = { ROW_RUN, ROW_DIR(struct run_args), ROW_AS_JSON, OPT_END };
static const enum environment_id run_environment[] = { ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX };

static void print_host(const json_t *host, bool json)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	host_format(host, &out);
	if (json)
		out_json(host, true);
	else
		out_buf(&out);
}

/* Loads the sidecars of the run that --run names. */
static int load_run(const char *command, const struct run_args *a, struct results *ret, struct err **err)
{
	_cleanup_free_ char *root = stats_root(a->dir), *path = NULL;
	if (!root)
		return -ENOMEM;
	if (!a->run)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "stats %s: which run? Give --run RUN; 'ktstr stats list' shows the runs", command);
	int r = stats_check_dir(a->dir, err);
	if (r == 0)
		r = stats_run_path(root, a->run, &path, err);
	struct results_query q = { .root = path, .scope = SCAN_ONE };
	return r == 0 ? results_load(&q, ret, err) : r;
}

/* --- stats show-host ---------------------------------------------------------------------------------------------- */

/* The host of the first sidecar that has one. */
static json_t *host_of_run(const struct results *r)
{
	json_t *host = NULL;
	for (size_t i = 0; i < r->pool.rows && !host; i++)
		host = result_find_host(r, &i, 1);
	return host;
}

static int run_stats_show_host(void *args, struct err **err)
{
	const struct run_args *a = args;
	struct results r;
	int code = load_run("show-host", a, &r, err);
	if (code < 0)
		return code;
	json_auto_t *host = host_of_run(&r);
	if (host)
		print_host(host, a->json);
	else if (!r.pool.rows)
		code = FAIL(err, ERR_DATA, -ENOENT, "stats show-host: run '%s' has no sidecars", a->run);
	else
		code = FAIL(
			err, ERR_DATA, -ENODATA,
			"stats show-host: none of the %zu sidecars of run '%s' describes its host; run the tests again "
			"with this version",
			r.pool.rows, a->run);
	results_done(&r);
	return code;
}

const struct command cmd_stats_show_host = {
	.name = "stats show-host",
	.group = GROUP_RESULTS,
	.summary = "Show the machine on which a run took place",
	.text = "Prints what the first sidecar of the run that has it says of its host: kernel, CPUs, memory, "
		"frequency "
		"governors, scheduler's tunables.",
	.option = run_options,
	.environment = run_environment,
	.files = FILES_RESULTS,
	.size = sizeof(struct run_args),
	.run = run_stats_show_host,
};

/* --- stats explain-sidecar ---------------------------------------------------------------------------------------- */

static int run_explain(void *args, struct err **err)
{
	const struct run_args *a = args;
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct results r;
	int code = load_run("explain-sidecar", a, &r, err);
	if (code < 0)
		return code;
	if (!r.pool.rows) {
		results_done(&r);
		return FAIL(err, ERR_DATA, -ENOENT, "stats explain-sidecar: run '%s' has no sidecars", a->run);
	}
	if (a->json) {
		json_auto_t *o = explain_json(&r);
		out_json(o, true);
	} else {
		explain_print(&r, &out);
		out_buf(&out);
	}
	results_done(&r);
	return 0;
}

const struct command cmd_stats_explain_sidecar = {
	.name = "stats explain-sidecar",
	.group = GROUP_RESULTS,
	.summary = "Explain why fields of a run's sidecars are null, and which files are damaged",
	.text = "For each sidecar: which optional fields have a value, and for those without one the possible causes "
		"and "
		"what can be done about them. Then the files that are not sidecars or could not be read. The exit "
		"status "
		"is 0 also if all files are damaged; scripts read _walk of the JSON.",
	.option = run_options,
	.environment = run_environment,
	.files = FILES_RESULTS,
	.size = sizeof(struct run_args),
	.run = run_explain,
};

/* --- show-host ---------------------------------------------------------------------------------------------------- */

static int run_show_host(void *args, struct err **err)
{
	const struct run_args *a = args;
	json_auto_t *host = host_context();
	(void)err;
	if (!host)
		return -ENOMEM;
	print_host(host, a->json);
	return 0;
}

static const struct option_row host_options[] = { ROW_AS_JSON, OPT_END };

const struct command cmd_show_host = {
	.name = "show-host",
	.group = GROUP_HOST,
	.summary = "Show what results say of this machine",
	.text = "Prints the description of this machine that every sidecar has as its key `host`.",
	.option = host_options,
	.size = sizeof(struct run_args),
	.run = run_show_host,
};
