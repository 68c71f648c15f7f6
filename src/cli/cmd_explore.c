/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_explore.c -- ktstr explore: runs a test with many schedules, and groups what failed. */
#include "cli/commands.h"
#include "cli/shared_options.h"
#include "cli/test_session.h"

static int run_explore(void *args, struct err **err)
{
	struct test_args *a = args;
	a->accel = "tcg";
	a->tcg_time = TCG_PARALLEL;
	a->time_dilation = 1;
	a->command = &cmd_explore;
	a->command_args = a;
	if (!a->schedules)
		a->schedules = a->explore_for ? SCHEDULES_MAX : SCHEDULES_USUAL;
	return test_run(a, err);
}

const struct command cmd_explore = {
	.name = "explore",
	.group = GROUP_TESTS,
	.summary = "Run a test with many schedules, to find races in its scheduler",
	.operands = "[PATH...]",
	.text = "Runs each test with the same seed and many perturbations of its schedule (tcg, parallel time): where "
		"tasks wake up, move and are put into queues, a CPU is held back by chance, so that others go on "
		"first. Hardware could have each of these schedules. A schedule is a function of its seed: the "
		"replay line of a failure gives the same run again.\n\n--perturb chooses the policy. random: a CPU is "
		"held back at one of N events (one-in=N), for at most a time (hold=TIME). pct:D: at D times, drawn "
		"from the run. window:TIME: at its first turn in each window of guest time, or when another CPU or a "
		"timer interrupts it. at=SET+SET chooses the events: tasks, queues, kfuncs, atomics, locks, ops, "
		"rq-locks, code, windows, ipis, timers.\n\nWhat a test has shown is kept in the cache, for this build "
		"of test "
		"and scheduler: the next run goes on with other seeds. Schedules in which CPUs reached the same "
		"object in an order that is new are varied: another one has the same beginning, and another end. "
		"--perturb seed=N makes exactly the schedules from that seed on, and keeps nothing.\n\nAt the end, "
		"failures are grouped by "
		"what they have in common, each group with its rate, the 95 % interval of that rate, and its first "
		"replay line. Without a failure, the rate is below 3 in the number of schedules, at 95 % "
		"confidence.",
	.option = explore_options,
	.conflict = explore_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr explore -E 'test(=ktstr/two_cgroups)' build", "a hundred schedules of one test" },
			{ "ktstr explore --seeds 1000 --start clone build", "a thousand of each test, from clones" },
			{ "ktstr explore --perturb seed=1001,hold=2ms build", "other seeds, longer holds" },
			{ "ktstr explore --for 8h --perturb pct:3 --known known.txt build",
			  "all night, few long holds, without failures that are known" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_KERNEL, ENV_RUNS_ROOT, ENV_SIDECAR_DIR, ENV_SCHEDULER,
						      ENV_SCHEDULER_BIN, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct test_args, paths),
	.run = run_explore,
};
