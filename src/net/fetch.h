/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fetch.h -- one file over HTTP(S), from the first of several places that has it, as a machine:
 *
 *   CONNECT > RECEIVE > JUDGE > (BACK OFF > CONNECT | NEXT > CONNECT | VERIFY) > RELEASE
 *
 * A transfer that is cut goes on where it was, provided that the file is still the same one; one that stalls is ended
 * and goes on likewise. Bytes that did not verify are never left behind: on any failure the file is empty again.
 */
#ifndef KTSTR_NET_FETCH_H
#define KTSTR_NET_FETCH_H

#include <nettle/sha2.h>

#include "base/buf.h"
#include "net/outcome.h"
#include "net/http.h"
#include "reactor/machine.h"

#define FETCH_FILE_BYTES_MAX ((uint64_t)8 << 30)  /* where the request says nothing, into a file */
#define FETCH_BODY_BYTES_MAX ((uint64_t)16 << 20) /* and into memory */
#define FETCH_URLS_MAX	     32
#define FETCH_ATTEMPTS_MAX   64 /* of one fetch, over all its places */
#define FETCH_CHUNK_BYTES    ((uint32_t)256 << 10)
#define FETCH_CHUNKS	     2u /* so much may come while one is being written */
#define FETCH_ERROR_MAX	     256
#define SHA256_HEX_LEN	     64

/* How patient a fetch is; tests shorten it. */
struct fetch_tuning {
	nsec_t stall_window; /* fewer bytes than stall_bytes in this time is a stall */
	uint64_t stall_bytes;
	nsec_t backoff_first, backoff_most;
	unsigned retries; /* at one place, in a row, without a byte more than before */
};
extern const struct fetch_tuning FETCH_TUNING;

struct fetch_request {
	const char *const *urls;	   /* tried in order, NULL-terminated; borrowed until the machine has ended */
	int fd;				   /* an empty regular file open for writing, borrowed; -1: into `body` */
	uint64_t max_bytes;		   /* 0: as above */
	const char *sha256_hex;		   /* what the file must be, or NULL */
	bool hash;			   /* work out sha256[] though nothing is expected */
	bool head;			   /* ask only whether it is there, and its size */
	bool refuse_html;		   /* a page instead of a file counts as absent */
	uint64_t seed;			   /* of the back-off's jitter */
	const struct fetch_tuning *tuning; /* NULL: FETCH_TUNING */
};

enum fetch_state {
	FETCH_CONNECT,
	FETCH_RECEIVE,
	FETCH_JUDGE,
	FETCH_BACKOFF,
	FETCH_NEXT,
	FETCH_VERIFY,
	FETCH_RELEASE,
	FETCH_STATE_MAX,
};

struct fetch {
	struct machine machine; /* await it, cancel it; its result is 0 or a negative errno */
	/* what the world may look at, at any time */
	uint64_t done, total; /* bytes; total 0: not known */
	uint64_t rate;	      /* bytes a second, lately */
	unsigned attempts;
	unsigned resumed;     /* attempts that went on where the last one was cut */
	const char *url_used; /* the one being tried; at the end the one that had it */
	long http_status;     /* the last answer's, 0: none came */
	/* at the end */
	struct buf body;		 /* with fd -1 */
	char sha256[SHA256_HEX_LEN + 1]; /* "" unless asked for */
	bool absent;			 /* every place answered that there is no such file */
	struct err *err;		 /* one line: URL, what happened, what to do */
	/* its own */
	struct fetch_request q;
	struct http *http;
	struct http_transfer transfer;
	struct notice notice; /* a chunk is full, or the transfer has ended */
	struct timer stall;
	struct response response;
	struct sha256_ctx hash;
	struct rng rng;
	struct curl_slist *headers;
	struct buf reasons; /* why each place so far would not do */
	struct {
		char *data;
		uint32_t len;
	} chunk[FETCH_CHUNKS]; /* from `oldest` to `filling`, in a circle */
	unsigned oldest, filling, url;
	unsigned tries;	     /* attempts at this place */
	unsigned failures;   /* in a row without progress */
	uint64_t asked_from; /* this attempt's first byte */
	uint64_t written;    /* bytes in the file */
	uint64_t farthest;   /* most bytes ever had */
	uint64_t moved;	     /* bytes in this stall window */
	uint64_t lately;     /* bytes since `rated` */
	nsec_t rated;
	int problem;	      /* negative errno of ours that ended the transfer, or 0 */
	int code;	      /* libcurl's, at the end of the transfer */
	enum outcome outcome; /* what `problem` means for the attempt */
	uint32_t write_at;    /* bytes of the chunk being written that are in the file already */
	bool begun, ended, paused, writing, from_start, distrust, all_absent;
	char validator[VALIDATOR_TEXT_MAX];
	char shown[URL_SHOWN_MAX];	  /* url_used in messages */
	char why[FETCH_ERROR_MAX];	  /* ours */
	char error_text[FETCH_ERROR_MAX]; /* libcurl's */
	void (*on_done)(struct fetch *f);
};

/* @f is overwritten; it stays put until the machine has ended. @done may be NULL; it is told on every path. */
void fetch_start(struct fetch *f, struct http *h, struct reactor *r, const struct fetch_request *q,
		 struct machine *parent, void (*done)(struct fetch *f));
/* Frees body and error of an ended fetch, or of a zeroed one. Nothing else outlives the machine. */
void fetch_done(struct fetch *f);

struct fetch_progress {
	uint64_t done, total, rate; /* bytes, bytes, bytes a second; 0: not known */
	nsec_t eta;		    /* NSEC_NEVER: not known */
	const char *state;
};
void fetch_progress(const struct fetch *f, struct fetch_progress *ret);

#endif
