/* SPDX-License-Identifier: GPL-2.0-only */
/* index_store.c -- see index.h. */
#include <string.h>

#include "base/buf.h"
#include "stats/index_file.h"

/* Running a statement costs more than a row of it, so rows wait until a statement is full. */
#define ROWS_AT_ONCE   16
#define VALUES_AT_ONCE 64

struct index_writer {
	struct index *x;
	const struct scan *scan;
	const struct pool *pool;
	sqlite3_stmt *text, *other, *find_values, *remove_sidecar, *remove_values;
	sqlite3_stmt *sidecar, *sidecars, *value, *values; /* a row, and as many as wait */
	struct {
		int64_t id, first_value;
		size_t file;
	} waiting_row[ROWS_AT_ONCE];
	struct {
		uint16_t metric;
		double value;
	} waiting_value[VALUES_AT_ONCE];
	size_t waiting_rows, waiting_values;
	int64_t next_text, next_value;
	bool failed;
};

/* Runs a statement whose values are bound. */
static void step(struct index_writer *w, sqlite3_stmt *s)
{
	if (w->x->sql.step(s) != SQLITE_DONE)
		w->failed = true;
	w->x->sql.reset(s);
}

static sqlite3_stmt *prepare_insert(struct index *x, const char *into, size_t columns, size_t rows)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_appendf(&text, "INSERT INTO %s VALUES", into);
	for (size_t i = 0; i < rows; i++)
		for (size_t c = 0; c < columns; c++)
			buf_puts(&text, c ? ",?" : i ? "),(?" : "(?");
	buf_puts(&text, ")");
	return text.failed ? NULL : index_prepare(x, buf_str(&text));
}

static bool prepare_all(struct index_writer *w)
{
	struct index *x = w->x;
	w->text = prepare_insert(x, "text", 2, 1);
	w->other = prepare_insert(x, "other", 4, 1);
	w->sidecar = prepare_insert(x, "sidecar(" COLUMNS ")", COLUMN_MAX, 1);
	w->sidecars = prepare_insert(x, "sidecar(" COLUMNS ")", COLUMN_MAX, ROWS_AT_ONCE);
	w->value = prepare_insert(x, "value(metric, value)", 2, 1);
	w->values = prepare_insert(x, "value(metric, value)", 2, VALUES_AT_ONCE);
	w->find_values = index_prepare(x, "SELECT first_value, metrics FROM sidecar WHERE id = ?");
	w->remove_sidecar = index_prepare(x, "DELETE FROM sidecar WHERE id = ?");
	w->remove_values = index_prepare(x, "DELETE FROM value WHERE id >= ?1 AND id < ?1 + ?2");
	w->next_text = index_number(x, "SELECT coalesce(max(id), 0) + 1 FROM text");
	return w->text && w->other && w->sidecar && w->sidecars && w->value && w->values && w->find_values &&
	       w->remove_sidecar && w->remove_values && w->next_text > 0;
}

static void finalize_all(struct index_writer *w)
{
	sqlite3_stmt *all[] = { w->text,    w->other,	 w->find_values, w->remove_sidecar, w->remove_values,
				w->sidecar, w->sidecars, w->value,	 w->values };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		w->x->sql.finalize(all[i]);
}

static void remove_row(struct index_writer *w, int64_t id)
{
	const struct sqlite_api *sql = &w->x->sql;
	sql->bind_int64(w->find_values, 1, id);
	if (sql->step(w->find_values) == SQLITE_ROW) {
		sql->bind_int64(w->remove_values, 1, sql->column_int64(w->find_values, 0));
		sql->bind_int64(w->remove_values, 2, sql->column_int64(w->find_values, 1));
		step(w, w->remove_values);
	}
	sql->reset(w->find_values);
	sql->bind_int64(w->remove_sidecar, 1, id);
	step(w, w->remove_sidecar);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* Room for numbers of texts that came into the pool after the index was loaded. */
static bool widen_texts(struct index *x, const struct pool *pool)
{
	uint32_t room = 2 * pool->texts + 64;
	int64_t *larger = realloc(x->text_id, room * sizeof(*larger));
	if (!larger)
		return false;
	memset(larger + x->text_ids, 0, (room - x->text_ids) * sizeof(*larger));
	x->text_id = larger;
	x->text_ids = room;
	return true;
}

/* The index's number of a text, which is stored first if it is new. */
static int64_t text_id(struct index_writer *w, uint32_t text)
{
	struct index *x = w->x;
	if (!text || w->failed)
		return 0;
	if (text >= x->text_ids && !widen_texts(x, w->pool)) {
		w->failed = true;
		return 0;
	}
	if (!x->text_id[text]) {
		x->text_id[text] = w->next_text++;
		x->sql.bind_int64(w->text, 1, x->text_id[text]);
		x->sql.bind_text(w->text, 2, w->pool->text[text], -1, SQLITE_STATIC);
		step(w, w->text);
	}
	return x->text_id[text];
}

/* Metrics of payloads that came into the pool after the index was loaded. */
static void store_others(struct index_writer *w)
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
	w->x->others = w->pool->others;
}

/* --- rows and values ---------------------------------------------------------------------------------------------- */

/* Binds the waiting row @i to the parameters behind @first. */
static void bind_row(struct index_writer *w, sqlite3_stmt *s, int first, size_t i)
{
	const struct sqlite_api *sql = &w->x->sql;
	const struct scan_file *f = &w->scan->file[w->waiting_row[i].file];
	const struct row *row = &w->pool->row[w->waiting_row[i].file];
	const char *const *text = w->pool->text;
	int64_t number[COLUMN_MAX] = {
		[COLUMN_ID] = w->waiting_row[i].id,    [COLUMN_DIRECTORY] = text_id(w, row->directory),
		[COLUMN_INODE] = (int64_t)f->inode,    [COLUMN_SIZE] = (int64_t)f->size,
		[COLUMN_MTIME] = f->mtime_ns,	       [COLUMN_STATE] = row->state,
		[COLUMN_VERDICT] = row->verdict,       [COLUMN_ERROR] = text_id(w, row->error),
		[COLUMN_NAME] = text_id(w, row->name), [COLUMN_TEST] = text_id(w, row->test),
		[COLUMN_ARCH] = text_id(w, row->arch), [COLUMN_FIRST_VALUE] = w->waiting_row[i].first_value,
		[COLUMN_VALUES] = row->values,
	};
	const char *string[COLUMN_MAX] = {
		[COLUMN_FILE] = scan_name(w->scan, f),
		[COLUMN_TIMESTAMP] = row->timestamp ? text[row->timestamp] : NULL,
		[COLUMN_DIMENSIONS + DIMENSION_SEED] = row->of[DIMENSION_SEED] ? text[row->of[DIMENSION_SEED]] : NULL,
	};
	for (int d = 0; d < DIMENSION_SEED; d++)
		number[COLUMN_DIMENSIONS + d] = text_id(w, row->of[d]);
	for (int c = 0; c < COLUMN_MAX; c++)
		if (c == COLUMN_FILE || c == COLUMN_TIMESTAMP || c == COLUMN_DIMENSIONS + DIMENSION_SEED)
			sql->bind_text(s, first + c + 1, string[c], -1, SQLITE_STATIC);
		else
			sql->bind_int64(s, first + c + 1, number[c]);
}

static void store_waiting_rows(struct index_writer *w)
{
	size_t at_once = w->waiting_rows == ROWS_AT_ONCE ? ROWS_AT_ONCE : 1;
	sqlite3_stmt *s = at_once > 1 ? w->sidecars : w->sidecar;
	for (size_t i = 0; i < w->waiting_rows && !w->failed; i++) {
		size_t place = i % at_once;
		bind_row(w, s, (int)place * COLUMN_MAX, i);
		if (place == at_once - 1)
			step(w, s);
	}
	w->waiting_rows = 0;
}

static void store_waiting_values(struct index_writer *w)
{
	const struct sqlite_api *sql = &w->x->sql;
	size_t at_once = w->waiting_values == VALUES_AT_ONCE ? VALUES_AT_ONCE : 1;
	sqlite3_stmt *s = at_once > 1 ? w->values : w->value;
	for (size_t i = 0; i < w->waiting_values && !w->failed; i++) {
		size_t place = i % at_once;
		sql->bind_int64(s, (int)place * 2 + 1, w->waiting_value[i].metric);
		sql->bind_double(s, (int)place * 2 + 2, w->waiting_value[i].value);
		if (place == at_once - 1)
			step(w, s);
	}
	w->waiting_values = 0;
}

void index_writer_put(struct index_writer *w, size_t file)
{
	const struct row *row = &w->pool->row[file];
	int64_t id = w->x->next_id++;
	w->failed |= w->pool->failed;
	store_others(w);
	w->waiting_row[w->waiting_rows].id = id;
	w->waiting_row[w->waiting_rows].first_value = w->next_value;
	w->next_value += row->values;
	w->waiting_row[w->waiting_rows++].file = file;
	if (w->waiting_rows == ROWS_AT_ONCE)
		store_waiting_rows(w);
	for (uint32_t i = row->first; i < row->first + row->values && !w->failed; i++) {
		w->waiting_value[w->waiting_values].metric = w->pool->metric[i];
		w->waiting_value[w->waiting_values++].value = w->pool->value[i];
		if (w->waiting_values == VALUES_AT_ONCE)
			store_waiting_values(w);
	}
}

/* --- the transaction ---------------------------------------------------------------------------------------------- */

/* Rows without a file, and those of files that are not as the index says. */
static void remove_old(struct index_writer *w, const struct index_entry *entry)
{
	struct index *x = w->x;
	for (size_t i = 0; i < x->gone_count && !w->failed; i++)
		remove_row(w, x->gone[i]);
	for (size_t i = 0; i < w->scan->files && !w->failed; i++)
		if (entry[i].id && !index_entry_is_current(&w->scan->file[i], &entry[i]))
			remove_row(w, entry[i].id);
}

struct index_writer *index_write(struct index *x, const struct scan *s, const struct pool *pool,
				 const struct index_entry *entry)
{
	struct index_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct index_writer){ .x = x, .scan = s, .pool = pool };
	/*
	 * A new index needs no protection against a power failure: index_load() notices if not all of it reached the
	 * disk.
	 */
	if (x->next_id == 1)
		index_run(x, "PRAGMA synchronous = OFF");
	if (!index_run(x, "BEGIN IMMEDIATE")) {
		free(w);
		return NULL;
	}
	if (prepare_all(w))
		remove_old(w, entry);
	else
		w->failed = true;
	/* SQLite gives a new value the id behind the largest one. */
	w->next_value = index_number(x, "SELECT coalesce(max(id), 0) + 1 FROM value");
	return w;
}

int index_writer_end(struct index_writer *w)
{
	struct index *x = w->x;
	store_waiting_rows(w);
	store_waiting_values(w);
	finalize_all(w);
	bool failed = w->failed;
	free(w);
	if (!failed && index_run(x, "COMMIT"))
		return 0;
	index_run(x, "ROLLBACK");
	return -EIO;
}
