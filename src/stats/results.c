/* SPDX-License-Identifier: GPL-2.0-only */
/* results.c -- see results.h. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "stats/index.h"
#include "stats/read_files.h"
#include "stats/results.h"

#define FILES_ALONE 64 /* are looked at without another thread */

void results_done(struct results *r)
{
	scan_done(&r->scan);
	pool_done(&r->pool);
}

bool result_is_valid(const struct row *row)
{
	return row->state == RESULT_VALID && row->test;
}

/* --- reading sidecars --------------------------------------------------------------------------------------------- */

/* Where rows go that were read. */
struct taking {
	struct results *results;
	struct index_writer *writer; /* or NULL */
};

/* Moves what a thread has read into the pool of all, and into the index. */
static void take_batch(void *data, const struct read_batch *b)
{
	const struct taking *t = data;
	struct results *r = t->results;
	struct pool_copy copy;
	if (!pool_copy_init(&copy, &r->pool, &b->pool))
		r->pool.failed = true;
	for (size_t i = 0; i < b->pool.rows && !b->pool.failed && !r->pool.failed; i++) {
		size_t file = b->file[i];
		pool_copy_row(&copy, &b->pool.row[i], &r->pool.row[file]);
		/* A file that could not be read may be readable the next time, unchanged. */
		if (t->writer && r->scan.file[file].known && b->pool.row[i].state != RESULT_UNREADABLE)
			index_writer_put(t->writer, file);
	}
	pool_copy_done(&copy);
}

/* @all: nobody has looked at the files, so all are read. */
static int read_changed(struct results *r, const struct index_entry *entry, bool all, struct index_writer *w)
{
	struct taking taking = { r, w };
	_cleanup_free_ size_t *file = calloc(r->scan.files + 1, sizeof(*file));
	size_t count = 0;
	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < r->scan.files; i++)
		if (all || (r->scan.file[i].known && !index_entry_is_current(&r->scan.file[i], &entry[i])))
			file[count++] = i;
	r->read = count;
	int code = count ? read_files(&r->scan, file, count, take_batch, &taking) : 0;
	return r->pool.failed ? -ENOMEM : code;
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

static void *look(void *scan)
{
	scan_stat(scan);
	return NULL;
}

/* Rows for all files, with what does not come from the sidecar. */
static bool add_rows(struct results *r)
{
	pool_init(&r->pool);
	for (size_t i = 0; i < r->scan.files; i++) {
		const struct scan_file *f = &r->scan.file[i];
		struct row *row = pool_add_row(&r->pool);
		if (!row)
			return false;
		const char *directory = r->scan.directory[f->directory].path;
		bool same = i && f->directory == f[-1].directory;
		row->directory = same ? row[-1].directory : pool_text(&r->pool, directory, SIZE_MAX);
	}
	return true;
}

/* Fills rows from the index while other threads look at the files. -EBADMSG: it is damaged. */
static int load_index(struct results *r, struct index *x, struct index_entry *entry)
{
	pthread_t thread;
	bool helped = r->scan.files > FILES_ALONE && pthread_create(&thread, NULL, look, &r->scan) == 0;
	int loaded = add_rows(r) ? 0 : -ENOMEM;
	if (loaded == 0)
		loaded = index_load(x, &r->scan, &r->pool, entry);
	scan_stat(&r->scan);
	if (helped)
		pthread_join(thread, NULL);
	return loaded;
}

static int load(const struct results_query *q, struct results *ret, struct index **x)
{
	_cleanup_free_ struct index_entry *entry = calloc(ret->scan.files + 1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	/* Without an index all files are opened anyway, and looked at then. */
	bool all = !*x || index_is_empty(*x);
	int r = !all ? load_index(ret, *x, entry) : add_rows(ret) ? 0 : -ENOMEM;
	if (r < 0 && r != -ENOMEM && *x) {
		/* Damaged, or in use for longer than we wait: the sidecars have everything. */
		if (r == -EBADMSG)
			index_discard(*x);
		index_close(*x);
		*x = r == -EBADMSG ? index_open(q->cache, q->root, NULL) : NULL;
		memset(entry, 0, ret->scan.files * sizeof(*entry));
		pool_done(&ret->pool);
		r = add_rows(ret) ? 0 : -ENOMEM;
		if (r == 0 && *x && index_load(*x, &ret->scan, &ret->pool, entry) < 0) {
			index_close(*x);
			*x = NULL;
		}
	}
	if (r < 0)
		return r;
	/* An index that cannot be written only makes the next command slower. */
	bool stale = *x && (all || !index_is_current(*x, &ret->scan, entry));
	struct index_writer *w = stale ? index_write(*x, &ret->scan, &ret->pool, entry) : NULL;
	r = read_changed(ret, entry, all, w);
	if (w)
		index_writer_end(w);
	return r;
}

/* Numbers that are no values: how many, in how many files, and the first. */
static void count_unusable(struct results *r)
{
	for (size_t i = 0; i < r->pool.rows; i++) {
		const struct row *row = &r->pool.row[i];
		size_t before = r->unusable;
		for (uint32_t v = row->first; v < row->first + row->values; v++)
			r->unusable += isinf(r->pool.value[v]);
		r->unusable_files += r->unusable > before;
		if (r->unusable > before && !before)
			r->unusable_first = i;
	}
}

static void finish(const struct results_query *q, struct results *r)
{
	uint32_t archive = q->archive ? pool_text(&r->pool, "archive", SIZE_MAX) : 0;
	for (size_t i = 0; i < r->pool.rows; i++) {
		struct row *row = &r->pool.row[i];
		if (archive)
			row->of[DIMENSION_SOURCE] = archive;
		r->missing += !r->scan.file[i].known;
		r->invalid += r->scan.file[i].known && !result_is_valid(row);
		if (!r->scan.file[i].known)
			row->state = RESULT_UNREADABLE;
	}
	count_unusable(r);
	pool_sort_values(&r->pool);
}

int results_load(const struct results_query *q, struct results *ret, struct err **err)
{
	memset(ret, 0, sizeof(*ret));
	pool_init(&ret->pool);
	int r = scan_list(q->root, q->scope, &ret->scan, err);
	if (r < 0)
		return r;
	struct index *x = q->cache && ret->scan.files ? index_open(q->cache, q->root, NULL) : NULL;
	r = load(q, ret, &x);
	index_close(x);
	if (r < 0) {
		results_done(ret);
		return FAIL(err, ERR_BY_CODE, r, "read the results in '%s': %s", q->root, strerror(-r));
	}
	finish(q, ret);
	return 0;
}
