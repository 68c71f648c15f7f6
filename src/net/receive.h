/* SPDX-License-Identifier: GPL-2.0-only */
/* receive.h -- the part of a fetch that runs in libcurl's callbacks and in the stall timer. For fetch.c only. */
#ifndef KTSTR_NET_RECEIVE_H
#define KTSTR_NET_RECEIVE_H

#include "net/fetch.h"

/* Sets the transfer's callbacks. */
void fetch_hook_up(struct fetch *f);
/* Records why this attempt ends and what follows; returns @problem. From a callback, libcurl then ends it. */
int fetch_end_attempt(struct fetch *f, int problem, enum outcome v, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The response header is complete: checks that the body is the requested file or part. Negative: the attempt ends. */
int fetch_begin_body(struct fetch *f);
/* The transfer has ended with the CURLcode @code: wakes the state machine. */
void fetch_attempt_ended(struct fetch *f, int code);

static inline bool fetch_into_file(const struct fetch *f)
{
	return f->q.fd >= 0;
}

static inline bool fetch_hashes(const struct fetch *f)
{
	return f->q.hash || f->q.sha256_hex;
}

#endif
