/* SPDX-License-Identifier: GPL-2.0-only */
/* main.c -- the main function of every test binary: lists the tests on the host, runs one test in the guest. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "guest/binary/body.h"
#include "guest/binary/list.h"
#include "guest/binary/registry.h"
#include "guest/channel.h"
#include "guest/counted.h"
#include "guest/coverage/slots.h"
#include "guest/payload/reply.h"
#include "guest/post/post.h"

/* `ktstr` recognises a test binary and its interface version by this ELF note. */
struct api_note {
	uint32_t name_len, desc_len, type;
	char name[8];
	uint32_t api;
};
static const struct api_note api_note __attribute__((used, retain, section(".note.ktstr"), aligned(4))) = {
	.name_len = 6,
	.desc_len = 4,
	.type = 1,
	.name = "ktstr",
	.api = KTSTR_API_VERSION,
};

/* --- commands ----------------------------------------------------------------------------------------------------- */

struct options {
	const char *run, *post_vm, *snapshots, *reply, *payload, *coverage_load;
	bool list, killed;
	uint64_t seed, duration_ns, scheduler_pid, index, stream, coverage;
};

/* Where an option with a text goes; NULL: it has none. */
static const char **text_of_option(struct options *o, int c)
{
	switch (c) {
	case 'r':
		return &o->run;
	case 'v':
		return &o->post_vm;
	case 'n':
		return &o->snapshots;
	case 'y':
		return &o->reply;
	case 'a':
		return &o->payload;
	case 'o':
		return &o->coverage_load;
	default:
		return NULL;
	}
}

/* The same of an option with a number. */
static uint64_t *number_of_option(struct options *o, int c)
{
	switch (c) {
	case 's':
		return &o->seed;
	case 'd':
		return &o->duration_ns;
	case 'p':
		return &o->scheduler_pid;
	case 'i':
		return &o->index;
	case 't':
		return &o->stream;
	case 'c':
		return &o->coverage;
	default:
		return NULL;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "run", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "duration-ns", required_argument, NULL, 'd' },
		{ "scheduler-pid", required_argument, NULL, 'p' },
		{ "post-vm", required_argument, NULL, 'v' },
		{ "snapshots", required_argument, NULL, 'n' },
		{ "reply", required_argument, NULL, 'y' },
		{ "payload", required_argument, NULL, 'a' },
		{ "index", required_argument, NULL, 'i' },
		{ "stream", required_argument, NULL, 't' },
		{ "killed", no_argument, NULL, 'k' },
		{ "coverage", required_argument, NULL, 'c' },
		{ "coverage-load", required_argument, NULL, 'o' },
		{ 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		const char **text = text_of_option(o, c);
		uint64_t *number = number_of_option(o, c);
		int r = 0;
		if (text)
			*text = optarg;
		else if (number)
			r = parse_u64(optarg, number);
		else if (c == 'l')
			o->list = true;
		else if (c == 'k')
			o->killed = true;
		else
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return o->list || o->run || o->coverage_load || (o->post_vm && o->snapshots) || (o->reply && o->payload)
		       ? 0
		       : -EINVAL;
}

static int print_list(const struct registry *registry)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	registry_list(registry, &out);
	return out.failed ? -ENOMEM : fd_write_full(STDOUT_FILENO, out.data, out.len);
}

static int no_test(const char *name)
{
	fprintf(stderr, "no test '%s' in this binary\n", name);
	return 64;
}

/* On the host, after the machine has ended. */
static int run_post_vm(const struct registry *registry, const struct options *o)
{
	const struct ktstr_test *test = registry_find(registry, o->post_vm);
	if (!test || !test->post_vm)
		return no_test(o->post_vm);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return post_run(test, o->snapshots, CHANNEL_FD) < 0 ? WIRE_TEST_UNHEARD : 0;
}

/* The same, about a payload of the test. */
static int judge_reply(const struct registry *registry, const struct options *o)
{
	const struct payload_reply reply = { .test = registry_find(registry, o->reply),
					     .payload = o->payload,
					     .index = (uint32_t)o->index,
					     .stream = (uint32_t)o->stream,
					     .killed = o->killed };
	if (!reply.test)
		return no_test(o->reply);
	return payload_reply_judge(&reply, CHANNEL_FD) < 0 ? WIRE_TEST_UNHEARD : 0;
}

static int run(const struct registry *registry, const struct options *o)
{
	const struct ktstr_test *test = registry_find(registry, o->run);
	if (!test)
		return no_test(o->run);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (o->coverage) {
		coverage_start(o->coverage);
		counted_environment(o->coverage);
	}
	struct body_run how = { .channel = CHANNEL_FD,
				.seed = o->seed,
				.duration = (nsec_t)o->duration_ns,
				.scheduler_pid = (int)o->scheduler_pid };
	return body_run(test, &how) < 0 ? WIRE_TEST_UNHEARD : 0;
}

/* On the host: the compiler's runtime writes the counters of a guest when this process ends. */
static int load_counters(const char *path)
{
	int r = coverage_load(path);
	if (r == 0)
		return 0;
	fprintf(stderr, "read the counters of a guest: %s\n", strerror(-r));
	_exit(65);
}

int main(int argc, char **argv)
{
	struct options o = { .duration_ns = 2ull * NSEC_PER_SEC };
	struct registry registry;
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr, "%s holds scheduler tests: run them with 'ktstr test %s'\n", argv[0], argv[0]);
		return 64;
	}
	if (o.coverage_load)
		return load_counters(o.coverage_load);
	if (registry_load(&registry) < 0)
		return 75;
	int status = o.list	 ? print_list(&registry) < 0
		     : o.post_vm ? run_post_vm(&registry, &o)
		     : o.reply	 ? judge_reply(&registry, &o)
				 : run(&registry, &o);
	registry_done(&registry);
	return status;
}
