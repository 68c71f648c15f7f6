/* SPDX-License-Identifier: GPL-2.0-only */
/* index_file.c -- see index_file.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/library.h"
#include "stats/index_file.h"
#include "stats/sqlite.h"

#define INDEX_VERSION	5
#define APPLICATION_ID	0x6b747374 /* "ktst" */
#define BUSY_TIMEOUT_MS 2000

int sqlite_load(struct sqlite_api *ret, struct err **err)
{
#define SQLITE_NAME(name) "sqlite3_" #name,
	static const char *const names[] = { SQLITE_FUNCTIONS(SQLITE_NAME) NULL };
	return library_open("libsqlite3.so.0", names, ret, err);
}

/*
 * The columns of dimensions are numbers of texts, too; 0: none. The values of a sidecar have consecutive ids, so new
 * ones are only appended, and all come back in order. The views `result` and `metric` are for people.
 */
static const char schema[] =
	"CREATE TABLE text(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	"CREATE TABLE other(id INTEGER PRIMARY KEY, name INTEGER NOT NULL, unit INTEGER NOT NULL, polarity INTEGER NOT "
	"NULL);"
	"CREATE TABLE sidecar(id INTEGER PRIMARY KEY, directory INTEGER NOT NULL, file TEXT NOT NULL, inode INTEGER, "
	"size INTEGER, mtime INTEGER, state INTEGER, verdict INTEGER, error INTEGER, name INTEGER, test INTEGER, "
	"arch INTEGER, first_value INTEGER, metrics INTEGER, timestamp TEXT, kernel INTEGER, commit_ INTEGER, "
	"kernel_commit INTEGER, source "
	"INTEGER, "
	"cpu_budget INTEGER, scheduler INTEGER, topology INTEGER, work_type INTEGER, resolve_source INTEGER, "
	"backend INTEGER, seed TEXT);"
	"CREATE TABLE value(id INTEGER PRIMARY KEY, metric INTEGER NOT NULL, value REAL NOT NULL);"
	"CREATE VIEW metric AS SELECT s.id AS sidecar, v.metric, v.value FROM sidecar s JOIN value v "
	"ON v.id BETWEEN s.first_value AND s.first_value + s.metrics - 1;"
	"CREATE VIEW result AS SELECT d.text AS directory, s.file, t.text AS test, k.text AS kernel, c.text AS "
	"scheduler, "
	"p.text AS topology, s.seed, s.verdict FROM sidecar s LEFT JOIN text d ON d.id = s.directory LEFT JOIN text t "
	"ON "
	"t.id = s.test LEFT JOIN text k ON k.id = s.kernel LEFT JOIN text c ON c.id = s.scheduler LEFT JOIN text p ON "
	"p.id = s.topology;";

/* Another table of metrics is another version: what was not stored is then missing. */
static int wanted_version(void)
{
	return (int)((metrics_fingerprint() ^ INDEX_VERSION) & 0x7fffffff);
}

/* --- statements --------------------------------------------------------------------------------------------------- */

sqlite3_stmt *index_prepare(struct index *x, const char *text)
{
	sqlite3_stmt *s = NULL;
	return x->sql.prepare_v2(x->db, text, -1, &s, NULL) == SQLITE_OK ? s : NULL;
}

bool index_run(struct index *x, const char *text)
{
	return x->sql.exec(x->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

int64_t index_number(struct index *x, const char *text)
{
	sqlite3_stmt *s = index_prepare(x, text);
	int64_t n = s && x->sql.step(s) == SQLITE_ROW ? x->sql.column_int64(s, 0) : -1;
	x->sql.finalize(s);
	return n;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

void index_close(struct index *x)
{
	if (!x)
		return;
	if (x->db)
		x->sql.close_v2(x->db);
	free(x->gone);
	free(x->text_id);
	free(x->path);
	free(x);
}

static void remove_files(const char *path)
{
	_cleanup_free_ char *journal = NULL;
	unlink(path);
	if (asprintf(&journal, "%s-journal", path) >= 0)
		unlink(journal);
}

void index_discard(struct index *x)
{
	if (x->db)
		x->sql.close_v2(x->db);
	x->db = NULL;
	remove_files(x->path);
}

static bool open_file(struct index *x)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	if (x->sql.open_v2(x->path, &x->db, flags, NULL) != SQLITE_OK) {
		x->sql.close_v2(x->db);
		x->db = NULL;
		return false;
	}
	x->sql.busy_timeout(x->db, BUSY_TIMEOUT_MS);
	return index_run(x, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;"
			    "PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA synchronous = NORMAL;");
}

static bool create_tables(struct index *x)
{
	char text[128];
	snprintf(text, sizeof(text), "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID,
		 wanted_version());
	bool made = index_run(x, "PRAGMA page_size = 8192; BEGIN IMMEDIATE;") && index_run(x, schema) &&
		    index_run(x, text) && index_run(x, "COMMIT");
	if (!made)
		index_run(x, "ROLLBACK");
	return made;
}

static bool is_ours(struct index *x)
{
	return index_number(x, "PRAGMA application_id") == APPLICATION_ID &&
	       index_number(x, "PRAGMA user_version") == wanted_version();
}

/* Another process writes to it for long. It is not damaged for that. */
static bool is_busy(struct index *x)
{
	int code = x->db ? x->sql.errcode(x->db) & 0xff : SQLITE_OK;
	return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

/* An index that another process creates at this moment is seen in its second turn. */
static bool open_or_create(struct index *x)
{
	for (int turn = 0; turn < 3; turn++) {
		if (open_file(x)) {
			if (is_ours(x))
				return true;
			if (index_number(x, "SELECT count(*) FROM sqlite_master") == 0 && create_tables(x))
				return true;
		}
		if (is_busy(x))
			return false;
		index_discard(x);
	}
	return false;
}

static char *index_path(const char *cache, const char *root)
{
	struct siphash h;
	char *path = NULL;
	/* SQLite is told to follow no links, also not in the path of a directory that dir_open() has checked. */
	_cleanup_free_ char *real = realpath(root, NULL), *place = realpath(cache, NULL);
	siphash_init(&h);
	siphash_string(&h, real ? real : root);
	return asprintf(&path, "%s/%016lx.sqlite", place ? place : cache, siphash_final(&h)) < 0 ? NULL : path;
}

struct index *index_open(const char *cache, const char *root, struct err **err)
{
	_cleanup_close_ int dir = -1;
	if (dir_open(cache, true, "XDG_CACHE_HOME", &dir, err) < 0)
		return NULL;
	struct index *x = calloc(1, sizeof(*x));
	if (x)
		x->next_id = 1;
	if (x && sqlite_load(&x->sql, err) == 0 && (x->path = index_path(cache, root)) && open_or_create(x))
		return x;
	if (x && x->path)
		FAIL(err, ERR_BY_CODE, -EIO, "open the index '%s'", x->path);
	index_close(x);
	return NULL;
}
