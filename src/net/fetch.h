/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fetch.h -- downloads one file over HTTP(S), from the first of several URLs that has it, as a state machine:
 *
 *   CONNECT > RECEIVE > JUDGE > (BACK_OFF > CONNECT | TRY_NEXT > CONNECT | VERIFY) > RELEASE
 *
 * A transfer that is cut, or that stalls, is resumed from its last byte if the server's file has not changed. On any
 * failure the local file is emptied, so unverified bytes never remain.
 */
#ifndef KTSTR_NET_FETCH_H
#define KTSTR_NET_FETCH_H

#include <nettle/sha2.h>

#include "base/buf.h"
#include "net/outcome.h"
#include "net/http.h"
#include "reactor/machine.h"

#define FETCH_FILE_BYTES_MAX ((uint64_t)8 << 30)  /* default of max_bytes, into a file */
#define FETCH_BODY_BYTES_MAX ((uint64_t)16 << 20) /* default of max_bytes, into memory */
#define FETCH_URLS_MAX	     32
#define FETCH_ATTEMPTS_MAX   64 /* of one fetch, over all its URLs */
#define FETCH_CHUNK_BYTES    ((uint32_t)256 << 10)
#define FETCH_CHUNKS	     2u /* one is received into while another is written */
#define FETCH_ERROR_MAX	     256
#define SHA256_HEX_LEN	     64

/* Time limits and retries; tests use shorter ones. */
struct fetch_tuning {
	nsec_t stall_window; /* fewer than stall_bytes in this time: the transfer has stalled */
	uint64_t stall_bytes;
	nsec_t backoff_first, backoff_most;
	unsigned retries; /* per URL, in a row, without any new byte */
};
extern const struct fetch_tuning FETCH_TUNING;

struct fetch_request {
	const char *const *urls; /* tried in order, NULL-terminated; must outlive the machine */
	int fd;			 /* an empty regular file open for writing, must outlive the machine; -1: into `body` */
	uint64_t max_bytes;	 /* 0: the default */
	const char *sha256_hex;	 /* expected SHA-256 of the file, or NULL */
	bool hash;		 /* compute sha256[] even without an expected one */
	bool head;		 /* HEAD: only ask whether it exists, and for its size */
	bool refuse_html;	 /* treat an HTML page as an absent file */
	uint64_t seed;		 /* of the back-off's jitter */
	const struct fetch_tuning *tuning; /* NULL: FETCH_TUNING */
};

enum fetch_state {
	FETCH_CONNECT,
	FETCH_RECEIVE,
	FETCH_JUDGE,
	FETCH_BACK_OFF,
	FETCH_TRY_NEXT,
	FETCH_VERIFY,
	FETCH_RELEASE,
	FETCH_STATE_MAX,
};

struct fetch {
	struct machine machine; /* wait for it, or cancel it; the result is 0 or a negative errno */
	/* readable at any time */
	uint64_t done, total; /* bytes; total 0: unknown */
	uint64_t rate;	      /* bytes per second, a moving average */
	unsigned attempts;
	unsigned resumed;     /* attempts that resumed from the last byte */
	const char *url_used; /* the URL being tried; at the end the one that had the file */
	long http_status;     /* of the last response; 0: none yet */
	/* valid at the end */
	struct buf body;		 /* the file, with fd -1 */
	char sha256[SHA256_HEX_LEN + 1]; /* "" unless requested */
	bool absent;			 /* all servers answered that there is no such file */
	struct err *err;		 /* URLs, what happened, what to do */
	/* private */
	struct fetch_request q;
	struct http *http;
	struct http_transfer transfer;
	struct notice notice; /* a chunk is full, or the transfer has ended */
	struct timer stall;
	struct response response;
	struct sha256_ctx hash;
	struct rng rng;
	struct curl_slist *headers;
	struct buf reasons; /* why each URL so far failed */
	struct {
		char *data;
		uint32_t len;
	} chunk[FETCH_CHUNKS]; /* ring buffer, from `oldest` to `filling` */
	unsigned oldest, filling, url;
	unsigned tries;	     /* attempts at this URL */
	unsigned failures;   /* in a row, without progress */
	uint64_t asked_from; /* first byte that this attempt requested */
	uint64_t written;    /* bytes in the file */
	uint64_t farthest;   /* most bytes received so far at this URL */
	uint64_t moved;	     /* bytes in this stall window */
	uint64_t lately;     /* bytes since `rated` */
	nsec_t rated;
	int problem;	      /* negative errno: we ended the transfer; 0: we did not */
	int code;	      /* CURLcode at the end of the transfer */
	enum outcome outcome; /* what follows from `problem` */
	uint32_t write_at;    /* bytes of the oldest chunk that are in the file already */
	bool begun, ended, paused, writing, from_start, distrust, all_absent;
	char validator[VALIDATOR_TEXT_MAX];
	char shown[URL_SHOWN_MAX];	  /* url_used for messages */
	char why[FETCH_ERROR_MAX];	  /* our reason for the end of the attempt */
	char error_text[FETCH_ERROR_MAX]; /* libcurl's reason */
	void (*on_done)(struct fetch *f);
};

/* Overwrites @f, which must not move until the machine has ended. @done may be NULL; it is called on every path. */
void fetch_start(struct fetch *f, struct http *h, struct reactor *r, const struct fetch_request *q,
		 struct machine *parent, void (*done)(struct fetch *f));
/* Frees body and error, after the machine has ended or on a zeroed fetch. The machine frees everything else. */
void fetch_done(struct fetch *f);

struct fetch_progress {
	uint64_t done, total, rate; /* bytes, bytes, bytes per second; 0: unknown */
	nsec_t eta;		    /* NSEC_NEVER: unknown */
	const char *state;
};
void fetch_progress(const struct fetch *f, struct fetch_progress *ret);

#endif
