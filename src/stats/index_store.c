/* SPDX-License-Identifier: GPL-2.0-only */
/* index_store.c -- see index.h. */
#include <string.h>

#include "stats/index_file.h"

/* Prepared statements of one transaction. */
struct storing {
	struct index *x;
	const struct pool *pool;
	sqlite3_stmt *text, *other, *sidecar, *value, *remove_sidecar, *remove_values;
	int64_t next_text;
	bool failed;
};

/* Runs a statement whose values are bound. */
static void step(struct storing *w, sqlite3_stmt *s)
{
	if (w->x->sql.step(s) != SQLITE_DONE)
		w->failed = true;
	w->x->sql.reset(s);
}

static bool prepare_all(struct storing *w)
{
	struct index *x = w->x;
	w->text = index_prepare(x, "INSERT INTO text VALUES(?, ?)");
	w->other = index_prepare(x, "INSERT INTO other VALUES(?, ?, ?, ?)");
	w->sidecar =
		index_prepare(x, "INSERT INTO sidecar(" COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
				 "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	w->value = index_prepare(x, "INSERT OR REPLACE INTO value VALUES(?, ?)");
	w->remove_sidecar = index_prepare(x, "DELETE FROM sidecar WHERE id = ?");
	w->remove_values = index_prepare(x, "DELETE FROM value WHERE id BETWEEN ? AND ?");
	w->next_text = index_number(x, "SELECT coalesce(max(id), 0) + 1 FROM text");
	return w->text && w->other && w->sidecar && w->value && w->remove_sidecar && w->remove_values &&
	       w->next_text > 0;
}

static void finalize_all(struct storing *w)
{
	sqlite3_stmt *all[] = { w->text, w->other, w->sidecar, w->value, w->remove_sidecar, w->remove_values };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		w->x->sql.finalize(all[i]);
}

static void remove_row(struct storing *w, int64_t id)
{
	const struct sqlite_api *sql = &w->x->sql;
	sql->bind_int64(w->remove_sidecar, 1, id);
	step(w, w->remove_sidecar);
	sql->bind_int64(w->remove_values, 1, index_value_id(id, 0));
	sql->bind_int64(w->remove_values, 2, index_value_id(id, UINT16_MAX));
	step(w, w->remove_values);
}

/* The index's number of a text, which is stored first if it is new. */
static int64_t text_id(struct storing *w, uint32_t text)
{
	struct index *x = w->x;
	if (!text || w->failed)
		return 0;
	if (!x->text_id[text]) {
		x->text_id[text] = w->next_text++;
		x->sql.bind_int64(w->text, 1, x->text_id[text]);
		x->sql.bind_text(w->text, 2, w->pool->text[text], -1, SQLITE_STATIC);
		step(w, w->text);
	}
	return x->text_id[text];
}

/* Room for numbers of texts that came into the pool after the index was loaded. */
static bool widen_texts(struct index *x, const struct pool *pool)
{
	int64_t *larger = realloc(x->text_id, (pool->texts + 1) * sizeof(*larger));
	if (!larger)
		return false;
	for (uint32_t i = x->text_ids; i <= pool->texts; i++)
		larger[i] = 0;
	x->text_id = larger;
	x->text_ids = pool->texts + 1;
	return true;
}

static void store_others(struct storing *w)
{
	const struct sqlite_api *sql = &w->x->sql;
	for (size_t i = w->x->others; i < w->pool->others && !w->failed; i++) {
		const struct other_metric *o = &w->pool->other[i];
		int64_t name = text_id(w, o->name), unit = text_id(w, o->unit);
		sql->bind_int64(w->other, 1, (int64_t)i);
		sql->bind_int64(w->other, 2, name);
		sql->bind_int64(w->other, 3, unit);
		sql->bind_int64(w->other, 4, o->polarity);
		step(w, w->other);
	}
}

static void bind_string(struct storing *w, int column, uint32_t text)
{
	w->x->sql.bind_text(w->sidecar, column + 1, text ? w->pool->text[text] : NULL, -1, SQLITE_STATIC);
}

static void store_row(struct storing *w, int64_t id, const struct scan *s, const struct scan_file *f,
		      const struct row *row)
{
	const struct sqlite_api *sql = &w->x->sql;
	int64_t number[COLUMN_MAX] = {
		[COLUMN_ID] = id,
		[COLUMN_DIRECTORY] = text_id(w, row->directory),
		[COLUMN_INODE] = (int64_t)f->inode,
		[COLUMN_SIZE] = (int64_t)f->size,
		[COLUMN_MTIME] = f->mtime_ns,
		[COLUMN_STATE] = row->state,
		[COLUMN_VERDICT] = row->verdict,
		[COLUMN_ERROR] = text_id(w, row->error),
		[COLUMN_NAME] = text_id(w, row->name),
		[COLUMN_TEST] = text_id(w, row->test),
		[COLUMN_ARCH] = text_id(w, row->arch),
	};
	for (int d = 0; d < DIMENSION_SEED; d++)
		number[COLUMN_DIMENSIONS + d] = text_id(w, row->of[d]);
	for (int c = 0; c < COLUMN_MAX; c++)
		sql->bind_int64(w->sidecar, c + 1, number[c]);
	sql->bind_text(w->sidecar, COLUMN_FILE + 1, scan_name(s, f), -1, SQLITE_STATIC);
	bind_string(w, COLUMN_TIMESTAMP, row->timestamp);
	bind_string(w, COLUMN_DIMENSIONS + DIMENSION_SEED, row->of[DIMENSION_SEED]);
	step(w, w->sidecar);
	for (uint32_t i = row->first; i < row->first + row->values && !w->failed; i++) {
		sql->bind_int64(w->value, 1, index_value_id(id, w->pool->metric[i]));
		sql->bind_double(w->value, 2, w->pool->value[i]);
		step(w, w->value);
	}
}

static void store_changes(struct storing *w, const struct scan *s, const struct index_entry *entry)
{
	struct index *x = w->x;
	int64_t id = x->next_id;
	for (size_t i = 0; i < x->gone_count && !w->failed; i++)
		remove_row(w, x->gone[i]);
	store_others(w);
	for (size_t i = 0; i < s->files && !w->failed; i++) {
		if (index_entry_is_current(&s->file[i], &entry[i]))
			continue;
		if (entry[i].id)
			remove_row(w, entry[i].id);
		if (s->file[i].known)
			store_row(w, id++, s, &s->file[i], &w->pool->row[i]);
	}
}

int index_store(struct index *x, const struct scan *s, const struct pool *pool, const struct index_entry *entry)
{
	struct storing w = { .x = x, .pool = pool };
	if (!widen_texts(x, pool))
		return -ENOMEM;
	if (!index_run(x, "BEGIN IMMEDIATE"))
		return -EBUSY;
	if (prepare_all(&w))
		store_changes(&w, s, entry);
	else
		w.failed = true;
	finalize_all(&w);
	if (!w.failed && index_run(x, "COMMIT"))
		return 0;
	index_run(x, "ROLLBACK");
	return -EIO;
}
