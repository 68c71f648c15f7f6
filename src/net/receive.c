/* SPDX-License-Identifier: GPL-2.0-only */
/* receive.c -- see receive.h. */
#include <stdarg.h>
#include <string.h>

#include "base/bug.h"
#include "net/curl.h"
#include "net/receive.h"

#define RATE_INTERVAL (250 * NSEC_PER_MSEC)

int fetch_end_attempt(struct fetch *f, int problem, enum outcome v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	f->problem = problem;
	f->outcome = v;
	return problem;
}

static int fail_too_large(struct fetch *f)
{
	return fetch_end_attempt(f, -EFBIG, OUTCOME_GIVE_UP, "larger than the limit of %lu bytes", f->q.max_bytes);
}

/* No write is in flight when an attempt begins, so the file can be truncated. */
static int restart_file(struct fetch *f)
{
	REQUIRE(!f->writing);
	f->done = f->written = f->total = 0;
	for (size_t i = 0; i < FETCH_CHUNKS; i++)
		f->chunk[i].len = 0;
	f->validator[0] = '\0';
	buf_clear(&f->body);
	sha256_init(&f->hash);
	if (fetch_into_file(f) && ftruncate(f->q.fd, 0) < 0)
		return fetch_end_attempt(f, -errno, OUTCOME_GIVE_UP, "%s", strerror(errno));
	return 0;
}

int fetch_begin_body(struct fetch *f)
{
	const struct response *r = &f->response;
	curl_off_t length = -1;
	f->begun = true;
	notice_post(&f->notice);
	f->transfer.curl->easy_getinfo(f->transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (r->status != 200 && r->status != 206)
		return fetch_end_attempt(f, -EPROTO, OUTCOME_GIVE_UP, "HTTP %u", r->status);
	if (f->q.refuse_html && r->html)
		return fetch_end_attempt(f, -ENOENT, OUTCOME_GIVE_UP,
					 "server returned HTML instead of a file (URL may be invalid)");
	if (r->status == 206 && (!f->asked_from || !r->ranged || r->range_first != f->asked_from))
		return fetch_end_attempt(f, -EPROTO, OUTCOME_RESTART, "the server sent a part that was not requested");
	if (r->status == 200) {
		int result = restart_file(f);
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
	return f->total > f->q.max_bytes ? fail_too_large(f) : 0;
}

/* Makes room for @len bytes in the chunk being filled, or goes to the next one. False: all are full. */
static bool make_room(struct fetch *f, size_t len)
{
	unsigned next = (f->filling + 1) % FETCH_CHUNKS;
	REQUIRE(len <= FETCH_CHUNK_BYTES);
	if (f->chunk[f->filling].len + len <= FETCH_CHUNK_BYTES)
		return true;
	if (next == f->oldest)
		return false;
	f->filling = next;
	notice_post(&f->notice);
	return true;
}

static int store_bytes(struct fetch *f, const char *data, size_t len)
{
	if (!fetch_into_file(f)) {
		buf_append(&f->body, data, len);
		return f->body.failed ? fetch_end_attempt(f, -ENOMEM, OUTCOME_GIVE_UP, "out of memory") : 0;
	}
	char **chunk = &f->chunk[f->filling].data;
	if (!*chunk && !(*chunk = malloc(FETCH_CHUNK_BYTES)))
		return fetch_end_attempt(f, -ENOMEM, OUTCOME_GIVE_UP, "out of memory");
	memcpy(*chunk + f->chunk[f->filling].len, data, len);
	f->chunk[f->filling].len += (uint32_t)len;
	return 0;
}

static void account_bytes(struct fetch *f, size_t len)
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

/* CURLOPT_WRITEFUNCTION. Copies the bytes: the reactor writes large pieces while libcurl continues to receive. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t len = size * count;
	if (!f->begun && fetch_begin_body(f) < 0)
		return 0;
	if (f->done + len > f->q.max_bytes) {
		fail_too_large(f);
		return 0;
	}
	if (fetch_into_file(f) && !make_room(f, len)) {
		f->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (store_bytes(f, data, len) < 0)
		return 0;
	if (fetch_hashes(f))
		sha256_update(&f->hash, len, (const uint8_t *)data);
	account_bytes(f, len);
	return len;
}

/* CURLOPT_HEADERFUNCTION */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	response_line(&((struct fetch *)arg)->response, data, size * count);
	return size * count;
}

void fetch_attempt_ended(struct fetch *f, int code)
{
	f->ended = true;
	f->code = code;
	f->paused = false;
	timer_disarm(f->machine.reactor, &f->stall);
	notice_post(&f->notice);
}

static void on_ended(struct http_transfer *t, int code)
{
	fetch_attempt_ended(container_of(t, struct fetch, transfer), code);
}

/* At the end of each window: too few bytes are a stall, unless we paused the transfer. */
static void on_stall_window(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, stall);
	const struct fetch_tuning *tuning = f->q.tuning;
	if (f->moved < tuning->stall_bytes && !f->paused) {
		char window[TIME_TEXT_MAX];
		http_abort(f->http, &f->transfer);
		fetch_end_attempt(f, -ETIMEDOUT, OUTCOME_RETRY, "stalled: %lu bytes in %s", f->moved,
				  nsec_format(tuning->stall_window, window));
		fetch_attempt_ended(f, CURLE_OPERATION_TIMEDOUT);
		return;
	}
	f->moved = 0;
	timer_arm(f->machine.reactor, t, reactor_now(f->machine.reactor) + tuning->stall_window);
}

void fetch_hook_up(struct fetch *f)
{
	const struct curl_api *curl = f->transfer.curl;
	CURL *easy = f->transfer.easy;
	f->transfer.ended = on_ended;
	f->stall.fire = on_stall_window;
	curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl->easy_setopt(easy, CURLOPT_WRITEDATA, f);
	curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl->easy_setopt(easy, CURLOPT_HEADERDATA, f);
}
