/* SPDX-License-Identifier: GPL-2.0-only */
/* sqlite.h -- the functions of SQLite that the index uses. The library is loaded on demand (base/library.h). */
#ifndef KTSTR_STATS_SQLITE_H
#define KTSTR_STATS_SQLITE_H

#include <sqlite3.h>

#include "base/err.h"

#define SQLITE_FUNCTIONS(X) \
	X(open_v2)          \
	X(close_v2)         \
	X(exec)             \
	X(busy_timeout)     \
	X(prepare_v2)       \
	X(step)             \
	X(reset)            \
	X(finalize)         \
	X(bind_int64)       \
	X(bind_double)      \
	X(bind_text)        \
	X(column_int64)     \
	X(column_double)    \
	X(column_text)      \
	X(column_bytes)     \
	X(errcode)          \
	X(errmsg)
#define SQLITE_SLOT(name) __typeof__(sqlite3_##name) *name;

struct sqlite_api {
	SQLITE_FUNCTIONS(SQLITE_SLOT)
};

int sqlite_load(struct sqlite_api *ret, struct err **err);

#endif
