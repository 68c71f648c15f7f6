/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scan.h -- all ktstr locks of this host and their holders, as one frame. Takes no lock, writes nothing.
 *
 * A scan is kept from frame to frame: directories are listed again only when they changed, and processes are read again
 * once a second. It blocks (procfs, directories), so run it on the offload pool.
 */
#ifndef KTSTR_LOCK_SCAN_H
#define KTSTR_LOCK_SCAN_H

#include "lock/holders.h"
#include "lock/host.h"
#include "lock/plan.h"

#define LOCK_FILES_MAX 65536 /* per directory; further files are only counted */

enum lock_kind { LOCK_LLC, LOCK_CPU, LOCK_CACHE, LOCK_RUN, LOCK_KIND_MAX };

struct lock_holder {
	uint32_t file; /* index into lock_scan.file */
	pid_t pid;
	bool exclusive;
	int64_t since;	     /* CLOCK_REALTIME, ns; 0: not known */
	const char *cmdline; /* borrowed until the next frame; NULL: the process has ended, or is not in our pid
				   namespace */
};

struct lock_file {
	char *name;
	uint64_t ino, listed_ino; /* by stat(2); by the directory */
	uint32_t major, minor;
	int64_t mtime;	/* as last read; 0: not yet */
	uint32_t index; /* LLC or CPU */
	enum lock_kind kind;
	uint32_t root;
	uint32_t holders, first; /* its range of lock_scan.holder */
	pid_t last_pid;		 /* its only holder in the previous frame; 0: none or several */
};

enum lock_root_kind { ROOT_CPUS, ROOT_CACHE, ROOT_RUNS, ROOT_MAX };

struct lock_root {
	char *path;    /* NULL: not scanned */
	int64_t mtime; /* of the directory when it was listed */
	uint64_t ino;
	uint32_t major, minor; /* of the mount: /proc/locks may show it in place of the file's device */
	int watch;	       /* inotify watch descriptor; -1: none */
	bool listed;
	size_t left_out;
};

struct lock_scan {
	struct lock_root root[ROOT_MAX];
	struct lock_file *file; /* by kind, then index, then name */
	size_t files;
	uint32_t *by_ino;
	struct lock_holder *holder; /* by file, then pid */
	size_t holders;
	struct process_table processes;
	unsigned frame;
	struct buf table;	  /* /proc/locks of the last frame */
	nsec_t read_at, heard_at; /* when /proc/locks was read; when the directories last changed */
	int inotify;
	bool listening;	  /* else every frame reads everything */
	bool same;	  /* this frame equals the previous one */
	bool anonymous;	  /* omit dates and command lines */
	int64_t taken_at; /* CLOCK_REALTIME, ns */
	struct err *err;  /* of the last frame */
};

/*
 * @lock_dir: LLC and CPU locks; @cache_locks, @run_locks: the ".locks" directories, or NULL. Directories that do not
 * exist are empty. @proc: "/proc".
 */
int lock_scan_init(struct lock_scan *s, const char *lock_dir, const char *cache_locks, const char *run_locks,
		   const char *proc);
void lock_scan_done(struct lock_scan *s);
/*
 * From now on a frame reads /proc/locks only when inotify reported a change in the directories shortly before, or after
 * a second. The end of a lock closes a file, and taking one opens it or sets its date. A process that does neither
 * appears up to a second late. The next lock_scan_run() adds the watches. Without inotify this has no effect.
 */
void lock_scan_listen(struct lock_scan *s);
/* The next frame; an error is also kept in s->err. */
int lock_scan_run(struct lock_scan *s);

static inline const char *lock_file_dir(const struct lock_scan *s, const struct lock_file *f)
{
	return s->root[f->root].path;
}
/* The name without ".lock", in @out of @size bytes. */
const char *lock_file_key(const struct lock_file *f, char *out, size_t size);

/* All holders, in the form that plans need. */
void lock_scan_holders(const struct lock_scan *s, const struct host *h, struct plan_holders *ret);
/* "pid 12 (ktstr test), pid 13 (...)" for the file @name, "" when it is free. */
void lock_scan_name_holders(const struct lock_scan *s, const char *name, struct buf *out);
/*
 * The same from a new scan, for lock @name ("KEY.lock") in @dir; "another process" when no holder is visible. Blocks.
 */
void lock_name_holders(const char *dir, const char *name, struct buf *out);

#endif
