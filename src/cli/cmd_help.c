/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_help.c -- the commands that print the tables of options: ktstr help, ktstr completions. */
#include <ctype.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/live_values.h"
#include "cli/out.h"

static int print(const struct buf *text)
{
	out_buf(text);
	return 0;
}

/* --- ktstr completions -------------------------------------------------------------------------------------------- */

struct completions_args {
	struct strings operands;
	const char *binary, *values;
};

static const struct option_row completions_options[] = {
	OPT_STRING(struct completions_args, binary, "binary", 0, "NAME", "complete for a program of this name"),
	OPT_ALSO_STRING(struct completions_args, values, "values", "KIND"),
	OPT_END,
};

/* Scripts have the name without quotes, too, where a shell allows none. */
static int check_program(const char *name, struct err **err)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("._+/-", name[i])))
			len = 0;
	if (len && *name != '-')
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "completions: --binary '%s': a name has letters, digits and ._+/-; link the program to such a name",
		    name);
}

static int run_completions(void *args, struct err **err)
{
	const struct completions_args *a = args;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->values) {
		/* Behind a '=', because an operand must not be empty. */
		const char *prefix = a->operands.count ? a->operands.item[0] + 1 : "";
		if (live_values(a->values, prefix, &text) < 0)
			return FAIL(err, ERR_USAGE, -EINVAL, "completions: '%s' is not a kind of values", a->values);
		return print(&text);
	}
	int r = a->binary ? check_program(a->binary, err) : 0;
	if (r < 0)
		return r;
	const char *shell = a->operands.count == 1 ? a->operands.item[0] : "";
	if (completions_write(shell, a->binary ? a->binary : "ktstr", &text) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "completions needs the name of a shell%s%s%s: " COMPLETION_SHELLS,
			    *shell ? ", not '" : "", shell, *shell ? "'" : "");
	return print(&text);
}

const struct command cmd_completions = {
	.name = "completions",
	.group = GROUP_HELP,
	.summary = "Print completions for a shell",
	.operands = "SHELL",
	.operand_words = completion_shells,
	.text = "SHELL is " COMPLETION_SHELLS ". Source the output, or put it where the shell looks for completions; "
		"'make install' does.",
	.option = completions_options,
	.example =
		(const struct example[]){
			{ "source <(ktstr completions bash)", "in this bash; in ~/.bashrc, in every one" },
			{ "source <(ktstr completions zsh)",
			  "in this zsh, after 'autoload -U compinit; compinit'; in ~/.zshrc, in every one" },
			{ "ktstr completions fish | source", "in this fish" },
			{ "ktstr completions fish > ~/.config/fish/completions/ktstr.fish", "in every fish" },
			{ NULL },
		},
	OPERANDS(struct completions_args, operands),
	.run = run_completions,
};

/* --- ktstr help --------------------------------------------------------------------------------------------------- */

struct help_args {
	struct strings words;
	bool man, markdown, pages;
};

static const struct option_row help_options[] = {
	OPT_FLAG(struct help_args, man, "man", 0, "print a manual page (roff)"),
	OPT_FLAG(struct help_args, markdown, "markdown", 0, "print a topic as a page of the documentation"),
	OPT_FLAG(struct help_args, pages, "pages", 0, "print the names of all manual pages, one per line"),
	OPT_END,
};

static void list_pages(struct buf *out)
{
	buf_puts(out, "ktstr.1\n");
	for (const struct command *const *c = commands; *c; c++) {
		buf_puts(out, "ktstr-");
		for (const char *p = (*c)->name; *p; p++)
			buf_append(out, *p == ' ' ? "-" : p, 1);
		buf_puts(out, ".1\n");
	}
	for (const struct topic *t = topics; t->name; t++)
		buf_appendf(out, "ktstr-%s.7\n", t->name);
}

static int explain_topic(const struct topic *t, const struct help_args *a, struct buf *out, struct err **err)
{
	if (a->markdown && !t->markdown)
		return FAIL(err, ERR_USAGE, -EINVAL, "help: '%s' is not a page of the documentation", t->name);
	if (a->markdown)
		t->markdown(out);
	else if (a->man)
		topic_page(t, out);
	else
		t->text(out);
	return 0;
}

static int explain(const struct help_args *a, struct buf *out, struct err **err)
{
	unsigned words = 0;
	const char *first = a->words.item[0], *second = first ? a->words.item[1] : NULL;
	const struct topic *topic = first ? topic_find(first) : NULL;
	const struct command *c = first ? command_find(first, second, &words) : NULL;
	const struct command_family *f = first && !second ? command_family_find(first) : NULL;
	if (topic)
		return explain_topic(topic, a, out, err);
	if (f && !c) {
		help_family(f, out);
		return 0;
	}
	if (first && (!c || a->words.count > words))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "help: there is no command or topic '%s%s%s'; try 'ktstr "
			    "--help'",
			    first, second ? " " : "", second ? second : "");
	if (a->man)
		manual_page(c, out);
	else if (c)
		help_command(c, out);
	else
		help_overview(out);
	return 0;
}

static int run_help(void *args, struct err **err)
{
	const struct help_args *a = args;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = 0;
	if (a->pages)
		list_pages(&text);
	else
		r = explain(a, &text, err);
	return r < 0 ? r : print(&text);
}

const struct command cmd_help = {
	.name = "help",
	.group = GROUP_HELP,
	.summary = "Explain a command or a topic",
	.operands = "[COMMAND | TOPIC]",
	.text = "Prints the help of a command, of commands that belong together (kernel), or of a topic: environment, "
		"exit-status or filters.",
	.option = help_options,
	.example =
		(const struct example[]){
			{ "ktstr help kernel build", "the options of a command" },
			{ "ktstr help environment", "the environment variables" },
			{ "ktstr help --man test | man -l -", "a manual page without installing it" },
			{ NULL },
		},
	OPERANDS(struct help_args, words),
	.run = run_help,
};
