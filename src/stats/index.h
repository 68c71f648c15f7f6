/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * index.h -- a copy of what sidecars say, in an SQLite file: a row a sidecar, a row a metric. It makes reading a
 * hundred thousand sidecars fast, and holds nothing that they do not.
 *
 * A row counts while the file at its path has the same inode, size and time of change. Other files are read again. The
 * index is thrown away and made again when it is damaged or of another version. Where there can be none (no cache
 * directory, no SQLite, another process writes to it for long), everything works without it, only slower.
 */
#ifndef KTSTR_STATS_INDEX_H
#define KTSTR_STATS_INDEX_H

#include "stats/pool.h"
#include "results/scan.h"

struct index;
struct index_writer;

/* What the index knows of one file. */
struct index_entry {
	int64_t id; /* 0: nothing */
	uint64_t inode, size;
	int64_t mtime_ns;
};

/*
 * Opens the index of the runs below @root in the directory @cache, or creates an empty one. NULL, with the reason:
 * there can be none.
 */
struct index *index_open(const char *cache, const char *root, struct err **err);
void index_close(struct index *x);

/* Is nothing in it? Then index_load() would do nothing. */
bool index_is_empty(struct index *x);
/*
 * Copies everything about the files of @s into rows of @pool: row i is that of file i. @entry has an item for each
 * file. Also notes which rows have no file any more. -EBADMSG: the index is damaged; the pool is then not usable.
 */
int index_load(struct index *x, const struct scan *s, struct pool *pool, struct index_entry *entry);
/* Is the file as it was when the index read it? */
bool index_entry_is_current(const struct scan_file *f, const struct index_entry *e);
/* Are all rows current, and does none lack its file? @entry: as index_load() left it. */
bool index_is_current(const struct index *x, const struct scan *s, const struct index_entry *entry);

/*
 * Begins a transaction that changes the index. First it removes rows without a file, and those of files that are not as
 * @entry says. NULL: the index cannot be written now. The scan and the pool stay the caller's.
 */
struct index_writer *index_write(struct index *x, const struct scan *s, const struct pool *pool,
				 const struct index_entry *entry);
/* Stores the row of a file that has none. Errors are kept for the end. */
void index_writer_put(struct index_writer *w, size_t file);
/* Commits, and frees the writer. After a failure the index is as it was. */
int index_writer_end(struct index_writer *w);
/* Removes the file of the index; index_open() makes a new one. */
void index_discard(struct index *x);

#endif
