/* SPDX-License-Identifier: GPL-2.0-only */
/* filter_explain.c -- see filter_explain.h. */
#include <string.h>

#include "stats/filter_explain.h"
#include "stats/runs.h"

#define VALUES_SHOWN 6

static bool matches_any(const struct results *r, const struct filter *f)
{
	struct row_filter rf;
	bool found = false;
	if (row_filter_init(&rf, &r->pool, f))
		for (size_t i = 0; i < r->pool.rows && !found; i++)
			found = result_is_valid(&r->pool.row[i]) && row_filter_accepts(&rf, &r->pool.row[i]);
	row_filter_done(&rf);
	return found;
}

static void put_wanted(const struct filter *f, int d, const char *option, struct buf *out)
{
	const struct filter_values *v = &f->of[d];
	buf_puts(out, option);
	for (size_t i = 0; i < v->count && i < VALUES_SHOWN; i++)
		buf_appendf(out, "%s %s", i ? "," : "", v->item[i]);
	buf_puts(out, v->count > VALUES_SHOWN ? ", ..." : "");
}

static void put_values(const struct results *r, enum dimension d, struct buf *out)
{
	_cleanup_free_ const char **list = NULL;
	size_t count = 0, shown = 0;
	if (dimension_values(r, d, &list, &count) < 0)
		return;
	size_t first = count && !list[0];
	if (count == first) {
		buf_appendf(out, "; no result has a %s", dimensions[d].name);
		return;
	}
	buf_puts(out, "; there are");
	for (size_t i = first; i < count && shown < VALUES_SHOWN; i++)
		buf_appendf(out, "%s %s", shown++ ? "," : "", list[i]);
	if (count - first > shown)
		buf_appendf(out, ", and %zu more", count - first - shown);
}

/* All options that narrow the selection, joined by "and". */
static void put_all(const struct filter *f, const struct filter_options *o, struct buf *out)
{
	const char *separator = "no result matches ";
	for (int d = 0; d < DIMENSION_MAX; d++) {
		if (!f->of[d].count || !o->of[d])
			continue;
		buf_puts(out, separator);
		put_wanted(f, d, o->of[d], out);
		separator = " and ";
	}
	if (f->part && o->part)
		buf_appendf(out, "%s%s '%s'", separator, o->part, f->part);
	buf_puts(out, " together");
}

/* One option alone, so that a selection of nothing is its doing. The copy is for its size. */
static bool explain_one(const struct results *r, const struct filter *f, const struct filter_options *o, int d,
			struct filter *alone, struct buf *out)
{
	if (!f->of[d].count || !o->of[d])
		return false;
	memset(alone, 0, sizeof(*alone));
	alone->of[d] = f->of[d];
	if (matches_any(r, alone))
		return false;
	put_wanted(f, d, o->of[d], out);
	buf_puts(out, f->of[d].count > 1 ? " match none" : " matches none");
	put_values(r, (enum dimension)d, out);
	return true;
}

void filter_explain(const struct results *r, const struct filter *f, const struct filter_options *o, struct buf *out)
{
	_cleanup_free_ struct filter *alone = calloc(1, sizeof(*alone));
	for (int d = 0; alone && d < DIMENSION_MAX; d++)
		if (explain_one(r, f, o, d, alone, out))
			return;
	if (!alone)
		return;
	memset(alone, 0, sizeof(*alone));
	alone->part = f->part;
	if (f->part && o->part && !matches_any(r, alone))
		buf_appendf(out, "%s: no result has '%s' in \"test topology scheduler work-type\"", o->part, f->part);
	else
		put_all(f, o, out);
}
