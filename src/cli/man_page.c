/* SPDX-License-Identifier: GPL-2.0-only */
/* man_page.c -- manual pages from the tables of options.h. */
#include <string.h>

#include "cli/options.h"

static const char synopsis[] = "test Linux process schedulers in virtual machines";

static void put_dashed(struct buf *out, const char *name)
{
	for (const char *p = name; *p; p++)
		buf_puts(out, *p == ' ' || *p == '-' ? "\\-" : (char[]){ *p, 0 });
}

static void put_upper(struct buf *out, const char *name)
{
	for (const char *p = name; *p; p++) {
		char c = *p == ' ' ? '-' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		buf_append(out, &c, 1);
	}
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

static void put_options(const struct command *c, struct buf *out)
{
	buf_puts(out, ".SH OPTIONS\n");
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o)) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		if (o->hidden)
			continue;
		buf_puts(out, ".TP\n.B ");
		if (o->letter)
			buf_appendf(out, "\\-%c, ", o->letter);
		buf_puts(out, "\\-\\-");
		roff_text(out, o->name);
		if (o->arg)
			buf_appendf(out, o->optional ? "[=\\fI%s\\fR]" : " \\fI%s\\fR", o->arg);
		buf_puts(out, "\n");
		option_text(o, &text);
		roff_text(out, buf_str(&text));
		buf_puts(out, "\n");
	}
	roff_item(out, "-h, --help", "display help");
}

static void put_environment(const struct command *c, struct buf *out)
{
	if (!c->environment)
		return;
	buf_puts(out, ".SH ENVIRONMENT\n");
	for (const enum environment_id *id = c->environment; *id != ENV_MAX; id++)
		roff_item(out, environment_variables[*id].name, environment_variables[*id].meaning);
	roff_text(out, "The page ktstr-environment(7) has all of them.\n");
}

static void put_files(unsigned files, struct buf *out)
{
	static const struct {
		unsigned bit;
		const char *path, *meaning;
	} rows[] = {
		{ FILES_CACHE, "~/.cache/ktstr/kernels/", "built kernels, one directory each" },
		{ FILES_RESULTS, "target/ktstr/", "a directory a run: a sidecar (.ktstr.json) a test, and reports" },
		{ FILES_LOCKS, "/tmp/ktstr-*.lock", "who holds which CPUs of this machine" },
	};
	if (files)
		buf_puts(out, ".SH FILES\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (files & rows[i].bit)
			roff_item(out, rows[i].path, rows[i].meaning);
}

static void put_examples(const struct command *c, struct buf *out)
{
	if (!c->example)
		return;
	buf_puts(out, ".SH EXAMPLES\n");
	for (const struct example *e = c->example; e->line; e++)
		roff_item(out, e->line, e->meaning);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static void overview_page(struct buf *out)
{
	buf_appendf(out,
		    ".TH KTSTR 1 \"\" \"ktstr %s\"\n.SH NAME\nktstr \\- %s\n.SH SYNOPSIS\n.B ktstr\n.I command\n"
		    "[options]\n.SH COMMANDS\n",
		    KTSTR_VERSION, synopsis);
	for (const struct command *const *c = commands; *c; c++)
		roff_item(out, (*c)->name, (*c)->summary);
	buf_puts(out, ".SH EXIT STATUS\n");
	exit_status_list(true, true, out);
	put_files(FILES_CACHE | FILES_RESULTS | FILES_LOCKS, out);
	buf_puts(out, ".SH SEE ALSO\n");
	for (const struct command *const *c = commands; *c; c++) {
		buf_puts(out, ".BR ktstr\\-");
		put_dashed(out, (*c)->name);
		buf_puts(out, " (1),\n");
	}
	for (const struct topic *t = topics; t->name; t++) {
		buf_puts(out, ".BR ktstr\\-");
		put_dashed(out, t->name);
		buf_puts(out, t[1].name ? " (7),\n" : " (7)\n");
	}
}

/* The title of the page ktstr-NAME in @section, and its line NAME - summary. */
static void put_title(const char *name, int section, const char *summary, struct buf *out)
{
	buf_puts(out, ".TH \"KTSTR-");
	put_upper(out, name);
	buf_appendf(out, "\" %d \"\" \"ktstr %s\"\n.SH NAME\nktstr\\-", section, KTSTR_VERSION);
	put_dashed(out, name);
	buf_puts(out, " \\- ");
	roff_text(out, summary);
}

void manual_page(const struct command *c, struct buf *out)
{
	if (!c) {
		overview_page(out);
		return;
	}
	put_title(c->name, 1, c->summary, out);
	buf_appendf(out, "\n.SH SYNOPSIS\n.B ktstr %s\n[options] ", c->name);
	roff_text(out, c->operands ? c->operands : "");
	buf_puts(out, "\n.SH DESCRIPTION\n");
	roff_text(out, c->text);
	buf_puts(out, "\n");
	put_options(c, out);
	buf_puts(out, ".SH EXIT STATUS\n");
	exit_status_list(c->judges, true, out);
	put_environment(c, out);
	put_files(c->files, out);
	put_examples(c, out);
	buf_puts(out, ".SH SEE ALSO\n.BR ktstr (1)\n");
}

void topic_page(const struct topic *topic, struct buf *out)
{
	put_title(topic->name, 7, topic->summary, out);
	buf_puts(out, "\n.SH DESCRIPTION\n");
	topic->roff(out);
	buf_puts(out, ".SH SEE ALSO\n.BR ktstr (1)\n");
}
