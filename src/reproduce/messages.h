/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * messages.h -- what the kernel's messages say about a sched_ext scheduler that ended: dmesg, a journal, or the debug
 * dump that schedulers print. The text may come from anybody. Pure.
 */
#ifndef KTSTR_REPRODUCE_MESSAGES_H
#define KTSTR_REPRODUCE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGES_BYTES_MAX  ((size_t)16 << 20)
#define MESSAGES_TASKS_MAX  512
#define MESSAGES_FRAMES_MAX 64
#define MESSAGES_NAME_MAX   64

enum scx_end {
	SCX_END_NONE,	/* it did not end */
	SCX_END_NORMAL, /* its program ended, or somebody stopped it */
	SCX_END_ERROR,
	SCX_END_STALL, /* a task that was ready to run did not */
};

/* A task of the debug dump: it runs, or waits for a CPU. */
struct message_task {
	char comm[MESSAGES_NAME_MAX];
	int pid;
	int64_t waits_ms;		  /* since it was ready to run */
	bool runs;			  /* it is the current task of a CPU */
	char cpus[MESSAGES_NAME_MAX];	  /* "0-3,8"; "": not given */
	char function[MESSAGES_NAME_MAX]; /* the innermost one of its kernel stack; "": not given */
};

enum { SAID_BY_KERNEL = 1, SAID_BY_DUMP = 2 };

struct messages {
	enum scx_end end;
	char scheduler[MESSAGES_NAME_MAX]; /* "": not named */
	char reason[MESSAGES_NAME_MAX];	   /* "runnable task stall" */
	char detail[512];
	char frame[MESSAGES_FRAMES_MAX][MESSAGES_NAME_MAX]; /* functions of the backtrace, without offsets */
	unsigned frames;
	char victim[MESSAGES_NAME_MAX]; /* the task that was not run; "": not named */
	int victim_pid;
	int64_t victim_ms; /* how long it was not run */
	struct message_task task[MESSAGES_TASKS_MAX];
	unsigned tasks, tasks_lost;
	unsigned cpus;	  /* the highest CPU of the dump, plus one; 0: unknown */
	unsigned said;	  /* SAID_ bits: where the report is from */
	unsigned reports; /* ends of schedulers in the text; the last one counts */
};

/* -ENODATA: nothing in it is about sched_ext. */
int messages_parse(const char *text, size_t len, struct messages *ret);
/* "ff" or "3,ffffffff" as "0-7" or "0-33". False: not a mask, or @out is too small. */
bool mask_to_list(const char *mask, char *out, size_t size);

#endif
