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
	const char *run, *post_vm, *snapshots, *reply, *payload;
	bool list, killed;
	uint64_t seed, duration_ns, scheduler_pid, index, stream;
};

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
		{ 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		int r = 0;
		switch (c) {
		case 'l':
			o->list = true;
			break;
		case 'r':
			o->run = optarg;
			break;
		case 's':
			r = parse_u64(optarg, &o->seed);
			break;
		case 'd':
			r = parse_u64(optarg, &o->duration_ns);
			break;
		case 'p':
			r = parse_u64(optarg, &o->scheduler_pid);
			break;
		case 'v':
			o->post_vm = optarg;
			break;
		case 'n':
			o->snapshots = optarg;
			break;
		case 'y':
			o->reply = optarg;
			break;
		case 'a':
			o->payload = optarg;
			break;
		case 'i':
			r = parse_u64(optarg, &o->index);
			break;
		case 't':
			r = parse_u64(optarg, &o->stream);
			break;
		case 'k':
			o->killed = true;
			break;
		default:
			return -EINVAL;
		}
		if (r < 0)
			return r;
	}
	return o->list || o->run || (o->post_vm && o->snapshots) || (o->reply && o->payload) ? 0 : -EINVAL;
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
	struct body_run how = { .channel = CHANNEL_FD,
				.seed = o->seed,
				.duration = (nsec_t)o->duration_ns,
				.scheduler_pid = (int)o->scheduler_pid };
	return body_run(test, &how) < 0 ? WIRE_TEST_UNHEARD : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .duration_ns = 2ull * NSEC_PER_SEC };
	struct registry registry;
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr, "%s holds scheduler tests: run them with 'ktstr test %s'\n", argv[0], argv[0]);
		return 64;
	}
	if (registry_load(&registry) < 0)
		return 75;
	int status = o.list	 ? print_list(&registry) < 0
		     : o.post_vm ? run_post_vm(&registry, &o)
		     : o.reply	 ? judge_reply(&registry, &o)
				 : run(&registry, &o);
	registry_done(&registry);
	return status;
}
