/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_affected.c -- ktstr affected: which schedulers a change concerns. */
#include <string.h>

#include "base/environment.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/relevant.h"
#include "cli/shared_options.h"
#include "run/build.h"

struct affected_args {
	struct strings operands, changed;
	const char *base, *base_ref, *default_branch, *profile;
	bool matrix, worktree, no_build;
};

static const struct option_row affected_options[] = {
	ROW_BASE(struct affected_args),
	ROW_BASE_REF(struct affected_args),
	ROW_DEFAULT_BRANCH(struct affected_args),
	OPT_FLAG(struct affected_args, worktree, "worktree", 0,
		 "also changes that are not committed, and files that are not tracked"),
	OPT_LIST(struct affected_args, changed, "changed", 0, "PATH",
		 "these files changed, instead of what git says; repeatable, or separated by commas"),
	OPT_FLAG(struct affected_args, matrix, "matrix", 0,
		 "print a matrix for GitHub, {\"include\": [...]}: "
		 "also an entry for tests without a scheduler's program"),
	OPT_FLAG(struct affected_args, no_build, "no-build", 0,
		 "do not build the schedulers first; one that is out of date counts as affected"),
	OPT_STRING(struct affected_args, profile, "profile", 0, "NAME",
		   "KTSTR_SCHEDULER_PROFILE for schedulers that are built (default: release)"),
	OPT_END,
};

static const struct option_conflict affected_conflicts[] = {
	{ "changed", "base" },	   { "changed", "base-ref" }, { "changed", "default-branch" },
	{ "changed", "worktree" }, { "base", "base-ref" },    { NULL, NULL },
};

static int find_changes(struct relevant_work *w, const struct affected_args *a)
{
	const struct change_question q = {
		.base = a->base, .base_ref = a->base_ref, .default_branch = a->default_branch, .worktree = a->worktree
	};
	return a->changed.count ? changes_take(a->changed.item, a->changed.count, &w->changes)
				: changes_find(&q, &w->changes);
}

static json_t *matrix_entry(const char *name, const char *filter)
{
	json_t *o = json_object();
	json_put_text(&o, "scheduler", name);
	json_put_text(&o, "filter", filter);
	return o;
}

/* Only schedulers that have tests, because a job without tests fails. */
static void print_matrix(const struct relevant_work *w)
{
	json_auto_t *o = json_object();
	json_t *list = json_array();
	_cleanup_buf_ struct buf others = BUF_NULL;
	for (size_t i = 0; i < w->affected.count; i++) {
		const struct affected_scheduler *s = &w->affected.item[i];
		_cleanup_buf_ struct buf filter = BUF_NULL;
		buf_appendf(&filter, "scheduler(=%s)", s->name);
		if (s->affected && relevant_has_tests(w->suite, w->suites, s->name))
			json_add(&list, matrix_entry(s->name, buf_str(&filter)));
	}
	if (!w->affected.only_docs && relevant_others(&w->affected, w->suite, w->suites, &others))
		json_add(&list, matrix_entry("eevdf", buf_str(&others)));
	json_put(&o, "include", list);
	out_json(o, false);
}

static void print_names(const struct relevant_work *w)
{
	json_auto_t *list = json_array();
	for (size_t i = 0; i < w->affected.count; i++)
		if (w->affected.item[i].affected)
			json_add(&list, json_text(w->affected.item[i].name));
	out_json(list, false);
}

static void say_reasons(const struct relevant_work *w)
{
	for (size_t i = 0; i < w->affected.count; i++)
		if (w->affected.item[i].affected)
			say_printf("%s: %s\n", w->affected.item[i].name, w->affected.item[i].why);
	if (w->affected.only_docs)
		say_printf("%s\n", w->changes.count ? "only documentation changed" : "nothing changed");
}

static int run_affected(void *args, struct err **err)
{
	const struct affected_args *a = args;
	_cleanup_(relevant_work_done) struct relevant_work w = { 0 };
	int r = find_changes(&w, a);
	if (r == 0)
		r = relevant_load_suites(&w, a->operands.item, a->no_build ? NULL : a->profile ?: BUILD_PROFILE, err);
	if (r == 0)
		r = relevant_find(w.suite, w.suites, &w.changes, &w.affected);
	if (r < 0)
		return r;
	say_reasons(&w);
	if (a->matrix)
		print_matrix(&w);
	else
		print_names(&w);
	return 0;
}

const struct command cmd_affected = {
	.name = "affected",
	.group = GROUP_TESTS,
	.summary = "Print which schedulers a change concerns",
	.operands = "[PATH...]",
	.text = "Prints a JSON array with the names of the schedulers that must be tested again, sorted. The changes "
		"are those between a commit and HEAD: --base, or the last commit that HEAD has in common with "
		"--base-ref, with the branch of a pull request (GITHUB_BASE_REF), or with the default branch.\n\n"
		"A changed file belongs to the programs that were made from it, as the build says: ninja's records "
		"(Meson, CMake), makefiles, and the lists of files that compilers write (-MD; cargo's). This includes "
		"headers and generated skeletons of BPF programs. A change of a test binary concerns the schedulers "
		"that it tests. Schedulers that say how they are built are built first.\n\n"
		"What cannot be told counts as a change of everything: an unknown base, a file that belongs to no "
		"program, a file that describes the build, a scheduler whose build fails or does not say what it was "
		"made from. Documentation concerns nothing. The reason for each scheduler is printed on standard "
		"error.",
	.option = affected_options,
	.conflict = affected_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr affected --base-ref origin/main build", "of a pull request" },
			{ "ktstr affected --matrix", "for a matrix of jobs" },
			{ "ktstr affected --changed src/queue.h", "of one file" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_GITHUB_BASE_REF, ENV_SCHEDULER, ENV_SCHEDULER_BIN, ENV_MAX },
	OPERANDS(struct affected_args, operands),
	.run = run_affected,
};
