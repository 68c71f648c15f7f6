/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * outcome.h -- evaluates one attempt at a download, without any I/O: parses the response header, decides what follows
 * from the end of the attempt, and computes the time until the next.
 */
#ifndef KTSTR_NET_OUTCOME_H
#define KTSTR_NET_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/time.h"

#define VALIDATOR_TEXT_MAX 128

/* Facts from header lines. A status line resets them, so after redirects they are from the last response. */
struct response {
	unsigned status;		    /* 0: none yet */
	bool html;			    /* Content-Type: text/html */
	bool ranged;			    /* it has a well-formed Content-Range */
	uint64_t range_first;		    /* offset of the body's first byte in the file */
	uint64_t range_total;		    /* size of the file, also with status 416; 0: not given */
	char validator[VALIDATOR_TEXT_MAX]; /* for If-Range: a strong ETag, else Last-Modified, else "" */
	bool etag;			    /* the validator is an ETag */
};

void response_line(struct response *r, const char *line, size_t len);

enum outcome {
	OUTCOME_GOOD,	 /* the response is complete */
	OUTCOME_RETRY,	 /* repeat later */
	OUTCOME_RESTART, /* repeat from the first byte: the received bytes are useless */
	OUTCOME_GIVE_UP, /* this server does not give us the file */
};

/* @curl_code: a CURLcode; @status: the last HTTP status, 0: none. */
enum outcome outcome_judge(int curl_code, unsigned status);
/* The status means that there is no such file. */
bool outcome_absent(unsigned status);

/* The time before retry @n (from 0): @first * 2^n, at most @most, times a random factor from 0.5 to 1. */
nsec_t outcome_backoff(unsigned n, nsec_t first, nsec_t most, struct rng *rng);

#endif
