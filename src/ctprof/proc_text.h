/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * proc_text.h -- the texts of files below /proc, and of control groups, to values. Pure. Values that are not found stay
 * unknown.
 */
#ifndef KTSTR_CTPROF_PROC_TEXT_H
#define KTSTR_CTPROF_PROC_TEXT_H

#include "ctprof/profile.h"

/*
 * Each returns false if the text is not such a file at all, or memory is short. The texts end with a NUL, and are
 * changed.
 */
bool proc_parse_stat(char *text, struct thread *t);
bool proc_parse_schedstat(char *text, struct thread *t);
bool proc_parse_sched(char *text, struct thread *t);
bool proc_parse_status(char *text, struct thread *t);
bool proc_parse_io(char *text, struct thread *t);
/* By its name, "SCHED_OTHER", else as a number. False: out of memory. */
bool proc_set_policy(struct thread *t, int64_t policy);
/* The path in the control group hierarchy of version 2. */
bool proc_parse_cgroup(char *text, struct thread *t);

/* A new object of "NAME: NUMBER kB" lines; NULL if there are none. */
json_t *proc_parse_smaps(char *text);
/* A new object of "NAME NUMBER" lines; NULL if there are none. */
json_t *text_parse_flat(char *text);
/* {"some": {"avg10": ..., "total_usec": ...}, "full": ...}; NULL if there are none. */
json_t *text_parse_pressure(char *text);

#endif
