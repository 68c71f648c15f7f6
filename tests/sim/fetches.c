/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fetches.c -- downloads in simulation: the real fetch machine over simulated servers, a virtual clock and seeded
 * faults of network, file and timing. After each run: a file is empty or holds one complete version of one server's
 * file; every fetch was reported once; no transfer runs, no timer is armed.
 *
 *   sim_fetches [SEEDS [FIRST_SEED]]
 *
 * Fetches get a table of libcurl's functions that points to functions of this file.
 */
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "net/curl.h"
#include "net/fetch.h"
#include "reactor/sim.h"

#define SERVERS	     6u
#define VERSIONS     4u
#define FETCHES	     12u
#define SIZE_MAX_KIB 3000u
#define PIECE_MAX    16384u

struct server {
	unsigned version; /* of its file; it only grows */
	uint64_t size[VERSIONS];
	bool ranges, etags, absent, corrupt;
};

struct job {
	struct fetch fetch;
	struct fetch_request q;
	struct timer cancel;
	char url[3][32];
	const char *urls[4];
	char expected[SHA256_HEX_LEN + 1];
	unsigned told;
};

struct http {
	struct reactor *reactor;
	struct rng rng;
	struct server server[SERVERS];
	unsigned running;
	const struct backend *inner;
	struct backend outer;
};

static struct http *world; /* the stand-ins for libcurl's functions have no argument for it */
static struct {
	uint64_t good, failed, cancelled, resumed, paused;
} counts;

/* --- files: byte N of version V is a function of both ------------------------------------------------------------- */

static uint8_t byte_of(unsigned version, uint64_t at)
{
	uint64_t x = (at + 1) * 0x9e3779b97f4a7c15u + version * 0xbf58476d1ce4e5b9u;
	return (uint8_t)(x >> 56);
}

static void fill_piece(const struct server *s, unsigned version, uint64_t at, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = byte_of(version, at + i) ^ (s->corrupt && at + i == s->size[version] / 2);
}

static void digest_of(const struct server *s, unsigned version, char hex[SHA256_HEX_LEN + 1])
{
	struct sha256_ctx ctx;
	uint8_t piece[PIECE_MAX], digest[SHA256_DIGEST_SIZE];
	sha256_init(&ctx);
	for (uint64_t at = 0; at < s->size[version]; at += sizeof(piece)) {
		size_t len = MIN_OF(sizeof(piece), s->size[version] - at);
		fill_piece(s, version, at, piece, len);
		sha256_update(&ctx, len, piece);
	}
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* --- a transfer --------------------------------------------------------------------------------------------------- */

struct easy {
	struct timer timer;
	struct http_transfer *transfer;
	curl_write_callback on_body, on_header;
	void *body_arg, *header_arg;
	char url[32], range[32], if_range[160];
	struct server *server;
	unsigned version;
	uint64_t at, end, claimed;
	uint64_t stop; /* byte at which it is cut or stalls; UINT64_MAX: none */
	bool stalls, answered, held;
	uint8_t piece[PIECE_MAX];
	size_t len;
};

static bool one_in(unsigned n)
{
	return rng_below(&world->rng, n) == 0;
}

static void later(struct easy *e, nsec_t most)
{
	timer_arm(world->reactor, &e->timer,
		  reactor_now(world->reactor) + 1 + (nsec_t)rng_below(&world->rng, (uint64_t)most));
}

static void finish(struct easy *e, CURLcode code)
{
	e->transfer->running = false;
	world->running--;
	e->transfer->ended(e->transfer, (int)code);
}

static void PRINTF_LIKE(2, 3) header(struct easy *e, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	e->on_header(line, 1, (size_t)len, e->header_arg);
}

/* Sends the header; a status without a file ends the transfer. */
static void answer(struct easy *e)
{
	struct server *s = e->server;
	uint64_t first = 0;
	char etag[32];
	e->answered = true;
	if (one_in(8) && s->version + 1 < VERSIONS)
		s->version++;
	e->version = s->version;
	snprintf(etag, sizeof(etag), "\"v%u\"", e->version);
	unsigned status = s->absent ? 404 : one_in(8) ? 503 : 200;
	bool same = !e->if_range[0] || !strcmp(e->if_range + strlen("If-Range: "), etag);
	if (status == 200 && e->range[0] && s->ranges && same) {
		first = strtoull(e->range, NULL, 10);
		status = first < s->size[e->version] ? 206 : 416;
	}
	header(e, "HTTP/1.1 %u Sim\r\n", status);
	if (s->etags)
		header(e, "ETag: %s\r\n", etag);
	if (status == 206)
		header(e, "Content-Range: bytes %lu-%lu/%lu\r\n", first, s->size[e->version] - 1, s->size[e->version]);
	if (status >= 400) {
		finish(e, CURLE_HTTP_RETURNED_ERROR);
		return;
	}
	e->at = first;
	e->end = s->size[e->version];
	e->claimed = e->end - first;
	e->stalls = one_in(3);
	e->stop = one_in(2) ? first + rng_below(&world->rng, e->claimed + 1) : UINT64_MAX;
	later(e, NSEC_PER_SEC / 10);
}

/* Returns false if the transfer is over, or waits for curl_easy_pause(). */
static bool deliver(struct easy *e)
{
	size_t taken = e->on_body((char *)e->piece, 1, e->len, e->body_arg);
	e->held = taken == CURL_WRITEFUNC_PAUSE;
	counts.paused += e->held;
	if (e->held)
		return false;
	if (taken != e->len) {
		finish(e, CURLE_WRITE_ERROR);
		return false;
	}
	e->at += e->len;
	return true;
}

static void on_event(struct timer *t)
{
	struct easy *e = container_of(t, struct easy, timer);
	if (!e->answered) {
		if (one_in(12))
			return; /* silent for ever: the stall timeout ends it */
		if (one_in(12))
			finish(e, CURLE_COULDNT_CONNECT);
		else
			answer(e);
		return;
	}
	uint64_t end = MIN_OF(e->end, e->stop);
	if (e->at == end && e->at == e->stop && e->stalls)
		return;
	if (e->at == end) {
		finish(e, end == e->end ? CURLE_OK : one_in(2) ? CURLE_PARTIAL_FILE : CURLE_RECV_ERROR);
		return;
	}
	e->len = 1 + rng_below(&world->rng, MIN_OF(end - e->at, PIECE_MAX));
	fill_piece(e->server, e->version, e->at, e->piece, e->len);
	if (deliver(e))
		later(e, NSEC_PER_MSEC);
}

/* --- stand-ins for http.c and libcurl ----------------------------------------------------------------------------- */

static CURLcode sim_setopt(CURL *easy, CURLoption option, ...)
{
	struct easy *e = easy;
	va_list ap;
	va_start(ap, option);
	void *value = option < CURLOPTTYPE_OBJECTPOINT ? NULL : va_arg(ap, void *);
	va_end(ap);
	if (option == CURLOPT_WRITEFUNCTION)
		memcpy(&e->on_body, &value, sizeof(value));
	else if (option == CURLOPT_HEADERFUNCTION)
		memcpy(&e->on_header, &value, sizeof(value));
	else if (option == CURLOPT_WRITEDATA)
		e->body_arg = value;
	else if (option == CURLOPT_HEADERDATA)
		e->header_arg = value;
	else if (option == CURLOPT_URL)
		snprintf(e->url, sizeof(e->url), "%s", (const char *)value);
	else if (option == CURLOPT_RANGE)
		snprintf(e->range, sizeof(e->range), "%s", value ? (const char *)value : "");
	else if (option == CURLOPT_HTTPHEADER)
		snprintf(e->if_range, sizeof(e->if_range), "%s", value ? ((struct curl_slist *)value)->data : "");
	return CURLE_OK;
}

static CURLcode sim_getinfo(CURL *easy, CURLINFO info, ...)
{
	const struct easy *e = easy;
	va_list ap;
	va_start(ap, info);
	curl_off_t *out = va_arg(ap, curl_off_t *);
	va_end(ap);
	*out = info == CURLINFO_CONTENT_LENGTH_DOWNLOAD_T ? (curl_off_t)e->claimed : 0;
	return CURLE_OK;
}

/* As libcurl does: delivers the held data from inside this call; a refusal is only returned. */
static CURLcode sim_pause(CURL *easy, int mask)
{
	struct easy *e = easy;
	(void)mask;
	if (!e->held)
		return CURLE_OK;
	size_t taken = e->on_body((char *)e->piece, 1, e->len, e->body_arg);
	if (taken == CURL_WRITEFUNC_PAUSE)
		return CURLE_OK;
	e->held = false;
	if (taken != e->len)
		return CURLE_WRITE_ERROR;
	e->at += e->len;
	later(e, NSEC_PER_MSEC);
	return CURLE_OK;
}

/* There is at most one header. */
static struct curl_slist *sim_append(struct curl_slist *list, const char *text)
{
	struct curl_slist *one = calloc(1, sizeof(*one));
	if (list || !one)
		abort();
	one->data = strdup(text);
	return one;
}

static void sim_free_all(struct curl_slist *list)
{
	free(list ? list->data : NULL);
	free(list);
}

static const char *sim_strerror(CURLcode code)
{
	return code == CURLE_OK ? "no error" : "an error";
}

static const struct curl_api sim_curl = {
	.easy_setopt = sim_setopt,
	.easy_getinfo = sim_getinfo,
	.easy_pause = sim_pause,
	.easy_strerror = sim_strerror,
	.slist_append = sim_append,
	.slist_free_all = sim_free_all,
};

int http_transfer_init(struct http_transfer *t, struct http *h)
{
	struct easy *e = calloc(1, sizeof(*e));
	(void)h;
	if (!e)
		return -ENOMEM;
	e->timer.fire = on_event;
	e->transfer = t;
	t->easy = e;
	t->curl = &sim_curl;
	return 0;
}

void http_transfer_done(struct http_transfer *t)
{
	free(t->easy);
	t->easy = NULL;
}

int http_begin(struct http *h, struct http_transfer *t)
{
	struct easy *e = t->easy;
	e->server = &h->server[e->url[strlen("sim://")] - '0'];
	e->answered = e->held = false;
	t->running = true;
	h->running++;
	later(e, NSEC_PER_SEC);
	return 0;
}

void http_abort(struct http *h, struct http_transfer *t)
{
	if (!t->running)
		return;
	timer_disarm(h->reactor, &((struct easy *)t->easy)->timer);
	t->running = false;
	h->running--;
}

struct http *http_free(struct http *h)
{
	return h;
}

const char *http_url_shown(const char *url, char out[URL_SHOWN_MAX])
{
	snprintf(out, URL_SHOWN_MAX, "%s", url);
	return out;
}

/* --- the simulated disk: data that the backend reports as written is written -------------------------------------- */

struct hook {
	op_done_fn *done;
	struct op *op;
};

static struct hook hook[FETCHES]; /* a fetch has one write at a time */

static void on_written(struct op *op)
{
	struct hook *h = hook;
	while (h->op != op)
		h++;
	op_done_fn *done = h->done;
	h->op = NULL;
	op->done = done;
	if (op->result > 0)
		fd_pwrite_full(op->fd, op->buf, (size_t)op->result, (off_t)op->offset);
	done(op);
}

static void submit(struct reactor *r, struct op *op)
{
	if (op->kind == OP_WRITE) {
		struct hook *h = hook;
		while (h->op)
			h++;
		*h = (struct hook){ op->done, op };
		op->done = on_written;
	}
	world->inner->submit(r, op);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

static bool is_version(int fd, uint64_t size, const struct server *s, unsigned version)
{
	uint8_t want[PIECE_MAX / 4], have[PIECE_MAX / 4];
	if (size != s->size[version])
		return false;
	for (uint64_t at = 0; at < size; at += sizeof(want)) {
		size_t len = MIN_OF(sizeof(want), size - at);
		fill_piece(s, version, at, want, len);
		if (fd_pread_full(fd, have, len, (off_t)at) < 0 || memcmp(want, have, len) != 0)
			return false;
	}
	return true;
}

static const char *wrong_with(struct job *j)
{
	struct fetch *f = &j->fetch;
	struct stat st;
	fstat(j->q.fd, &st);
	if (j->told != 1)
		return "not told of once";
	if (f->machine.result < 0)
		return st.st_size     ? "left bytes behind"
		       : !f->err      ? "gave no reason"
		       : f->sha256[0] ? "left a sum"
				      : NULL;
	const struct server *s = &world->server[f->url_used[strlen("sim://")] - '0'];
	bool whole = false;
	for (unsigned v = 0; v < VERSIONS; v++)
		whole |= is_version(j->q.fd, (uint64_t)st.st_size, s, v);
	if (!whole)
		return "is no version of the file";
	return f->done != (uint64_t)st.st_size ? "miscounted" : NULL;
}

static void on_done(struct fetch *f)
{
	struct job *j = container_of(f, struct job, fetch);
	j->told++;
	timer_disarm(world->reactor, &j->cancel);
	counts.good += f->machine.result == 0;
	counts.cancelled += f->machine.result == -ECANCELED;
	counts.failed += f->machine.result < 0 && f->machine.result != -ECANCELED;
	counts.resumed += f->resumed;
}

static void on_cancel(struct timer *t)
{
	machine_cancel(&container_of(t, struct job, cancel)->fetch.machine);
}

static void start_job(struct job *j)
{
	unsigned places = 1 + (unsigned)rng_below(&world->rng, 3), wanted = 0;
	for (unsigned i = 0; i < places; i++) {
		wanted = (unsigned)rng_below(&world->rng, SERVERS);
		snprintf(j->url[i], sizeof(j->url[i]), "sim://%u", wanted);
		j->urls[i] = j->url[i];
	}
	j->q = (struct fetch_request){ .urls = j->urls, .fd = memfd_new("sim", 0), .seed = rng_next(&world->rng) };
	if (one_in(3)) {
		digest_of(&world->server[wanted], world->server[wanted].version, j->expected);
		j->q.sha256_hex = j->expected;
	}
	j->cancel.fire = on_cancel;
	fetch_start(&j->fetch, world, world->reactor, &j->q, NULL, on_done);
	if (one_in(4))
		timer_arm(world->reactor, &j->cancel,
			  reactor_now(world->reactor) + (nsec_t)rng_below(&world->rng, 20 * NSEC_PER_SEC));
}

static void make_servers(void)
{
	for (unsigned i = 0; i < SERVERS; i++) {
		struct server *s = &world->server[i];
		*s = (struct server){
			.ranges = !one_in(4), .etags = !one_in(4), .absent = one_in(6), .corrupt = one_in(6)
		};
		for (unsigned v = 0; v < VERSIONS; v++)
			s->size[v] = rng_below(&world->rng, one_in(3) ? (uint64_t)SIZE_MAX_KIB << 10 : 40000);
	}
}

static int one_seed(uint64_t seed)
{
	struct http w = { .rng.state = seed * 17 + 3 };
	struct sim_faults faults = { .short_io = 6000, .eintr = 3000, .enospc = 300, .cancel_loses = 20000 };
	struct sim_config config = { .seed = seed, .faults = faults, .latency_max = 200 * NSEC_PER_MSEC };
	static struct job job[FETCHES];
	int bad = 0;
	world = &w;
	memset(job, 0, sizeof(job));
	if (reactor_new_sim(&w.reactor, &config, NULL) < 0)
		return 1;
	w.inner = w.reactor->backend;
	w.outer = *w.inner;
	w.outer.submit = submit;
	w.reactor->backend = &w.outer;
	make_servers();
	for (unsigned i = 0; i < FETCHES; i++)
		start_job(&job[i]);
	int result = reactor_run(w.reactor);
	for (unsigned i = 0; i < FETCHES && result == 0; i++) {
		const char *wrong = wrong_with(&job[i]);
		if (wrong)
			fprintf(stderr, "fetch %u of %s (result %d) %s\n", i, job[i].fetch.url_used,
				job[i].fetch.machine.result, wrong);
		bad |= wrong != NULL;
		fetch_done(&job[i].fetch);
		fd_close(job[i].q.fd);
	}
	if (result < 0 || w.running || w.reactor->timers)
		fprintf(stderr, "run ended with %d, %u transfers running, %zu timers armed\n", result, w.running,
			w.reactor->timers);
	bad |= result < 0 || w.running || w.reactor->timers;
	w.reactor->backend = w.inner;
	if (!bad)
		reactor_free(w.reactor);
	return bad;
}

int main(int argc, char **argv)
{
	uint32_t seeds = 50, first = 1;
	if ((argc > 1 && parse_u32_range(argv[1], 1, 1000000, &seeds) < 0) ||
	    (argc > 2 && parse_u32_range(argv[2], 0, UINT32_MAX / 2, &first) < 0))
		return 64;
	for (uint32_t s = first; s < first + seeds; s++) {
		if (one_seed(s)) {
			fprintf(stderr, "seed %u broke an invariant: sim_fetches 1 %u\n", s, s);
			return 1;
		}
	}
	printf("%u seeds x %u downloads: no invariant broken; good %lu failed %lu cancelled %lu, resumed %lu, held "
	       "back %lu\n",
	       seeds, FETCHES, counts.good, counts.failed, counts.cancelled, counts.resumed, counts.paused);
	/* Few seeds need not reach every outcome; 20 or more must. */
	bool all = counts.good && counts.failed && counts.cancelled && counts.resumed && counts.paused;
	return all || seeds < 20 ? 0 : 1;
}
