/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http.h -- runs libcurl's transfers on the reactor: each socket is a poll, all time-outs are one timer, nothing
 * blocks.
 *
 * Most callers use fetch.h, and only http_new() and http_free() from here.
 */
#ifndef KTSTR_NET_HTTP_H
#define KTSTR_NET_HTTP_H

#include "base/err.h"
#include "reactor/reactor.h"

struct http;
struct curl_api;

struct http_config {
	const char *ca_file; /* PEM bundle that replaces the system's certificates; NULL: the system's. Copied. */
};

#define URL_SHOWN_MAX 320
/* @url for messages: printable, without user and password, cut at URL_SHOWN_MAX. */
const char *http_url_shown(const char *url, char out[URL_SHOWN_MAX]);

/* Make one per reactor; @config may be NULL. Loads libcurl, and fails where that is not installed. */
int http_new(struct reactor *r, const struct http_config *config, struct http **ret, struct err **err);
/* Closes idle connections, and turns the reactor until the last poll has ended. No transfer may be running. */
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)

/* One transfer. The caller sets options on the easy handle and reuses it for further attempts. */
struct http_transfer {
	const struct curl_api *curl; /* set while `easy` is */
	void *easy;		     /* CURL *; do not set CURLOPT_PRIVATE */
	bool running;
	/* Called on the reactor; @code is a CURLcode. The transfer has stopped, and may be begun again. */
	void (*ended)(struct http_transfer *t, int code);
};

/* Makes a handle with the common options: no signals, HTTP(S) only, user agent, certificates. */
int http_transfer_init(struct http_transfer *t, struct http *h);
void http_transfer_done(struct http_transfer *t);
/* Calls `ended` later, never from here. */
int http_begin(struct http *h, struct http_transfer *t);
/* Stops a running transfer without calling `ended`; else does nothing. Do not call it from a libcurl callback. */
void http_abort(struct http *h, struct http_transfer *t);

#endif
