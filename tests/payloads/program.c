/* SPDX-License-Identifier: GPL-2.0-only */
/* program.c -- a payload that does what its first argument says. Statically linked, without libktstr. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void on_term(int sig)
{
	(void)sig;
	asked = 1;
}

static void spin_ms(long ms)
{
	struct timespec begin, now;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms && !asked);
}

static int cgroup(const char *wanted)
{
	char text[256] = "";
	int fd = open("/proc/self/cgroup", O_RDONLY);
	return read(fd, text, sizeof(text) - 1) > 0 && strstr(text, wanted) ? 0 : 1;
}

/* Output like a benchmark's: words, then JSON with values that are not numbers. */
static int metrics(void)
{
	printf("[program] warming up {not json}\n");
	printf("{\"jobs\":[{\"read\":{\"iops\":1234.5,\"name\":\"x\"},\"errors\":0}],\"ok\":true,\"ns\":2e3}\n");
	printf("done\n");
	return 0;
}

/* For people: numbers in lines of text. With "err", on the standard error, and words without numbers on the other. */
static int people(const char *where)
{
	FILE *to = !strcmp(where, "err") ? stderr : stdout;
	if (to == stderr)
		printf("starting\n");
	fprintf(to, "Results <|im_end|>\n  ops = 1234.5\n  latency_ms = 7\n");
	return 0;
}

static int until_told(void)
{
	signal(SIGTERM, on_term);
	spin_ms(100000);
	printf("{\"stopped\":%d}\n", (int)asked);
	return 3; /* not a failure: the payload was told to stop */
}

static int flood(void)
{
	static char page[65536];
	memset(page, 'x', sizeof(page));
	while (write(STDOUT_FILENO, page, sizeof(page)) > 0)
		;
	return 0;
}

/* Leaves its parent, its session and its output. */
static int fork_away(void)
{
	if (fork())
		return 0;
	setsid();
	if (fork())
		_exit(0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (;;)
		spin_ms(1000);
}

static int deaf(void)
{
	signal(SIGTERM, SIG_IGN);
	while (!asked)
		spin_ms(1000);
	return 0;
}

static int deep(void)
{
	for (int i = 0; i < 100000; i++)
		putchar('[');
	for (int i = 0; i < 100000; i++)
		putchar(']');
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "cgroup"))
		return cgroup(argv[2]);
	if (!strcmp(what, "metrics"))
		return metrics();
	if (!strcmp(what, "people"))
		return people(argc > 2 ? argv[2] : "");
	if (!strcmp(what, "until-told"))
		return until_told();
	if (!strcmp(what, "flood"))
		return flood();
	if (!strcmp(what, "fork-away"))
		return fork_away();
	if (!strcmp(what, "deaf"))
		return deaf();
	if (!strcmp(what, "deep"))
		return deep();
	if (!strcmp(what, "spin"))
		return spin_ms(argc > 2 ? 1000 : 1), 0;
	if (!strcmp(what, "forever"))
		for (;;)
			pause();
	if (!strcmp(what, "broken"))
		return printf("{\"a\":1,}\n"), 0;
	if (!strcmp(what, "stderr"))
		return fprintf(stderr, "{\"where\":2}\n"), 0;
	if (!strcmp(what, "tap"))
		return printf("ok 1 first #\nok 2 second # SKIP not here\nnot ok 3 third #\n"), 0;
	if (!strcmp(what, "crash"))
		raise(SIGSEGV);
	if (!strcmp(what, "fds")) { /* only descriptors 0 to 2 may be open */
		for (int fd = 3; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				return fd;
		return 0;
	}
	return argc > 2 ? (int)strlen(argv[2]) : 7;
}
