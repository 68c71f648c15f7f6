/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_funify.c -- ktstr funify: a JSON file with made-up names. */
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "funify/funify.h"

#define PIECE ((size_t)64 << 10)

struct funify_args {
	struct strings operands;
	const char *seed;
	bool pretty;
};

static const struct option_row funify_options[] = {
	OPT_STRING(struct funify_args, seed, "seed", 0, "TEXT",
		   "the same seed gives the same names; by default each run gives others"),
	OPT_FLAG(struct funify_args, pretty, "pretty", 0, "one value a line, indented"),
	OPT_END,
};

static int choose_key(const char *seed, uint8_t key[FUNIFY_KEY_BYTES], struct err **err)
{
	if (seed)
		funify_key(seed, key);
	else if (getrandom(key, FUNIFY_KEY_BYTES, 0) != FUNIFY_KEY_BYTES)
		return FAIL_SYS(err, -EIO, "get random bytes");
	return 0;
}

static int copy(int fd, const char *name, struct funify *f, struct err **err)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	_cleanup_free_ char *piece = malloc(PIECE);
	int r = piece ? 0 : -ENOMEM;
	for (ssize_t n = 1; r == 0 && n > 0;) {
		n = read(fd, piece, PIECE);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			return FAIL_SYS(err, -errno, "read %s", name);
		r = n ? funify_feed(f, piece, (size_t)n, &out, err) : funify_end(f, &out, err);
		out_buf(&out);
		buf_clear(&out);
		if (standard_output.error)
			return 0; /* reported at the end */
	}
	return r == -EBADMSG ? err_wrap(err, r, "%s", name) : r;
}

static int run_funify(void *args, struct err **err)
{
	const struct funify_args *a = args;
	const char *path = a->operands.count ? a->operands.item[0] : "-";
	bool is_standard = !strcmp(path, "-");
	uint8_t key[FUNIFY_KEY_BYTES];
	if (a->operands.count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "funify reads one file");
	int r = choose_key(a->seed, key, err);
	if (r < 0)
		return r;
	_cleanup_(funify_free_p) struct funify *f = funify_new(key, a->pretty);
	_cleanup_close_ int fd = is_standard ? -1 : file_open(path, err);
	if (!f)
		return -ENOMEM;
	if (fd < 0 && !is_standard)
		return fd;
	return copy(is_standard ? STDIN_FILENO : fd, is_standard ? "standard input" : path, f, err);
}

const struct command cmd_funify = {
	.name = "funify",
	.alias = "costume",
	.group = GROUP_RESULTS,
	.summary = "Replace names and numbers in JSON by made-up ones, to show it to others",
	.operands = "[FILE | -]",
	.text = "Reads JSON and prints it with made-up values: strings become ADJECTIVE-ANIMAL, integers become other "
		"integers. The same value below the same key gets the same replacement, so repetitions stay visible. "
		"Values of keys that hold measurements, states or types stay; so do fractions, true, false, null, 0 "
		"and "
		"the largest integer. Keys stay: a path or a host's name that is a key is not hidden.\n\n"
		"Files of any size are processed in constant memory. Who knows the seed can test guesses: use a secret "
		"one, or none.",
	.option = funify_options,
	.example =
		(const struct example[]){
			{ "ktstr funify run.ktstr.json --seed \"$SECRET\" > public.json", "names that stay the same" },
			{ "ktstr funify --pretty < run.ktstr.json", "from standard input" },
			{ NULL },
		},
	OPERANDS(struct funify_args, operands),
	.run = run_funify,
};
