/* SPDX-License-Identifier: GPL-2.0-only */
/* releases.c -- see releases.h. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "net/releases.h"

#define SHA256_HEX 64

/* --- releases.json ------------------------------------------------------------------------------------------------ */

static const char *get_string(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

static bool moniker_parse(const char *s, enum moniker *ret)
{
	static const char *const names[] = {
		[MONIKER_MAINLINE] = "mainline",
		[MONIKER_STABLE] = "stable",
		[MONIKER_LONGTERM] = "longterm",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(s, names[i]) != 0)
			continue;
		*ret = (enum moniker)i;
		return true;
	}
	return false;
}

/* Leaves @to empty when @from is too long, or has bytes that a URL or a date cannot have. */
static void copy_plain(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);
	for (size_t i = 0; i < len; i++)
		if (from[i] <= ' ' || from[i] > '~')
			return;
	if (len < size)
		memcpy(to, from, len + 1);
}

static bool parse_release(const json_t *entry, struct release *ret)
{
	struct release r = { 0 };
	const char *source = get_string(entry, "source");
	if (!moniker_parse(get_string(entry, "moniker"), &r.moniker))
		return false;
	if (kversion_parse(get_string(entry, "version"), &r.version) < 0 || r.version.numbers < 2)
		return false;
	r.eol = json_is_true(json_object_get(entry, "iseol"));
	if (!strncmp(source, "https://", 8) || !strncmp(source, "http://", 7))
		copy_plain(r.source, sizeof(r.source), source);
	copy_plain(r.date, sizeof(r.date), get_string(json_object_get(entry, "released"), "isodate"));
	*ret = r;
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct release *x = a, *y = b;
	int order = kversion_compare(&y->version, &x->version);
	/* A version that is listed as mainline and as stable counts as stable. */
	return order ? order : (int)y->moniker - (int)x->moniker;
}

static size_t drop_doubles(struct release *list, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!kept || kversion_compare(&list[kept - 1].version, &list[i].version) != 0)
			list[kept++] = list[i];
	return kept;
}

static int parse_list(const json_t *array, const char *name, struct releases *ret, struct err **err)
{
	size_t count = json_array_size(array), kept = 0;
	if (!count || count > RELEASES_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: 'releases' has %zu entries, must have 1 to %d", name, count,
			    RELEASES_MAX);
	struct release *list = calloc(count, sizeof(*list));
	if (!list)
		return FAIL_SYS(err, -ENOMEM, "%s", name);
	for (size_t i = 0; i < count; i++)
		kept += parse_release(json_array_get(array, i), &list[kept]);
	qsort(list, kept, sizeof(*list), newest_first);
	kept = drop_doubles(list, kept);
	if (!kept) {
		free(list);
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: has no mainline, stable or longterm release", name);
	}
	*ret = (struct releases){ list, kept };
	return 0;
}

int releases_parse(const char *json, size_t len, const char *name, struct releases *ret, struct err **err)
{
	json_error_t at;
	json_auto_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &at);
	if (!root)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: not valid JSON: line %d: %s", name, at.line, at.text);
	const json_t *array = json_object_get(root, "releases");
	if (!json_is_array(array))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: has no list 'releases'", name);
	return parse_list(array, name, ret, err);
}

void releases_done(struct releases *r)
{
	free(r->list);
	*r = (struct releases){ 0 };
}

static bool is_stable(const struct release *r)
{
	return r->moniker != MONIKER_MAINLINE && r->version.rc == KVERSION_FINAL;
}

const struct release *releases_newest(const struct releases *r, uint32_t least_patch)
{
	for (size_t i = 0; i < r->count; i++)
		if (is_stable(&r->list[i]) && r->list[i].version.patch >= least_patch)
			return &r->list[i];
	return NULL;
}

const struct release *releases_of_series(const struct releases *r, const struct kversion *series)
{
	for (size_t i = 0; i < r->count; i++)
		if (is_stable(&r->list[i]) && kversion_in_series(&r->list[i].version, series))
			return &r->list[i];
	return NULL;
}

/* --- sha256sums.asc ----------------------------------------------------------------------------------------------- */

struct lines {
	const char *at, *end;
	const char *line; /* the current line, without its end */
	size_t len;
};

static bool next_line(struct lines *l)
{
	if (l->at >= l->end)
		return false;
	const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
	const char *stop = newline ? newline : l->end;
	l->line = l->at;
	l->len = (size_t)(stop - l->at);
	l->at = newline ? newline + 1 : l->end;
	if (l->len && l->line[l->len - 1] == '\r')
		l->len--;
	return true;
}

static bool line_is(const struct lines *l, const char *text)
{
	return l->len == strlen(text) && !memcmp(l->line, text, l->len);
}

/* Limits @l to the text that the signature covers. */
static int enter_signed(struct lines *l)
{
	while (next_line(l) && l->len)
		; /* skip armour headers up to the empty line */
	struct lines body = *l;
	while (next_line(l)) {
		if (!line_is(l, "-----BEGIN PGP SIGNATURE-----"))
			continue;
		body.end = l->line;
		*l = body;
		return 0;
	}
	return -EBADMSG;
}

/* "HEX  NAME" or "HEX *NAME"; false: another kind of line. */
static bool parse_sum(const struct lines *l, const char **ret_name, size_t *ret_len)
{
	if (l->len < SHA256_HEX + 3 || l->line[SHA256_HEX] != ' ')
		return false;
	if (l->line[SHA256_HEX + 1] != ' ' && l->line[SHA256_HEX + 1] != '*')
		return false;
	for (size_t i = 0; i < SHA256_HEX; i++)
		if (!isxdigit((unsigned char)l->line[i]))
			return false;
	*ret_name = l->line + SHA256_HEX + 2;
	*ret_len = l->len - SHA256_HEX - 2;
	return true;
}

static void copy_hex(const char *from, char out[SHA256_TEXT_MAX])
{
	for (size_t i = 0; i < SHA256_HEX; i++)
		out[i] = (char)tolower((unsigned char)from[i]);
	out[SHA256_HEX] = '\0';
}

int sha256sums_find(const char *text, size_t len, const char *name, char ret[SHA256_TEXT_MAX], struct err **err)
{
	struct lines l = { .at = text, .end = text + len }, whole = l;
	char found[SHA256_TEXT_MAX] = "", hex[SHA256_TEXT_MAX];
	size_t sums = 0, name_len;
	const char *its_name;
	if (next_line(&l) && line_is(&l, "-----BEGIN PGP SIGNED MESSAGE-----")) {
		if (enter_signed(&l) < 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "the list of SHA-256 sums is truncated");
	} else {
		l = whole;
	}
	while (next_line(&l)) {
		if (!parse_sum(&l, &its_name, &name_len))
			continue;
		sums++;
		if (name_len != strlen(name) || memcmp(its_name, name, name_len) != 0)
			continue;
		copy_hex(l.line, hex);
		if (found[0] && strcmp(found, hex) != 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "the list of SHA-256 sums has two different sums for '%s'",
				    name);
		memcpy(found, hex, sizeof(found));
	}
	if (!sums)
		return FAIL(err, ERR_DATA, -EBADMSG, "the list of SHA-256 sums has no sums");
	if (!found[0])
		return FAIL(err, ERR_MISSING, -ENOENT, "the list of SHA-256 sums has no sum for '%s'", name);
	memcpy(ret, found, sizeof(found));
	return 0;
}
