/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * holders.h -- who holds which lock: /proc/locks read once, inodes matched, processes described.
 *
 * Everything here is a snapshot of something that moves: holders end while they are looked at, their pid may be
 * someone else's by then, and their command line is whatever they like. All of it is read as hostile text.
 */
#ifndef KTSTR_LOCK_HOLDERS_H
#define KTSTR_LOCK_HOLDERS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#define CMDLINE_BYTES_MAX  160		/* of a cleaned command line, with its "..." */
#define PROCESS_LOOK_AGAIN NSEC_PER_SEC /* how long what was seen of a process is believed */
#define PROC_LOCKS_MAX	   ((size_t)16 << 20)

/* One granted flock(2). */
struct proc_lock {
	uint64_t ino;
	uint32_t major, minor;
	pid_t pid; /* who took it; 0 or less: not in our pid namespace */
	bool exclusive;
};

/* The FLOCK lines of /proc/locks without those that only wait; lines that are not understood are left out. */
int proc_locks_parse(const char *text, struct proc_lock **ret, size_t *ret_count);

/*
 * One line for people and JSON: arguments parted by spaces, control characters (C1 too) and what would turn the
 * direction of writing become '?', as do bytes that are not UTF-8; cut at CMDLINE_BYTES_MAX.
 */
void cmdline_clean(const char *raw, size_t len, struct buf *out);

/* A process as it was when it was looked at. */
struct process {
	pid_t pid;
	uint64_t start_ticks;	/* after boot; with the pid it names a process for good */
	int64_t start_realtime; /* nanoseconds of CLOCK_REALTIME, to about a clock tick */
	char *cmdline;		/* NULL: it has ended, or never was in our pid namespace */
	nsec_t looked_at;
	uint64_t *inode; /* of its open files, once asked for */
	size_t inodes;
	bool inodes_known;
	unsigned seen; /* frame in which it last held a lock */
};

/* Processes by pid, kept from frame to frame. */
struct process_table {
	char *proc;	      /* "/proc" */
	struct process *item; /* sorted by pid */
	size_t count, cap;
};

int process_table_init(struct process_table *t, const char *proc);
void process_table_done(struct process_table *t);
/* What is known of @pid, looked at again once a second. NULL when out of memory. The pointer lasts until the next call.
 */
struct process *process_get(struct process_table *t, pid_t pid, nsec_t now, unsigned frame);
/* Looks again at those that are due: true when one of them has ended, changed hands or its command line. */
bool process_table_renew(struct process_table *t, nsec_t now, unsigned frame);
/* Whether it has the file open: false only when its descriptors can be read and none is it. */
bool process_may_have(struct process_table *t, struct process *p, uint64_t ino);
/* Forgets who was not seen in @frame. */
void process_table_sweep(struct process_table *t, unsigned frame);

#endif
