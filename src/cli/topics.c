/* SPDX-License-Identifier: GPL-2.0-only */
/* topics.c -- help topics other than commands: exit statuses, environment variables, filters, metrics, profiles. */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/status.h"
#include "cli/topic_metrics.h"
#include "cli/topic_profiles.h"

/* --- exit statuses ------------------------------------------------------------------------------------------------ */

void exit_status_list(bool judges, bool roff, struct buf *out)
{
	char number[16];
	for (const struct status_row *s = status_rows; s->meaning; s++) {
		if (s->verdict && !judges)
			continue;
		snprintf(number, sizeof(number), "%u", s->status);
		if (roff)
			roff_item(out, number, s->meaning);
		else
			buf_appendf(out, " %-4s %s\n", number, s->meaning);
	}
}

static const char several[] = "When several apply, the first of 130, 70, 74, 1, 2, 5, 0 counts.";

static void statuses_text(struct buf *out)
{
	buf_puts(out, "\nExit statuses.\n\n");
	exit_status_list(true, false, out);
	buf_appendf(out, "\n%s\n", several);
}

static void statuses_roff(struct buf *out)
{
	exit_status_list(true, true, out);
	buf_puts(out, ".PP\n");
	roff_text(out, several);
	buf_puts(out, "\n");
}

static void statuses_markdown(struct buf *out)
{
	buf_puts(out, "# Exit status\n\n"
		      "`ktstr` ends with one of these. Commands that judge nothing never end with 1 or 2. "
		      "`.allow_inconclusive` in a\ntest leaves the status alone when that test is inconclusive.\n"
		      "This page is what `ktstr help exit-status --markdown` prints.\n\n"
		      "| status | meaning |\n|---|---|\n");
	for (const struct status_row *s = status_rows; s->meaning; s++)
		buf_appendf(out, "| %u | %s |\n", s->status, s->meaning);
	buf_appendf(out, "\n%s\n", several);
}

/* --- environment variables ---------------------------------------------------------------------------------------- */

static const char empty_rule[] = "An empty value is the same as none, unless stated otherwise. An option wins over its "
				 "variable.";

static const char *variable_suffix(const struct environment_variable *v)
{
	return v->name[strlen(v->name) - 1] == '_' ? "<NAME>" : "";
}

/* Appends @text in lines of at most @columns, each indented by @indent. */
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

static void environment_text(struct buf *out)
{
	buf_appendf(out, "\nEnvironment variables. %s\n", empty_rule);
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

static void environment_roff(struct buf *out)
{
	roff_text(out, empty_rule);
	buf_puts(out, "\n");
	for (size_t i = 0; i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		_cleanup_buf_ struct buf tag = BUF_NULL, text = BUF_NULL;
		if (v->audience == ENVIRONMENT_INTERNAL)
			continue;
		buf_appendf(&tag, "%s%s", v->name, variable_suffix(v));
		buf_puts(&text, v->meaning);
		if (*v->fallback)
			buf_appendf(&text, " Default: %s.", v->fallback);
		roff_item(out, buf_str(&tag), buf_str(&text));
	}
}

static void environment_markdown(struct buf *out)
{
	static const char *const audiences[] = {
		[ENVIRONMENT_USER] = "user",
		[ENVIRONMENT_INTERNAL] = "internal",
		[ENVIRONMENT_SYSTEM] = "system",
	};
	buf_appendf(out,
		    "# Environment variables\n\n%s\n"
		    "*User* variables are for people, *internal* ones are set by `ktstr` for its own child "
		    "processes,\n*system* ones are not ours and mean what they mean everywhere.\n"
		    "This page is what `ktstr help environment --markdown` prints.\n\n"
		    "| variable | default | meaning | audience | read in |\n|---|---|---|---|---|\n",
		    empty_rule);
	for (size_t i = 0; i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		buf_appendf(out, "| `%s%s` | %s | %s | %s | `%s` |\n", v->name, variable_suffix(v), v->fallback,
			    v->meaning, audiences[v->audience], v->reader);
	}
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *form, *meaning;
} filters[] = {
	{ "two_cgroups", "tests with two_cgroups in their name; the same as test(two_cgroups)" },
	{ "test(=ktstr/two_cgroups)", "the test of exactly this name" },
	{ "test(#ktstr/eevdf_*)", "names that match a shell pattern" },
	{ "test(/^ktstr.(a|b)/)", "names that match a POSIX extended regular expression" },
	{ "kernel(6_12)", "by the kernel's label" },
	{ "topology(=1n1l4c1t)", "by the topology, written as in the test's line, or by the name of its preset" },
	{ "scheduler(simple)", "by the scheduler's name; eevdf where a test has none" },
	{ "binary(build/tests)", "by the path of the test binary" },
	{ "all(), none()", "every test, no test" },
	{ "A & B, A and B", "both" },
	{ "A | B, A + B, A or B", "either" },
	{ "A - B", "A without B; a space in front, because names may have a '-' in them" },
	{ "!A, not A", "the others" },
	{ "( )", "grouping; & and - bind closer than or" },
	{ "(=), (~), (#), (//)", "inside any field: exactly, a part of it, a shell pattern, a regular expression" },
};

static void filters_text(struct buf *out)
{
	buf_puts(out, "\nFilter expressions, for 'ktstr test -E'.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		buf_appendf(out, " %-26s %s\n", filters[i].form, filters[i].meaning);
}

static void filters_roff(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		roff_item(out, filters[i].form, filters[i].meaning);
}

/* Appends @form as code in a table cell. A '|' is escaped, because it would end the cell. */
static void put_code_cell(struct buf *out, const char *form)
{
	buf_puts(out, "| `");
	for (const char *p = form; *p; p++) {
		if (*p == '|')
			buf_puts(out, "\\");
		buf_append(out, p, 1);
	}
	buf_puts(out, "` | ");
}

static void filters_markdown(struct buf *out)
{
	buf_puts(out, "# Filters\n\n"
		      "`ktstr test -E EXPRESSION` runs only the tests that match. "
		      "`ktstr test --list -E EXPRESSION` prints them and runs none.\n"
		      "This page is what `ktstr help filters --markdown` prints.\n\n"
		      "| form | what it chooses |\n|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		put_code_cell(out, filters[i].form);
		buf_appendf(out, "%s |\n", filters[i].meaning);
	}
}

/* ------------------------------------------------------------------------------------------------------------------ */

const struct topic topics[] = {
	{ "environment", "environment variables that ktstr reads", environment_text, environment_roff,
	  environment_markdown },
	{ "exit-status", "meaning of the exit status", statuses_text, statuses_roff, statuses_markdown },
	{ "filters", "expressions that choose tests", filters_text, filters_roff, filters_markdown },
	{ "metrics", "what is measured, and what counts as a change", metrics_text, metrics_roff, metrics_markdown },
	{ "profiles", "defaults of a project, in .config/ktstr.json", profiles_text, profiles_roff, profiles_markdown },
	{ NULL },
};

const struct topic *topic_find(const char *name)
{
	for (const struct topic *t = topics; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}
