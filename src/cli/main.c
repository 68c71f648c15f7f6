/* SPDX-License-Identifier: GPL-2.0-only */
/* main.c -- finds the command, runs it, prints the one error, exits. Nothing below this folder does any of that. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/term.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "vmm/kvm/child.h"

const struct command *const commands[] = {
	&cmd_test,
	&cmd_show_thresholds,
	&cmd_kernel_build,
	&cmd_kernel_list,
	&cmd_kernel_clean,
	&cmd_run,
	&cmd_list,
	&cmd_locks,
	&cmd_topo,
	&cmd_doctor,
	&cmd_completions,
	&cmd_help,
	NULL,
};

/* Says what went wrong, in one line, once. */
static int complain(struct err *err, int code)
{
	struct term t = term_probe(STDERR_FILENO);
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (err)
		err_format(err, &text);
	else
		buf_puts(&text, strerror(-code));
	output_printf(&standard_error, "%serror:%s %s\n", term_style(&t, TERM_BAD), term_plain(&t), buf_str(&text));
	struct err fallback = { .code = code };
	return (int)err_exit_status(err ? err : &fallback);
}

/* The command that argv names: its name may be two words. *@ret_rest: what stands behind it. */
static const struct command *find_command(char **argv, char ***ret_rest)
{
	for (const struct command *const *c = commands; *c; c++) {
		const char *space = strchr((*c)->name, ' ');
		size_t len = space ? (size_t)(space - (*c)->name) : strlen((*c)->name);
		if (strlen(argv[0]) != len || strncmp(argv[0], (*c)->name, len))
			continue;
		if (space && (!argv[1] || strcmp(argv[1], space + 1)))
			continue;
		*ret_rest = argv + (space ? 2 : 1);
		return *c;
	}
	return NULL;
}

static bool wants_help(char **rest)
{
	for (; *rest && strcmp(*rest, "--"); rest++)
		if (!strcmp(*rest, "--help") || !strcmp(*rest, "-h"))
			return true;
	return false;
}

static int unknown_command(char **argv, struct err **err)
{
	const char *best = NULL;
	unsigned distance = 4;
	for (const struct command *const *c = commands; *c; c++) {
		unsigned d = edit_distance(argv[0], (*c)->name);
		if (d < distance) {
			distance = d;
			best = (*c)->name;
		}
	}
	if (!strcmp(argv[0], "kernel"))
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL,
			    "kernel wants 'build', 'list' or 'clean'; try 'ktstr --help'");
	return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "unknown command '%s'%s%s%s; try 'ktstr --help'", argv[0],
		    best ? ", did you mean '" : "", best ? best : "", best ? "'" : "");
}

static int run_command(const struct command *c, char **rest, struct err **err)
{
	_cleanup_free_ void *args = calloc(1, c->size + 1);
	if (!args)
		return -ENOMEM;
	int r = options_parse(c, rest, args, err);
	return r < 0 ? r : c->run(args, err);
}

static int print(const struct buf *text)
{
	out_buf(text);
	return 0;
}

static int dispatch(char **argv, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char **rest;
	if (!argv[0] || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		help_overview(&text);
		return argv[0] ? print(&text) : (output_buf(&standard_error, &text), EXIT_BAD_USAGE);
	}
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V")) {
		buf_puts(&text, "ktstr " KTSTR_VERSION "\n");
		return print(&text);
	}
	/* Not for people: one virtual machine, as the static program inside us runs it, with our symbols and
	 * sanitizers. */
	if (!strcmp(argv[0], "vmm"))
		return vmm_child_main(err);
	const struct command *c = find_command(argv, &rest);
	if (!c)
		return unknown_command(argv, err);
	if (wants_help(rest)) {
		help_command(c, &text);
		return print(&text);
	}
	return run_command(c, rest, err);
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err *err = NULL;
	(void)argc;
	int r = standard_open();
	signal(SIGPIPE, SIG_IGN);
	r = r < 0 ? r : dispatch(argv + 1, &err);
	return standard_close(argv[1], r < 0 ? complain(err, r) : r);
}
