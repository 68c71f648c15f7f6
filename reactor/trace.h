/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h -- writes the states of all machines over time as a Chrome trace (the JSON array format; chrome://tracing,
 * Perfetto).
 *
 * A machine is a slice, and its states are slices inside it. Machines of one type share as many rows as ran at once.
 * Each event is one line, written while the reactor runs. The file of a killed run lacks only its end, which the format
 * allows.
 */
#ifndef KTSTR_REACTOR_TRACE_H
#define KTSTR_REACTOR_TRACE_H

#include "base/err.h"

#define TRACE_PENDING_MAX ((size_t)16 << 20) /* bytes that may wait for a slow file; with more, the trace gives up */

struct reactor;
struct trace;

/* Creates or truncates @path and observes @r, instead of any other observer. */
int trace_open(struct trace **ret, struct reactor *r, const char *path, struct err **err);
/*
 * Ends the open slices and the file; frees @t, which may be NULL. Not from a handler: it runs the reactor until the
 * last write has ended. The error is that of the first failed write; it does not affect the run.
 */
int trace_close(struct trace *t, struct err **err);

#endif
