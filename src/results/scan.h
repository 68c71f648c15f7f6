/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scan.h -- finds the sidecars below a directory of runs: those in ROOT/RUN and one directory level deeper, and, if
 * asked for, those of ROOT/.history/RUN/TIME-ID. Other directories whose names begin with a dot are not runs. The
 * samples of `ktstr perf-delta` lie beside the runs, and count only for those who ask for them.
 */
#ifndef KTSTR_RESULTS_SCAN_H
#define KTSTR_RESULTS_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

enum scan_scope {
	SCAN_RUNS,	   /* all runs below the root */
	SCAN_WITH_HISTORY, /* and earlier runs */
	SCAN_WITH_SAMPLES, /* and samples, without earlier runs */
	SCAN_ALL,	   /* all of these */
	SCAN_ONE,	   /* the root is one run: its sidecars and those one level below */
	SCAN_TREE,	   /* the root and all directories below it; one that cannot be read is an error */
};

struct scan_directory {
	char *path; /* below the root; "" is the root itself */
	size_t first, count;
	int64_t mtime_ns;
};

struct scan_file {
	uint32_t directory;
	uint32_t name; /* offset in scan.names */
	bool known;    /* the file is there, and is a regular file */
	uint64_t inode, size;
	int64_t mtime_ns;
};

struct scan {
	char *root;
	enum scan_scope scope;
	struct scan_directory *directory;
	size_t directories;
	struct scan_file *file;
	size_t files, file_room;
	struct buf names;
	bool failed;	    /* memory ran out */
	char *unreadable;   /* the first directory that could not be read; NULL: none */
	int why;	    /* negative errno */
	atomic_size_t next; /* the next files that nobody has looked at */
};

/* Lists names. Not an error if the root does not exist. */
int scan_list(const char *root, enum scan_scope scope, struct scan *ret, struct err **err);
/* Notes what stat() says of a file. */
void scan_file_set(struct scan_file *f, const struct stat *st);
/* Looks at the files; several threads may call this at the same time, to share the work. */
void scan_stat(struct scan *s);
void scan_done(struct scan *s);
/* Is a directory below the root in what was listed? False for earlier runs and samples that were not asked for. */
bool scan_covers(const struct scan *s, const char *directory);
/* Is it the name of a directory of samples? */
bool is_samples_name(const char *name);
/* The path of a file; the caller frees. NULL: out of memory. */
char *scan_path(const struct scan *s, const struct scan_file *f);
/* Opens a directory for openat() and fstatat(); -1: errno says why not. */
int scan_open_directory(const struct scan *s, uint32_t directory);
const char *scan_name(const struct scan *s, const struct scan_file *f);

#endif
