/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkout.c -- see checkout.h. `git` is asked, not libgit2: for one look at one's own checkout, loading the library
 * costs four times what the whole program does (bench/boot.py shows the orchestrator's share).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kernel/command.h"
#include "run/checkout.h"

#define HASH_DIGITS    7
#define STATUS_PATIENCE (30 * NSEC_PER_SEC)

struct look {
	struct machine machine;
	struct command_run run;
	struct err *err;
	char *commit;
};

static bool is_hash(const char *text)
{
	for (int i = 0; i < HASH_DIGITS; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

void checkout_take_line(char commit[COMMIT_TEXT_MAX], const char *line)
{
	static const char head[] = "# branch.oid ";
	if (!strncmp(line, head, sizeof(head) - 1) && is_hash(line + sizeof(head) - 1))
		snprintf(commit, COMMIT_TEXT_MAX, "%.*s", HASH_DIGITS, line + sizeof(head) - 1);
	else if (*line && *line != '#' && *line != '?' && *line != '!' && strlen(commit) == HASH_DIGITS &&
		 is_hash(commit))
		snprintf(commit + HASH_DIGITS, COMMIT_TEXT_MAX - HASH_DIGITS, "-dirty");
}

static void take_line(void *data, const char *line)
{
	checkout_take_line(data, line);
}

enum { LOOK_ASK, LOOK_REAP, LOOK_COUNT };

static int ask(struct machine *m, int result)
{
	/* No lock on the index, no program that the checkout's configuration names, nobody to ask for a password. */
	static const char *const argv[] = { "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status",
					    "--porcelain=v2", "--branch", "--untracked-files=no",
					    "--ignore-submodules=all", NULL };
	static const char *const env[] = { "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", NULL };
	struct look *look = container_of(m, struct look, machine);
	struct command_spec c = { .what = "git status", .argv = argv, .env = env };
	int r = command_drive(m, result, &look->run, &c, &look->err);
	return r == 0 ? LOOK_ASK : r < 0 ? r : MACHINE_END;
}

static int reap(struct machine *m, int result)
{
	struct look *look = container_of(m, struct look, machine);
	(void)result;
	return command_reap(m, &look->run) ? MACHINE_END : LOOK_REAP;
}

static void look_done(struct machine *m, int result)
{
	struct look *look = container_of(m, struct look, machine);
	if (result < 0)
		snprintf(look->commit, COMMIT_TEXT_MAX, COMMIT_UNKNOWN);
}

static const struct machine_state look_states[LOOK_COUNT] = {
	[LOOK_ASK] = { "ask git", ask, STATUS_PATIENCE, LOOK_REAP, TO(LOOK_ASK) | TO_END },
	[LOOK_REAP] = { "end git", reap, DEADLINE_NONE, 0, TO(LOOK_REAP) | TO_END },
};

static const struct machine_type look_type = { "checkout", look_states, LOOK_COUNT, look_done };

int checkout_commit(struct reactor *r, char ret[COMMIT_TEXT_MAX])
{
	struct look look = { .commit = ret };
	snprintf(ret, COMMIT_TEXT_MAX, COMMIT_UNKNOWN);
	command_init(&look.run);
	look.run.on_line = take_line;
	look.run.data = ret;
	machine_start(r, &look.machine, &look_type, NULL, "checkout");
	int result = reactor_run(r);
	command_done(&look.run);
	err_free(look.err);
	return result;
}
