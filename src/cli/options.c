/* SPDX-License-Identifier: GPL-2.0-only */
/* options.c -- see options.h. */
#include <string.h>

#include "base/parse.h"
#include "cli/options.h"

static const struct option_row *find_long(const struct command *c, const char *name, size_t len)
{
	for (const struct option_row *o = c->option; o && o->name; o++)
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct option_row *find_short(const struct command *c, char letter)
{
	for (const struct option_row *o = c->option; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int unknown(const struct command *c, const char *word, struct err **err)
{
	const char *best = NULL;
	unsigned distance = 4;
	for (const struct option_row *o = c->option; o && o->name && !strncmp(word, "--", 2); o++) {
		unsigned d = edit_distance(word + 2, o->name);
		if (d < distance) {
			distance = d;
			best = o->name;
		}
	}
	return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "%s: unknown option '%s'%s%s%s; try 'ktstr %s --help'", c->name, word,
		    best ? ", did you mean '--" : "", best ? best : "", best ? "'" : "", c->name);
}

static int push(struct strings *s, const char *value, const char *what, struct err **err)
{
	if (s->count == STRINGS_MAX)
		return FAIL(err, EXIT_BAD_USAGE, -E2BIG, "more than %d %s", STRINGS_MAX, what);
	s->item[s->count++] = value;
	return 0;
}

static int store(const struct option_row *o, const char *value, void *args, struct err **err)
{
	void *to = (char *)args + o->at;
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		return 0;
	case OPTION_STRING:
		*(const char **)to = value;
		return 0;
	case OPTION_STRINGS:
		return push(to, value, o->name, err);
	case OPTION_NUMBER:
		break;
	}
	if (parse_u64(value, to) < 0)
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "--%s: '%s' is no number", o->name, value);
	return 0;
}

/* One word that begins with '-'; *@next is the word behind it, taken when the option wants it. */
static int take_option(const struct command *c, const char *word, char *const **next, void *args, struct err **err)
{
	bool is_long = word[1] == '-';
	size_t len = is_long ? strcspn(word + 2, "=") : 1;
	const struct option_row *o = is_long ? find_long(c, word + 2, len) : find_short(c, word[1]);
	const char *value = NULL;
	if (!o)
		return unknown(c, word, err);
	if (is_long && word[2 + len] == '=')
		value = word + 3 + len;
	else if (!is_long && word[2])
		value = word + 2;
	if (o->kind == OPTION_FLAG)
		return value ? FAIL(err, EXIT_BAD_USAGE, -EINVAL, "--%s takes no value", o->name)
			     : store(o, NULL, args, err);
	if (!value && !(value = *(*next)++))
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "--%s needs %s", o->name, o->arg);
	return store(o, value, args, err);
}

int options_parse(const struct command *c, char *const *argv, void *args, struct err **err)
{
	bool only_operands = false;
	for (char *const *next = argv; *next;) {
		const char *word = *next++;
		int r;
		if (!only_operands && !strcmp(word, "--")) {
			only_operands = true;
			continue;
		}
		if (!only_operands && word[0] == '-' && word[1])
			r = take_option(c, word, &next, args, err);
		else if (c->operands)
			r = push((struct strings *)((char *)args + c->operands_at), word, "operands", err);
		else
			r = FAIL(err, EXIT_BAD_USAGE, -EINVAL,
				 "%s takes no operand, and got '%s'; try 'ktstr %s --help'", c->name, word, c->name);
		if (r < 0)
			return r;
	}
	return 0;
}
