/* SPDX-License-Identifier: GPL-2.0-only */
/* results.c -- see results.h. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>

#include "base/file.h"
#include "stats/index.h"
#include "stats/row_reader.h"
#include "stats/results.h"

#define THREADS_MAX	64
#define FILES_A_TURN	32
#define FILES_A_THREAD	64 /* fewer files are read by fewer threads */
#define READ_BYTES_MORE ((size_t)4096)

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

/* Work that threads share. */
struct reading {
	const struct scan *scan;
	const struct row_names *names;
	const size_t *file; /* the files to read */
	size_t count;
	atomic_size_t next;
};

struct reader {
	pthread_t thread;
	bool started;
	struct reading *shared;
	struct pool pool;
	size_t *file; /* of each row of the pool */
	size_t room;
	char *bytes; /* of one file */
	size_t bytes_room;
};

static int open_file(const struct scan *s, const struct scan_file *f)
{
	char path[4096];
	const char *directory = s->directory[f->directory].path;
	int len = snprintf(path, sizeof(path), "%s/%s%s%s", s->root, directory, *directory ? "/" : "", scan_name(s, f));
	return len < (int)sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
}

/* Returns the number of bytes, or a negative errno. A file that is growing is read up to its former size. */
static ssize_t read_file(struct reader *t, const struct scan_file *f)
{
	if (f->size > RECORD_BYTES_MAX)
		return -EFBIG;
	if (f->size + READ_BYTES_MORE > t->bytes_room) {
		char *larger = realloc(t->bytes, f->size + READ_BYTES_MORE);
		if (!larger)
			return -ENOMEM;
		t->bytes = larger;
		t->bytes_room = f->size + READ_BYTES_MORE;
	}
	_cleanup_close_ int fd = open_file(t->shared->scan, f);
	size_t len = 0;
	if (fd < 0)
		return -errno;
	while (len < f->size) {
		ssize_t n = read(fd, t->bytes + len, f->size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

static bool remember_file(struct reader *t, size_t file)
{
	if (t->pool.rows >= t->room) {
		size_t room = t->room ? 2 * t->room : 256;
		size_t *larger = realloc(t->file, room * sizeof(*larger));
		if (!larger)
			return false;
		t->file = larger;
		t->room = room;
	}
	t->file[t->pool.rows] = file;
	return true;
}

static void read_one(struct reader *t, size_t file)
{
	ssize_t len = read_file(t, &t->shared->scan->file[file]);
	struct row *row = remember_file(t, file) ? pool_add_row(&t->pool) : NULL;
	if (!row) {
		t->pool.failed = true;
		return;
	}
	if (len >= 0) {
		row_read(&t->pool, t->shared->names, row, t->bytes, (size_t)len);
		return;
	}
	row->state = RESULT_UNREADABLE;
	row->error = pool_text(&t->pool, strerror((int)-len), SIZE_MAX);
}

static void *read_many(void *arg)
{
	struct reader *t = arg;
	struct reading *r = t->shared;
	for (size_t i; (i = atomic_fetch_add(&r->next, FILES_A_TURN)) < r->count;)
		for (size_t end = MIN_OF(i + FILES_A_TURN, r->count); i < end && !t->pool.failed; i++)
			read_one(t, r->file[i]);
	return NULL;
}

static unsigned usable_cpus(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

static unsigned threads_for(size_t files)
{
	size_t wanted = files / FILES_A_THREAD + 1;
	return (unsigned)MIN_OF(wanted, (size_t)MIN_OF(usable_cpus(), (unsigned)THREADS_MAX));
}

/* Moves what a thread has read into the pool of all. */
static void collect(struct results *r, const struct reader *t)
{
	for (size_t i = 0; i < t->pool.rows; i++)
		pool_copy_row(&r->pool, &t->pool, &t->pool.row[i], &r->pool.row[t->file[i]]);
	r->pool.nonfinite += t->pool.nonfinite;
	r->pool.failed |= t->pool.failed;
}

/* This thread reads too, so no thread is needed for a few files. */
static int read_files(struct results *r, const size_t *file, size_t count)
{
	struct row_names names;
	struct reading shared = { .scan = &r->scan, .names = &names, .file = file, .count = count };
	unsigned threads = threads_for(count);
	struct reader *reader = calloc(threads, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	row_names_init(&names);
	for (unsigned i = 0; i < threads; i++) {
		reader[i].shared = &shared;
		pool_init(&reader[i].pool);
		if (i)
			reader[i].started = pthread_create(&reader[i].thread, NULL, read_many, &reader[i]) == 0;
	}
	read_many(&reader[0]);
	for (unsigned i = 0; i < threads; i++) {
		if (reader[i].started)
			pthread_join(reader[i].thread, NULL);
		collect(r, &reader[i]);
		pool_done(&reader[i].pool);
		free(reader[i].file);
		free(reader[i].bytes);
	}
	free(reader);
	r->read = count;
	return r->pool.failed ? -ENOMEM : 0;
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
	bool helped = r->scan.files > FILES_A_THREAD && pthread_create(&thread, NULL, look, &r->scan) == 0;
	int loaded = add_rows(r) ? 0 : -ENOMEM;
	if (loaded == 0 && x)
		loaded = index_load(x, &r->scan, &r->pool, entry);
	scan_stat(&r->scan);
	if (helped)
		pthread_join(thread, NULL);
	return loaded;
}

static int read_changed(struct results *r, const struct index_entry *entry)
{
	_cleanup_free_ size_t *file = calloc(r->scan.files + 1, sizeof(*file));
	size_t count = 0;
	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < r->scan.files; i++)
		if (r->scan.file[i].known && !index_entry_is_current(&r->scan.file[i], &entry[i]))
			file[count++] = i;
	return count ? read_files(r, file, count) : 0;
}

static int load(const struct results_query *q, struct results *ret, struct index **x)
{
	_cleanup_free_ struct index_entry *entry = calloc(ret->scan.files + 1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	int r = load_index(ret, *x, entry);
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
	if (r == 0)
		r = read_changed(ret, entry);
	/* An index that cannot be written only makes the next command slower. */
	if (r == 0 && *x && !index_is_current(*x, &ret->scan, entry))
		index_store(*x, &ret->scan, &ret->pool, entry);
	return r;
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
