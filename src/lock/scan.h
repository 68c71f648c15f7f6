/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scan.h -- every ktstr lock of this host and who holds it, as one frame. Takes no lock, writes nothing.
 *
 * A scan is kept from frame to frame: directories are listed again only when they changed, processes are looked at
 * again once a second. It blocks (procfs, directories), so it belongs on the offload pool.
 */
#ifndef KTSTR_LOCK_SCAN_H
#define KTSTR_LOCK_SCAN_H

#include "lock/holders.h"
#include "lock/host.h"
#include "lock/plan.h"

#define LOCK_FILES_MAX 65536 /* a directory; what is beyond is counted and left out */

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
	int64_t mtime;	/* of the last look at it; 0: none yet */
	uint32_t index; /* LLC or CPU */
	enum lock_kind kind;
	uint32_t root;
	uint32_t holders, first; /* its part of lock_scan.holder */
	pid_t last_pid;		 /* its only holder in the frame before; 0: none or several */
};

enum lock_root_kind { ROOT_CPUS, ROOT_CACHE, ROOT_RUNS, ROOT_MAX };

struct lock_root {
	char *path;    /* NULL: there is none */
	int64_t mtime; /* of the directory when it was listed */
	uint64_t ino;
	uint32_t major, minor; /* of the mount, where /proc/locks may show it instead of the file's */
	int watch;	       /* inotify's number; -1: none */
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
	struct buf table;	  /* /proc/locks as it was */
	nsec_t read_at, heard_at; /* /proc/locks; something in the directories */
	int inotify;
	bool listening;	  /* else every frame looks */
	bool same;	  /* this frame is the last one over again */
	bool anonymous;	  /* leave out what only people want: dates and command lines */
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
 * From now on frames look only when something happened in the directories a moment ago, or a second has passed. Every
 * lock that ends closes a file, and who takes one opens or dates it; who does neither is a second late in the frame.
 * The next frame's inode watches are made by it. Without inotify all stays as it was.
 */
void lock_scan_listen(struct lock_scan *s);
/* The next frame; an error is also kept in s->err. */
int lock_scan_run(struct lock_scan *s);

static inline const char *lock_file_dir(const struct lock_scan *s, const struct lock_file *f)
{
	return s->root[f->root].path;
}
/* Name without ".lock". @out of @size bytes. */
const char *lock_file_key(const struct lock_file *f, char *out, size_t size);

/* What others hold, for a plan. */
void lock_scan_holders(const struct lock_scan *s, const struct host *h, struct plan_holders *ret);
/* "pid 12 (ktstr test), pid 13 (...)" for the file @name, "" when nobody has it. */
void lock_scan_name_holders(const struct lock_scan *s, const char *name, struct buf *out);
/* The same, looked up now, for lock @name ("KEY.lock") in @dir; "another process" when it cannot be seen. Blocks. */
void lock_name_holders(const char *dir, const char *name, struct buf *out);

#endif
