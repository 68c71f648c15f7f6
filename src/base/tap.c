/* SPDX-License-Identifier: GPL-2.0-only */
/* tap.c -- see tap.h. */
#include <ctype.h>
#include <string.h>

#include "base/tap.h"
#include "base/text.h"

#define SAID_BYTES_MAX 100 /* of a name and its comment */

enum directive { DIRECTIVE_NONE, DIRECTIVE_SKIP, DIRECTIVE_TODO };

struct line {
	const char *at, *end;
};

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && !strncmp(name, wanted, len);
}

static void skip_spaces(struct line *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
}

static bool take(struct line *l, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(l->end - l->at) < len || strncasecmp(l->at, word, len))
		return false;
	l->at += len;
	return true;
}

/* Takes "ok" or "not ok". Other lines can begin with these letters: "okay", "ok, next". */
static bool take_result(struct line *l, const char *word)
{
	struct line rest = *l;
	if (strncmp(l->at, word, MIN_OF(strlen(word), (size_t)(l->end - l->at))) || !take(&rest, word))
		return false;
	if (rest.at < rest.end && *rest.at != ' ' && *rest.at != '\t')
		return false;
	*l = rest;
	return true;
}

/* What a comment says about the result. @at is after its '#'. Programs write "SKIP", "skip", "Skipped:". */
static enum directive directive_of(const char *at, const char *end)
{
	struct line l = { at, end };
	skip_spaces(&l);
	if (take(&l, "SKIP"))
		return DIRECTIVE_SKIP;
	bool todo = take(&l, "TODO") && (l.at == l.end || !isalnum((unsigned char)*l.at));
	return todo ? DIRECTIVE_TODO : DIRECTIVE_NONE;
}

/* Returns the '#' of the result's directive, else the first '#', else @end. */
static const char *find_comment(const char *at, const char *end, enum directive *ret)
{
	const char *first = NULL;
	*ret = DIRECTIVE_NONE;
	for (const char *mark = at; (mark = memchr(mark, '#', (size_t)(end - mark))); mark++) {
		if (mark > at && mark[-1] == '\\')
			continue;
		*ret = directive_of(mark + 1, end);
		if (*ret != DIRECTIVE_NONE)
			return mark;
		first = first ? first : mark;
	}
	return first ? first : end;
}

/* Goes to the name in "3 - name"; stays where it is in front of a number without a name. */
static void skip_number(struct line *l)
{
	struct line name = *l;
	while (name.at < name.end && isdigit((unsigned char)*name.at))
		name.at++;
	if (name.at < name.end && *name.at != ' ' && *name.at != '\t')
		name = *l; /* a name that begins with digits */
	skip_spaces(&name);
	if (name.end - name.at >= 2 && name.at[0] == '-' && name.at[1] == ' ')
		name.at += 2;
	skip_spaces(&name);
	if (name.at < name.end)
		*l = name;
}

/* Counts one line "ok 3 - name # SKIP why". @l is after "ok". */
static void count_result(struct line l, bool ok, const char *wanted, struct tap_count *c)
{
	enum directive directive;
	skip_spaces(&l);
	skip_number(&l);
	const char *name_end = find_comment(l.at, l.end, &directive);
	while (name_end > l.at && name_end[-1] == ' ')
		name_end--;
	if (wanted && !is_name(l.at, (size_t)(name_end - l.at), wanted))
		return;
	bool skip = directive == DIRECTIVE_SKIP || (directive == DIRECTIVE_TODO && !ok);
	bool first = skip ? !c->failed && !c->skipped : !ok && !c->failed;
	if (first)
		text_copy_line(c->said, SAID_BYTES_MAX + 1, l.at, (size_t)(l.end - l.at));
	c->skipped += skip;
	c->passed += !skip && ok;
	c->failed += !skip && !ok;
}

/* Reads a plan, "1..5" or "1..0 # SKIP why"; @l is after "1..". Output of several programs can have several plans. */
static void read_plan(struct line l, struct tap_count *c)
{
	uint64_t count = 0;
	if (l.at == l.end || !isdigit((unsigned char)*l.at))
		return;
	for (; l.at < l.end && isdigit((unsigned char)*l.at); l.at++)
		count = MIN_OF(count * 10 + (uint64_t)(*l.at - '0'), (uint64_t)UINT32_MAX);
	c->has_plan = true;
	c->planned += count;
	skip_spaces(&l);
	if (!count && !c->said[0])
		text_copy_line(c->said, SAID_BYTES_MAX + 1, l.at, (size_t)(l.end - l.at));
}

static void read_line(struct line l, const char *wanted, struct tap_count *c)
{
	if (take(&l, "1..")) {
		read_plan(l, c);
	} else if (take(&l, "Bail out!")) {
		skip_spaces(&l);
		if (!c->bailed_out)
			text_copy_line(c->bail_reason, sizeof(c->bail_reason), l.at, (size_t)(l.end - l.at));
		c->bailed_out = true;
	} else if (take_result(&l, "ok")) {
		count_result(l, true, wanted, c);
	} else if (take_result(&l, "not ok")) {
		count_result(l, false, wanted, c);
	}
}

void tap_read(const char *text, size_t len, const char *wanted, struct tap_count *ret)
{
	const char *end = text + len;
	*ret = (struct tap_count){ 0 };
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct line l = { text, newline ? newline : end };
		if (l.end > l.at && l.end[-1] == '\r')
			l.end--;
		read_line(l, wanted, ret);
		text = newline ? newline + 1 : end;
	}
}
