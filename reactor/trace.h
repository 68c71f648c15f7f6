/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h -- what every machine did when, as a Chrome trace (the JSON array format; chrome://tracing, Perfetto).
 *
 * A machine is a slice, its states are slices inside, and machines of one type share rows, as many as ran at once. An
 * event is one line, written while the reactor runs: the file of a run that was killed lacks only its end, which the
 * format allows.
 */
#ifndef KTSTR_REACTOR_TRACE_H
#define KTSTR_REACTOR_TRACE_H

#include "base/err.h"

#define TRACE_PENDING_MAX ((size_t)16 << 20) /* bytes waiting for a slow file, before the trace gives up */

struct reactor;
struct trace;

/* Makes @path, or empties it, and observes @r from now on, in the place of any other observer. */
int trace_open(struct trace **ret, struct reactor *r, const char *path, struct err **err);
/*
 * Ends the slices that are open and the file; frees @t, which may be NULL. Not from a handler: turns the reactor until
 * the last write has ended. The error is the first that writing met; the run itself never notices.
 */
int trace_close(struct trace *t, struct err **err);

#endif
