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
struct curl_api;

struct http_config {
	const char *ca_file; /* PEM bundle instead of the system's certificates; NULL: the system's. Copied. */
};

#define URL_SHOWN_MAX 320
/* @url for messages: printable, without user and password, cut where it is very long. */
const char *http_url_shown(const char *url, char out[URL_SHOWN_MAX]);

/* One a reactor; @config may be NULL. Loads libcurl, which is an error of its own where it is not installed. */
int http_new(struct reactor *r, const struct http_config *config, struct http **ret, struct err **err);
/* Closes idle connections and turns the reactor until the last poll has ended; no transfer may be running. */
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)

/* One transfer; the easy handle is the caller's and is reused from attempt to attempt. */
struct http_transfer {
	const struct curl_api *curl; /* set while `easy` is */
	void *easy;		     /* CURL *; its CURLOPT_PRIVATE is ours */
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
