/* SPDX-License-Identifier: GPL-2.0-only */
/* task_guard.c -- the two processes of an attempt; see task_attempt.h. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/json.h"
#include "reactor/child.h"
#include "slurm/task_attempt.h"

static const int guarded_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

static int write_ending(const struct task_attempt *t)
{
	_cleanup_free_ char *path = path_join(t->dir, ENDING_FILE);
	return path ? file_write_atomic(path, "", 0, 0644, NULL) : -ENOMEM;
}

/* The last file of an attempt. Tests that an attempt gave back run elsewhere, and are not lost. */
static int write_done(const struct task_attempt *t, int status, struct err **err)
{
	_cleanup_free_ char *path = path_join(t->dir, DONE_FILE), *ending = path_join(t->dir, ENDING_FILE);
	json_auto_t *o = json_object();
	char how[64];
	json_put_bool(&o, "given_back", ending && path_exists(ending));
	/* The same kill may have caused the last result. */
	json_put_bool(&o, "killed", WIFSIGNALED(status));
	json_put_text(&o, "end", child_describe(status, how, sizeof(how)));
	return path && o ? json_write_file(path, o, err) : -ENOMEM;
}

/*
 * Waits for the process that runs the tests. Slurm's signals reach both processes; the first one of them is noted at
 * once, because tests that fail from then on were ended by it.
 */
static int guard(const struct task_attempt *t, pid_t child, const sigset_t *set, struct err **err)
{
	bool told = false;
	int status;
	for (;;) {
		int sig = sigwaitinfo(set, NULL);
		if (sig > 0 && sig != SIGCHLD && !told) {
			told = true;
			write_ending(t);
			kill(child, SIGTERM);
		}
		if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	int r = write_done(t, status, err);
	return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

int task_attempt_guard(const struct task_attempt *t, bool *ret_child, struct err **err)
{
	sigset_t set, before;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(guarded_signals); i++)
		sigaddset(&set, guarded_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid_t child = fork();
	if (child < 0)
		return FAIL_SYS(err, -errno, "start a process for the tests");
	*ret_child = !child;
	if (child)
		return guard(t, child, &set, err);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}
