/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_slurm.c -- ktstr slurm status, collect, cancel: runs that were submitted with `ktstr test --slurm`. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/slurm.h"
#include "run/rundir.h"

struct slurm_args {
	struct strings operands, report;
	const char *dir;
	bool json;
};

#define ROW_SLURM_DIR \
	OPT_STRING(struct slurm_args, dir, "slurm-dir", 0, "DIR", "directory of the runs, as 'ktstr test' got it")

static const struct option_row status_options[] = {
	ROW_SLURM_DIR,
	ROW_JSON(struct slurm_args, "print one JSON object"),
	OPT_END,
};

static const struct option_row collect_options[] = {
	ROW_SLURM_DIR,
	ROW_REPORTS(struct slurm_args, report, "report"),
	ROW_JSON(struct slurm_args, "print the results as JSON, one object per line"),
	OPT_END,
};

static const struct option_row cancel_options[] = {
	ROW_SLURM_DIR,
	OPT_END,
};

/* --- the run that is meant ---------------------------------------------------------------------------------------- */

static bool is_run(const char *path)
{
	_cleanup_free_ char *manifest = path_join(path, "manifest.json");
	return manifest && path_is_dir(path) && path_exists(manifest);
}

/* Names of runs begin with their time. Other directories may lie beside them. */
static char *newest_run(const char *root)
{
	struct dirent **entry = NULL;
	char *found = NULL;
	int count = scandir(root, &entry, NULL, alphasort);
	for (int i = count - 1; i >= 0; i--) {
		_cleanup_free_ char *path = found ? NULL : path_join(root, entry[i]->d_name);
		if (path && is_run(path))
			found = TAKE_PTR(path);
		free(entry[i]);
	}
	free(entry);
	return found;
}

int slurm_find_run(const char *text, const char *said_dir, char **ret, struct err **err)
{
	_cleanup_free_ char *runs = rundir_root(), *root = NULL, *inside = NULL;
	root = said_dir ? strdup(said_dir) : runs ? slurm_root(runs) : NULL;
	if (!root)
		return -ENOMEM;
	if (text)
		inside = path_join(root, text);
	*ret = !text ? newest_run(root) : inside && path_exists(inside) ? TAKE_PTR(inside) : strdup(text);
	if (*ret && is_run(*ret))
		return 0;
	bool is_other = *ret && path_is_dir(*ret);
	free(TAKE_PTR(*ret));
	if (is_other)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "'%s' is not a run on Slurm: it has no manifest.json; 'ktstr slurm status' without a name "
			    "takes the newest run",
			    text);
	if (text)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "there is no run '%s' here or in '%s'; name its directory, or give the --slurm-dir with "
			    "which it was submitted",
			    text, root);
	return FAIL(err, ERR_DATA, -ENOENT, "'%s' has no run on Slurm; 'ktstr test --slurm' makes one", root);
}

/* A run, and what is needed to follow it. */
struct opened {
	struct slurm_record record;
	struct slurm_following following;
};

static struct opened *opened_free(struct opened *o)
{
	if (!o)
		return NULL;
	slurm_record_done(&o->record);
	reactor_free(o->following.runner.reactor);
	free(o);
	return NULL;
}
DEFINE_CLEANUP(struct opened *, opened_free)

static int open_run(const struct slurm_args *a, struct opened **ret, struct err **err)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_(opened_free_p) struct opened *o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	if (a->operands.count > 1)
		return FAIL(err, ERR_USAGE, -E2BIG, "'%s' and '%s': name one run at a time", a->operands.item[0],
			    a->operands.item[1]);
	int r = slurm_find_run(a->operands.item[0], a->dir, &dir, err);
	if (r == 0)
		r = slurm_record_open(&o->record, dir, err);
	if (r == 0)
		r = reactor_new(&o->following.runner.reactor, err);
	o->following.runner.record = &o->record;
	o->following.json = a->json;
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* Without it, lost tests cannot be divided again; results that are there can be collected. */
static void look_at_cluster(struct opened *o)
{
	const char *partition = slurm_record_text(&o->record, "partition");
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (cluster_look(o->following.runner.reactor, *partition ? partition : NULL, &o->following.runner.cluster,
			 &why) == 0)
		return;
	err_format(why, &text);
	say_printf("warning: %s\n", buf_str(&text));
}

/* The reports that this command asks for, else those that the submitting command asked for. */
static int find_reports(const struct slurm_args *a, struct opened *o, struct err **err)
{
	const json_t *list = json_object_get(o->record.manifest, "reports");
	struct strings asked = a->report;
	for (size_t i = 0; !a->report.count && i < json_array_size(list) && i + 1 < ARRAY_SIZE(asked.item); i++)
		asked.item[asked.count++] = json_string_value(json_array_get(list, i)) ?: "";
	return reports_parse("report", &asked, &o->following.reports, err);
}

static int run_collect(void *args, struct err **err)
{
	const struct slurm_args *a = args;
	_cleanup_(opened_free_p) struct opened *o = NULL;
	int r = open_run(a, &o, err);
	if (r == 0)
		r = find_reports(a, o, err);
	if (r < 0)
		return r;
	look_at_cluster(o);
	r = slurm_open(&o->following, err);
	if (r == 0)
		r = slurm_follow(&o->following, err);
	slurm_close(&o->following);
	return r;
}

/* After a look: is nothing of the run left that Slurm could cancel? */
static bool has_ended(const struct runner *r)
{
	for (size_t i = 0; i < r->follow.tasks; i++)
		if (!slurm_state_ended(r->follow.task[i].state))
			return follow_is_over(&r->follow);
	return !r->build.awaited;
}

static int run_cancel(void *args, struct err **err)
{
	_cleanup_(opened_free_p) struct opened *o = NULL;
	int r = open_run(args, &o, err);
	if (r < 0)
		return r;
	struct runner *runner = &o->following.runner;
	r = runner_init(runner, err);
	if (r == 0)
		r = runner_look(runner, err);
	bool over = r == 0 && has_ended(runner);
	runner_done(runner);
	if (r == 0 && !over)
		r = cluster_cancel(runner->reactor, &o->record, err);
	if (r == 0)
		say_printf(over ? "run %s has ended already; 'ktstr slurm collect' collects its results\n"
				: "run %s is cancelled; 'ktstr slurm collect' collects the results that it has\n",
			   o->record.id);
	return r;
}

/* One question, without consequences. */
static int run_status(void *args, struct err **err)
{
	const struct slurm_args *a = args;
	_cleanup_(opened_free_p) struct opened *o = NULL;
	int r = open_run(a, &o, err);
	struct runner *runner = r == 0 ? &o->following.runner : NULL;
	unsigned states[SLURM_STATE_MAX] = { 0 };
	if (r == 0)
		r = runner_init(runner, err);
	if (r == 0)
		r = runner_look(runner, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < runner->follow.tasks; i++)
		states[runner->follow.task[i].state]++;
	size_t open = runner->follow.open, all = o->record.count;
	if (a->json) {
		json_auto_t *json = json_object();
		json_put_text(&json, "id", o->record.id);
		json_put_text(&json, "directory", o->record.dir);
		json_put_u64(&json, "tests", all);
		json_put_u64(&json, "results", all - open);
		json_put_bool(&json, "building", runner->build.awaited);
		json_put_u64(&json, "tasks", runner->follow.tasks);
		json_put_u64(&json, "waiting", states[SLURM_PENDING]);
		json_put_u64(&json, "running", states[SLURM_RUNNING] + states[SLURM_ENDING]);
		json_put_text(&json, "reason", *runner->reason ? runner->reason : NULL);
		json_put_bool(&json, "cancelled", slurm_is_cancelled(&o->record));
		out_json(json, true);
	} else {
		unsigned wait = states[SLURM_PENDING], run = states[SLURM_RUNNING] + states[SLURM_ENDING];
		out_printf("%s: %zu of %zu test%s %s results; of %zu task%s %u wait%s%s%s%s and %u run%s%s%s\n",
			   o->record.dir, all - open, all, plural(all), all == 1 ? "has" : "have", runner->follow.tasks,
			   plural(runner->follow.tasks), wait, wait == 1 ? "s" : "", *runner->reason ? " (" : "",
			   runner->reason, *runner->reason ? ")" : "", run, run == 1 ? "s" : "",
			   runner->build.awaited ? "; kernels are built first" : "",
			   slurm_is_cancelled(&o->record) ? "; it is cancelled" : "");
	}
	runner_done(runner);
	return 0;
}

#define SLURM_TEXT                                                                                                    \
	"A RUN is the directory that 'ktstr test --slurm' printed, or its last component. Without a RUN, the newest " \
	"one is meant."

const struct command cmd_slurm_status = {
	.name = "slurm status",
	.group = GROUP_TESTS,
	.summary = "Print how far a run on Slurm is",
	.operands = "[RUN]",
	.text = SLURM_TEXT,
	.option = status_options,
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_RESULTS,
	OPERANDS(struct slurm_args, operands),
	.run = run_status,
};

const struct command cmd_slurm_collect = {
	.name = "slurm collect",
	.group = GROUP_TESTS,
	.summary = "Wait for a run on Slurm, and collect its results as of one run",
	.operands = "[RUN]",
	.text = SLURM_TEXT
	"\n\nThis is what 'ktstr test --slurm' does after it has submitted a run. It goes on where another process "
	"stopped: after --detach, an interrupt, or a restart of the machine. Tests whose task was lost are submitted "
	"once more. The exit status is the verdict of the whole run.",
	.option = collect_options,
	.example =
		(const struct example[]){
			{ "ktstr slurm collect --report html=report.html", "the newest run" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_RESULTS,
	.judges = true,
	OPERANDS(struct slurm_args, operands),
	.run = run_collect,
};

const struct command cmd_slurm_cancel = {
	.name = "slurm cancel",
	.group = GROUP_TESTS,
	.summary = "Cancel the jobs of a run on Slurm",
	.operands = "[RUN]",
	.text = SLURM_TEXT "\n\nResults that are there stay, and can be collected.",
	.option = cancel_options,
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_RESULTS,
	OPERANDS(struct slurm_args, operands),
	.run = run_cancel,
};
