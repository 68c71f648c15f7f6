/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gdb_session.h -- gdb, attached to a run that is made again. gdb's breakpoints are hooks of the observer, so the run
 * stays the same. It goes back by making the run again, up to an earlier moment.
 *
 * Each CPU is a thread. Memory and registers can be read, not written, because that would make another run. "monitor
 * help" lists what is offered beside gdb's own commands.
 */
#ifndef KTSTR_RUN_GDB_SESSION_H
#define KTSTR_RUN_GDB_SESSION_H

#include "run/debug.h"

/*
 * Serves one gdb that connects to the listening socket @listener. @first: where the run stops at first; its `arrived`,
 * `changed` and `data` are ours. @alive: NULL, or whether to wait for gdb any longer. Returns when gdb has gone.
 */
int gdb_session_run(struct rerun *r, const struct debug_config *first, int listener, bool (*alive)(void *data),
		    void *data, struct err **err);

#endif
