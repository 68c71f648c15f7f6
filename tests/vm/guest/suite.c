/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * suite.c -- tests of the guest's file system. tests/vm/guest.py compiles it into directories that guests mount over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ktstr/ktstr.h>

int in_tmp(void);
int in_shm(void);
int in_run(void);
int in_colon(void);
int by_path(void);

KTSTR_SCHEDULER(simple, .binary = "scx_simple");

/* Libraries in /tmp, in /dev/shm, in /run, in a directory with a colon, and one that is linked by its path. */
KTSTR_TEST(libraries, .duration_s = 1)
{
	ktstr_expect(t, in_tmp() == 1 && in_shm() == 2 && in_run() == 5 && in_colon() == 3 && by_path() == 4,
		     "other libraries");
	ktstr_expect(t, !getenv("LD_LIBRARY_PATH"), "LD_LIBRARY_PATH is set");
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 1 }));
}

KTSTR_PAYLOAD(linux_script, .binary = "./small-linux.sh");
KTSTR_PAYLOAD(cancels, .binary = "./cancel", .output = KTSTR_OUTPUT_JSON,
	      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("cancelled", 1, 1), KTSTR_WITHIN("frames", 1, 64)));
KTSTR_PAYLOAD(names, .binary = "./names", .output = KTSTR_OUTPUT_JSON,
	      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("names", 1, 1), KTSTR_WITHIN("host", 1, 1)));
KTSTR_PAYLOAD(to_dev_stdout, .binary = "/bin/sh", .args = KTSTR_ARGS("-c", "echo '{\"n\": 7}' >/dev/stdout"),
	      .output = KTSTR_OUTPUT_JSON, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("n", 7, 7)));
KTSTR_PAYLOAD(bench, .binary = "./print.sh", .args = KTSTR_ARGS("/include-files/hackbench.txt"),
	      .include_files = KTSTR_ARGS("./hackbench.txt"), .output = KTSTR_OUTPUT_TEXT,
	      .metrics = KTSTR_METRICS({ "time", KTSTR_LOWER_BETTER, .unit = "s", .pattern = "^Time: ([0-9.]+)$" }),
	      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("time", 0.09, 0.1), KTSTR_AT_MOST(KTSTR_WALL_TIME, 1e9)));
KTSTR_PAYLOAD(slow, .binary = "/bin/sh", .args = KTSTR_ARGS("-c", "sleep 0.05"),
	      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST(KTSTR_WALL_TIME, 40e6)));

KTSTR_PAYLOAD(sees_pid, .binary = "/bin/sh",
	      .args = KTSTR_ARGS("-c", "test -n \"$SCHED_PID\" -a -d /proc/$SCHED_PID || exit 1"));

KTSTR_TEST(small_linux, .scheduler = &simple, .duration_s = 1,
	   .workloads = KTSTR_PAYLOADS(&linux_script, &cancels, &names, &to_dev_stdout, &bench, &slow, &sees_pid))
{
	const char *pid = getenv("SCHED_PID");
	ktstr_expect(t, pid && atoi(pid) == ktstr_ctx_scheduler_pid(t) && atoi(pid) > 0, "SCHED_PID is %s",
		     pid ? pid : "not set");
	KTSTR_RUN_PAYLOAD(t, &linux_script);
	KTSTR_RUN_PAYLOAD(t, &cancels);
	KTSTR_RUN_PAYLOAD(t, &names);
	KTSTR_RUN_PAYLOAD(t, &to_dev_stdout);
	KTSTR_RUN_PAYLOAD(t, &bench);
	KTSTR_RUN_PAYLOAD(t, &slow);
	/* Another process is then the scheduler, and payloads are told its pid. */
	ktstr_run_steps(t, KTSTR_STEPS({ .name = "restart",
					 .hold = KTSTR_HOLD_MS(50),
					 .ops = KTSTR_OPS(KTSTR_OP(RESTART_SCHEDULER)) }));
	KTSTR_RUN_PAYLOAD(t, &sees_pid);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 1 }));
}

/* More memory than the guest would have if it had not grown. */
KTSTR_TEST(large_file, .include_files = KTSTR_ARGS("./large"), .duration_s = 1)
{
	struct stat st;
	ktstr_expect(t, stat("/include-files/large", &st) == 0 && st.st_size == 200 << 20,
		     "the file is not there, or cut");
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 1 }));
}

/* Reported before a machine starts. */
KTSTR_TEST(too_large_file, .include_files = KTSTR_ARGS("./too-large"), .duration_s = 1)
{
	return KTSTR_PASS;
}

KTSTR_PAYLOAD(with_crlf, .binary = "./crlf.sh");
KTSTR_TEST(crlf_script, .payload = &with_crlf, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &with_crlf);
}
