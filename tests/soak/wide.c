/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wide.c -- guests with many CPUs reach a verdict. A worker is placed on each CPU: an engine that needs long to place
 * them does not come to the end. Judged by soak.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define WIDE(n, llcs_)                                                                                            \
	KTSTR_TEST(wide_##n, .llcs = llcs_, .cores = 8, .threads = 2, .duration_s = 1)                            \
	{                                                                                                         \
		return ktstr_run_cgroups(                                                                         \
			t, KTSTR_CGROUPS({ .name = "all", .workers = n, .affinity = KTSTR_AFFINITY(SMT_PAIR) })); \
	}

WIDE(64, 4)
WIDE(128, 8)
WIDE(240, 15)

/*
 * 3,600 processes on 240 CPUs, which with the kernel's own make 5,000 tasks, most of them ready to run; then the kernel
 * crashes. For bench/wide_dump.py.
 */
KTSTR_TEST(wide_crash, .llcs = 15, .cores = 8, .threads = 2, .memory_mib = 4096)
{
	for (unsigned i = 0; i < 3600; i++) {
		pid_t child = fork();
		ktstr_expect(t, child >= 0, "process %u: %s", i, strerror(errno));
		while (child == 0)
			;
	}
	int fd = open("/proc/sysrq-trigger", O_WRONLY);
	ktstr_expect(t, write(fd, "c", 1) == 1, "crash: %s", strerror(errno));
	return KTSTR_PASS;
}
