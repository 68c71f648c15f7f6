/* SPDX-License-Identifier: GPL-2.0-only */
/* main.c -- finds and runs the command, prints its error, exits. Code below this folder does none of that. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "vmm/kvm/child.h"

/* Prints the error in one line. */
static int report_error(struct err *err, int code)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (err)
		err_format(err, &text);
	else
		buf_puts(&text, strerror(-code));
	say_printf("error: %s\n", buf_str(&text));
	struct err fallback = { .code = code };
	return status_of_kind(err_kind_of(err ? err : &fallback));
}

static bool wants_help(char **rest)
{
	for (; *rest && strcmp(*rest, "--"); rest++)
		if (!strcmp(*rest, "--help") || !strcmp(*rest, "-h"))
			return true;
	return false;
}

static int print(const struct buf *text)
{
	out_buf(text);
	return 0;
}

static void consider_name(const char *typed, const char *name, const char **best, unsigned *distance)
{
	unsigned d = edit_distance(typed, name);
	if (d < *distance) {
		*distance = d;
		*best = name;
	}
}

static int unknown_command(char **argv, struct err **err)
{
	const char *best = NULL;
	unsigned distance = 4;
	for (const struct command *const *c = commands; *c; c++)
		consider_name(argv[0], (*c)->name, &best, &distance);
	for (const struct command_family *f = command_families; f->name; f++)
		consider_name(argv[0], f->name, &best, &distance);
	return FAIL(err, ERR_USAGE, -EINVAL, "unknown command '%s'%s%s%s; try 'ktstr --help'", argv[0],
		    best ? ", did you mean '" : "", best ? best : "", best ? "'" : "");
}

/* Reports a family's first word without a valid second word. */
static int family_command(const struct command_family *f, const char *second, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!second || !strcmp(second, "--help") || !strcmp(second, "-h")) {
		help_family(f, &text);
		return second ? print(&text) : (output_buf(&standard_error, &text), EXIT_BAD_USAGE);
	}
	command_family_members(f, &text);
	return FAIL(err, ERR_USAGE, -EINVAL, "unknown command '%s %s'; the commands of %s are %s", f->name, second,
		    f->name, buf_str(&text));
}

static int run_command(const struct command *c, char **rest, struct err **err)
{
	_cleanup_free_ void *args = calloc(1, c->size + 1);
	if (!args)
		return -ENOMEM;
	int r = options_parse(c, rest, args, err);
	return r < 0 ? r : c->run(args, err);
}

static int dispatch(char **argv, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	unsigned words;
	if (!argv[0] || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		help_overview(&text);
		return argv[0] ? print(&text) : (output_buf(&standard_error, &text), EXIT_BAD_USAGE);
	}
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V")) {
		buf_puts(&text, "ktstr " KTSTR_VERSION "\n");
		return print(&text);
	}
	/*
	 * Internal: runs one virtual machine in this process, as the embedded static program would, with symbols and
	 * sanitizers.
	 */
	if (!strcmp(argv[0], "vmm"))
		return vmm_child_main(err);
	/* Internal: what jobs of `ktstr test --slurm` run on their nodes. */
	if (!strcmp(argv[0], "slurm") && argv[1] && !strcmp(argv[1], "task"))
		return slurm_task_main(argv + 2, err);
	if (!strcmp(argv[0], "slurm") && argv[1] && !strcmp(argv[1], "build"))
		return slurm_build_main(argv + 2, err);
	if (!strcmp(argv[0], "slurm") && argv[1] && !strcmp(argv[1], "probe"))
		return slurm_probe_main(argv + 2, err);
	const struct command *c = command_find(argv[0], argv[1], &words);
	if (!c && !strcmp(argv[0], "llvm-cov") && argv[1] && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h"))
		return llvm_cov_main(argv + 1, err);
	const struct command_family *f = command_family_find(argv[0]);
	/* A command that is also the first word of others takes no operands. */
	if (c && f && words == 1 && argv[1] && *argv[1] != '-')
		c = NULL;
	if (!c)
		return f ? family_command(f, argv[1], err) : unknown_command(argv, err);
	char **rest = argv + words;
	if (c->former && !strcmp(argv[0], c->former))
		say_printf("note: 'ktstr %s' is called 'ktstr %s' now\n", c->former, c->name);
	if (wants_help(rest)) {
		help_command(c, &text);
		return print(&text);
	}
	return run_command(c, rest, err);
}

/*
 * Tables of a megabyte or more are mapped, always. glibc would raise this limit when the first one is freed, and then
 * write zeros into each page of a table of which a short test uses one.
 */
static void fix_allocator(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err *err = NULL;
	(void)argc;
	fix_allocator();
	int r = standard_open();
	signal(SIGPIPE, SIG_IGN);
	r = r < 0 ? r : dispatch(argv + 1, &err);
	return standard_close(argv[1], r < 0 ? report_error(err, r) : r);
}
