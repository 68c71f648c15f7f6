/* SPDX-License-Identifier: GPL-2.0-only */
/* http.c -- see http.h. */
#include <curl/curl.h>
#include <poll.h>
#include <string.h>

#include "base/bug.h"
#include "net/http.h"

/* A receive this large takes a few dozen packets at once and still fits the second-level cache beside its copy. */
#define RECEIVE_BYTES	((long)128 << 10)
#define CONNECT_SECONDS 10L
#define REDIRECTS_MAX	8L

struct http {
	struct reactor *reactor;
	CURLM *multi;
	struct timer timer;
	size_t watched;		/* watches that live, doomed ones included */
	size_t running;
	char *ca_file;
};

/* --- sockets: one poll each, armed again after every event, with the events that libcurl asks for ----------------- */

struct watch {
	struct op op;
	struct http *http;
	curl_socket_t fd;
	uint32_t want;
	bool dead;	/* libcurl has closed the socket, or is about to */
	bool busy;	/* its own event is being handled: settle() comes after that */
};

static void drive(struct http *h, curl_socket_t fd, int events);

/*
 * The number of a dead watch's socket may already be another's. Its poll was submitted before, so the cancel that is
 * queued right behind it ends whichever file it has found, and the result is not looked at.
 */
static void settle(struct watch *w)
{
	if (w->op.phase != OP_IDLE) {
		if (w->dead || w->op.len != w->want)
			op_cancel(w->http->reactor, &w->op);
		return;
	}
	if (w->dead) {
		w->http->watched--;
		free(w);
		return;
	}
	w->op.len = w->want;
	op_submit(w->http->reactor, &w->op);
}

static int events_of(int result)
{
	if (result < 0 || result & (POLLERR | POLLNVAL))
		return CURL_CSELECT_ERR;
	return (result & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) | (result & POLLOUT ? CURL_CSELECT_OUT : 0);
}

static void on_poll(struct op *op)
{
	struct watch *w = container_of(op, struct watch, op);
	w->busy = true;
	if (!w->dead && op->result != -ECANCELED)
		drive(w->http, w->fd, events_of(op->result));
	w->busy = false;
	settle(w);
}

static struct watch *watch_new(struct http *h, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct watch){ .op = { .kind = OP_POLL, .fd = fd, .done = on_poll }, .http = h, .fd = fd };
	h->watched++;
	curl_multi_assign(h->multi, fd, w);
	return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket)
{
	struct http *h = data;
	struct watch *w = of_socket;
	(void)easy;
	if (!w && what == CURL_POLL_REMOVE)
		return 0;
	if (!w && !(w = watch_new(h, fd)))
		return -1;
	w->dead = what == CURL_POLL_REMOVE;
	w->want = (what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0);
	if (!w->busy)
		settle(w);
	return 0;
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static void on_timer(struct timer *t)
{
	drive(container_of(t, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* "At once" is the next turn: libcurl may not be entered from its callback, and others get their turn first. */
static int on_timeout_change(CURLM *multi, long timeout_ms, void *data)
{
	struct http *h = data;
	(void)multi;
	if (timeout_ms < 0)
		timer_disarm(h->reactor, &h->timer);
	else
		timer_arm(h->reactor, &h->timer,
			  reactor_now(h->reactor) + MAX_OF((nsec_t)timeout_ms * NSEC_PER_MSEC, 1));
	return 0;
}

/* --- transfers ---------------------------------------------------------------------------------------------------- */

static void take_back(struct http *h, struct http_transfer *t)
{
	REQUIRE(t->running && h->running);
	t->running = false;
	h->running--;
	curl_multi_remove_handle(h->multi, t->easy);
}

static void drive(struct http *h, curl_socket_t fd, int events)
{
	int running, left;
	curl_multi_socket_action(h->multi, fd, events, &running);
	for (CURLMsg *msg; (msg = curl_multi_info_read(h->multi, &left));) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		struct http_transfer *t = NULL;
		CURLcode code = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		take_back(h, t);	/* invalidates msg */
		t->ended(t, (int)code);
	}
}

int http_transfer_init(struct http_transfer *t, struct http *h)
{
	CURL *easy = curl_easy_init();
	if (!easy)
		return -ENOMEM;
	t->easy = easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "ktstr/" KTSTR_VERSION);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	/* One connection a download: the streams of one HTTP/2 connection would share its window and its losses. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* A name that is being looked up cannot be cancelled; let its thread end by itself rather than wait for it. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	if (h->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
	return 0;
}

void http_transfer_done(struct http_transfer *t)
{
	REQUIRE(!t->running);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
}

int http_begin(struct http *h, struct http_transfer *t)
{
	REQUIRE(t->easy && !t->running);
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	t->running = true;
	h->running++;
	return 0;
}

void http_abort(struct http *h, struct http_transfer *t)
{
	if (t->running)
		take_back(h, t);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int http_global_init(struct err **err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		return 0;
	return FAIL(err, EXIT_NO_BACKEND, -ENOMEM, "set up libcurl: it refused to start");
}

void http_global_done(void)
{
	curl_global_cleanup();
}

int http_new(struct reactor *r, const struct http_config *config, struct http **ret, struct err **err)
{
	struct http *h = calloc(1, sizeof(*h));
	const char *ca_file = config ? config->ca_file : NULL;
	if (h)
		*h = (struct http){ .reactor = r, .timer.fire = on_timer, .multi = curl_multi_init(),
				    .ca_file = ca_file ? strdup(ca_file) : NULL };
	if (!h || !h->multi || (ca_file && !h->ca_file)) {
		http_free(h);
		return FAIL_SYS(err, -ENOMEM, "set up HTTP");
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*ret = h;
	return 0;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	REQUIRE(!h->running);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	timer_disarm(h->reactor, &h->timer);
	while (h->watched && reactor_turn(h->reactor, NSEC_NEVER) == 0)
		;
	free(h->ca_file);
	free(h);
	return NULL;
}
