/* SPDX-License-Identifier: GPL-2.0-only */
/* fetch.c -- see fetch.h. The states, in the order in which they run. receive.c has libcurl's callbacks. */
#include <string.h>
#include <strings.h>

#include "base/bug.h"
#include "base/text.h"
#include "net/curl.h"
#include "net/receive.h"

#define RETRY_AFTER_MAX (60 * NSEC_PER_SEC)
#define HEADER_TEXT_MAX (VALIDATOR_TEXT_MAX + 16)
#define RANGE_TEXT_MAX	24
#define SHORT_DEADLINE	NSEC_PER_MIN

_Static_assert(FETCH_ERROR_MAX >= CURL_ERROR_SIZE, "libcurl writes its error there");

const struct fetch_tuning FETCH_TUNING = {
	.stall_window = 30 * NSEC_PER_SEC,
	.stall_bytes = 1024,
	.backoff_first = 500 * NSEC_PER_MSEC,
	.backoff_most = 30 * NSEC_PER_SEC,
	.retries = 5,
};

static struct fetch *fetch_of(struct machine *m)
{
	return container_of(m, struct fetch, machine);
}

/* --- CONNECT: one attempt, from the start or from where the last one was cut -------------------------------------- */

static bool is_sha256_hex(const char *s)
{
	return strlen(s) == SHA256_HEX_LEN && strspn(s, "0123456789abcdefABCDEF") == SHA256_HEX_LEN;
}

static int check_request(struct fetch *f)
{
	unsigned n = 0;
	while (n <= FETCH_URLS_MAX && f->q.urls[n])
		n++;
	if (!n || n > FETCH_URLS_MAX)
		return FAIL(&f->err, ERR_BUG, -EINVAL, "download: got %u URLs, needs 1 to %d", n, FETCH_URLS_MAX);
	if (f->q.sha256_hex && !is_sha256_hex(f->q.sha256_hex))
		return FAIL(&f->err, ERR_DATA, -EINVAL, "download %s: the expected SHA-256 is not 64 hex digits",
			    f->shown);
	return 0;
}

static int set_up_transfer(struct fetch *f)
{
	int result = check_request(f);
	if (result < 0)
		return result;
	if (http_transfer_init(&f->transfer, f->http) < 0)
		return FAIL_SYS(&f->err, -ENOMEM, "download %s", f->shown);
	const struct curl_api *curl = f->transfer.curl;
	fetch_hook_up(f);
	curl->easy_setopt(f->transfer.easy, CURLOPT_ERRORBUFFER, f->error_text);
	curl->easy_setopt(f->transfer.easy, CURLOPT_NOBODY, f->q.head ? 1L : 0L);
	sha256_init(&f->hash);
	return 0;
}

/* Requests the missing part. If-Range: the server sends the whole file if it has changed since. */
static void request_range(struct fetch *f)
{
	const struct curl_api *curl = f->transfer.curl;
	char range[RANGE_TEXT_MAX], header[HEADER_TEXT_MAX];
	bool rest = f->done && f->validator[0] && !f->distrust && !f->from_start;
	if (!rest) {
		f->done = 0;
		f->validator[0] = '\0';
	}
	f->asked_from = f->done;
	snprintf(range, sizeof(range), "%lu-", f->asked_from);
	snprintf(header, sizeof(header), "If-Range: %s", f->validator);
	curl->slist_free_all(f->headers);
	f->headers = rest ? curl->slist_append(NULL, header) : NULL;
	curl->easy_setopt(f->transfer.easy, CURLOPT_RANGE, rest ? range : NULL);
	curl->easy_setopt(f->transfer.easy, CURLOPT_HTTPHEADER, f->headers);
}

static int connect_to(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	if (!f->transfer.easy && (result = set_up_transfer(f)) < 0)
		return result;
	f->url_used = f->q.urls[f->url];
	http_url_shown(f->url_used, f->shown);
	f->response = (struct response){ 0 };
	f->begun = f->ended = f->paused = false;
	f->problem = f->code = 0;
	f->moved = 0;
	f->error_text[0] = f->why[0] = '\0';
	f->notice.posted = false;
	f->attempts++;
	f->tries++;
	request_range(f);
	f->from_start = false;
	/* HTTPS must not be redirected to HTTP. */
	bool secure = !strncasecmp(f->url_used, "https:", 6);
	const struct curl_api *curl = f->transfer.curl;
	curl->easy_setopt(f->transfer.easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	curl->easy_setopt(f->transfer.easy, CURLOPT_URL, f->url_used);
	if (http_begin(f->http, &f->transfer) < 0)
		return FAIL_SYS(&f->err, -ENOMEM, "download %s", f->shown);
	timer_arm(m->reactor, &f->stall, reactor_now(m->reactor) + f->q.tuning->stall_window);
	machine_wait_notice(m, &f->notice);
	return FETCH_RECEIVE;
}

/* --- RECEIVE: full chunks go to the file, one write at a time ----------------------------------------------------- */

/* Writes the oldest chunk. The one being filled is written only after the transfer has ended. */
static bool start_write(struct fetch *f)
{
	unsigned i = f->oldest;
	if (!f->chunk[i].len || (i == f->filling && !f->ended))
		return false;
	f->writing = true;
	machine_write(&f->machine, f->q.fd, f->chunk[i].data + f->write_at, f->chunk[i].len - f->write_at, f->written);
	return true;
}

static int account_write(struct fetch *f, int result)
{
	unsigned i = f->oldest;
	f->writing = false;
	if (result == -EINTR || result == -EAGAIN)
		return 0;
	if (result <= 0)
		return FAIL_SYS(&f->err, result ? result : -EIO, "download %s: write at byte %lu", f->shown,
				f->written);
	f->written += (uint64_t)result;
	f->write_at += (uint32_t)result;
	if (f->write_at < f->chunk[i].len)
		return 0;
	f->chunk[i].len = f->write_at = 0;
	if (i != f->filling)
		f->oldest = (i + 1) % FETCH_CHUNKS;
	return 0;
}

/* libcurl delivers its buffered bytes from inside this call, and reports a failure only as the return value. */
static void resume_transfer(struct fetch *f)
{
	f->paused = false;
	f->moved = f->q.tuning->stall_bytes; /* not a stall: we paused the transfer */
	if (f->transfer.curl->easy_pause(f->transfer.easy, CURLPAUSE_CONT) == CURLE_OK)
		return;
	http_abort(f->http, &f->transfer);
	fetch_attempt_ended(f, CURLE_WRITE_ERROR);
}

static int write_chunks(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	if (f->writing && (result = account_write(f, result)) < 0)
		return result;
	if (start_write(f))
		return FETCH_RECEIVE;
	if (f->ended)
		return FETCH_JUDGE;
	if (f->paused)
		resume_transfer(f);
	machine_wait_notice(m, &f->notice);
	return FETCH_RECEIVE;
}

/* --- JUDGE -------------------------------------------------------------------------------------------------------- */

static void describe_failure(struct fetch *f)
{
	if (f->problem)
		return;
	if (f->code == CURLE_HTTP_RETURNED_ERROR || f->code == CURLE_OK)
		snprintf(f->why, sizeof(f->why), "HTTP %u", f->response.status);
	else
		snprintf(f->why, sizeof(f->why), "%s",
			 f->error_text[0] ? f->error_text : f->transfer.curl->easy_strerror((CURLcode)f->code));
}

static bool may_retry(struct fetch *f)
{
	if (f->done > f->farthest) {
		f->farthest = f->done;
		f->failures = 0;
	}
	return f->failures < f->q.tuning->retries && f->attempts < FETCH_ATTEMPTS_MAX;
}

static enum outcome outcome_of(struct fetch *f)
{
	if (!f->problem && f->code == CURLE_OK && !f->begun)
		fetch_begin_body(f); /* on_body() is not called for an empty file or a HEAD request */
	/* The server has no more bytes than we received, and the file has not changed: a retry is useless. */
	if (f->response.status == 416 && f->asked_from && f->response.range_total == f->asked_from)
		fetch_end_attempt(f, -EPROTO, OUTCOME_GIVE_UP, "the server announced %lu bytes, but has %lu", f->total,
				  f->done);
	if (f->problem)
		return f->outcome;
	enum outcome v = outcome_judge(f->code, f->response.status);
	if (v == OUTCOME_GOOD && !f->q.head && f->total && f->done != f->total) {
		fetch_end_attempt(f, -EPROTO, OUTCOME_RETRY, "ended at byte %lu of %lu", f->done, f->total);
		return OUTCOME_RETRY;
	}
	return v;
}

static int judge_attempt(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)result;
	enum outcome v = outcome_of(f);
	f->http_status = (long)f->response.status;
	if (v == OUTCOME_GOOD)
		return FETCH_VERIFY;
	describe_failure(f);
	f->from_start = v == OUTCOME_RESTART;
	if (v == OUTCOME_GIVE_UP || !may_retry(f))
		return FETCH_TRY_NEXT;
	return FETCH_BACK_OFF;
}

/* --- BACK_OFF, TRY_NEXT ------------------------------------------------------------------------------------------- */

static int back_off(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	const struct fetch_tuning *tuning = f->q.tuning;
	curl_off_t asked_s = 0;
	(void)result;
	f->transfer.curl->easy_getinfo(f->transfer.easy, CURLINFO_RETRY_AFTER, &asked_s);
	nsec_t asked = asked_s <= 0 ? 0 : MIN_OF((nsec_t)asked_s, RETRY_AFTER_MAX / NSEC_PER_SEC) * NSEC_PER_SEC;
	nsec_t length = outcome_backoff(f->failures++, tuning->backoff_first, tuning->backoff_most, &f->rng);
	machine_sleep(m, MAX_OF(length, asked));
	return FETCH_CONNECT;
}

static const char *hint_for(const struct fetch *f)
{
	if (f->all_absent)
		return "check the name and the version";
	if (f->problem == -EFBIG)
		return "the URL does not lead to the expected file";
	if (f->problem == -EBADMSG)
		return "the file differs from the published one: try again later or use another mirror";
	if (f->code == CURLE_PEER_FAILED_VERIFICATION)
		return "check the clock and the CA certificates (Debian: ca-certificates)";
	return "check the network, the proxy variables (https_proxy, no_proxy), or use another mirror";
}

static int fail_everywhere(struct fetch *f)
{
	bool bad = f->problem == -EFBIG || f->problem == -EBADMSG;
	int code = f->all_absent ? -ENOENT : f->problem ? f->problem : -EIO;
	f->absent = f->all_absent;
	FAIL(&f->err, bad ? ERR_DATA : ERR_MISSING, code, "download %s", buf_str(&f->reasons));
	err_hint(f->err, "%s", hint_for(f));
	return code;
}

static int try_next_place(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)m, (void)result;
	f->all_absent &= f->problem == -ENOENT || (!f->problem && outcome_absent(f->response.status));
	buf_puts(&f->reasons, f->reasons.len ? ", " : "");
	buf_puts(&f->reasons, f->shown);
	buf_puts(&f->reasons, ": ");
	text_append(&f->reasons, f->why, strlen(f->why));
	if (f->tries > 1)
		buf_appendf(&f->reasons, " (%u attempts)", f->tries);
	if (!f->q.urls[f->url + 1])
		return fail_everywhere(f);
	f->url++;
	f->tries = f->failures = 0;
	f->farthest = 0;
	f->distrust = false;
	f->from_start = true;
	return FETCH_CONNECT;
}

/* --- VERIFY, RELEASE ---------------------------------------------------------------------------------------------- */

static void store_digest(struct fetch *f)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(&f->hash, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(f->sha256 + 2 * i, 3, "%02x", digest[i]);
}

static int verify_digest(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)m, (void)result;
	if (!fetch_hashes(f) || f->q.head)
		return FETCH_RELEASE;
	store_digest(f);
	if (!f->q.sha256_hex || !strcasecmp(f->sha256, f->q.sha256_hex))
		return FETCH_RELEASE;
	/* A file from several partial responses is downloaded once more in one piece. */
	bool again = f->asked_from && !f->distrust;
	f->distrust = true;
	fetch_end_attempt(f, -EBADMSG, OUTCOME_GIVE_UP, "SHA-256 is %s, but should be %s", f->sha256, f->q.sha256_hex);
	f->sha256[0] = '\0';
	return again ? FETCH_CONNECT : FETCH_TRY_NEXT;
}

/* After a failure, no bytes may remain that could be mistaken for the file. */
static void discard_file(struct fetch *f, int code)
{
	buf_done(&f->body);
	f->sha256[0] = '\0';
	if (fetch_into_file(f) && ftruncate(f->q.fd, 0) < 0 && !f->err)
		FAIL_SYS(&f->err, -errno, "download %s: empty the file", f->shown);
	if (!f->err && code == -ECANCELED)
		FAIL(&f->err, ERR_INTERRUPTED, code, "download %s: cancelled", f->shown);
	else if (!f->err)
		FAIL_SYS(&f->err, code, "download %s", f->shown);
}

static int release_transfer(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	int failure = result < 0 ? result : m->failure;
	timer_disarm(m->reactor, &f->stall);
	if (f->transfer.easy) {
		http_abort(f->http, &f->transfer);
		f->transfer.curl->slist_free_all(f->headers);
		f->headers = NULL;
		http_transfer_done(&f->transfer);
	}
	buf_done(&f->reasons);
	for (size_t i = 0; i < ARRAY_SIZE(f->chunk); i++) {
		free(f->chunk[i].data);
		f->chunk[i].data = NULL;
	}
	if (failure < 0)
		discard_file(f, failure);
	return MACHINE_END;
}

static void on_fetch_ended(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)result;
	if (f->on_done)
		f->on_done(f);
}

/* Transfers have no deadline: on_stall_window() ends those that stall. */
static const struct machine_state fetch_states[FETCH_STATE_MAX] = {
	[FETCH_CONNECT] = { "connect", connect_to, DEADLINE_NONE, FETCH_RELEASE,
			    TO(FETCH_RECEIVE) | TO(FETCH_RELEASE) },
	[FETCH_RECEIVE] = { "receive", write_chunks, DEADLINE_NONE, FETCH_RELEASE,
			    TO(FETCH_JUDGE) | TO(FETCH_RELEASE) },
	[FETCH_JUDGE] = { "judge", judge_attempt, SHORT_DEADLINE, FETCH_RELEASE,
			  TO(FETCH_BACK_OFF) | TO(FETCH_TRY_NEXT) | TO(FETCH_VERIFY) | TO(FETCH_RELEASE) },
	[FETCH_BACK_OFF] = { "back off", back_off, DEADLINE_NONE, FETCH_RELEASE,
			     TO(FETCH_CONNECT) | TO(FETCH_RELEASE) },
	[FETCH_TRY_NEXT] = { "try next", try_next_place, SHORT_DEADLINE, FETCH_RELEASE,
			     TO(FETCH_CONNECT) | TO(FETCH_RELEASE) },
	[FETCH_VERIFY] = { "verify", verify_digest, SHORT_DEADLINE, FETCH_RELEASE,
			   TO(FETCH_CONNECT) | TO(FETCH_TRY_NEXT) | TO(FETCH_RELEASE) },
	[FETCH_RELEASE] = { "release", release_transfer, SHORT_DEADLINE, 0, TO_END },
};

static const struct machine_type fetch_type = { "fetch", fetch_states, FETCH_STATE_MAX, on_fetch_ended };

void fetch_start(struct fetch *f, struct http *h, struct reactor *r, const struct fetch_request *q,
		 struct machine *parent, void (*done)(struct fetch *f))
{
	*f = (struct fetch){ .q = *q, .http = h, .on_done = done, .rng = { q->seed }, .all_absent = true };
	f->q.tuning = q->tuning ? q->tuning : &FETCH_TUNING;
	f->q.max_bytes = q->max_bytes ? q->max_bytes : q->fd >= 0 ? FETCH_FILE_BYTES_MAX : FETCH_BODY_BYTES_MAX;
	f->rated = reactor_now(r);
	if (q->urls[0])
		http_url_shown(q->urls[0], f->shown);
	machine_start(r, &f->machine, &fetch_type, parent, "fetch");
}

void fetch_done(struct fetch *f)
{
	buf_done(&f->body);
	f->err = err_free(f->err);
}

void fetch_progress(const struct fetch *f, struct fetch_progress *ret)
{
	bool known = f->rate && f->total > f->done;
	*ret = (struct fetch_progress){
		.done = f->done,
		.total = f->total,
		.rate = f->rate,
		.eta = known ? (nsec_t)((double)(f->total - f->done) / (double)f->rate * 1e9) : NSEC_NEVER,
		.state = machine_state_name(&f->machine),
	};
}
