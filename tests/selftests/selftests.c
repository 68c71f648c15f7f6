/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selftests.c -- the kernel's own tools/testing/selftests/sched_ext: each test in its own guest, with its own verdict.
 * 'ktstr kernel build --selftests' builds their runner with a kernel. -t also selects tests whose names contain its
 * argument: only the line of exactly this test counts. The tests of Linux 6.12 to 7.3 are here. A test that this
 * kernel's runner does not have is a SKIP.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define RUNNER	"/include-files/runner"
#define NO_TEST "/" /* no test has it in its name: the runner then prints only names */
#define SELFTEST_ON(id, ...)                                                                                     \
	KTSTR_PAYLOAD(scx_##id, .binary = "runner", .kit = "selftests/sched_ext", .args = KTSTR_ARGS("-t", #id), \
		      .output = KTSTR_OUTPUT_TAP, .tap_test = #id, .timeout_ms = 60000);                         \
	KTSTR_TEST(scx_##id, .payload = &scx_##id, .duration_s = 10, __VA_ARGS__)                                \
	{                                                                                                        \
		return run_test(t, &scx_##id);                                                                   \
	}
#define SELFTEST(id) SELFTEST_ON(id, .llcs = 1, .cores = 2)

/* Returns the output of the runner when it runs no test, or NULL if it does not start. */
static FILE *open_list(pid_t *ret_pid)
{
	const char *const argv[] = { "runner", "-q", "-s", "-t", NO_TEST, NULL };
	posix_spawn_file_actions_t actions;
	int pipefd[2];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDERR_FILENO);
	int r = posix_spawn(ret_pid, RUNNER, &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipefd[1]);
	if (r == 0)
		return fdopen(pipefd[0], "r");
	close(pipefd[0]);
	return NULL;
}

/* "TEST: name" in Linux 6.12, "  name" since then */
static bool is_line_of(char *line, const char *name)
{
	line[strcspn(line, "\n")] = '\0';
	const char *found = !strncmp(line, "TEST: ", 6) ? line + 6 : line;
	return !strcmp(found + strspn(found, " "), name);
}

/* Whether the runner has no test of this name. False also where it cannot be asked: then the test runs, and tells. */
static bool is_unknown(const char *name)
{
	char line[256];
	bool found = false, any = false;
	pid_t pid;
	FILE *list = open_list(&pid);
	while (list && fgets(line, sizeof(line), list)) {
		any = true;
		found |= is_line_of(line, name);
	}
	if (!list)
		return false;
	fclose(list);
	waitpid(pid, NULL, 0);
	return any && !found;
}

static bool any_cpu_is_nohz_full(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/nohz_full", "re");
	int first = f ? fgetc(f) : EOF;
	if (f)
		fclose(f);
	return first >= '0' && first <= '9';
}

static enum ktstr_verdict run_test(struct ktstr_ctx *t, const struct ktstr_payload *p)
{
	if (is_unknown(p->tap_test))
		return ktstr_skip(t, "this kernel's selftests have no test '%s'", p->tap_test);
	if (!strcmp(p->tap_test, "nohz_tick") && !any_cpu_is_nohz_full())
		return ktstr_skip(t, "no CPU has nohz_full (CONFIG_NO_HZ_FULL and nohz_full= of the kernel)");
	return KTSTR_RUN_PAYLOAD(t, p);
}

SELFTEST(allowed_cpus)
SELFTEST(create_dsq)
SELFTEST_ON(cyclic_kick_wait, .llcs = 1, .cores = 3)
SELFTEST(ddsp_bogus_dsq_fail)
SELFTEST(ddsp_vtimelocal_fail)
SELFTEST(dequeue)
SELFTEST(dequeue_iter)
SELFTEST(dequeue_remote)
SELFTEST(dsp_local_on)
SELFTEST(enable_cmask)
SELFTEST(enq_last_no_enq_fails)
SELFTEST(enq_select_cpu)
SELFTEST(enq_select_cpu_fails)
SELFTEST(example)
SELFTEST(exit)
SELFTEST(hotplug)
/* Forks 1,024 children that wait. On Linux 7.3 a fork() fails with 256 MiB. */
SELFTEST_ON(init_enable_count, .llcs = 1, .cores = 2, .memory_mib = 512)
SELFTEST(maximal)
SELFTEST(maybe_null)
SELFTEST(minimal)
SELFTEST(nohz_tick)
SELFTEST(non_scx_kfunc_deny)
SELFTEST(numa)
SELFTEST(peek_dsq)
SELFTEST(prog_run)
SELFTEST(reload_loop)
SELFTEST(rt_stall)
SELFTEST(select_cpu_dfl)
SELFTEST(select_cpu_dfl_nodispatch)
SELFTEST(select_cpu_dispatch)
SELFTEST(select_cpu_dispatch_bad_dsq)
SELFTEST(select_cpu_dispatch_dbl_dsp)
SELFTEST(select_cpu_vtime)
SELFTEST(total_bw)
