/* SPDX-License-Identifier: GPL-2.0-only */
/* index_file.h -- the open SQLite file of an index, for index_load.c and index_store.c. */
#ifndef KTSTR_STATS_INDEX_FILE_H
#define KTSTR_STATS_INDEX_FILE_H

#include "stats/index.h"
#include "stats/sqlite.h"

struct index {
	struct sqlite_api sql;
	sqlite3 *db;
	char *path;
	int64_t next_id;
	int64_t *gone; /* rows without a file */
	size_t gone_count, gone_room;
	int64_t *text_id; /* by the pool's number of a text: that of the index; 0: not stored */
	uint32_t text_ids;
	size_t others; /* metrics of payloads that are stored */
};

/* A prepared statement, which the caller finalizes; NULL: the index cannot be used. */
sqlite3_stmt *index_prepare(struct index *x, const char *text);
/* Runs statements without results. */
bool index_run(struct index *x, const char *text);
/* The number that a query gives; -1: none. */
int64_t index_number(struct index *x, const char *text);

/*
 * Columns of the table of sidecars, in the order of SELECT and INSERT; those of the dimensions follow in their order.
 */
enum {
	COLUMN_ID,
	COLUMN_DIRECTORY,
	COLUMN_FILE,
	COLUMN_INODE,
	COLUMN_SIZE,
	COLUMN_MTIME,
	COLUMN_STATE,
	COLUMN_VERDICT,
	COLUMN_ERROR,
	COLUMN_NAME,
	COLUMN_TEST,
	COLUMN_ARCH,
	COLUMN_FIRST_VALUE, /* its values have this id and the following ones */
	COLUMN_VALUES,	    /* how many there are */
	COLUMN_TIMESTAMP,
	COLUMN_DIMENSIONS,
	COLUMN_MAX = COLUMN_DIMENSIONS + DIMENSION_MAX,
};
#define COLUMNS                                                                                                    \
	"id, directory, file, inode, size, mtime, state, verdict, error, name, test, arch, first_value, metrics, " \
	"timestamp, "                                                                                              \
	"kernel, "                                                                                                 \
	"commit_, kernel_commit, source, cpu_budget, scheduler, topology, work_type, resolve_source, backend, seed"

#endif
