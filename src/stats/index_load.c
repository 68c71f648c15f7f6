/* SPDX-License-Identifier: GPL-2.0-only */
/* index_load.c -- see index.h. */
#include <string.h>

#include "base/result_name.h"
#include "stats/index_file.h"
#include "stats/index_match.h"

/* --- loading ------------------------------------------------------------------------------------------------------ */

/* Numbers of the index's texts and metrics, and those of the pool. */
struct translation {
	uint32_t *text;
	size_t texts;
	uint16_t *other;
	size_t others;
	bool damaged; /* a text is missing */
};

static void translation_done(struct translation *t)
{
	free(t->text);
	free(t->other);
}

static uint32_t text_at(struct translation *t, int64_t id)
{
	uint32_t text = id > 0 && (uint64_t)id < t->texts ? t->text[id] : 0;
	t->damaged |= id && !text;
	return text;
}

static int load_texts(struct index *x, struct pool *pool, struct translation *t)
{
	int64_t last = index_number(x, "SELECT coalesce(max(id), 0) FROM text");
	int64_t others = index_number(x, "SELECT coalesce(max(id), -1) + 1 FROM other");
	if (last < 0 || last > UINT32_MAX / 2 || others < 0 || others > OTHER_METRICS_MAX)
		return -EBADMSG;
	t->texts = (size_t)last + 1;
	t->others = (size_t)others;
	t->text = calloc(t->texts + 1, sizeof(*t->text));
	t->other = calloc(t->others + 1, sizeof(*t->other));
	sqlite3_stmt *s = index_prepare(x, "SELECT id, text FROM text ORDER BY id");
	int r = t->text && t->other ? SQLITE_ERROR : SQLITE_NOMEM;
	while (s && t->text && t->other && (r = x->sql.step(s)) == SQLITE_ROW) {
		int64_t id = x->sql.column_int64(s, 0);
		const char *text = (const char *)x->sql.column_text(s, 1);
		if (id > 0 && id <= last && text)
			t->text[id] = pool_text(pool, text, (size_t)x->sql.column_bytes(s, 1));
	}
	x->sql.finalize(s);
	return r == SQLITE_DONE ? 0 : r == SQLITE_NOMEM ? -ENOMEM : -EBADMSG;
}

static int load_others(struct index *x, struct pool *pool, struct translation *t)
{
	sqlite3_stmt *s = index_prepare(x, "SELECT id, name, unit, polarity FROM other ORDER BY id");
	int r = SQLITE_ERROR;
	while (s && (r = x->sql.step(s)) == SQLITE_ROW) {
		int64_t id = x->sql.column_int64(s, 0), polarity = x->sql.column_int64(s, 3);
		uint32_t name = text_at(t, x->sql.column_int64(s, 1));
		if (!name || id < 0 || (uint64_t)id >= t->others || polarity < 0 || polarity >= METRIC_POLARITY_MAX) {
			r = SQLITE_CORRUPT;
			break;
		}
		t->other[id] =
			pool_other(pool, name, text_at(t, x->sql.column_int64(s, 2)), (enum metric_polarity)polarity);
	}
	x->sql.finalize(s);
	return r == SQLITE_DONE ? 0 : -EBADMSG;
}

static bool note_gone(struct index *x, int64_t id)
{
	if (x->gone_count == x->gone_room) {
		size_t room = x->gone_room ? 2 * x->gone_room : 64;
		int64_t *larger = realloc(x->gone, room * sizeof(*larger));
		if (!larger)
			return false;
		x->gone = larger;
		x->gone_room = room;
	}
	x->gone[x->gone_count++] = id;
	return true;
}

static uint32_t column_text(struct index *x, sqlite3_stmt *s, int column, struct pool *pool)
{
	const char *text = (const char *)x->sql.column_text(s, column);
	return text ? pool_text(pool, text, (size_t)x->sql.column_bytes(s, column)) : 0;
}

static bool load_row(struct index *x, sqlite3_stmt *s, struct pool *pool, struct translation *t, struct row *row)
{
	int64_t state = x->sql.column_int64(s, COLUMN_STATE), verdict = x->sql.column_int64(s, COLUMN_VERDICT);
	if (state < 0 || state > RESULT_UNREADABLE || verdict < 0 || verdict > RESULT_FAIL)
		return false;
	row->state = (uint8_t)state;
	row->verdict = (uint8_t)verdict;
	row->error = text_at(t, x->sql.column_int64(s, COLUMN_ERROR));
	row->name = text_at(t, x->sql.column_int64(s, COLUMN_NAME));
	row->test = text_at(t, x->sql.column_int64(s, COLUMN_TEST));
	row->arch = text_at(t, x->sql.column_int64(s, COLUMN_ARCH));
	row->timestamp = column_text(x, s, COLUMN_TIMESTAMP, pool);
	for (int d = 0; d < DIMENSION_SEED; d++)
		row->of[d] = text_at(t, x->sql.column_int64(s, COLUMN_DIMENSIONS + d));
	row->of[DIMENSION_SEED] = column_text(x, s, COLUMN_DIMENSIONS + DIMENSION_SEED, pool);
	return true;
}

/* The values of one sidecar. @s stands on its first row, or behind the values of all. */
struct values {
	sqlite3_stmt *s;
	int status;
};

/* False: they are not the @count values that were stored, from the id @first on. */
static bool load_values(struct index *x, struct values *v, int64_t first, int64_t count, const struct translation *t,
			struct pool *pool, struct row *row)
{
	size_t known = metrics_count();
	for (; v->status == SQLITE_ROW && count > 0; v->status = x->sql.step(v->s), count--, first++) {
		size_t metric = (size_t)x->sql.column_int64(v->s, 1);
		if (x->sql.column_int64(v->s, 0) != first || metric >= known + t->others)
			return false;
		uint16_t mine = metric < known ? (uint16_t)metric : t->other[metric - known];
		if (row)
			pool_add_value(pool, row, mine, x->sql.column_double(v->s, 2));
	}
	return count == 0;
}

static int load_sidecars(struct index *x, const struct scan *s, struct index_match *match, struct pool *pool,
			 struct translation *t, struct index_entry *entry)
{
	sqlite3_stmt *q = index_prepare(x, "SELECT " COLUMNS " FROM sidecar ORDER BY id");
	struct values v = { .s = index_prepare(x, "SELECT id, metric, value FROM value ORDER BY id") };
	int r = q && v.s ? SQLITE_ROW : SQLITE_ERROR;
	v.status = v.s ? x->sql.step(v.s) : SQLITE_ERROR;
	while (r == SQLITE_ROW && (r = x->sql.step(q)) == SQLITE_ROW) {
		int64_t id = x->sql.column_int64(q, COLUMN_ID);
		uint32_t text = text_at(t, x->sql.column_int64(q, COLUMN_DIRECTORY));
		const char *directory = text ? pool->text[text] : "";
		const char *file = (const char *)x->sql.column_text(q, COLUMN_FILE);
		size_t at = file ? index_match_find(match, directory, file) : SIZE_MAX;
		struct row *row = at < s->files ? &pool->row[at] : NULL;
		if (row && entry[at].id)
			row = NULL; /* listed twice: only by damage */
		if (row) {
			entry[at] = (struct index_entry){ id, (uint64_t)x->sql.column_int64(q, COLUMN_INODE),
							  (uint64_t)x->sql.column_int64(q, COLUMN_SIZE),
							  x->sql.column_int64(q, COLUMN_MTIME) };
		} else if (scan_covers(s, directory) && /* rows of others stay */
			   !note_gone(x, id)) {
			r = SQLITE_NOMEM;
		}
		int64_t first = x->sql.column_int64(q, COLUMN_FIRST_VALUE);
		int64_t values = x->sql.column_int64(q, COLUMN_VALUES);
		if ((row && !load_row(x, q, pool, t, row)) || !load_values(x, &v, first, values, t, pool, row))
			r = SQLITE_CORRUPT;
		x->next_id = id + 1;
	}
	if (r == SQLITE_DONE && (v.status != SQLITE_DONE || t->damaged))
		r = SQLITE_CORRUPT; /* values without a sidecar, texts that are missing */
	x->sql.finalize(q);
	x->sql.finalize(v.s);
	return r == SQLITE_DONE ? 0 : r == SQLITE_NOMEM ? -ENOMEM : -EBADMSG;
}

/* For index_store(): what is stored already. */
static bool remember_texts(struct index *x, const struct pool *pool, const struct translation *t)
{
	free(x->text_id);
	x->text_ids = pool->texts;
	x->text_id = calloc(pool->texts + 1, sizeof(*x->text_id));
	for (size_t id = 1; x->text_id && id < t->texts; id++)
		if (t->text[id])
			x->text_id[t->text[id]] = (int64_t)id;
	return x->text_id;
}

bool index_is_empty(struct index *x)
{
	return index_number(x, "SELECT EXISTS(SELECT 1 FROM sidecar) OR EXISTS(SELECT 1 FROM text) OR "
			       "EXISTS(SELECT 1 FROM value)") == 0;
}

int index_load(struct index *x, const struct scan *s, struct pool *pool, struct index_entry *entry)
{
	_cleanup_(translation_done) struct translation t = { 0 };
	struct index_match match;
	x->next_id = 1;
	x->gone_count = 0;
	if (!index_match_init(&match, s))
		return -ENOMEM;
	int r = index_run(x, "BEGIN") ? 0 : -EBUSY;
	if (r == 0)
		r = load_texts(x, pool, &t);
	if (r == 0)
		r = load_others(x, pool, &t);
	if (r == 0)
		r = load_sidecars(x, s, &match, pool, &t, entry);
	index_run(x, "COMMIT");
	index_match_done(&match);
	if (r == 0 && !remember_texts(x, pool, &t))
		r = -ENOMEM;
	x->others = t.others;
	return r;
}

bool index_entry_is_current(const struct scan_file *f, const struct index_entry *e)
{
	return f->known && e->id && f->inode == e->inode && f->size == e->size && f->mtime_ns == e->mtime_ns;
}

bool index_is_current(const struct index *x, const struct scan *s, const struct index_entry *entry)
{
	for (size_t i = 0; i < s->files; i++)
		if (!index_entry_is_current(&s->file[i], &entry[i]) && (s->file[i].known || entry[i].id))
			return false;
	return !x->gone_count;
}
