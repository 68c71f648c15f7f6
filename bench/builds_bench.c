/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * builds_bench.c -- runs `make` in several directories at once under one jobserver: BUDGET DIR... -- TARGET... The part
 * of `kernel build` that builds several kernels, without the rest.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "kernel/command.h"
#include "kernel/jobserver.h"

#define BUILDS_MAX 16

struct build {
	struct machine machine;
	struct jobserver *jobserver;
	struct command_run run;
	const char *dir;
	const char *const *targets;
	struct err *err;
	bool has_slot;
};

enum { BUILD_SLOT, BUILD_RUN, BUILD_COUNT };

static int slot(struct machine *m, int result)
{
	struct build *b = container_of(m, struct build, machine);
	if (result < 0)
		return result;
	int r = jobserver_take(b->jobserver);
	if (r == -EAGAIN) {
		machine_poll(m, b->jobserver->rd, POLLIN);
		return BUILD_SLOT;
	}
	b->has_slot = r == 0;
	return r < 0 ? r : BUILD_RUN;
}

static int run(struct machine *m, int result)
{
	struct build *b = container_of(m, struct build, machine);
	const struct child_fd fds[] = { { b->jobserver->rd, JOBSERVER_FD_READ },
					{ b->jobserver->wr, JOBSERVER_FD_WRITE } };
	const char *env[] = { b->jobserver->makeflags, NULL }, *argv[16] = { "make" };
	for (size_t i = 0; b->targets[i] && i < ARRAY_SIZE(argv) - 2; i++)
		argv[i + 1] = b->targets[i];
	struct command_spec c = {
		.what = "build", .argv = argv, .env = env, .cwd = b->dir, .fds = fds, .fd_count = ARRAY_SIZE(fds)
	};
	int r = command_drive(m, result, &b->run, &c, &b->err);
	return r < 0 ? r : r ? MACHINE_END : BUILD_RUN;
}

static void done(struct machine *m, int result)
{
	struct build *b = container_of(m, struct build, machine);
	(void)result;
	if (b->has_slot)
		jobserver_give(b->jobserver);
}

static const struct machine_state states[BUILD_COUNT] = {
	[BUILD_SLOT] = { "slot", slot, DEADLINE_NONE, 0, TO(BUILD_RUN) },
	[BUILD_RUN] = { "run", run, DEADLINE_NONE, 0, TO_END },
};
static const struct machine_type type = { "build", states, BUILD_COUNT, done };

static int run_all(struct build *build, size_t count, unsigned budget)
{
	struct jobserver js;
	struct reactor *r = NULL;
	struct err *err = NULL;
	int failed = 0;
	if (jobserver_init(&js, budget, &err) < 0 || reactor_new(&r, &err) < 0)
		return 1;
	for (size_t i = 0; i < count; i++) {
		build[i].jobserver = &js;
		command_init(&build[i].run);
		machine_start(r, &build[i].machine, &type, NULL, "build");
	}
	reactor_run(r);
	for (size_t i = 0; i < count; i++) {
		if (build[i].machine.result < 0) {
			fprintf(stderr, "%s: %s\n", build[i].dir, buf_str(&build[i].run.tail));
			failed = 1;
		}
		command_done(&build[i].run);
	}
	reactor_free(r);
	jobserver_done(&js);
	return failed;
}

int main(int argc, char **argv)
{
	static struct build build[BUILDS_MAX];
	size_t count = 0;
	int at = 2;
	for (; at < argc && strcmp(argv[at], "--") && count < BUILDS_MAX; at++)
		build[count++].dir = argv[at];
	if (argc < 4 || at >= argc || !count) {
		fprintf(stderr, "usage: builds_bench BUDGET DIR... -- TARGET...\n");
		return 64;
	}
	for (size_t i = 0; i < count; i++)
		build[i].targets = (const char *const *)&argv[at + 1];
	return run_all(build, count, (unsigned)strtoul(argv[1], NULL, 10));
}
