/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * files.h -- reads what tasks write to the directory of a run, and tells the follower. Only tasks that run, or
 * that have just ended, are looked at; of their events only new lines are read.
 */
#ifndef KTSTR_SLURM_FILES_H
#define KTSTR_SLURM_FILES_H

#include "base/buf.h"
#include "slurm/follow.h"
#include "slurm/record.h"
#include "slurm/result_use.h"

/* How far the events of one attempt have been read. */
struct attempt_file {
	uint64_t offset;
	enum follow_attempt_state state; /* not open: all is read */
};

struct task_file {
	struct attempt_file *attempt;
	uint32_t attempts;
};

/* A test was judged: @event is its line in events.ndjson, @sidecar the path of its result. */
typedef void files_result_fn(void *data, uint32_t test, uint32_t task, const json_t *event, const char *sidecar);

struct task_files {
	const struct slurm_record *record;
	struct follow *follow;
	struct task_file *task;
	size_t room;
	struct buf text;
	struct reported reported;
	char **sidecar; /* of each test: the path of the result that counts; or NULL */
	files_result_fn *on_result;
	void *data;
	uint64_t damaged; /* lines that are not valid */
};

int files_init(struct task_files *w, const struct slurm_record *record, struct follow *follow,
	       files_result_fn *on_result, void *data);
void files_done(struct task_files *w);
/* Reads the files of all tasks that may have changed. Blocks. -ENOMEM. */
int files_read(struct task_files *w);

#endif
