/* SPDX-License-Identifier: GPL-2.0-only */
/* manual.c -- help texts for a terminal, from the tables of options.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"

#define OPTION_COLUMN 29 /* column at which an option's help begins */
#define TEXT_COLUMNS  100

static const char synopsis[] = "test Linux process schedulers in virtual machines";
static const char *const group_titles[GROUP_MAX] = {
	[GROUP_TESTS] = "Tests",     [GROUP_KERNELS] = "Kernels", [GROUP_HOST] = "This machine",
	[GROUP_RESULTS] = "Results", [GROUP_HELP] = "Help",
};

static void put_commands(enum command_group group, struct buf *out)
{
	for (const struct command *const *c = commands; *c; c++)
		if ((*c)->group == group)
			buf_appendf(out, " %-22s %s\n", (*c)->name, (*c)->summary);
}

void help_overview(struct buf *out)
{
	buf_appendf(out, "\nUsage:\n ktstr <command> [options]\n\nktstr: %s.\n", synopsis);
	for (unsigned g = 0; g < GROUP_MAX; g++) {
		buf_appendf(out, "\n%s:\n", group_titles[g]);
		put_commands((enum command_group)g, out);
	}
	buf_puts(out, "\nOptions:\n -h, --help             display this help, or that of a command\n"
		      "     --color WHEN       colours: auto, always or never; every command has this option\n"
		      " -V, --version          display version\n\nTopics ('ktstr help <topic>'):\n");
	for (const struct topic *t = topics; t->name; t++)
		buf_appendf(out, " %-22s %s\n", t->name, t->summary);
}

static void put_members(const struct command_family *family, struct buf *out)
{
	size_t len = strlen(family->name);
	for (const struct command *const *c = commands; *c; c++)
		if (!strncmp((*c)->name, family->name, len) && (*c)->name[len] == ' ')
			buf_appendf(out, " %-22s %s\n", (*c)->name, (*c)->summary);
}

void help_family(const struct command_family *family, struct buf *out)
{
	buf_appendf(out, "\nUsage:\n ktstr %s <command> [options]\n\n%s.\n\nCommands:\n", family->name,
		    family->summary);
	put_members(family, out);
	buf_appendf(out, "\n'ktstr %s <command> --help' explains one of them.\n", family->name);
}

static void put_choices(const struct option_row *o, struct buf *out)
{
	for (unsigned i = 0; o->choices[i]; i++)
		buf_appendf(out, "%s%s", i == 0 ? ": " : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
}

static void put_fallback(const struct option_row *o, struct buf *out)
{
	char time[TIME_TEXT_MAX];
	if (o->choices)
		buf_appendf(out, " (default: %s)", o->choices[0]);
	else if (o->kind == OPTION_DURATION && o->fallback)
		buf_appendf(out, " (default: %s)", option_time_text(o->fallback, time));
	else if ((o->kind == OPTION_NUMBER || o->kind == OPTION_SIZE) && o->fallback && o->fallback <= o->most)
		buf_appendf(out, " (default: %lu)", o->fallback);
}

void option_text(const struct option_row *o, struct buf *out)
{
	buf_puts(out, o->help);
	if (o->choices)
		put_choices(o, out);
	put_fallback(o, out);
}

static void put_option(const struct option_row *o, struct buf *out)
{
	char head[80], letter[8] = "    ";
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	const char *before = !o->arg ? "" : o->optional ? "[=" : " <", *after = !o->arg ? "" : o->optional ? "]" : ">";
	int n = snprintf(head, sizeof(head), " %s--%s%s%s%s", letter, o->name, before, o->arg ?: "", after);
	buf_puts(out, head);
	if (n >= OPTION_COLUMN)
		buf_appendf(out, "\n%*s", OPTION_COLUMN, "");
	else
		buf_appendf(out, "%*s", OPTION_COLUMN - n, "");
	option_text(o, out);
	buf_puts(out, "\n");
}

/* Paragraphs are separated by empty lines. */
static void put_text(const char *text, struct buf *out)
{
	for (const char *p = text; *p;) {
		const char *end = strstr(p, "\n\n") ?: p + strlen(p);
		_cleanup_buf_ struct buf paragraph = BUF_NULL;
		buf_append(&paragraph, p, (size_t)(end - p));
		buf_puts(out, "\n");
		text_append_wrapped(out, buf_str(&paragraph), TEXT_COLUMNS, 0);
		p = end + strspn(end, "\n");
	}
}

void help_command(const struct command *c, struct buf *out)
{
	buf_appendf(out, "\nUsage:\n ktstr %s [options]%s%s\n\n%s.\n", c->name, c->operands ? " " : "",
		    c->operands ? c->operands : "", c->summary);
	put_text(c->text ?: "", out);
	buf_puts(out, "\nOptions:\n");
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (!o->hidden)
			put_option(o, out);
	buf_appendf(out, " -h, --help%*sdisplay this help\n", OPTION_COLUMN - 11, "");
	const struct command_family *family = command_family_find(c->name);
	if (family) {
		buf_puts(out, "\nCommands:\n");
		put_members(family, out);
	}
	if (c->example)
		buf_puts(out, "\nExamples:\n");
	for (const struct example *e = c->example; e && e->line; e++)
		buf_appendf(out, " %s\n     %s\n", e->line, e->meaning);
}
