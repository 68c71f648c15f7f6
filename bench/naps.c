/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * naps.c -- 240 tests that take one to four seconds and no machine, for slurm.py. Tests without a machine are not
 * counted by --jobs, so those of one node wait for each other, at a file of NAPS_DIR that has the name of the node.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include <ktstr/ktstr.h>

static int take_node(void)
{
	const char *dir = getenv("NAPS_DIR"), *node = getenv("SLURMD_NODENAME");
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/tmp", node ? node : "here");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && flock(fd, LOCK_EX) == 0 ? 0 : -1;
}

/* The lock ends with the process. */
static int nap(struct ktstr_ctx *t, int number)
{
	struct timespec left = { .tv_sec = 1 + number % 4 };
	ktstr_expect(t, take_node() == 0, "a nap has a node of its own");
	while (nanosleep(&left, &left) < 0)
		;
	return KTSTR_PASS;
}

#define NAP(n)                                     \
	KTSTR_TEST(nap_##n, .host_only = KTSTR_ON) \
	{                                          \
		return nap(t, n);                  \
	}
#define TEN(n) NAP(n##0) NAP(n##1) NAP(n##2) NAP(n##3) NAP(n##4) NAP(n##5) NAP(n##6) NAP(n##7) NAP(n##8) NAP(n##9)

TEN(1)
TEN(2)
TEN(3)
TEN(4)
TEN(5)
TEN(6)
TEN(7)
TEN(8)
TEN(9)
TEN(10)
TEN(11)
TEN(12)
TEN(13)
TEN(14)
TEN(15)
TEN(16)
TEN(17)
TEN(18)
TEN(19)
TEN(20)
TEN(21)
TEN(22)
TEN(23)
TEN(24)
