/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * outcome.h -- what one attempt at a download means, without any I/O: the answer's header, the judgement of its end,
 * and how long to wait before the next.
 */
#ifndef KTSTR_NET_OUTCOME_H
#define KTSTR_NET_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/time.h"

#define VALIDATOR_TEXT_MAX 128

/* Fed with header lines; a status line begins a new one, so that after redirects it holds the last answer's. */
struct response {
	unsigned status;		    /* 0: none yet */
	bool html;			    /* Content-Type: text/html */
	bool ranged;			    /* a well-formed Content-Range was there */
	uint64_t range_first;		    /* of the body's first byte, in the whole file */
	uint64_t range_total;		    /* of the whole file, also with 416; 0: not said */
	char validator[VALIDATOR_TEXT_MAX]; /* for If-Range: a strong ETag, else Last-Modified, else "" */
	bool etag;			    /* the validator is an ETag */
};

void response_line(struct response *r, const char *line, size_t len);

enum outcome {
	OUTCOME_GOOD,	 /* the answer came, whole */
	OUTCOME_RETRY,	 /* the same again, later */
	OUTCOME_RESTART, /* the same again from the first byte: what we have is of no use */
	OUTCOME_GIVE_UP, /* not from this server */
};

/* @curl_code and the last status, 0 when there was none. */
enum outcome outcome_judge(int curl_code, unsigned status);
/* The server says that there is no such file. */
bool outcome_absent(unsigned status);

/* Before retry @n (from 0): @first * 2^n, at most @most, and of that a random part between a half and the whole. */
nsec_t outcome_backoff(unsigned n, nsec_t first, nsec_t most, struct rng *rng);

#endif
