/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fingerprint.h -- the workload of a host or of a guest in a few groups of like tasks, from a profile ('ktstr ctprof
 * capture'), from a dump (docs/DUMPS.md), from kernel messages; and the scenario file that has such a load.
 */
#ifndef KTSTR_REPRODUCE_FINGERPRINT_H
#define KTSTR_REPRODUCE_FINGERPRINT_H

#include "base/json.h"
#include "ctprof/profile.h"
#include "reproduce/messages.h"

#define GROUPS_MAX	  32
#define GROUP_WORKERS_MAX 32
#define GUEST_CPUS_MAX	  16
#define NOTES_MAX	  64

enum note_kind {
	NOTE_UNKNOWN,  /* the inputs do not say it */
	NOTE_GUESSED,  /* derived from what they say, and may be wrong */
	NOTE_CHANGED,  /* the scenario differs from the host on purpose */
	NOTE_LEFT_OUT, /* the scenario does not have it */
};

struct note {
	enum note_kind kind;
	char text[240];
};

enum work_hint { HINT_SPIN, HINT_BURSTY, HINT_PIPE, HINT_FUTEX, HINT_IO, HINT_YIELD, HINT_MUTEX, HINT_MAX };

/* What makes tasks alike. */
struct group_key {
	char cgroup[128]; /* path on the host; "/": the root */
	char name[MESSAGES_NAME_MAX];
	char policy[16]; /* "normal", "batch", "idle", "fifo", "rr" */
	int priority;	 /* of fifo and rr */
	int nice;
	char affinity[128]; /* list of CPUs; "": all */
	enum work_hint work;
};

struct group {
	struct group_key key;
	unsigned tasks;
	double cpus;		   /* CPUs that they use together; negative: unknown */
	double burst_ms, sleep_ms; /* of HINT_BURSTY: means */
	bool has_victim;	   /* the task that was not run is one of them */
};

struct fingerprint {
	char scheduler[MESSAGES_NAME_MAX]; /* the operations' name; "": none is known */
	char release[64];		   /* of the kernel */
	char cause[600];
	enum scx_end end;
	unsigned cpus, nodes; /* of the host; 0: unknown */
	uint64_t watchdog_ms; /* 0: unknown */
	char victim[MESSAGES_NAME_MAX];
	struct group group[GROUPS_MAX];
	unsigned groups;
	json_t *cgroups;		     /* {path: {"cpu": {"weight", "max_quota_us", ...}}}; NULL: unknown */
	unsigned kernel_threads, idle, lost; /* tasks that are left out */
	struct note note[NOTES_MAX];
	unsigned notes;
};

void fingerprint_done(struct fingerprint *f);
void fingerprint_note(struct fingerprint *f, enum note_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
extern const char *const note_words[], *const hint_words[];

/* Adds a task, or counts it as one that is left out. */
void fingerprint_add(struct fingerprint *f, const struct group_key *key, double cpus, double burst_ms, double sleep_ms);
/* A thread of the kernel, which the guest has itself. */
bool is_kernel_thread(const char *comm);

/* Each adds what it knows; what another source has said already stays. */
void fingerprint_of_messages(struct fingerprint *f, const struct messages *m);
void fingerprint_of_profile(struct fingerprint *f, const struct profile *p);
/* -EBADMSG: not a dump that can be used. */
int fingerprint_of_dump(struct fingerprint *f, const json_t *dump, struct err **err);

/* --- scenario.c --------------------------------------------------------------------------------------------------- */

/*
 * A scenario file (docs/scenario.schema.json); adds notes. @binary: the scheduler's program; NULL: a guess. NULL: out
 * of memory.
 */
json_t *fingerprint_scenario(struct fingerprint *f, const char *binary);
/* {"scheduler", "groups", ...}: the fingerprint itself. */
json_t *fingerprint_json(const struct fingerprint *f);

#endif
