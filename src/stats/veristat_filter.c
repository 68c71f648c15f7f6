/* SPDX-License-Identifier: GPL-2.0-only */
/* veristat_filter.c -- which rows are shown: "simple*", "simple/enqueue", "insns>1000", "!verdict=failure". */
#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stats/veristat.h"

#define FILTER_FILE_BYTES ((size_t)1 << 20)

void veristat_filters_done(struct veristat_filters *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->item[i].file);
		free(f->item[i].prog);
		free(f->item[i].any);
	}
	*f = (struct veristat_filters){ 0 };
}

/* Longer operators first. */
static const struct {
	const char *text, *op;
} operators[] = {
	{ "==", "==" }, { "!=", "!=" }, { "<>", "!=" }, { "<=", "<=" },
	{ ">=", ">=" }, { "=", "==" },	{ "<", "<" },	{ ">", ">" },
};

/* The words for values of `verdict`, and of its comparison. */
static const struct {
	const char *word;
	double value;
} words[] = {
	{ "success", 1 }, { "s", 1 }, { "true", 1 },  { "t", 1 },	 { "match", 1 }, { "m", 1 },
	{ "failure", 0 }, { "f", 0 }, { "false", 0 }, { "mismatch", 0 }, { "mis", 0 },
};

static int parse_value(const char *text, double *ret, struct err **err)
{
	char *end;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(words[i].word, text)) {
			*ret = words[i].value;
			return 0;
		}
	*ret = strtod(text, &end);
	if (*text && end != text && (!*end || !strcmp(end, "%")) && isfinite(*ret))
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is neither a number nor a verdict (success, failure)", text);
}

static const char *trim(const char *text, size_t *len)
{
	while (*len && isspace((unsigned char)*text))
		text++, (*len)--;
	while (*len && isspace((unsigned char)text[*len - 1]))
		(*len)--;
	return text;
}

/* @at: where the operator is. */
static int parse_stat(const char *text, size_t at, size_t which, struct veristat_filter *ret, struct err **err)
{
	const char *value = text + at + strlen(operators[which].text);
	size_t len = at, rest = strlen(value);
	const char *name = trim(text, &len), *word = trim(value, &rest);
	_cleanup_free_ char *copy = strndup(word, rest);
	if (!copy)
		return -ENOMEM;
	ret->is_stat = true;
	snprintf(ret->op, sizeof(ret->op), "%s", operators[which].op);
	int r = veristat_spec_parse(name, len, &ret->stat, err);
	if (r == 0 && veristat_columns[ret->stat.column].text && ret->stat.column != VERISTAT_VERDICT)
		return FAIL(err, ERR_USAGE, -EINVAL, "'%.*s' is not a number; filter names with globs", (int)len, name);
	return r == 0 ? parse_value(copy, &ret->value, err) : r;
}

static int parse_globs(const char *text, struct veristat_filter *ret)
{
	const char *slash = strchr(text, '/');
	if (!slash)
		return (ret->any = strdup(text)) ? 0 : -ENOMEM;
	if (slash > text && !(ret->file = strndup(text, (size_t)(slash - text))))
		return -ENOMEM;
	return slash[1] && !(ret->prog = strdup(slash + 1)) ? -ENOMEM : 0;
}

static int parse_one(const char *text, struct veristat_filters *to, struct err **err)
{
	if (to->count == VERISTAT_FILTERS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "more than %d filters", VERISTAT_FILTERS_MAX);
	struct veristat_filter *f = &to->item[to->count++];
	*f = (struct veristat_filter){ .deny = *text == '!' };
	text += f->deny;
	if (!*text)
		return FAIL(err, ERR_USAGE, -EINVAL, "a filter is empty");
	size_t at = strcspn(text, "=<>!");
	for (size_t i = 0; text[at] && i < ARRAY_SIZE(operators); i++)
		if (!strncmp(text + at, operators[i].text, strlen(operators[i].text)))
			return parse_stat(text, at, i, f, err);
	return parse_globs(text, f);
}

static int read_filters(const char *path, struct veristat_filters *to, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = file_read(path, FILTER_FILE_BYTES, &text, err);
	char *save = NULL;
	for (char *line = r == 0 && text.data ? strtok_r(text.data, "\n", &save) : NULL; r == 0 && line;
	     line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t\r");
		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#')
			r = parse_one(line, to, err);
	}
	return r;
}

int veristat_filter_add(const char *text, struct veristat_filters *to, struct err **err)
{
	return *text == '@' ? read_filters(text + 1, to, err) : parse_one(text, to, err);
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool glob_matches(const char *glob, const char *text)
{
	return !glob || fnmatch(glob, text, 0) == 0;
}

static bool number_matches(const struct veristat_filter *f, double v)
{
	static const double slack = 1e-9;
	bool equal = fabs(v - f->value) < slack;
	if (f->op[0] == '=')
		return equal;
	if (f->op[0] == '!')
		return !equal;
	if (f->op[1] == '=' && equal)
		return true;
	return !equal && (f->op[0] == '<' ? v < f->value : v > f->value);
}

/* Verdicts that are compared: whether they match. */
static bool stat_matches(const struct veristat_filter *f, const struct veristat_pair *p)
{
	bool differs = f->stat.variant == VARIANT_DIFF || f->stat.variant == VARIANT_PCT;
	double v;
	if (f->stat.column == VERISTAT_VERDICT && differs)
		return p->a && p->b && number_matches(f, p->a->success == p->b->success);
	return veristat_number(p, &f->stat, &v) && number_matches(f, v);
}

bool veristat_matches(const struct veristat_filter *f, const struct veristat_pair *p)
{
	const struct veristat_row *row = p->b ? p->b : p->a;
	if (f->is_stat)
		return stat_matches(f, p);
	if (f->any)
		return glob_matches(f->any, row->file) || glob_matches(f->any, row->prog);
	return glob_matches(f->file, row->file) && glob_matches(f->prog, row->prog);
}

bool veristat_admits(const struct veristat_filters *f, const struct veristat_pair *p)
{
	bool wanted[2] = { true, true };
	for (size_t i = 0; i < f->count; i++) {
		if (f->item[i].deny && veristat_matches(&f->item[i], p))
			return false;
		if (!f->item[i].deny)
			wanted[f->item[i].is_stat] = false;
	}
	for (size_t i = 0; i < f->count; i++)
		if (!f->item[i].deny && veristat_matches(&f->item[i], p))
			wanted[f->item[i].is_stat] = true;
	return wanted[0] && wanted[1];
}
