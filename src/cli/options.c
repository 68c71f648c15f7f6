/* SPDX-License-Identifier: GPL-2.0-only */
/* options.c -- see options.h. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "cli/options.h"

/* In the order of color_words. */
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
static const char *const color_words[] = { "auto", "always", "never", NULL };

struct common_args {
	unsigned color;
};

const struct option_row common_options[] = {
	OPT_CHOICE(struct common_args, color, "color", 0, "WHEN", color_words, "colours in the output"),
	OPT_END,
};

struct parser {
	const struct command *command;
	void *args;
	struct common_args common;
	uint64_t given; /* one bit per row; a unit test counts the rows */
	struct err **err;
};

static bool is_common(const struct option_row *o)
{
	return o >= common_options && o < common_options + ARRAY_SIZE(common_options);
}

const struct option_row *option_first(const struct command *c)
{
	return c->option && c->option->name ? c->option : common_options;
}

const struct option_row *option_next(const struct command *c, const struct option_row *o)
{
	(void)c;
	return o[1].name ? o + 1 : is_common(o) ? NULL : common_options;
}

static const struct option_row *find_long(const struct command *c, const char *name, size_t len)
{
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct option_row *find_short(const struct command *c, char letter)
{
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static int refuse_unknown(const struct parser *p, const char *word)
{
	const struct command *c = p->command;
	const char *best = NULL;
	unsigned distance = 4;
	for (const struct option_row *o = option_first(c); o && !strncmp(word, "--", 2); o = option_next(c, o)) {
		unsigned d = o->hidden ? UINT_MAX : edit_distance(word + 2, o->name);
		if (d < distance) {
			distance = d;
			best = o->name;
		}
	}
	return FAIL(p->err, ERR_USAGE, -EINVAL, "%s: unknown option '%s'%s%s%s; try 'ktstr %s --help'", c->name, word,
		    best ? ", did you mean '--" : "", best ? best : "", best ? "'" : "", c->name);
}

static int push(struct strings *s, const char *value, const char *what, struct err **err)
{
	if (s->count == STRINGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "more than %d %s", STRINGS_MAX, what);
	s->item[s->count++] = value;
	return 0;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

/* A file's name may contain commas. */
static int store_list(const struct option_row *o, char *value, struct strings *to, struct err **err)
{
	if (o->whole || path_exists(value))
		return push(to, value, o->name, err);
	for (char *next = value; next;) {
		char *part = next, *comma = strchr(part, ',');
		next = comma ? comma + 1 : NULL;
		if (comma)
			*comma = '\0';
		if (!*part)
			return FAIL(err, ERR_USAGE, -EINVAL, "--%s: the list has an empty entry; remove a comma",
				    o->name);
		int r = push(to, part, o->name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int store_choice(const struct option_row *o, const char *value, unsigned *to, struct err **err)
{
	_cleanup_buf_ struct buf words = BUF_NULL;
	for (unsigned i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], value)) {
			*to = i;
			return 0;
		}
		buf_appendf(&words, "%s%s", i == 0 ? "" : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
	}
	return FAIL(err, ERR_USAGE, -EINVAL, "--%s: '%s' is not %s", o->name, value, buf_str(&words));
}

static int store_number(const struct option_row *o, const char *value, uint64_t *to, struct err **err)
{
	uint64_t number;
	int r = parse_u64(value, &number);
	if (r == -EINVAL)
		return FAIL(err, ERR_USAGE, -EINVAL, "--%s: '%s' is not a valid number", o->name, value);
	if (r < 0 || number < o->least || number > o->most)
		return o->most == UINT64_MAX ? FAIL(err, ERR_USAGE, -ERANGE,
						    "--%s: '%s' is out of range, at least %lu is "
						    "needed",
						    o->name, value, o->least)
					     : FAIL(err, ERR_USAGE, -ERANGE,
						    "--%s: '%s' is out of range, %lu to %lu are "
						    "possible",
						    o->name, value, o->least, o->most);
	*to = number;
	return 0;
}

static int parse_time(const struct option_row *o, const char *value, nsec_t *ret)
{
	uint64_t number;
	if (!o->bare_unit || parse_u64(value, &number) < 0)
		return parse_duration(value, ret);
	if (number > (uint64_t)(INT64_MAX / o->bare_unit))
		return -ERANGE;
	*ret = (nsec_t)number * o->bare_unit;
	return 0;
}

/* Other texts of times leave out what is below a millisecond. */
const char *option_time_text(uint64_t ns, char out[static TIME_TEXT_MAX])
{
	return ns && ns < NSEC_PER_MSEC ? nsec_measure((double)ns, out) : nsec_format((nsec_t)ns, out);
}

static int store_duration(const struct option_row *o, const char *value, nsec_t *to, struct err **err)
{
	char least[TIME_TEXT_MAX], most[TIME_TEXT_MAX];
	nsec_t t;
	int r = parse_time(o, value, &t);
	if (r == -EINVAL)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--%s: '%s' is not a valid duration; write it like 100ms, 20s or 5m", o->name, value);
	if (r < 0 || t < (nsec_t)o->least || t > (nsec_t)o->most)
		return FAIL(err, ERR_USAGE, -ERANGE, "--%s: '%s' is out of range, %s to %s are possible", o->name,
			    value, option_time_text(o->least, least), option_time_text(o->most, most));
	*to = t;
	return 0;
}

static int store_size(const struct option_row *o, const char *value, uint64_t *to, struct err **err)
{
	uint64_t bytes;
	int r = parse_size(value, &bytes);
	if (r == -EINVAL)
		return FAIL(err, ERR_USAGE, -EINVAL, "--%s: '%s' is not a valid size; write it like 512M or 2G",
			    o->name, value);
	if (r < 0 || bytes < o->least || bytes > o->most)
		return FAIL(err, ERR_USAGE, -ERANGE, "--%s: '%s' is out of range, %lu to %lu bytes are possible",
			    o->name, value, o->least, o->most);
	*to = bytes;
	return 0;
}

int option_store(const struct option_row *o, char *value, void *to, struct err **err)
{
	if (!option_may_be_bare(o) && !*value)
		return FAIL(err, ERR_USAGE, -EINVAL, "--%s needs %s, and got an empty value", o->name, o->arg);
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		return 0;
	case OPTION_STRING:
		if (o->once && *(const char **)to)
			return FAIL(err, ERR_USAGE, -EINVAL, "--%s is given twice, and takes one %s", o->name, o->arg);
		*(const char **)to = value;
		return 0;
	case OPTION_LIST:
		return store_list(o, value, to, err);
	case OPTION_CHOICE:
		return store_choice(o, value, to, err);
	case OPTION_NUMBER:
		return store_number(o, value, to, err);
	case OPTION_DURATION:
		return store_duration(o, value, to, err);
	case OPTION_SIZE:
		return store_size(o, value, to, err);
	case OPTION_INSTEAD:
		break;
	}
	return 0;
}

static int store(struct parser *p, const struct option_row *o, char *value)
{
	void *to = (is_common(o) ? (char *)&p->common : (char *)p->args) + o->at;
	if (!is_common(o))
		p->given |= (uint64_t)1 << (o - p->command->option);
	return option_store(o, value, to, p->err);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void store_defaults(struct parser *p)
{
	for (const struct option_row *o = p->command->option; o && o->name; o++) {
		void *to = (char *)p->args + o->at;
		if (o->kind == OPTION_NUMBER || o->kind == OPTION_SIZE)
			*(uint64_t *)to = o->fallback;
		else if (o->kind == OPTION_DURATION)
			*(nsec_t *)to = (nsec_t)o->fallback;
	}
}

/* Parses one word that begins with '-'. *@next is the following word; an option that needs a value consumes it. */
static int take_option(struct parser *p, char *word, char *const **next)
{
	const struct command *c = p->command;
	bool is_long = word[1] == '-';
	size_t len = is_long ? strcspn(word + 2, "=") : 1;
	const struct option_row *o = is_long ? find_long(c, word + 2, len) : find_short(c, word[1]);
	char *value = NULL;
	if (!o)
		return refuse_unknown(p, word);
	if (o->kind == OPTION_INSTEAD)
		return FAIL(p->err, ERR_USAGE, -EINVAL, "%s: --%s is not an option of ktstr; %s", c->name, o->name,
			    o->help);
	if (is_long && word[2 + len] == '=')
		value = word + 3 + len;
	else if (!is_long && word[2])
		value = word + 2 + (word[2] == '=');
	if (o->kind == OPTION_FLAG)
		return value ? FAIL(p->err, ERR_USAGE, -EINVAL, "--%s takes no value", o->name) : store(p, o, NULL);
	if (!value && o->optional)
		value = word + strlen(word);
	if (!value && !(value = *(*next)++))
		return FAIL(p->err, ERR_USAGE, -EINVAL, "--%s needs %s", o->name, o->arg);
	return store(p, o, value);
}

static int take_operand(struct parser *p, const char *word)
{
	const struct command *c = p->command;
	if (!c->operands)
		return FAIL(p->err, ERR_USAGE, -EINVAL, "%s takes no operand, and got '%s'; try 'ktstr %s --help'",
			    c->name, word, c->name);
	if (!*word)
		return FAIL(p->err, ERR_USAGE, -EINVAL, "%s: an operand is empty; %s is wanted", c->name, c->operands);
	return push((struct strings *)((char *)p->args + c->operands_at), word, "operands", p->err);
}

static bool was_given(const struct parser *p, const char *name)
{
	const struct option_row *o = find_long(p->command, name, strlen(name));
	return o && (p->given >> (o - p->command->option) & 1);
}

static int check_conflicts(const struct parser *p)
{
	for (const struct option_conflict *x = p->command->conflict; x && x->one; x++)
		if (was_given(p, x->one) && was_given(p, x->other))
			return FAIL(p->err, ERR_USAGE, -EINVAL, "%s: --%s and --%s exclude each other",
				    p->command->name, x->one, x->other);
	return 0;
}

/* The environment has the same choice, and child processes inherit it. */
static void apply_color(enum color when)
{
	if (when == COLOR_NEVER)
		setenv(environment_variables[ENV_NO_COLOR].name, "1", true);
	if (when == COLOR_ALWAYS) {
		unsetenv(environment_variables[ENV_NO_COLOR].name);
		setenv(environment_variables[ENV_CLICOLOR_FORCE].name, "1", true);
	}
}

/* A word after "--": an option that users know from another runner, or an operand. */
static int take_passed(struct parser *p, char *word, char *const **next)
{
	size_t len = strcspn(word, "=");
	if (word[0] != '-' || !word[1] || path_exists(word))
		return take_operand(p, word);
	for (const struct passed_word *w = p->command->passed; w->word; w++) {
		if (strlen(w->word) != len || strncmp(w->word, word, len) != 0)
			continue;
		if (!w->option) {
			*next += w->value && !word[len] && **next;
			return 0;
		}
		_cleanup_free_ char *name = strdup(w->option);
		if (!name)
			return -ENOMEM;
		char *const value[] = { word + len + 1, NULL }, *const *rest = value;
		return take_option(p, name, word[len] ? &rest : next);
	}
	return take_option(p, word, next);
}

int options_parse(const struct command *c, char *const *argv, void *args, struct err **err)
{
	struct parser p = { .command = c, .args = args, .err = err };
	bool only_operands = false;
	store_defaults(&p);
	for (char *const *next = argv; *next;) {
		char *word = *next++;
		if (!only_operands && !strcmp(word, "--")) {
			only_operands = true;
			continue;
		}
		bool is_option = !only_operands && word[0] == '-' && word[1];
		int r = is_option		     ? take_option(&p, word, &next)
			: only_operands && c->passed ? take_passed(&p, word, &next)
						     : take_operand(&p, word);
		if (r < 0)
			return r;
	}
	apply_color((enum color)p.common.color);
	if (c->given_at)
		*(uint64_t *)((char *)args + c->given_at) = p.given;
	return check_conflicts(&p);
}
