/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_pack.c -- ktstr pack: writes all that decides a run into one file. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/packed_source.h"
#include "reactor/interrupt.h"
#include "run/pack.h"

struct pack_args {
	struct strings operands;
	const char *output;
};

static const struct option_row pack_options[] = {
	OPT_STRING(struct pack_args, output, "output", 'o', "FILE", "write to FILE (default: TEST" PACK_SUFFIX ")"),
	OPT_END,
};

static int fill_origin(struct packed_run *p, struct err **err)
{
	struct reactor *reactor = NULL;
	int r = reactor_new(&reactor, err);
	if (r == 0)
		r = packed_origin_here(reactor, &p->origin, err);
	reactor_free(reactor);
	return r;
}

/* "ktstr/two_cgroups" becomes "two_cgroups.ktstr-pack". */
static char *usual_output(const struct packed_run *p)
{
	const char *slash = strrchr(p->test, '/');
	char *path = NULL;
	return asprintf(&path, "%s" PACK_SUFFIX, slash ? slash + 1 : p->test) < 0 ? NULL : path;
}

static void say_written(const char *path, const struct packed_run *p)
{
	_cleanup_free_ char *clean = text_clean_line(path);
	_cleanup_buf_ struct buf word = BUF_NULL;
	text_append_quoted(&word, path);
	say_printf("wrote %s: %s, %lu events with the digest %08x; to make the run again: ktstr replay %s\n",
		   clean ?: "", p->test, p->outcome.records, p->outcome.digest, buf_str(&word));
}

static int run_pack(void *args, struct err **err)
{
	const struct pack_args *a = args;
	_cleanup_(packed_run_done) struct packed_run p;
	_cleanup_free_ char *usual = NULL;
	sigset_t before;
	int r = a->output ? file_check_output(a->output, err) : 0;
	packed_run_init(&p);
	if (r == 0)
		r = packed_source_read(&a->operands, &p, err);
	if (r == 0)
		r = fill_origin(&p, err);
	if (r < 0)
		return r;
	usual = usual_output(&p);
	const char *path = a->output ?: usual;
	if (!path)
		return -ENOMEM;
	interrupt_hold(&before);
	r = pack_write(&p, path, err);
	int interrupted = interrupt_release(&before, r < 0 ? NULL : err);
	if (r == 0)
		say_written(path, &p);
	return r == 0 ? interrupted : r;
}

const struct command cmd_pack = {
	.name = "pack",
	.group = GROUP_TESTS,
	.summary = "Write all that decides a run into one file, for another machine",
	.operands = PACKED_OPERANDS,
	.text = "Makes the run of a result or of a replay line again (tcg), checks that it is the same run, and writes "
		"a pack: kernel with its symbols, initramfs with the test, the scheduler and their libraries, settings "
		"of the machine, perturbation, and the digest of the events. 'ktstr replay PACK' makes the run on any "
		"machine with the same QEMU, where neither the test nor the kernel need be there. 'ktstr debug PACK' "
		"looks at it.",
	.option = pack_options,
	.example =
		(const struct example[]){
			{ "ktstr pack target/ktstr/6.12-abc/two_cgroups-0123456789abcdef.ktstr.json -o race.pack",
			  "the run of a result" },
			{ "ktstr pack -o race.pack -- test -E 'test(=ktstr/two_cgroups)' --seed 7 build",
			  "the run of a replay line" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_TMPDIR, ENV_LOCK_DIR, ENV_MAX },
	.files = FILES_CACHE | FILES_LOCKS,
	OPERANDS(struct pack_args, operands),
	.run = run_pack,
};
