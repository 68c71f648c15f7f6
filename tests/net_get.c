/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_get.c -- downloads through src/net from the command line, for tests: prints one JSON object per download, then
 * one with the number of descriptors left open.
 *
 *   net_get [-o FILE] [-n COPIES] [-m MAX_BYTES] [-s SHA256] [-c CA_FILE] [-w STALL_MS] [-r RETRIES] [-k CANCEL_MS]
 *           [-S (hash)] [-H (head)] [-t (refuse HTML)] URL [MIRROR_URL...]
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "net/fetch.h"
#include "reactor/signal.h"

#define COPIES_MAX 64
#define BODY_SHOWN 64

struct options {
	struct fetch_request q;
	struct fetch_tuning tuning;
	struct http_config http;
	const char *out;
	uint32_t copies, cancel_ms;
};

static int count_fds(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static uint64_t number(const char *s)
{
	uint64_t n;
	if (parse_u64(s, &n) < 0) {
		fprintf(stderr, "net_get: '%s' is no number\n", s);
		exit(64);
	}
	return n;
}

static void take_options(struct options *o, int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "o:n:m:s:c:w:r:k:SHt")) != -1;) {
		switch (c) {
		case 'o':
			o->out = optarg;
			break;
		case 'n':
			o->copies = (uint32_t)number(optarg);
			break;
		case 'm':
			o->q.max_bytes = number(optarg);
			break;
		case 's':
			o->q.sha256_hex = optarg;
			break;
		case 'c':
			o->http.ca_file = optarg;
			break;
		case 'w':
			o->tuning.stall_window = (nsec_t)number(optarg) * NSEC_PER_MSEC;
			break;
		case 'r':
			o->tuning.retries = (unsigned)number(optarg);
			break;
		case 'k':
			o->cancel_ms = (uint32_t)number(optarg);
			break;
		case 'S':
			o->q.hash = true;
			break;
		case 'H':
			o->q.head = true;
			break;
		case 't':
			o->q.refuse_html = true;
			break;
		default:
			exit(64);
		}
	}
	if (!o->copies || o->copies > COPIES_MAX)
		exit(64);
	o->q.urls = (const char *const *)argv + optind;
	o->q.tuning = &o->tuning;
}

/* The first bytes, if they are text. */
static json_t *body_of(const struct fetch *f)
{
	json_t *text = json_stringn(buf_str(&f->body), MIN_OF(f->body.len, (size_t)BODY_SHOWN));
	return text ? text : json_null();
}

static json_t *describe(const struct fetch *f)
{
	static const char *const kinds[ERR_KIND_MAX] = {
		[ERR_BY_CODE] = "none",
		[ERR_IMPOSSIBLE] = "impossible",
		[ERR_USAGE] = "usage",
		[ERR_DATA] = "data",
		[ERR_MISSING] = "missing",
		[ERR_BUG] = "bug",
		[ERR_OUTPUT] = "output",
		[ERR_BUSY] = "busy",
		[ERR_INTERRUPTED] = "interrupted",
	};
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (f->err)
		err_format(f->err, &text);
	return json_pack("{s:i, s:I, s:I, s:i, s:i, s:i, s:s, s:b, s:s*, s:s, s:s, s:I, s:o}", "result",
			 f->machine.result, "done", (json_int_t)f->done, "total", (json_int_t)f->total, "attempts",
			 (int)f->attempts, "resumed", (int)f->resumed, "http", (int)f->http_status, "sha256", f->sha256,
			 "absent", f->absent, "url", f->url_used, "kind", f->err ? kinds[err_kind_of(f->err)] : "",
			 "error", buf_str(&text), "body_len", (json_int_t)f->body.len, "body", body_of(f));
}

static void print_one(struct fetch *f)
{
	json_auto_t *line = describe(f);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	puts(text ? text : "{\"result\":-71}");
	free(text);
}

static void on_signal(void *data, int sig)
{
	(void)sig;
	reactor_cancel_all(data);
}

static struct reactor *cancelled_reactor;

static void on_cancel_time(struct timer *t)
{
	(void)t;
	reactor_cancel_all(cancelled_reactor);
}

static int open_copy(const struct options *o, uint32_t n)
{
	_cleanup_free_ char *path = NULL;
	if (!o->out || asprintf(&path, o->copies > 1 ? "%s.%u" : "%s", o->out, n) < 0)
		return -1;
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

static int run(struct options *o, struct reactor *r, struct http *h)
{
	struct fetch *f = calloc(o->copies, sizeof(*f));
	struct timer cancel = { .fire = on_cancel_time };
	int worst = 0;
	if (!f)
		return -ENOMEM;
	cancelled_reactor = r;
	for (uint32_t i = 0; i < o->copies; i++) {
		struct fetch_request q = o->q;
		q.fd = open_copy(o, i);
		q.seed = i;
		fetch_start(&f[i], h, r, &q, NULL, NULL);
	}
	if (o->cancel_ms)
		timer_arm(r, &cancel, reactor_now(r) + (nsec_t)o->cancel_ms * NSEC_PER_MSEC);
	reactor_run(r);
	timer_disarm(r, &cancel);
	for (uint32_t i = 0; i < o->copies; i++) {
		worst = MIN_OF(worst, f[i].machine.result);
		print_one(&f[i]);
		fd_close(f[i].q.fd);
		fetch_done(&f[i]);
	}
	free(f);
	return worst;
}

int main(int argc, char **argv)
{
	struct options o = { .copies = 1, .tuning = FETCH_TUNING };
	struct reactor *r;
	struct http *h;
	struct signals signals;
	sigset_t set;
	o.tuning.backoff_first = 10 * NSEC_PER_MSEC;
	o.tuning.backoff_most = 100 * NSEC_PER_MSEC;
	take_options(&o, argc, argv);
	int before = count_fds();
	if (reactor_new(&r, NULL) < 0 || http_new(r, &o.http, &h, NULL) < 0)
		return 69;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (signals_init(&signals, r, &set, on_signal, r, NULL) < 0)
		return 69;
	int worst = run(&o, r, h);
	signals_done(&signals);
	http_free(h);
	reactor_free(r);
	printf("{\"left_open\":%d}\n", count_fds() - before);
	return worst == 0 ? 0 : worst == -ECANCELED ? 130 : 1;
}
