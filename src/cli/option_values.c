/* SPDX-License-Identifier: GPL-2.0-only */
/* option_values.c -- values of options that do not come from a command line, and command lines made from values. */
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "cli/options.h"
#include "run/list_json.h"

static const struct option_row *find_row(const struct command *c, const char *name)
{
	for (const struct option_row *o = c->option; o && o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

static uint64_t *given_of(const struct command *c, const void *args)
{
	REQUIRE(c->given_at);
	return (uint64_t *)((char *)(uintptr_t)args + c->given_at);
}

bool option_was_given(const struct command *c, const void *args, const char *name)
{
	const struct option_row *o = find_row(c, name);
	return o && (*given_of(c, args) >> (o - c->option) & 1);
}

/* Was an option given that excludes this one? */
static bool is_excluded(const struct command *c, const void *args, const char *name)
{
	for (const struct option_conflict *x = c->conflict; x && x->one; x++)
		if ((!strcmp(x->one, name) && option_was_given(c, args, x->other)) ||
		    (!strcmp(x->other, name) && option_was_given(c, args, x->one)))
			return true;
	return false;
}

int option_set_default(const struct command *c, void *args, const char *name, char *value, struct err **err)
{
	const struct option_row *o = find_row(c, name);
	REQUIRE(o);
	if (option_was_given(c, args, name) || is_excluded(c, args, name))
		return 0;
	if (o->kind != OPTION_LIST)
		return option_store(o, value, (char *)args + o->at, err);
	struct strings *list = (struct strings *)((char *)args + o->at);
	if (list->count == STRINGS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "more than %d values", STRINGS_MAX);
	list->item[list->count++] = value;
	return 0;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static bool is_in(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static int add_word(char ***list, size_t *count, const char *name, const char *value)
{
	char *word, **more = reallocarray(*list, *count + 2, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	if (asprintf(&word, "--%s%s%s", name, value ? "=" : "", value ?: "") < 0)
		return -ENOMEM;
	more[(*count)++] = word;
	more[*count] = NULL;
	return 0;
}

/* The value as text in @text, or NULL: the option has its default. */
static const char *value_text(const struct option_row *o, const void *at, char text[static 32])
{
	uint64_t number;
	switch (o->kind) {
	case OPTION_STRING:
		return *(const char *const *)at;
	case OPTION_CHOICE:
		return *(const unsigned *)at ? o->choices[*(const unsigned *)at] : NULL;
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		number = *(const uint64_t *)at;
		if (number == o->fallback)
			return NULL;
		snprintf(text, 32, "%lu%s", number, o->kind == OPTION_DURATION ? "ns" : "");
		return text;
	case OPTION_FLAG:
	case OPTION_LIST:
	case OPTION_INSTEAD:
		break;
	}
	return NULL;
}

static int add_row(char ***list, size_t *count, const struct option_row *o, const void *at)
{
	char text[32];
	int r = 0;
	if (o->kind == OPTION_FLAG)
		return *(const bool *)at ? add_word(list, count, o->name, NULL) : 0;
	if (o->kind == OPTION_LIST) {
		const struct strings *s = at;
		for (size_t i = 0; r == 0 && i < s->count; i++)
			r = add_word(list, count, o->name, s->item[i]);
		return r;
	}
	const char *value = value_text(o, at, text);
	return value ? add_word(list, count, o->name, value) : 0;
}

int options_to_words(const struct command *c, const void *args, const char *const *without, char ***ret)
{
	size_t count = 0;
	char **list = calloc(1, sizeof(*list));
	int r = list ? 0 : -ENOMEM;
	for (const struct option_row *o = c->option; r == 0 && o && o->name; o++)
		if (!o->hidden && !is_in(without, o->name))
			r = add_row(&list, &count, o, (const char *)args + o->at);
	if (r < 0) {
		strings_free(list);
		return r;
	}
	*ret = list;
	return 0;
}
