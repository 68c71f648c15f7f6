/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * call.h -- one HTTP request whose body and answer are in memory, as a state machine: SEND > FINISH.
 *
 * Any status is an answer. Nothing is sent again: whether a request may be repeated is known to the caller only.
 */
#ifndef KTSTR_NET_CALL_H
#define KTSTR_NET_CALL_H

#include "base/buf.h"
#include "net/http.h"
#include "reactor/machine.h"

#define CALL_ERROR_MAX 256

struct call_request {
	const char *method; /* "GET", "POST", "PUT", "PATCH" */
	const char *url;
	const char *socket;	    /* path of a UNIX socket to connect to, whatever the URL's host; or NULL */
	const char *const *headers; /* "Name: value", NULL-terminated, must outlive the machine; or NULL */
	const void *body;	    /* must outlive the machine; NULL: none */
	size_t length;
	size_t max_bytes; /* of the answer */
	nsec_t limit;	  /* host time for all of it */
};

enum call_state { CALL_SEND, CALL_FINISH, CALL_STATE_MAX };

/* What came of it. */
enum call_end {
	CALL_ANSWERED,
	CALL_UNREACHED, /* there was no connection: the server saw nothing of the request */
	CALL_BROKEN,	/* no complete answer */
	CALL_TOO_LARGE,
	CALL_LATE,
};

struct call {
	struct machine
		machine; /* the result is 0, also when there was no answer; -ECANCELED; or another error of ours */
	enum call_end end;
	long status;		  /* of the answer; 0: none */
	struct buf answer;	  /* its body */
	char why[CALL_ERROR_MAX]; /* unless CALL_ANSWERED: the reason */
	/* private */
	struct call_request q;
	struct http *http;
	struct http_transfer transfer;
	struct notice ended;
	struct curl_slist *headers;
	int code; /* CURLcode */
	bool too_large;
};

/* Overwrites @c, which must not move until the machine has ended. */
void call_start(struct call *c, struct http *h, struct reactor *r, const struct call_request *q,
		struct machine *parent);
/* Frees the answer, after the machine has ended or on a zeroed call. */
void call_done(struct call *c);

#endif
