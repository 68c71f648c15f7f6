/* SPDX-License-Identifier: GPL-2.0-only */
/* filter.c -- recursive descent; see filter.h for the grammar. */
#include <ctype.h>
#include <fnmatch.h>
#include <regex.h>
#include <string.h>

#include "run/filter.h"

#define FILTER_DEPTH_MAX 64
#define REPEATS_MAX	 8

enum node_kind { NODE_OR, NODE_AND, NODE_NOT, NODE_EXACT, NODE_CONTAINS, NODE_GLOB, NODE_REGEX, NODE_ALL };

struct filter {
	enum node_kind kind;
	enum filter_field field;
	struct filter *left, *right;
	char *text;
	regex_t regex;
};

static const char *const field_names[FIELD_MAX] = { "test", "kernel", "topology", "scheduler", "binary" };

struct parser {
	const char *start, *at;
	unsigned depth;
	struct err **err;
};

struct filter *filter_free(struct filter *f)
{
	if (!f)
		return NULL;
	filter_free(f->left);
	filter_free(f->right);
	if (f->kind == NODE_REGEX)
		regfree(&f->regex);
	free(f->text);
	free(f);
	return NULL;
}

static int syntax_error(struct parser *p, const char *what)
{
	return FAIL(p->err, ERR_USAGE, -EINVAL, "filter '%s': %s at '%s'", p->start, what, *p->at ? p->at : "the end");
}

static int node(struct filter **ret, enum node_kind kind, struct filter *left, struct filter *right)
{
	struct filter *f = calloc(1, sizeof(*f));
	if (!f) {
		filter_free(left);
		filter_free(right);
		return -ENOMEM;
	}
	*f = (struct filter){ .kind = kind, .left = left, .right = right };
	*ret = f;
	return 0;
}

static void skip_space(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_-./", c) ? c != '\0' : false;
}

/* Consumes @symbol, or @word if it is a whole word. */
static bool take(struct parser *p, char symbol, const char *word)
{
	skip_space(p);
	size_t len = word ? strlen(word) : 0;
	if (*p->at == symbol) {
		p->at++;
		return true;
	}
	if (len && !strncmp(p->at, word, len) && !is_word(p->at[len])) {
		p->at += len;
		return true;
	}
	return false;
}

static int parse_or(struct parser *p, struct filter **ret);

/*
 * Nested repetitions ("((a{999}){999}", "a+++++++++") multiply the memory that regcomp() uses, until none is left. A
 * filter may have at most eight repetitions, at most one of them counted, up to 999.
 */
static bool repeats_too_much(const char *regex)
{
	unsigned repeats = 0, counted = 0;
	for (const char *p = regex; *p; p++) {
		repeats += strchr("*+?{", *p) != NULL;
		counted += *p == '{';
		if (*p == '{' && (strspn(p + 1, "0123456789") > 3 || strcspn(p, "}") > 8))
			return true;
	}
	return repeats > REPEATS_MAX || counted > 1;
}

static int make_match(struct parser *p, enum filter_field field, enum node_kind kind, const char *text, size_t len,
		      struct filter **ret)
{
	struct filter *f;
	int r = node(&f, kind, NULL, NULL);
	if (r < 0)
		return r;
	f->field = field;
	f->text = strndup(text, len);
	if (kind == NODE_REGEX && f->text && repeats_too_much(f->text)) {
		f->kind = NODE_EXACT;
		filter_free(f);
		return syntax_error(p, "a regular expression with too many repetitions");
	}
	if (kind == NODE_REGEX) {
		int why = f->text ? regcomp(&f->regex, f->text, REG_EXTENDED | REG_NOSUB) : REG_ESPACE;
		if (why) {
			f->kind = NODE_EXACT;
			filter_free(f);
			return syntax_error(p, "the regular expression does not compile");
		}
	}
	*ret = f;
	return 0;
}

/* Parses what follows "field(", including the closing parenthesis. */
static int parse_match(struct parser *p, enum filter_field field, struct filter **ret)
{
	skip_space(p);
	enum node_kind kind = *p->at == '=' ? NODE_EXACT : *p->at == '#' ? NODE_GLOB : NODE_CONTAINS;
	bool spaced = *p->at == '~' || *p->at == '=' || *p->at == '#';
	p->at += spaced;
	if (spaced)
		skip_space(p);
	/* "~=" is the same as "~". */
	if (kind == NODE_CONTAINS && spaced && *p->at == '=') {
		p->at++;
		skip_space(p);
	}
	if (*p->at == '/') {
		const char *end = strchr(p->at + 1, '/');
		while (end && end[-1] == '\\')
			end = strchr(end + 1, '/');
		if (!end)
			return syntax_error(p, "an unfinished regular expression");
		const char *text = p->at + 1;
		p->at = end + 1;
		int r = make_match(p, field, NODE_REGEX, text, (size_t)(end - text), ret);
		if (r < 0)
			return r;
		return take(p, ')', NULL) ? 0 : (*ret = filter_free(*ret), syntax_error(p, "')' expected"));
	}
	const char *end = strchr(p->at, ')');
	if (!end || end == p->at)
		return syntax_error(p, end ? "the text to match is missing" : "')' expected");
	const char *text = p->at;
	p->at = end + 1;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	return make_match(p, field, kind, text, (size_t)(end - text), ret);
}

static int parse_atom(struct parser *p, struct filter **ret)
{
	skip_space(p);
	for (unsigned i = 0; i < FIELD_MAX; i++) {
		size_t len = strlen(field_names[i]);
		if (!strncmp(p->at, field_names[i], len) && p->at[len] == '(') {
			p->at += len + 1;
			return parse_match(p, (enum filter_field)i, ret);
		}
	}
	if (!strncmp(p->at, "all()", 5)) {
		p->at += 5;
		return node(ret, NODE_ALL, NULL, NULL);
	}
	if (!strncmp(p->at, "none()", 6)) {
		struct filter *all;
		p->at += 6;
		int r = node(&all, NODE_ALL, NULL, NULL);
		return r == 0 ? node(ret, NODE_NOT, all, NULL) : r;
	}
	const char *word = p->at;
	while (is_word(*p->at))
		p->at++;
	if (p->at == word)
		return syntax_error(p, "a test, or field(...), expected");
	if (*p->at == '(') {
		p->at = word;
		return syntax_error(p, "unknown field (test, kernel, topology, scheduler, binary)");
	}
	return make_match(p, FIELD_TEST, NODE_CONTAINS, word, (size_t)(p->at - word), ret);
}

static int parse_not(struct parser *p, struct filter **ret)
{
	struct filter *inner;
	int r;
	if (++p->depth > FILTER_DEPTH_MAX)
		return syntax_error(p, "too deeply nested");
	if (take(p, '!', "not")) {
		r = parse_not(p, &inner);
		if (r == 0)
			r = node(ret, NODE_NOT, inner, NULL);
	} else if (take(p, '(', NULL)) {
		r = parse_or(p, ret);
		if (r == 0 && !take(p, ')', NULL)) {
			*ret = filter_free(*ret);
			r = syntax_error(p, "')' expected");
		}
	} else {
		r = parse_atom(p, ret);
	}
	p->depth--;
	return r;
}

/* Reads the right operand with @operand and joins it to *@left by @kind. Frees *@left on failure. */
static int parse_right(struct parser *p, enum node_kind kind, bool negate,
		       int (*operand)(struct parser *, struct filter **), struct filter **left)
{
	struct filter *right;
	int r = operand(p, &right);
	if (r == 0 && negate)
		r = node(&right, NODE_NOT, right, NULL);
	if (r < 0) {
		filter_free(*left);
		return r;
	}
	return node(left, kind, *left, right);
}

static int parse_and(struct parser *p, struct filter **ret)
{
	struct filter *left;
	int r = parse_not(p, &left);
	while (r == 0) {
		bool minus = false;
		if (!take(p, '&', "and") && !(minus = take(p, '-', NULL)))
			break;
		r = parse_right(p, NODE_AND, minus, parse_not, &left);
	}
	if (r == 0)
		*ret = left;
	return r;
}

static int parse_or(struct parser *p, struct filter **ret)
{
	struct filter *left;
	int r = parse_and(p, &left);
	while (r == 0 && (take(p, '|', "or") || take(p, '+', NULL)))
		r = parse_right(p, NODE_OR, false, parse_and, &left);
	if (r == 0)
		*ret = left;
	return r;
}

int filter_parse(const char *text, struct filter **ret, struct err **err)
{
	struct parser p = { .start = text, .at = text, .err = err };
	struct filter *f;
	int r = parse_or(&p, &f);
	if (r < 0)
		return r;
	skip_space(&p);
	if (*p.at) {
		filter_free(f);
		return syntax_error(&p, "'&', '-', '|', '+' or the end expected");
	}
	*ret = f;
	return 0;
}

static bool name_matches(const struct filter *f, const char *name)
{
	switch (f->kind) {
	case NODE_EXACT:
		return !strcmp(name, f->text);
	case NODE_CONTAINS:
		return strstr(name, f->text) != NULL;
	case NODE_GLOB:
		return fnmatch(f->text, name, 0) == 0;
	default:
		return regexec(&f->regex, name, 0, NULL, 0) == 0;
	}
}

bool filter_match(const struct filter *f, const struct filter_subject *s)
{
	if (!f)
		return true;
	switch (f->kind) {
	case NODE_OR:
		return filter_match(f->left, s) || filter_match(f->right, s);
	case NODE_AND:
		return filter_match(f->left, s) && filter_match(f->right, s);
	case NODE_NOT:
		return !filter_match(f->left, s);
	case NODE_ALL:
		return true;
	default:
		break;
	}
	for (size_t i = 0; i < FILTER_NAMES_MAX && s->name[f->field][i]; i++)
		if (name_matches(f, s->name[f->field][i]))
			return true;
	return false;
}

static bool names_exactly(const struct filter *f, const struct filter_subject *s)
{
	if (f->kind == NODE_OR || f->kind == NODE_AND)
		return (filter_match(f->left, s) && names_exactly(f->left, s)) ||
		       (filter_match(f->right, s) && names_exactly(f->right, s));
	return f->kind == NODE_EXACT && f->field == FIELD_TEST;
}

bool filter_names(const struct filter *f, const struct filter_subject *s)
{
	return f && filter_match(f, s) && names_exactly(f, s);
}
