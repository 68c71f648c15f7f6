/* SPDX-License-Identifier: GPL-2.0-only */
/* manual.c -- help, manual pages and completions, all from the tables of options.h. */
#include <string.h>

#include "base/environment.h"
#include "cli/options.h"

static const char synopsis[] = "tests Linux process schedulers in virtual machines";

void help_overview(struct buf *out)
{
	buf_appendf(out, "\nUsage:\n ktstr <command> [options]\n\nktstr %s.\n\nCommands:\n", synopsis);
	for (const struct command *const *c = commands; *c; c++)
		buf_appendf(out, " %-18s %s\n", (*c)->name, (*c)->summary);
	buf_puts(out,
		 "\nOptions:\n -h, --help         display this help, or that of a command\n"
		 " -V, --version      display version\n"
		 "\nExit status: 0 pass or skip, 1 fail, 2 inconclusive, 64 usage, 65 bad input, 69 no usable backend\n"
		 "or kernel, 70 bug in ktstr, 75 resource contention, 130 interrupted.\n");
}

static void put_option(const struct option_row *o, struct buf *out)
{
	char letter[8] = "    ", name[64];
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(name, sizeof(name), "--%s%s%s%s", o->name, o->arg ? " <" : "", o->arg ? o->arg : "",
		 o->arg ? ">" : "");
	buf_appendf(out, " %s%-22s %s\n", letter, name, o->help);
}

void help_command(const struct command *c, struct buf *out)
{
	buf_appendf(out, "\nUsage:\n ktstr %s [options]%s%s\n\n%s.\n\nOptions:\n", c->name, c->operands ? " " : "",
		    c->operands ? c->operands : "", c->summary);
	for (const struct option_row *o = c->option; o && o->name; o++)
		put_option(o, out);
	buf_puts(out, " -h, --help                 display this help\n");
}

/* --- the environment ---------------------------------------------------------------------------------------------- */

static const char *variable_suffix(const struct environment_variable *v)
{
	return v->name[strlen(v->name) - 1] == '_' ? "<NAME>" : "";
}

/* @text in lines of at most @columns, each indented by @indent. */
static void put_wrapped(struct buf *out, const char *text, size_t indent, size_t columns)
{
	size_t at = 0;
	for (const char *p = text; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		if (at && at + 1 + len > columns) {
			buf_puts(out, "\n");
			at = 0;
		}
		buf_appendf(out, "%*s%.*s", at ? 1 : (int)indent, "", (int)len, p);
		at += at ? len + 1 : indent + len;
		p += len;
	}
	buf_puts(out, "\n");
}

void help_environment(struct buf *out)
{
	buf_puts(out, "\nEnvironment variables. An empty value is the same as none, unless stated otherwise.\n");
	for (size_t i = 0; i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		if (v->audience == ENVIRONMENT_INTERNAL)
			continue;
		buf_appendf(out, "\n %s%s", v->name, variable_suffix(v));
		if (*v->fallback)
			buf_appendf(out, "  (default: %s)", v->fallback);
		buf_puts(out, "\n");
		put_wrapped(out, v->meaning, 5, 100);
	}
}

void environment_page(struct buf *out)
{
	static const char *const audiences[] = {
		[ENVIRONMENT_USER] = "user", [ENVIRONMENT_INTERNAL] = "internal", [ENVIRONMENT_SYSTEM] = "system",
	};
	buf_puts(out, "# Environment variables\n\n"
		      "An empty value is the same as none, unless stated otherwise. An option wins over its\n"
		      "variable. *User* variables are for people, *internal* ones are set by `ktstr` for its own child "
		      "processes,\n"
		      "*system* ones are not ours and mean what they mean everywhere.\n"
		      "This page is what `ktstr help environment --markdown` prints.\n\n"
		      "| variable | default | meaning | audience | read in |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		buf_appendf(out, "| `%s%s` | %s | %s | %s | `%s` |\n", v->name, variable_suffix(v), v->fallback,
			    v->meaning, audiences[v->audience], v->reader);
	}
}

/* --- roff --------------------------------------------------------------------------------------------------------- */

static void put_roff(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
			buf_puts(out, "\\&");
		if (*p == '\\' || *p == '-')
			buf_puts(out, "\\");
		buf_append(out, p, 1);
	}
}

static void put_dashed(struct buf *out, const char *name)
{
	for (const char *p = name; *p; p++)
		buf_append(out, *p == ' ' ? "-" : p, 1);
}

static void overview_page(struct buf *out)
{
	buf_appendf(out, ".TH KTSTR 1 \"\" \"ktstr %s\"\n.SH NAME\nktstr \\- %s\n.SH SYNOPSIS\n.B ktstr\n.I command\n"
			 "[options]\n.SH COMMANDS\n", KTSTR_VERSION, synopsis);
	for (const struct command *const *c = commands; *c; c++) {
		buf_appendf(out, ".TP\n.B %s\n", (*c)->name);
		put_roff(out, (*c)->summary);
		buf_puts(out, "\n");
	}
}

void manual_page(const struct command *c, struct buf *out)
{
	if (!c) {
		overview_page(out);
		return;
	}
	buf_puts(out, ".TH \"KTSTR-");
	put_dashed(out, c->name);
	buf_appendf(out, "\" 1 \"\" \"ktstr %s\"\n.SH NAME\nktstr\\-", KTSTR_VERSION);
	put_dashed(out, c->name);
	buf_puts(out, " \\- ");
	put_roff(out, c->summary);
	buf_appendf(out, "\n.SH SYNOPSIS\n.B ktstr %s\n[options] ", c->name);
	put_roff(out, c->operands ? c->operands : "");
	buf_puts(out, "\n.SH DESCRIPTION\n");
	put_roff(out, c->text);
	buf_puts(out, "\n.SH OPTIONS\n");
	for (const struct option_row *o = c->option; o && o->name; o++) {
		buf_puts(out, ".TP\n.B ");
		if (o->letter)
			buf_appendf(out, "\\-%c, ", o->letter);
		buf_puts(out, "\\-\\-");
		put_roff(out, o->name);
		if (o->arg)
			buf_appendf(out, " \\fI%s\\fR", o->arg);
		buf_puts(out, "\n");
		put_roff(out, o->help);
		buf_puts(out, "\n");
	}
}

/* --- completions -------------------------------------------------------------------------------------------------- */

void completions(const char *shell, struct buf *out)
{
	(void)shell;
	buf_puts(out, "_ktstr() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]}\n"
		      "\t[ \"${COMP_WORDS[1]}\" = kernel ] && cmd=\"kernel ${COMP_WORDS[2]}\"\n\tlocal words\n"
		      "\tcase \"$cmd\" in\n");
	for (const struct command *const *c = commands; *c; c++) {
		buf_appendf(out, "\t'%s') words='", (*c)->name);
		for (const struct option_row *o = (*c)->option; o && o->name; o++)
			buf_appendf(out, "--%s ", o->name);
		buf_puts(out, "--help' ;;\n");
	}
	buf_puts(out, "\t'kernel '*) words='build list' ;;\n\t*) words='");
	for (const struct command *const *c = commands; *c; c++)
		if (!strchr((*c)->name, ' '))
			buf_appendf(out, "%s ", (*c)->name);
	buf_puts(out,
		 "kernel --help --version' ;;\n\tesac\n"
		 "\tif [ \"${cur#-}\" = \"$cur\" ] && [ \"$COMP_CWORD\" -gt 1 ] && [ \"$cmd\" != 'kernel ' ]; then\n"
		 "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\telse\n"
		 "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\tfi\n}\ncomplete -o filenames -F _ktstr "
		 "ktstr\n");
}
