/* SPDX-License-Identifier: GPL-2.0-only */
/* on_host.c -- runs the body of a host_only test in a child process on the host. Blocks: for the offload pool. */
#include <stdio.h>
#include <sys/utsname.h>

#include "run/fleet.h"
#include "run/host_process.h"

static void note_host(struct evidence *e)
{
	struct utsname host;
	e->has_hello = true;
	if (uname(&host) == 0)
		snprintf(e->hello.release, sizeof(e->hello.release), "%.*s", (int)sizeof(e->hello.release) - 1,
			 host.release);
}

int attempt_on_host(void *arg)
{
	struct attempt *a = arg;
	const struct test_decl *t = a->item->test;
	char seed[24], duration[24];
	nsec_t began = nsec_now();
	const struct host_process process = {
		.argv = { t->binary, "--run", t->name, "--seed", seed, "--duration-ns", duration },
		.limit = 3 * t->duration + 10 * NSEC_PER_SEC,
		.job = &a->job,
		.evidence = &a->evidence,
	};
	snprintf(seed, sizeof(seed), "%lu", a->seed);
	snprintf(duration, sizeof(duration), "%ld", t->duration);
	if (!attempt_begin_on_host(a))
		return -ECANCELED;
	int r = host_process_run(&process);
	if (r == 0)
		note_host(&a->evidence);
	a->wall = nsec_now() - began;
	a->evidence.last_ns = (uint64_t)a->wall;
	return r < 0 ? FAIL_SYS(&a->err, r, "run '%s' on the host", a->item->name) : 0;
}
