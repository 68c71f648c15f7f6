/* SPDX-License-Identifier: GPL-2.0-only */
/* rules.c -- reads rules as make and compilers write them. */
#include <string.h>

#include "affected/graph.h"

struct rule_parser {
	struct buf outputs, inputs; /* words, each ended by a NUL */
	void (*rule)(void *data, const char *output, const char *input);
	void *data;
};

/* The end of a logical line: a newline that is not escaped, or the end of the text. */
static const char *line_end(const char *at)
{
	for (; *at && *at != '\n'; at++)
		if (*at == '\\' && (at[1] == '\n' || (at[1] == '\r' && at[2] == '\n')))
			at += at[1] == '\r' ? 2 : 1;
	return at;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A colon ends the outputs, unless a path goes on behind it. */
static bool ends_outputs(const char *at, const char *end)
{
	return *at == ':' && (at + 1 == end || is_space(at[1]) || at[1] == ':' || at[1] == '|');
}

/*
 * Reads one word. A backslash escapes a space, '#', ':' and itself before a space; "$$" is a dollar. Returns what
 * follows.
 */
static const char *read_word(const char *at, const char *end, bool outputs, struct buf *word)
{
	while (at < end && !is_space(*at) && !(outputs && ends_outputs(at, end))) {
		if (*at == '\\' && at + 1 < end && (at[1] == '\n' || at[1] == '\r'))
			break;
		if (*at == '\\' && at + 1 < end && strchr(" #:\\", at[1]) &&
		    (at[1] != '\\' || (at + 2 < end && at[2] == ' ')))
			at++;
		else if (*at == '$' && at + 1 < end && at[1] == '$')
			at++;
		buf_append(word, at++, 1);
	}
	return at;
}

/* Reads words until the end, or with @outputs until the colon. Returns what follows. */
static const char *read_words(const char *at, const char *end, bool outputs, struct buf *words)
{
	while (at < end) {
		if (is_space(*at) || (*at == '\\' && at + 1 < end && is_space(at[1]) && at[1] != ' ')) {
			at++;
			continue;
		}
		if (outputs && ends_outputs(at, end))
			return at;
		size_t before = words->len;
		const char *next = read_word(at, end, outputs, words);
		if (next == at)
			next++;
		at = next;
		if (words->len > before)
			buf_append(words, "", 1);
	}
	return at;
}

/* Of a pattern, an assignment, or a target such as .PHONY. */
static bool is_odd_output(const char *word)
{
	bool special = *word == '.' && strspn(word + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(word) - 1;
	return special || strpbrk(word, "%=$");
}

static void report(const struct rule_parser *p)
{
	const char *o = p->outputs.data, *i;
	for (; o && o < p->outputs.data + p->outputs.len; o += strlen(o) + 1) {
		if (is_odd_output(o))
			continue;
		for (i = p->inputs.data; i && i < p->inputs.data + p->inputs.len; i += strlen(i) + 1)
			if (strcmp(i, "|") != 0)
				p->rule(p->data, o, i);
	}
}

/* "name = value" and "name := value" are assignments, also those that belong to an output. */
static bool is_assignment(const char *at, const char *end)
{
	const char *equals = memchr(at, '=', (size_t)(end - at));
	return equals && (equals == at || is_space(equals[-1]) || strchr(":?+!", equals[-1]));
}

static void parse_line(struct rule_parser *p, const char *at, const char *end)
{
	if (*at == '\t' || *at == '#' || is_assignment(at, end))
		return;
	buf_clear(&p->outputs);
	buf_clear(&p->inputs);
	at = read_words(at, end, true, &p->outputs);
	if (at == end)
		return;
	at += at + 1 < end && at[1] == ':' ? 2 : 1;
	/* "output: input; recipe" */
	read_words(at, end, false, &p->inputs);
	if (!p->outputs.failed && !p->inputs.failed)
		report(p);
}

void rules_parse(const char *text, void (*rule)(void *data, const char *output, const char *input), void *data)
{
	struct rule_parser p = { .rule = rule, .data = data };
	while (*text) {
		const char *end = line_end(text);
		parse_line(&p, text, end);
		text = end + (*end == '\n');
	}
	buf_done(&p.outputs);
	buf_done(&p.inputs);
}
