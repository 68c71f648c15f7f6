/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counted_payload.c -- a payload whose functions are called a known number of times, with one of four ends:
 * counted_payload exit|kill|abort|panic. It has nothing of libktstr. After a fork and an exec, it gets "leaf".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counted.h"

COUNTED(before_main)
COUNTED(payload_begins)
COUNTED(payload_child)
COUNTED(payload_leaf)
COUNTED(payload_exits)
COUNTED(payload_is_killed)
COUNTED(payload_aborts)
COUNTED(payload_panics)
COUNTED(payload_never)

/* Shares pages with counters, and must stay each process's own. */
static volatile int own = 1;

static void __attribute__((constructor)) construct(void)
{
	repeat(before_main, 2);
}

static void fork_children(const char *self)
{
	for (int i = 0; i < 5; i++)
		if (!fork()) {
			own = 2 + i;
			repeat(payload_child, 10);
			usleep(1000);
			kill(getpid(), own == 2 + i ? SIGKILL : SIGABRT);
		}
	if (!fork()) {
		execl(self, self, "leaf", NULL);
		_exit(1);
	}
	while (wait(NULL) > 0)
		;
	if (own != 1)
		payload_never();
}

static void wait_for_end(void)
{
	signal(SIGTERM, SIG_IGN);
	repeat(payload_is_killed, 32);
	for (;;)
		pause();
}

static void panic(void)
{
	FILE *f = fopen("/proc/sysrq-trigger", "we");
	repeat(payload_panics, 34);
	if (!f)
		return;
	fputs("c", f);
	fclose(f);
	payload_never();
}

int main(int argc, char **argv)
{
	const char *end = argc > 1 ? argv[1] : "";
	if (!strcmp(end, "leaf")) {
		repeat(payload_leaf, 9);
		return 0;
	}
	repeat(payload_begins, 3);
	fork_children(argv[0]);
	if (!strcmp(end, "exit"))
		repeat(payload_exits, 31);
	else if (!strcmp(end, "kill"))
		wait_for_end();
	else if (!strcmp(end, "panic"))
		panic();
	if (strcmp(end, "abort") != 0)
		return 0;
	repeat(payload_aborts, 33);
	abort();
}
