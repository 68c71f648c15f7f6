/* SPDX-License-Identifier: GPL-2.0-only */
/* read_files.c -- see read_files.h. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/file.h"
#include "stats/read_files.h"
#include "stats/row_reader.h"

#define THREADS_MAX	 64
#define FILES_A_THREAD	 64 /* fewer files are read by fewer threads */
#define BATCHES_A_THREAD 8  /* so that all end at about the same time */
#define BATCH_FILES_MIN	 ((size_t)32)
#define BATCH_FILES_MAX	 ((size_t)512)
#define READ_BYTES_MORE	 ((size_t)4096)

/* Work that threads share. */
struct reading {
	struct scan *scan; /* a file of it is changed only by the thread that reads it */
	struct row_names names;
	struct read_batch *batch;
	size_t batches;
	atomic_size_t next; /* the first batch that nobody reads */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct read_batch *done; /* batches that nobody has taken */
};

struct reader {
	pthread_t thread;
	bool started;
	struct reading *shared;
	int directory; /* an open one, for the next file is mostly in the same */
	uint32_t directory_number;
	char *bytes; /* of one file */
	size_t room;
};

/* --- one file ----------------------------------------------------------------------------------------------------- */

static bool make_room(struct reader *t, size_t bytes)
{
	if (bytes <= t->room)
		return true;
	char *larger = realloc(t->bytes, bytes);
	if (!larger)
		return false;
	t->bytes = larger;
	t->room = bytes;
	return true;
}

/* The directory of the file stays open, because the next file is mostly in the same. */
static int open_directory(struct reader *t, const struct scan_file *f)
{
	if (t->directory < 0 || t->directory_number != f->directory) {
		fd_close(t->directory);
		t->directory = scan_open_directory(t->shared->scan, f->directory);
		t->directory_number = f->directory;
	}
	return t->directory;
}

/* Opens a file and looks at it; one that may not be opened is only looked at. Negative errno. */
static int open_file(struct reader *t, struct scan_file *f)
{
	const char *name = scan_name(t->shared->scan, f);
	int dir = open_directory(t, f);
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), why = -errno;
	struct stat st;
	f->known = false;
	if ((fd < 0 ? fstatat(dir, name, &st, 0) : fstat(fd, &st)) == 0)
		scan_file_set(f, &st);
	return fd < 0 ? why : fd;
}

/* Returns the number of bytes, or a negative errno. A file that is growing is read up to its former size. */
static ssize_t read_bytes(struct reader *t, int fd, uint64_t size)
{
	size_t len = 0;
	if (size > RECORD_BYTES_MAX)
		return -EFBIG;
	if (!make_room(t, size + READ_BYTES_MORE))
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, t->bytes + len, size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

static void read_one(struct reader *t, struct pool *pool, struct scan_file *f)
{
	_cleanup_close_ int fd = open_file(t, f);
	struct row *row = pool_add_row(pool);
	if (!row || !f->known)
		return;
	ssize_t len = fd < 0 ? fd : read_bytes(t, fd, f->size);
	if (len >= 0) {
		row_read(pool, &t->shared->names, row, t->bytes, (size_t)len);
		return;
	}
	row->state = RESULT_UNREADABLE;
	row->error = pool_text(pool, strerror((int)-len), SIZE_MAX);
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

static void read_batch(struct reader *t, struct read_batch *b)
{
	pool_init(&b->pool);
	for (size_t i = 0; i < b->count && !b->pool.failed; i++)
		read_one(t, &b->pool, &t->shared->scan->file[b->file[i]]);
}

/* NULL: all are read, or being read. */
static struct read_batch *next_batch(struct reading *r)
{
	size_t i = atomic_fetch_add(&r->next, 1);
	return i < r->batches ? &r->batch[i] : NULL;
}

static void hand_over(struct reading *r, struct read_batch *b)
{
	pthread_mutex_lock(&r->lock);
	b->next = r->done;
	r->done = b;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}

/* A batch that another thread has read. NULL: there is none now. */
static struct read_batch *done_by_others(struct reading *r, bool wait)
{
	pthread_mutex_lock(&r->lock);
	while (wait && !r->done)
		pthread_cond_wait(&r->more, &r->lock);
	struct read_batch *b = r->done;
	if (b)
		r->done = b->next;
	pthread_mutex_unlock(&r->lock);
	return b;
}

static void *read_batches(void *arg)
{
	struct reader *t = arg;
	for (struct read_batch *b; (b = next_batch(t->shared));) {
		read_batch(t, b);
		hand_over(t->shared, b);
	}
	return NULL;
}

/* What the calling thread does. */
static bool take_batches(struct reader *t, read_batch_fn *take, void *data)
{
	struct reading *r = t->shared;
	bool failed = false;
	for (size_t taken = 0; taken < r->batches; taken++) {
		struct read_batch *b = done_by_others(r, /* wait= */ false);
		if (!b && (b = next_batch(r)))
			read_batch(t, b);
		if (!b)
			b = done_by_others(r, /* wait= */ true);
		take(data, b);
		failed |= b->pool.failed;
		pool_done(&b->pool);
	}
	return !failed;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static unsigned threads_for(size_t files)
{
	cpu_set_t set;
	size_t usable = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (size_t)CPU_COUNT(&set);
	return (unsigned)MIN_OF(files / FILES_A_THREAD + 1, MIN_OF(usable, (size_t)THREADS_MAX));
}

static bool make_batches(struct reading *r, const size_t *file, size_t count, unsigned threads)
{
	size_t wanted = count / (threads * BATCHES_A_THREAD);
	size_t size = MIN_OF(MAX_OF(wanted, BATCH_FILES_MIN), BATCH_FILES_MAX);
	r->batches = (count + size - 1) / size;
	r->batch = calloc(r->batches + 1, sizeof(*r->batch));
	for (size_t i = 0; r->batch && i < r->batches; i++) {
		r->batch[i].file = file + i * size;
		r->batch[i].count = MIN_OF(size, count - i * size);
	}
	return r->batch;
}

/* Without any other thread this one reads all. */
static bool run_readers(struct reading *r, struct reader *reader, unsigned threads, read_batch_fn *take, void *data)
{
	for (unsigned i = 0; i < threads; i++) {
		reader[i].shared = r;
		reader[i].directory = -1;
		if (i)
			reader[i].started = pthread_create(&reader[i].thread, NULL, read_batches, &reader[i]) == 0;
	}
	bool good = take_batches(&reader[0], take, data);
	for (unsigned i = 0; i < threads; i++) {
		if (reader[i].started)
			pthread_join(reader[i].thread, NULL);
		fd_close(reader[i].directory);
		free(reader[i].bytes);
	}
	return good;
}

int read_files(struct scan *s, const size_t *file, size_t count, read_batch_fn *take, void *data)
{
	unsigned threads = threads_for(count);
	_cleanup_free_ struct reading *r = calloc(1, sizeof(*r));
	_cleanup_free_ struct reader *reader = calloc(threads, sizeof(*reader));
	if (!r || !reader || !make_batches(r, file, count, threads))
		return -ENOMEM;
	r->scan = s;
	row_names_init(&r->names);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	bool good = run_readers(r, reader, threads, take, data);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r->batch);
	return good ? 0 : -ENOMEM;
}
