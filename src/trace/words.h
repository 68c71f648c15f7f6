/* SPDX-License-Identifier: GPL-2.0-only */
/* words.h -- tasks and steps of a recorded schedule in words that need no knowledge of this program. */
#ifndef KTSTR_TRACE_WORDS_H
#define KTSTR_TRACE_WORDS_H

#include "base/buf.h"
#include "trace/step.h"

/* "test[45] of 'crowd'"; "task 45" if its name is not known; "the idle task" for pid 0. */
void words_task(const struct schedule_about *about, struct step_task task, struct buf *out);
/* The control group of a task, for a label; "": not known. */
const char *words_group(const struct schedule_about *about, struct step_task task);
/* What happened, without its time and CPU. */
void words_step(const struct schedule_about *about, const struct step *s, struct buf *out);

#endif
