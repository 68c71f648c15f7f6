/* SPDX-License-Identifier: GPL-2.0-only */
/* http.c -- see http.h. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/library.h"
#include "net/curl.h"
#include "net/http.h"

/* One receive gets a few dozen packets, and the buffer and its copy still fit the second-level cache. */
#define RECEIVE_BYTES	((long)256 << 10)
#define CONNECT_SECONDS 10L
#define REDIRECTS_MAX	8L

struct http {
	struct curl_api curl;
	struct reactor *reactor;
	CURLM *multi;
	struct timer timer;
	size_t polls; /* number of socket polls, dead ones included */
	size_t running;
	char *ca_file;
};

/* --- sockets: one poll each, submitted again after every event ---------------------------------------------------- */

struct socket_poll {
	struct op op;
	struct http *http;
	curl_socket_t fd;
	uint32_t want;
	bool dead; /* libcurl has closed the socket, or is about to */
	bool busy; /* its event is being handled, and update_poll() follows */
};

static void drive_libcurl(struct http *h, curl_socket_t fd, int events);

/*
 * libcurl may close a dead socket before its poll runs, and another file may then get the same number. That is
 * harmless: the cancel is queued right behind the poll, and the result is ignored.
 */
static void update_poll(struct socket_poll *w)
{
	if (w->op.phase != OP_IDLE) {
		if (w->dead || w->op.len != w->want)
			op_cancel(w->http->reactor, &w->op);
		return;
	}
	if (w->dead) {
		w->http->polls--;
		free(w);
		return;
	}
	w->op.len = w->want;
	op_submit(w->http->reactor, &w->op);
}

/* On an error libcurl must also read, to find out which error it is. */
static int events_of(int result)
{
	if (result < 0 || result & (POLLERR | POLLNVAL))
		return CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
	return (result & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) | (result & POLLOUT ? CURL_CSELECT_OUT : 0);
}

static void on_poll(struct op *op)
{
	struct socket_poll *w = container_of(op, struct socket_poll, op);
	w->busy = true;
	if (!w->dead && op->result != -ECANCELED)
		drive_libcurl(w->http, w->fd, events_of(op->result));
	w->busy = false;
	update_poll(w);
}

static struct socket_poll *socket_poll_new(struct http *h, curl_socket_t fd)
{
	struct socket_poll *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct socket_poll){ .op = { .kind = OP_POLL, .fd = fd, .done = on_poll }, .http = h, .fd = fd };
	h->polls++;
	h->curl.multi_assign(h->multi, fd, w);
	return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket)
{
	struct http *h = data;
	struct socket_poll *w = of_socket;
	(void)easy;
	if (!w && what == CURL_POLL_REMOVE)
		return 0;
	if (!w && !(w = socket_poll_new(h, fd)))
		return -1;
	w->dead = what == CURL_POLL_REMOVE;
	w->want = (what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0);
	if (!w->busy)
		update_poll(w);
	return 0;
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static void on_timer(struct timer *t)
{
	drive_libcurl(container_of(t, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* A time-out of 0 fires in the next turn, because libcurl must not be called from its callback. */
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

static void remove_transfer(struct http *h, struct http_transfer *t)
{
	REQUIRE(t->running && h->running);
	t->running = false;
	h->running--;
	h->curl.multi_remove_handle(h->multi, t->easy);
}

static void drive_libcurl(struct http *h, curl_socket_t fd, int events)
{
	int running, left;
	h->curl.multi_socket_action(h->multi, fd, events, &running);
	for (CURLMsg *msg; (msg = h->curl.multi_info_read(h->multi, &left));) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		struct http_transfer *t = NULL;
		CURLcode code = msg->data.result;
		h->curl.easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		remove_transfer(h, t); /* invalidates msg */
		t->ended(t, (int)code);
	}
}

/* Without SOCK_CLOEXEC, processes that other libraries start would inherit the socket. */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *to)
{
	(void)data, (void)purpose;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

int http_transfer_init(struct http_transfer *t, struct http *h)
{
	const struct curl_api *curl = &h->curl;
	CURL *easy = curl->easy_init();
	if (!easy)
		return -ENOMEM;
	t->easy = easy;
	t->curl = curl;
	curl->easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl->easy_setopt(easy, CURLOPT_USERAGENT, "ktstr/" KTSTR_VERSION);
	curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl->easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl->easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	/* One connection per download: streams of one HTTP/2 connection share its window and its losses. */
	curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* A running lookup cannot be cancelled: do not wait for its thread, which ends by itself. */
	curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	if (h->ca_file)
		curl->easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
	return 0;
}

void http_transfer_done(struct http_transfer *t)
{
	REQUIRE(!t->running);
	t->curl->easy_cleanup(t->easy);
	t->easy = NULL;
}

int http_begin(struct http *h, struct http_transfer *t)
{
	REQUIRE(t->easy && !t->running);
	if (h->curl.multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	t->running = true;
	h->running++;
	return 0;
}

void http_abort(struct http *h, struct http_transfer *t)
{
	if (t->running)
		remove_transfer(h, t);
}

const char *http_url_shown(const char *url, char out[URL_SHOWN_MAX])
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	/* Remove user and password. */
	const char *at = memrchr(host, '@', strcspn(host, "/?#"));
	int n = snprintf(out, URL_SHOWN_MAX, "%.*s%s", (int)MIN_OF(host - url, 16), url, at ? at + 1 : host);
	if (n >= URL_SHOWN_MAX)
		memcpy(out + URL_SHOWN_MAX - 4, "...", 4);
	for (char *c = out; *c; c++)
		*c = *c > ' ' && *c <= '~' ? *c : '?';
	return out;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

/* global_init() counts its calls, and is safe while threads run. */
static int load_libcurl(struct curl_api *curl, struct err **err)
{
	static const char *const names[] = { CURL_FUNCTIONS(CURL_NAME) NULL };
	int r = library_open("libcurl.so.4", names, curl, err);
	if (r == 0 && curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		r = FAIL(err, ERR_MISSING, -ENOMEM, "set up libcurl: its initialisation failed");
	return r;
}

int http_new(struct reactor *r, const struct http_config *config, struct http **ret, struct err **err)
{
	struct curl_api curl;
	int result = load_libcurl(&curl, err);
	struct http *h = result == 0 ? calloc(1, sizeof(*h)) : NULL;
	const char *ca_file = config ? config->ca_file : NULL;
	if (result < 0)
		return result;
	if (h)
		*h = (struct http){ .curl = curl,
				    .reactor = r,
				    .timer.fire = on_timer,
				    .multi = curl.multi_init(),
				    .ca_file = ca_file ? strdup(ca_file) : NULL };
	else
		curl.global_cleanup();
	if (!h || !h->multi || (ca_file && !h->ca_file)) {
		http_free(h);
		return FAIL_SYS(err, -ENOMEM, "set up HTTP");
	}
	h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	h->curl.multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
	h->curl.multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*ret = h;
	return 0;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	REQUIRE(!h->running);
	if (h->multi)
		h->curl.multi_cleanup(h->multi);
	timer_disarm(h->reactor, &h->timer);
	while (h->polls && reactor_turn(h->reactor, NSEC_NEVER) == 0)
		;
	h->curl.global_cleanup();
	free(h->ca_file);
	free(h);
	return NULL;
}
