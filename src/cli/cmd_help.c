/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_help.c -- the commands that print the tables: ktstr help, ktstr completions. */
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"

struct word_args {
	struct strings words;
	bool man, markdown;
};

static int run_completions(void *args, struct err **err)
{
	const struct word_args *a = args;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->words.count != 1 || strcmp(a->words.item[0], "bash"))
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "completions wants the name of a shell: bash");
	completions(a->words.item[0], &text);
	out_buf(&text);
	return 0;
}

const struct command cmd_completions = {
	.name = "completions",
	.summary = "Print completions for a shell",
	.operands = "bash",
	.text = "Source the output, or put it where the shell looks for completions.",
	.size = sizeof(struct word_args),
	.operands_at = offsetof(struct word_args, words),
	.run = run_completions,
};

static const struct option_row help_options[] = {
	{ "man", 0, OPTION_FLAG, NULL, "as a manual page (roff)", offsetof(struct word_args, man) },
	{ "markdown", 0, OPTION_FLAG, NULL, "help environment: as a page of the documentation",
	  offsetof(struct word_args, markdown) },
	{ 0 },
};

static int print_environment(const struct word_args *a)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->markdown)
		environment_page(&text);
	else
		help_environment(&text);
	out_buf(&text);
	return 0;
}

static int run_help(void *args, struct err **err)
{
	const struct word_args *a = args;
	_cleanup_buf_ struct buf text = BUF_NULL, name = BUF_NULL;
	const struct command *found = NULL;
	for (size_t i = 0; i < a->words.count; i++)
		buf_appendf(&name, "%s%s", i ? " " : "", a->words.item[i]);
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, buf_str(&name)))
			found = *c;
	if (!strcmp(buf_str(&name), "environment"))
		return print_environment(a);
	if (a->words.count && !found)
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "unknown command '%s'; try 'ktstr --help'", buf_str(&name));
	if (a->man)
		manual_page(found, &text);
	else if (found)
		help_command(found, &text);
	else
		help_overview(&text);
	out_buf(&text);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "Explain a command, or the environment variables",
	.operands = "[COMMAND | environment]",
	.text = "Prints the help of a command, its manual page, or the list of environment variables.",
	.option = help_options,
	.size = sizeof(struct word_args),
	.operands_at = offsetof(struct word_args, words),
	.run = run_help,
};
