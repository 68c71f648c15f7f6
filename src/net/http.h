/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http.h -- libcurl's transfers on the reactor: its sockets are polls, its time-outs one timer, nothing blocks.
 *
 * What most callers want is fetch.h; of this file they need only http_new() and http_free().
 */
#ifndef KTSTR_NET_HTTP_H
#define KTSTR_NET_HTTP_H

#include "base/err.h"
#include "reactor/reactor.h"

struct http;

/* libcurl's own process-wide state: once, before the first http_new() and before any thread is started. */
int http_global_init(struct err **err);
void http_global_done(void);

struct http_config {
	const char *ca_file; /* PEM bundle instead of the system's certificates; NULL: the system's. Copied. */
};

/* One a reactor; @config may be NULL. */
int http_new(struct reactor *r, const struct http_config *config, struct http **ret, struct err **err);
/* Closes idle connections and turns the reactor until the last poll has ended; no transfer may be running. */
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)

/* One transfer; the easy handle is the caller's and is reused from attempt to attempt. */
struct http_transfer {
	void *easy; /* CURL *; its CURLOPT_PRIVATE is ours */
	bool running;
	/* On the loop; @code is a CURLcode. The transfer is not running any more, and may be begun again. */
	void (*ended)(struct http_transfer *t, int code);
};

/* A handle with what every transfer of ours has: no signals, HTTP(S) only, our name, the configured certificates. */
int http_transfer_init(struct http_transfer *t, struct http *h);
void http_transfer_done(struct http_transfer *t);
/* `ended` comes later, never from here. */
int http_begin(struct http *h, struct http_transfer *t);
/* Takes a running transfer back without calling `ended`; harmless on one that is not running. Not from a libcurl
 * callback. */
void http_abort(struct http *h, struct http_transfer *t);

#endif
