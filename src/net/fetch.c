/* SPDX-License-Identifier: GPL-2.0-only */
/* fetch.c -- see fetch.h. First what libcurl calls, then the states in the order in which they run. */
#include <curl/curl.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/bug.h"
#include "net/fetch.h"

#define RATE_INTERVAL	  (250 * NSEC_PER_MSEC)
#define RETRY_AFTER_MAX	  (60 * NSEC_PER_SEC)
#define HEADER_TEXT_MAX	  (VALIDATOR_TEXT_MAX + 16)
#define RANGE_TEXT_MAX	  24
#define SHORT_DEADLINE	  NSEC_PER_MIN

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

static bool into_file(const struct fetch *f)
{
	return f->q.fd >= 0;
}

static bool hashes(const struct fetch *f)
{
	return f->q.hash || f->q.sha256_hex;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

/* Notes why this attempt ends; what is returned makes libcurl end it. */
static int PRINTF_LIKE(4, 5) end_attempt(struct fetch *f, int problem, enum outcome v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	f->problem = problem;
	f->outcome = v;
	return problem;
}

static int too_large(struct fetch *f)
{
	return end_attempt(f, -EFBIG, OUTCOME_GIVE_UP, "larger than the limit of %lu bytes", f->q.max_bytes);
}

/* Nothing is being written when an attempt begins, so the file is ours to cut. */
static int start_anew(struct fetch *f)
{
	REQUIRE(!f->writing);
	f->done = f->written = f->total = 0;
	f->chunk[0].len = f->chunk[1].len = 0;
	f->validator[0] = '\0';
	buf_clear(&f->body);
	sha256_init(&f->hash);
	if (into_file(f) && ftruncate(f->q.fd, 0) < 0)
		return end_attempt(f, -errno, OUTCOME_GIVE_UP, "%s", strerror(errno));
	return 0;
}

/* The first byte, or the end of an empty answer: is it the file, all of it or the part that was asked for? */
static int begin_body(struct fetch *f)
{
	const struct response *r = &f->response;
	curl_off_t length = -1;
	f->begun = true;
	notice_post(&f->notice);
	curl_easy_getinfo(f->transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (r->status != 200 && r->status != 206)
		return end_attempt(f, -EPROTO, OUTCOME_GIVE_UP, "HTTP %u", r->status);
	if (f->q.refuse_html && r->html)
		return end_attempt(f, -ENOENT, OUTCOME_GIVE_UP,
				   "server returned HTML instead of a file (URL may be invalid)");
	if (r->status == 206 && (!f->asked_from || !r->ranged || r->range_first != f->asked_from))
		return end_attempt(f, -EPROTO, OUTCOME_RESTART, "the server sent another part than was asked for");
	if (r->status == 200) {
		int result = start_anew(f);
		if (result < 0)
			return result;
		memcpy(f->validator, r->validator, sizeof(f->validator));
	} else {
		f->resumed++;
	}
	if (r->status == 206 && r->range_total)
		f->total = r->range_total;
	else if (length >= 0)
		f->total = f->done + (uint64_t)length;
	return f->total > f->q.max_bytes ? too_large(f) : 0;
}

/* Room for @len bytes where they are collected. A full chunk is handed over to be written; false: both are full. */
static bool make_room(struct fetch *f, size_t len)
{
	REQUIRE(len <= FETCH_CHUNK_BYTES);
	if (f->chunk[f->filling].len + len <= FETCH_CHUNK_BYTES)
		return true;
	if (f->chunk[!f->filling].len)
		return false;
	f->filling = !f->filling;
	notice_post(&f->notice);
	return true;
}

static int collect(struct fetch *f, const char *data, size_t len)
{
	if (!into_file(f)) {
		buf_append(&f->body, data, len);
		return f->body.failed ? end_attempt(f, -ENOMEM, OUTCOME_GIVE_UP, "out of memory") : 0;
	}
	char **chunk = &f->chunk[f->filling].data;
	if (!*chunk && !(*chunk = malloc(FETCH_CHUNK_BYTES)))
		return end_attempt(f, -ENOMEM, OUTCOME_GIVE_UP, "out of memory");
	memcpy(*chunk + f->chunk[f->filling].len, data, len);
	f->chunk[f->filling].len += (uint32_t)len;
	return 0;
}

static void account(struct fetch *f, size_t len)
{
	nsec_t now = reactor_now(f->machine.reactor), since = now - f->rated;
	f->done += len;
	f->moved += len;
	f->lately += len;
	if (since < RATE_INTERVAL)
		return;
	uint64_t rate = (uint64_t)((double)f->lately * 1e9 / (double)since);
	f->rate = f->rate ? (f->rate * 3 + rate) / 4 : rate;
	f->lately = 0;
	f->rated = now;
}

/* CURLOPT_WRITEFUNCTION. Copies: the reactor writes the file, in large pieces, while libcurl goes on receiving. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t len = size * count;
	if (!f->begun && begin_body(f) < 0)
		return 0;
	if (f->done + len > f->q.max_bytes) {
		too_large(f);
		return 0;
	}
	if (into_file(f) && !make_room(f, len)) {
		f->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (collect(f, data, len) < 0)
		return 0;
	if (hashes(f))
		sha256_update(&f->hash, len, (const uint8_t *)data);
	account(f, len);
	return len;
}

/* CURLOPT_HEADERFUNCTION */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	response_line(&((struct fetch *)arg)->response, data, size * count);
	return size * count;
}

static void attempt_ended(struct fetch *f, int code)
{
	f->ended = true;
	f->code = code;
	f->paused = false;
	timer_disarm(f->machine.reactor, &f->stall);
	notice_post(&f->notice);
}

static void on_ended(struct http_transfer *t, int code)
{
	attempt_ended(container_of(t, struct fetch, transfer), code);
}

/* Once a window: too few bytes are a stall, unless it is us who keep the server waiting. */
static void on_stall_window(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, stall);
	const struct fetch_tuning *tuning = f->q.tuning;
	if (f->moved < tuning->stall_bytes && !f->paused) {
		char window[TIME_TEXT_MAX];
		http_abort(f->http, &f->transfer);
		end_attempt(f, -ETIMEDOUT, OUTCOME_RETRY, "stalled: %lu bytes in %s", f->moved,
			    nsec_format(tuning->stall_window, window));
		attempt_ended(f, CURLE_OPERATION_TIMEDOUT);
		return;
	}
	f->moved = 0;
	timer_arm(f->machine.reactor, t, reactor_now(f->machine.reactor) + tuning->stall_window);
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
		return FAIL(&f->err, EXIT_BUG, -EINVAL, "download: %u URLs given, 1 to %d wanted", n, FETCH_URLS_MAX);
	if (f->q.sha256_hex && !is_sha256_hex(f->q.sha256_hex))
		return FAIL(&f->err, EXIT_BAD_DATA, -EINVAL, "download %s: the expected SHA-256 is not 64 hex digits",
			    f->q.urls[0]);
	return 0;
}

static int set_up(struct fetch *f)
{
	int result = check_request(f);
	if (result < 0)
		return result;
	if (http_transfer_init(&f->transfer, f->http) < 0)
		return FAIL_SYS(&f->err, -ENOMEM, "download %s", f->q.urls[0]);
	CURL *easy = f->transfer.easy;
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->error_text);
	curl_easy_setopt(easy, CURLOPT_NOBODY, f->q.head ? 1L : 0L);
	sha256_init(&f->hash);
	return 0;
}

/* The rest, and only if the file is still the one whose beginning we have: else the server sends the whole. */
static void ask_for_rest(struct fetch *f)
{
	CURL *easy = f->transfer.easy;
	char range[RANGE_TEXT_MAX], header[HEADER_TEXT_MAX];
	bool rest = f->done && f->validator[0] && !f->distrust && !f->from_start;
	if (!rest) {
		f->done = 0;
		f->validator[0] = '\0';
	}
	f->asked_from = f->done;
	snprintf(range, sizeof(range), "%lu-", f->asked_from);
	snprintf(header, sizeof(header), "If-Range: %s", f->validator);
	curl_slist_free_all(f->headers);
	f->headers = rest ? curl_slist_append(NULL, header) : NULL;
	curl_easy_setopt(easy, CURLOPT_RANGE, rest ? range : NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
}

static int connect_to(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	if (!f->transfer.easy && (result = set_up(f)) < 0)
		return result;
	f->url_used = f->q.urls[f->url];
	f->response = (struct response){ 0 };
	f->begun = f->ended = f->paused = false;
	f->problem = f->code = 0;
	f->moved = 0;
	f->error_text[0] = f->why[0] = '\0';
	f->notice.posted = false;
	f->attempts++;
	ask_for_rest(f);
	f->from_start = false;
	/* What was asked for safely is not answered in the clear. */
	bool secure = !strncasecmp(f->url_used, "https:", 6);
	curl_easy_setopt(f->transfer.easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	curl_easy_setopt(f->transfer.easy, CURLOPT_URL, f->url_used);
	if (http_begin(f->http, &f->transfer) < 0)
		return FAIL_SYS(&f->err, -ENOMEM, "download %s", f->url_used);
	timer_arm(m->reactor, &f->stall, reactor_now(m->reactor) + f->q.tuning->stall_window);
	machine_wait_notice(m, &f->notice);
	return FETCH_RECEIVE;
}

/* --- RECEIVE: full chunks go to the file, one write at a time ----------------------------------------------------- */

/* The older chunk first; the one that is being filled only when nothing more will come. */
static unsigned next_chunk(const struct fetch *f)
{
	return f->chunk[!f->filling].len || !f->ended ? !f->filling : f->filling;
}

static bool start_write(struct fetch *f)
{
	unsigned i = next_chunk(f);
	if (!f->chunk[i].len)
		return false;
	f->writing = true;
	machine_write(&f->machine, f->q.fd, f->chunk[i].data + f->write_at, f->chunk[i].len - f->write_at, f->written);
	return true;
}

static int wrote(struct fetch *f, int result)
{
	unsigned i = f->chunk[!f->filling].len ? !f->filling : f->filling;
	f->writing = false;
	if (result == -EINTR || result == -EAGAIN)
		return 0;
	if (result <= 0)
		return FAIL_SYS(&f->err, result ? result : -EIO, "download %s: write at byte %lu", f->url_used,
				f->written);
	f->written += (uint64_t)result;
	f->write_at += (uint32_t)result;
	if (f->write_at == f->chunk[i].len)
		f->chunk[i].len = f->write_at = 0;
	return 0;
}

/* libcurl hands over what it had to keep, from here; when that fails it does not say so again. */
static void go_on(struct fetch *f)
{
	f->paused = false;
	if (curl_easy_pause(f->transfer.easy, CURLPAUSE_CONT) == CURLE_OK)
		return;
	http_abort(f->http, &f->transfer);
	attempt_ended(f, CURLE_WRITE_ERROR);
}

static int receive(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	if (f->writing && (result = wrote(f, result)) < 0)
		return result;
	if (start_write(f))
		return FETCH_RECEIVE;
	if (f->ended)
		return FETCH_JUDGE;
	if (f->paused)
		go_on(f);
	machine_wait_notice(m, &f->notice);
	return FETCH_RECEIVE;
}

/* --- JUDGE -------------------------------------------------------------------------------------------------------- */

static void say_why(struct fetch *f)
{
	if (f->problem)
		return;
	if (f->code == CURLE_HTTP_RETURNED_ERROR || f->code == CURLE_OK)
		snprintf(f->why, sizeof(f->why), "HTTP %u", f->response.status);
	else
		snprintf(f->why, sizeof(f->why), "%s",
			 f->error_text[0] ? f->error_text : curl_easy_strerror((CURLcode)f->code));
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
		begin_body(f);	/* an empty file has no first byte, nor has a mere question */
	/* The file is still the same one, and has no more than what came: asking again changes nothing. */
	if (f->response.status == 416 && f->asked_from && f->response.range_total == f->asked_from)
		end_attempt(f, -EPROTO, OUTCOME_GIVE_UP, "the server announces %lu bytes and has %lu", f->total,
			    f->done);
	if (f->problem)
		return f->outcome;
	enum outcome v = outcome_judge(f->code, f->response.status);
	if (v == OUTCOME_GOOD && !f->q.head && f->total && f->done != f->total) {
		end_attempt(f, -EPROTO, OUTCOME_RETRY, "ended at byte %lu of %lu", f->done, f->total);
		return OUTCOME_RETRY;
	}
	return v;
}

static int judge(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)result;
	enum outcome v = outcome_of(f);
	f->http_status = (long)f->response.status;
	if (v == OUTCOME_GOOD)
		return FETCH_VERIFY;
	say_why(f);
	f->from_start = v == OUTCOME_RESTART;
	if (v == OUTCOME_GIVE_UP || !may_retry(f))
		return FETCH_NEXT;
	return FETCH_BACKOFF;
}

/* --- BACK OFF, NEXT ----------------------------------------------------------------------------------------------- */

static int back_off(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	const struct fetch_tuning *tuning = f->q.tuning;
	curl_off_t asked_s = 0;
	(void)result;
	curl_easy_getinfo(f->transfer.easy, CURLINFO_RETRY_AFTER, &asked_s);
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
		return "it is not what was expected there";
	if (f->problem == -EBADMSG)
		return "what is there is not what was published: try again later or from another mirror";
	if (f->code == CURLE_PEER_FAILED_VERIFICATION)
		return "check the clock and the CA certificates (Debian: ca-certificates)";
	return "check the network, the proxy variables (https_proxy, no_proxy), or use another mirror";
}

static int nowhere(struct fetch *f)
{
	bool bad = f->problem == -EFBIG || f->problem == -EBADMSG;
	int code = f->all_absent ? -ENOENT : f->problem ? f->problem : -EIO;
	f->absent = f->all_absent;
	FAIL(&f->err, bad ? EXIT_BAD_DATA : EXIT_NO_BACKEND, code, "download %s", buf_str(&f->reasons));
	err_hint(f->err, "%s", hint_for(f));
	return code;
}

static int next_place(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)m, (void)result;
	f->all_absent &= f->problem == -ENOENT || (!f->problem && outcome_absent(f->response.status));
	buf_puts(&f->reasons, f->reasons.len ? ", " : "");
	buf_append_printable(&f->reasons, f->url_used, strlen(f->url_used));
	buf_puts(&f->reasons, ": ");
	buf_append_printable(&f->reasons, f->why, strlen(f->why));
	if (f->failures)
		buf_appendf(&f->reasons, " (%u attempts)", f->failures + 1);
	if (!f->q.urls[f->url + 1])
		return nowhere(f);
	f->url++;
	f->failures = 0;
	f->farthest = 0;
	f->distrust = false;
	f->from_start = true;
	return FETCH_CONNECT;
}

/* --- VERIFY, RELEASE ---------------------------------------------------------------------------------------------- */

static void take_digest(struct fetch *f)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(&f->hash, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(f->sha256 + 2 * i, 3, "%02x", digest[i]);
}

static int verify(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)m, (void)result;
	if (!hashes(f) || f->q.head)
		return FETCH_RELEASE;
	take_digest(f);
	if (!f->q.sha256_hex || !strcasecmp(f->sha256, f->q.sha256_hex))
		return FETCH_RELEASE;
	/* A file put together from several answers gets one more chance, in one piece. */
	bool again = f->asked_from && !f->distrust;
	f->distrust = true;
	end_attempt(f, -EBADMSG, OUTCOME_GIVE_UP, "SHA-256 is %s, and should be %s", f->sha256, f->q.sha256_hex);
	f->sha256[0] = '\0';
	return again ? FETCH_CONNECT : FETCH_NEXT;
}

/* Of a failed fetch nothing is left, least of all bytes that somebody could take for the file. */
static void discard(struct fetch *f, int code)
{
	buf_done(&f->body);
	f->sha256[0] = '\0';
	if (into_file(f) && ftruncate(f->q.fd, 0) < 0 && !f->err)
		FAIL_SYS(&f->err, -errno, "download %s: empty the file", f->q.urls[0]);
	if (!f->err && code == -ECANCELED)
		FAIL(&f->err, EXIT_INTERRUPTED, code, "download %s: cancelled", f->q.urls[0]);
	else if (!f->err)
		FAIL_SYS(&f->err, code, "download %s", f->q.urls[0]);
}

static int release(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	int failure = result < 0 ? result : m->failure;
	timer_disarm(m->reactor, &f->stall);
	if (f->transfer.easy) {
		http_abort(f->http, &f->transfer);
		http_transfer_done(&f->transfer);
	}
	curl_slist_free_all(f->headers);
	f->headers = NULL;
	buf_done(&f->reasons);
	for (size_t i = 0; i < ARRAY_SIZE(f->chunk); i++) {
		free(f->chunk[i].data);
		f->chunk[i].data = NULL;
	}
	if (failure < 0)
		discard(f, failure);
	return MACHINE_END;
}

static void ended(struct machine *m, int result)
{
	struct fetch *f = fetch_of(m);
	(void)result;
	if (f->on_done)
		f->on_done(f);
}

/* A transfer may take as long as it likes while bytes come: on_stall_window() sees to that, not a deadline. */
static const struct machine_state fetch_states[FETCH_STATE_MAX] = {
	[FETCH_CONNECT] = { "connect", connect_to, DEADLINE_NONE, FETCH_RELEASE,
			    TO(FETCH_RECEIVE) | TO(FETCH_RELEASE) },
	[FETCH_RECEIVE] = { "receive", receive, DEADLINE_NONE, FETCH_RELEASE, TO(FETCH_JUDGE) | TO(FETCH_RELEASE) },
	[FETCH_JUDGE] = { "judge", judge, SHORT_DEADLINE, FETCH_RELEASE,
			  TO(FETCH_BACKOFF) | TO(FETCH_NEXT) | TO(FETCH_VERIFY) | TO(FETCH_RELEASE) },
	[FETCH_BACKOFF] = { "back off", back_off, 2 * RETRY_AFTER_MAX, FETCH_RELEASE,
			    TO(FETCH_CONNECT) | TO(FETCH_RELEASE) },
	[FETCH_NEXT] = { "next", next_place, SHORT_DEADLINE, FETCH_RELEASE, TO(FETCH_CONNECT) | TO(FETCH_RELEASE) },
	[FETCH_VERIFY] = { "verify", verify, SHORT_DEADLINE, FETCH_RELEASE,
			   TO(FETCH_CONNECT) | TO(FETCH_NEXT) | TO(FETCH_RELEASE) },
	[FETCH_RELEASE] = { "release", release, SHORT_DEADLINE, 0, TO_END },
};

static const struct machine_type fetch_type = { "fetch", fetch_states, FETCH_STATE_MAX, ended };

void fetch_start(struct fetch *f, struct http *h, struct reactor *r, const struct fetch_request *q,
		 struct machine *parent, void (*done)(struct fetch *f))
{
	*f = (struct fetch){ .q = *q, .http = h, .on_done = done, .rng = { q->seed }, .all_absent = true };
	f->q.tuning = q->tuning ? q->tuning : &FETCH_TUNING;
	f->q.max_bytes = q->max_bytes ? q->max_bytes : q->fd >= 0 ? FETCH_FILE_BYTES_MAX : FETCH_BODY_BYTES_MAX;
	f->transfer.ended = on_ended;
	f->stall.fire = on_stall_window;
	f->rated = reactor_now(r);
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
		.done = f->done, .total = f->total, .rate = f->rate,
		.eta = known ? (nsec_t)((double)(f->total - f->done) / (double)f->rate * 1e9) : NSEC_NEVER,
		.state = machine_state_name(&f->machine),
	};
}
