/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log_reader.h -- reads the events of a kept schedule (log.h), one after another, with bounded memory. Checks
 * everything: an event that it returns is one that the model takes.
 */
#ifndef KTSTR_SCHEDULE_LOG_READER_H
#define KTSTR_SCHEDULE_LOG_READER_H

#include "schedule/about.h"
#include "schedule/log.h"

struct schedule_log_reader;

/* Reads exactly @len bytes of the content. -ENODATA, -EBADMSG. */
typedef int schedule_log_source_fn(void *data, void *to, size_t len, struct err **err);

/* Reads the description. -EBADMSG: it is not a kept schedule, or one of another version. */
int schedule_log_open(schedule_log_source_fn *source, void *data, struct schedule_log_reader **ret, struct err **err);
/* The same for a file; @fd is borrowed. */
int schedule_log_open_fd(int fd, struct schedule_log_reader **ret, struct err **err);
/* The same for one in memory, which must not change; @about, its description, is borrowed, too. */
int schedule_log_open_memory(const struct schedule_log *l, const char *about, struct schedule_log_reader **ret,
			     struct err **err);
void schedule_log_close(struct schedule_log_reader *r);
DEFINE_CLEANUP(struct schedule_log_reader *, schedule_log_close)

const struct schedule_about *schedule_log_about(const struct schedule_log_reader *r);
/* 1: *@ret is the next event; 0: there are no more; -EBADMSG: the content is damaged. */
int schedule_log_next(struct schedule_log_reader *r, struct schedule_event *ret, struct err **err);

#endif
