/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perfetto.h -- a recorded schedule as a trace that ui.perfetto.dev and chrome://tracing show (Chrome's trace event
 * format, JSON). CPUs are tracks, what runs on them are spans, wake-ups are arrows; phases of the test and the failure
 * have tracks of their own. Written piece by piece: memory does not depend on its length.
 */
#ifndef KTSTR_TRACE_PERFETTO_H
#define KTSTR_TRACE_PERFETTO_H

#include "schedule/log_reader.h"

/* Reads all events of @reader, and writes the trace to @fd. */
int perfetto_write(struct schedule_log_reader *reader, int fd, struct err **err);

#endif
