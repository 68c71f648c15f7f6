/* SPDX-License-Identifier: GPL-2.0-only */
/* build.c -- see build.h. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "run/build.h"
#include "run/scheduler_path.h"

#define PROFILE_NAME "KTSTR_SCHEDULER_PROFILE"

/* The environment with @entry ("NAME=PROFILE") in it. The caller frees the list, not the strings. */
static char **with_profile(const char *entry)
{
	size_t count = 0, kept = 0;
	while (environ[count])
		count++;
	char **list = calloc(count + 2, sizeof(*list));
	for (size_t i = 0; list && i < count; i++)
		if (strncmp(environ[i], PROFILE_NAME "=", strlen(PROFILE_NAME "=")))
			list[kept++] = environ[i];
	if (list)
		list[kept] = (char *)entry;
	return list;
}

/* @ret_status: as of waitpid(2). The command's stdout goes to stderr, because our stdout may carry JSON. */
static int run_command(const char *command, const char *profile, int *ret_status)
{
	_cleanup_free_ char *entry = NULL;
	if (asprintf(&entry, PROFILE_NAME "=%s", profile) < 0)
		return -ENOMEM;
	_cleanup_free_ char **environment = with_profile(entry);
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	if (!environment)
		return -ENOMEM;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	int r = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	while (r == 0 && waitpid(pid, ret_status, 0) < 0)
		r = errno == EINTR ? 0 : errno;
	return -r;
}

static int describe(const struct sched_decl *s, const char *profile, char **ret)
{
	int status = 0, r = run_command(s->build, profile, &status), n = 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		n = asprintf(ret, "scheduler '%s' could not be built: run '%s': %s", s->name, s->build, strerror(-r));
	else if (WIFSIGNALED(status))
		n = asprintf(ret, "scheduler '%s' could not be built: '%s' was killed by SIG%s", s->name, s->build,
			     sigabbrev_np(WTERMSIG(status)) ?: "?");
	else if (status)
		n = asprintf(ret,
			     "scheduler '%s' could not be built: '%s' ended with status %d; see its output, or use the "
			     "program that is there with KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK",
			     s->name, s->build, WEXITSTATUS(status));
	return n < 0 ? -ENOMEM : 0;
}

/* Another scheduler with the same command that was built already, or NULL. */
static const struct sched_decl *built_before(const struct suite *suites, const struct suite *last,
					     const struct sched_decl *s)
{
	for (const struct suite *suite = suites; suite <= last; suite++)
		for (size_t i = 0; i < suite->schedulers; i++) {
			const struct sched_decl *other = &suite->scheduler[i];
			if (other != s && other->is_built && !strcmp(other->build, s->build))
				return other;
		}
	return NULL;
}

static bool uses(const struct test_decl *t, const struct sched_decl *s)
{
	bool found = t->scheduler == s;
	for (size_t i = 0; t->staged && t->staged[i]; i++)
		found |= t->staged[i] == s;
	return found && !t->problem;
}

static bool is_wanted(const struct suite *suite, const struct sched_decl *s)
{
	if (!s->build || !s->binary || scheduler_is_named(s->binary))
		return false;
	for (size_t i = 0; i < suite->tests; i++)
		if (uses(&suite->test[i], s))
			return true;
	return false;
}

/* Sets @problem for all tests that use the scheduler. */
static int blame(struct suite *suite, const struct sched_decl *s, const char *problem)
{
	for (size_t i = 0; i < suite->tests; i++) {
		struct test_decl *t = &suite->test[i];
		if (uses(t, s) && !(t->problem = strdup(problem)))
			return -ENOMEM;
	}
	return 0;
}

static int build_one(struct suite *suites, struct suite *suite, struct sched_decl *s, const char *profile)
{
	const struct sched_decl *before = built_before(suites, suite, s);
	int r = 0;
	if (!before)
		r = describe(s, profile, &s->build_problem);
	else if (before->build_problem && !(s->build_problem = strdup(before->build_problem)))
		r = -ENOMEM;
	s->is_built = true;
	if (r < 0 || !s->build_problem || environment_is_on(ENV_SCHEDULER_ALLOW_STALE_FALLBACK))
		return r;
	return blame(suite, s, s->build_problem);
}

int schedulers_build(struct suite *suites, size_t count, const char *profile)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < suites[i].schedulers; k++) {
			struct sched_decl *s = &suites[i].scheduler[k];
			int r = is_wanted(&suites[i], s) ? build_one(suites, &suites[i], s, profile) : 0;
			if (r < 0)
				return r;
		}
	return 0;
}
