/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkout.c -- see checkout.h. Runs `git` instead of using libgit2: loading the library costs four times as much as
 * the whole program (bench/boot.py shows the orchestrator's share).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel/command.h"
#include "run/checkout.h"

#define HASH_DIGITS    7
#define GIT_DEADLINE   (30 * NSEC_PER_SEC)
#define SETTINGS_MAX   192  /* three for each line of a filter driver's configuration */
#define NAME_BYTES_MAX 2048 /* longer lines are cut, so the name would be wrong */

enum { LOOK_LIST_DRIVERS, LOOK_ASK, LOOK_REAP, LOOK_COUNT };

struct look {
	struct machine machine;
	struct command_run run;
	struct err *err;
	struct buf env;	   /* "NAME=value" strings, each ended by a NUL */
	unsigned settings; /* number of settings in `env`: GIT_CONFIG_COUNT */
	bool too_many;	   /* some filter drivers could not be disabled */
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

/*
 * The configuration of a checkout may name programs that git runs. These options and safe_env[] switch off the index
 * lock, hooks, the file system monitor, fetches for partial clones, and password prompts. Filter drivers can only be
 * disabled by name: the first git command lists them, and set_config() disables each.
 */
#define GIT_WITHOUT_PROGRAMS                                                                                \
	"git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", \
		"protocol.allow=never"

static const char *const safe_env[] = { "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
					"LC_ALL=C", NULL };

static void set_config(struct look *look, const char *key, int key_len, const char *what, const char *value)
{
	buf_appendf(&look->env, "GIT_CONFIG_KEY_%u=%.*s%s", look->settings, key_len, key, what);
	buf_append(&look->env, "", 1);
	buf_appendf(&look->env, "GIT_CONFIG_VALUE_%u=%s", look->settings, value);
	buf_append(&look->env, "", 1);
	look->settings++;
}

/* Disables the driver NAME of a line "filter.NAME.KEY". NAME may contain dots, but no newline. */
static void take_driver(void *data, const char *line)
{
	struct look *look = data;
	const char *dot = strrchr(line, '.');
	if (strncmp(line, "filter.", 7) || !dot || dot == line + 6)
		return;
	int len = (int)(dot - line);
	if (len > NAME_BYTES_MAX || look->settings + 3 > SETTINGS_MAX) {
		look->too_many = true;
		return;
	}
	set_config(look, line, len, ".clean", "");
	set_config(look, line, len, ".process", "");
	set_config(look, line, len, ".required", "false");
}

static void take_line(void *data, const char *line)
{
	checkout_take_line(((struct look *)data)->commit, line);
}

/* LOOK_LIST_DRIVERS: git exits with status 1 if no driver is configured. */
static int list_drivers(struct machine *m, int result)
{
	static const char *const argv[] = { GIT_WITHOUT_PROGRAMS, "config",	"--name-only",
					    "--get-regexp",	  "^filter\\.", NULL };
	struct look *look = container_of(m, struct look, machine);
	struct command_spec c = { .what = "git config", .argv = argv, .env = safe_env };
	look->run.on_line = take_driver;
	int r = command_drive(m, result, &look->run, &c, &look->err);
	if (r == 0)
		return LOOK_LIST_DRIVERS;
	bool none = r == -EIO && WIFEXITED(look->run.child.status) && WEXITSTATUS(look->run.child.status) == 1;
	if (r < 0 && !none)
		return r;
	return look->too_many || look->env.failed ? -E2BIG : LOOK_ASK;
}

static int ask(struct machine *m, int result)
{
	static const char *const argv[] = { GIT_WITHOUT_PROGRAMS,      "status",
					    "--porcelain=v2",	       "--branch",
					    "--no-ahead-behind",       "--untracked-files=no",
					    "--ignore-submodules=all", NULL };
	struct look *look = container_of(m, struct look, machine);
	const char *env[ARRAY_SIZE(safe_env) + 2 * SETTINGS_MAX + 1];
	char count[32];
	size_t n = 0;
	for (; safe_env[n]; n++)
		env[n] = safe_env[n];
	for (size_t at = 0; at < look->env.len; at += strlen(look->env.data + at) + 1)
		env[n++] = look->env.data + at;
	snprintf(count, sizeof(count), "GIT_CONFIG_COUNT=%u", look->settings);
	env[n++] = count;
	env[n] = NULL;
	struct command_spec c = { .what = "git status", .argv = argv, .env = env };
	look->run.on_line = take_line;
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
	[LOOK_LIST_DRIVERS] = { "list drivers", list_drivers, GIT_DEADLINE, LOOK_REAP,
				TO(LOOK_LIST_DRIVERS) | TO(LOOK_ASK) | TO_END },
	[LOOK_ASK] = { "ask", ask, GIT_DEADLINE, LOOK_REAP, TO(LOOK_ASK) | TO_END },
	[LOOK_REAP] = { "reap", reap, DEADLINE_NONE, 0, TO(LOOK_REAP) | TO_END },
};

static const struct machine_type look_type = { "checkout", look_states, LOOK_COUNT, look_done };

int checkout_commit(struct reactor *r, char ret[COMMIT_TEXT_MAX])
{
	struct look look = { .commit = ret };
	snprintf(ret, COMMIT_TEXT_MAX, COMMIT_UNKNOWN);
	command_init(&look.run);
	look.run.data = &look;
	machine_start(r, &look.machine, &look_type, NULL, "checkout");
	int result = reactor_run(r);
	command_done(&look.run);
	buf_done(&look.env);
	err_free(look.err);
	return result;
}
