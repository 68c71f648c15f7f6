/* SPDX-License-Identifier: GPL-2.0-only */
/* call.c -- see call.h. */
#include <string.h>

#include "base/text.h"
#include "net/call.h"
#include "net/curl.h"

_Static_assert(CALL_ERROR_MAX >= CURL_ERROR_SIZE, "libcurl writes its error there");

static struct call *call_of(struct machine *m)
{
	return container_of(m, struct call, machine);
}

/* CURLOPT_WRITEFUNCTION */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct call *c = arg;
	size_t len = size * count;
	c->too_large = len > c->q.max_bytes - c->answer.len;
	if (c->too_large)
		return 0;
	buf_append(&c->answer, data, len);
	return len;
}

static void on_ended(struct http_transfer *t, int code)
{
	struct call *c = container_of(t, struct call, transfer);
	c->code = code;
	notice_post(&c->ended);
}

static int add_headers(struct call *c)
{
	const struct curl_api *curl = c->transfer.curl;
	for (size_t i = 0; c->q.headers && c->q.headers[i]; i++) {
		struct curl_slist *longer = curl->slist_append(c->headers, c->q.headers[i]);
		if (!longer)
			return -ENOMEM;
		c->headers = longer;
	}
	curl->easy_setopt(c->transfer.easy, CURLOPT_HTTPHEADER, c->headers);
	return 0;
}

static int set_up_transfer(struct call *c)
{
	if (http_transfer_init(&c->transfer, c->http) < 0 || add_headers(c) < 0)
		return -ENOMEM;
	const struct curl_api *curl = c->transfer.curl;
	CURL *easy = c->transfer.easy;
	c->transfer.ended = on_ended;
	curl->easy_setopt(easy, CURLOPT_URL, c->q.url);
	curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, c->q.method);
	curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(c->q.limit / NSEC_PER_MSEC));
	curl->easy_setopt(easy, CURLOPT_FAILONERROR, 0L);
	curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, c->why);
	curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl->easy_setopt(easy, CURLOPT_WRITEDATA, c);
	if (c->q.socket) {
		curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, c->q.socket);
		curl->easy_setopt(easy, CURLOPT_PROXY, "");
	}
	if (c->q.body) {
		curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->q.length);
		curl->easy_setopt(easy, CURLOPT_POSTFIELDS, c->q.body);
	}
	return 0;
}

static int send_request(struct machine *m, int result)
{
	struct call *c = call_of(m);
	machine_deadline(m, c->q.limit + NSEC_PER_MIN); /* libcurl's own limit is earlier */
	result = set_up_transfer(c);
	if (result == 0)
		result = http_begin(c->http, &c->transfer);
	if (result < 0)
		return result;
	machine_wait_notice(m, &c->ended);
	return CALL_FINISH;
}

static enum call_end end_of(const struct call *c)
{
	if (c->too_large)
		return CALL_TOO_LARGE;
	if (c->code == CURLE_OK)
		return CALL_ANSWERED;
	if (c->code == CURLE_OPERATION_TIMEDOUT)
		return CALL_LATE;
	return c->code == CURLE_COULDNT_CONNECT || c->code == CURLE_COULDNT_RESOLVE_HOST ? CALL_UNREACHED : CALL_BROKEN;
}

static void describe_end(struct call *c)
{
	char why[CALL_ERROR_MAX];
	if (c->end == CALL_TOO_LARGE)
		snprintf(c->why, sizeof(c->why), "its answer has more than %zu bytes", c->q.max_bytes);
	else if (!c->why[0] && c->code)
		snprintf(c->why, sizeof(c->why), "%s", c->transfer.curl->easy_strerror((CURLcode)c->code));
	text_copy_line(why, sizeof(why), c->why, strlen(c->why));
	memcpy(c->why, why, sizeof(why));
}

static int finish(struct machine *m, int result)
{
	struct call *c = call_of(m);
	if (result < 0) {
		http_abort(c->http, &c->transfer);
		return result;
	}
	if (c->answer.failed)
		return -ENOMEM;
	c->transfer.curl->easy_getinfo(c->transfer.easy, CURLINFO_RESPONSE_CODE, &c->status);
	c->end = end_of(c);
	if (c->end != CALL_ANSWERED)
		describe_end(c);
	return MACHINE_END;
}

static const struct machine_state states[CALL_STATE_MAX] = {
	[CALL_SEND] = { "send", send_request, NSEC_PER_MIN, CALL_FINISH, TO(CALL_FINISH) },
	[CALL_FINISH] = { "finish", finish, NSEC_PER_MIN, 0, TO_END },
};

static void call_ended(struct machine *m, int result)
{
	struct call *c = call_of(m);
	(void)result;
	if (c->headers)
		c->transfer.curl->slist_free_all(c->headers);
	c->headers = NULL;
	if (c->transfer.easy)
		http_transfer_done(&c->transfer);
}

static const struct machine_type call_type = { "call", states, CALL_STATE_MAX, call_ended };

void call_start(struct call *c, struct http *h, struct reactor *r, const struct call_request *q, struct machine *parent)
{
	*c = (struct call){ .q = *q, .http = h, .end = CALL_BROKEN };
	machine_start(r, &c->machine, &call_type, parent, "%s", q->method);
}

void call_done(struct call *c)
{
	buf_done(&c->answer);
}
