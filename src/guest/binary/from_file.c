/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * from_file.c -- the program that runs scenario files (declare/read.h). On the host it lists the test of a file as a
 * test binary lists its own; in the guest it runs it.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"
#include "declare/read.h"
#include "guest/binary/body.h"
#include "guest/binary/list.h"
#include "guest/binary/registry.h"
#include "guest/channel.h"
#include "guest/ctx.h"

#define GUEST_FILE "/ktstr.scenario"

enum { STATUS_USAGE = 64, STATUS_DATA };

struct options {
	const char *list; /* the file */
	uint64_t seed, duration_ns, scheduler_pid;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "list", required_argument, NULL, 'l' },	   { "run", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },	   { "duration-ns", required_argument, NULL, 'd' },
		{ "scheduler-pid", required_argument, NULL, 'p' }, { 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		int r = 0;
		if (c == 'l')
			o->list = optarg;
		else if (c == 's')
			r = parse_u64(optarg, &o->seed);
		else if (c == 'd')
			r = parse_u64(optarg, &o->duration_ns);
		else if (c == 'p')
			r = parse_u64(optarg, &o->scheduler_pid);
		else if (c != 'r') /* a file has one test */
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return 0;
}

/* The test is the first member of its declaration. */
static enum ktstr_verdict run_scenario(struct ktstr_ctx *t)
{
	const struct declaration *d = container_of(t->test, struct declaration, test);
	return ktstr_run_scenario(t, &d->scenario);
}

static int read_declaration(const char *path, struct declaration **ret)
{
	_cleanup_buf_ struct buf text = BUF_NULL, why = BUF_NULL;
	_cleanup_err_ struct err *err = NULL;
	int r = file_read(path, SCENARIO_FILE_BYTES_MAX, &text, &err);
	if (r == 0)
		r = declaration_parse(buf_str(&text), text.len, path, ret, &err);
	if (r < 0) {
		err_format(err, &why);
		fprintf(stderr, "%s: %s\n", path, buf_str(&why));
		return r;
	}
	(*ret)->test.body = run_scenario;
	return 0;
}

static int list(const struct declaration *d)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	const struct ktstr_test *tests[] = { &d->test };
	const struct ktstr_scheduler **schedulers = calloc(d->schedulers + 1, sizeof(*schedulers));
	for (size_t i = 0; schedulers && i < d->schedulers; i++)
		schedulers[i] = &d->scheduler[i];
	const struct registry registry = {
		.tests = tests, .test_count = 1, .schedulers = schedulers, .scheduler_count = d->schedulers
	};
	if (schedulers)
		registry_list(&registry, &out);
	int r = !schedulers || out.failed ? -ENOMEM : fd_write_full(STDOUT_FILENO, out.data, out.len);
	free(schedulers);
	return r;
}

static int run(const struct declaration *d, const struct options *o)
{
	struct body_run how = { .channel = CHANNEL_FD,
				.seed = o->seed,
				.duration = (nsec_t)o->duration_ns,
				.scheduler_pid = (int)o->scheduler_pid };
	setvbuf(stdout, NULL, _IOLBF, 0);
	return body_run(&d->test, &how) < 0 ? WIRE_TEST_UNHEARD : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .duration_ns = 2ull * NSEC_PER_SEC };
	struct declaration *d = NULL;
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr, "this program runs scenario files for 'ktstr test FILE.json'\n");
		return STATUS_USAGE;
	}
	if (read_declaration(o.list ? o.list : GUEST_FILE, &d) < 0)
		return STATUS_DATA;
	int status = o.list ? list(d) < 0 : run(d, &o);
	declaration_free(d);
	return status;
}
