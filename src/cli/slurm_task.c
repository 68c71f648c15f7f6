/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_task.c -- one task of a run on Slurm, on a node: its tests run as `ktstr test` runs them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/test_session.h"
#include "cli/verifier_args.h"
#include "run/list_json.h"
#include "slurm/task_attempt.h"

/* Where the tests are run, and what they find in the environment. */
static int prepare(const struct task_attempt *t, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *reactor = NULL;
	_cleanup_free_ char *kernels = NULL;
	const char *directory = slurm_record_text(&t->record, "directory");
	/* Paths in the words are relative to where the run was submitted, if the node has that directory. */
	if (chdir(directory) < 0)
		say_printf("note: this node has no directory '%s'\n", directory);
	int r = reactor_new(&reactor, err);
	if (r == 0)
		r = task_attempt_kernels(t, reactor, &kernels, err);
	if (r < 0)
		return r;
	unsetenv(environment_variables[ENV_BUDGET_SECS].name);
	unsetenv(environment_variables[ENV_TEST_KERNEL].name);
	bool set = setenv(environment_variables[ENV_SIDECAR_DIR].name, t->dir, true) == 0 &&
		   setenv(environment_variables[ENV_KERNEL_LIST].name, kernels, true) == 0;
	return set ? 0 : -ENOMEM;
}

/* The command that was submitted, with the tests of this task. */
static int run_command(const char *name, char *const *words, const struct test_part *part, struct err **err)
{
	if (!strcmp(name, cmd_verifier.name)) {
		struct verifier_args args = { .test.part = part };
		int r = options_parse(&cmd_verifier, words, &args, err);
		return r == 0 ? cmd_verifier.run(&args, err) : r;
	}
	bool explores = !strcmp(name, cmd_explore.name);
	struct test_args args = { .part = part };
	int r = options_parse(explores ? &cmd_explore : &cmd_test, words, &args, err);
	return r < 0 ? r : explores ? cmd_explore.run(&args, err) : test_run(&args, err);
}

static int run_tests(const struct task_attempt *t, struct err **err)
{
	const struct test_part part = { .names = t->names,
					.count = t->count,
					.labels = json_is_true(json_object_get(t->record.manifest, "labels")),
					.commit = slurm_record_text(&t->record, "commit") };
	int r = prepare(t, err);
	char **words = r == 0 ? task_attempt_words(t) : NULL;
	if (r == 0)
		r = words ? run_command(slurm_record_text(&t->record, "command"), words, &part, err) : -ENOMEM;
	strings_free(words);
	return r;
}

int slurm_task_main(char **argv, struct err **err)
{
	_cleanup_(task_attempt_done) struct task_attempt t = { 0 };
	bool child = false;
	if (!argv[0] || !argv[1])
		return FAIL(err, ERR_USAGE, -EINVAL, "slurm task: the directory of a run and a number are needed");
	int r = task_attempt_open(&t, argv[0], argv[1], err);
	if (r < 0)
		return r;
	if (t.count && !task_attempt_has_work(&t))
		say_printf("note: the task died %u times and is not run again\n", t.died);
	r = task_attempt_guard(&t, &child, err);
	return child && task_attempt_has_work(&t) ? run_tests(&t, err) : r;
}
