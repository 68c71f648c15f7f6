/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_ask.c -- asks a language model through src/model from the command line, for tests: reads a program's output
 * from standard input; prints the reply, or the error.
 *
 *   model_ask [-h HINT] [-m METRIC]... [-d MODELS] [-n TIMES] [-k CANCEL_MS]
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "model/ask.h"

#define METRICS_MAX 8
#define TIMES_MAX   16

struct options {
	const char *metric[METRICS_MAX + 1], *models;
	struct model_question q;
	uint64_t times, cancel_ms;
};

static void take_options(struct options *o, int argc, char **argv)
{
	unsigned metrics = 0;
	for (int c; (c = getopt(argc, argv, "h:m:d:n:k:")) != -1;) {
		if (c == 'h')
			o->q.hint = optarg;
		else if (c == 'm' && metrics < METRICS_MAX)
			o->metric[metrics++] = optarg;
		else if (c == 'd')
			o->models = optarg;
		else if ((c != 'n' || parse_u64(optarg, &o->times) < 0) &&
			 (c != 'k' || parse_u64(optarg, &o->cancel_ms) < 0))
			exit(64);
	}
	if (!o->times || o->times > TIMES_MAX)
		exit(64);
	o->q.metrics = o->metric;
}

static struct reactor *cancelled_reactor;

static void on_cancel_time(struct timer *t)
{
	(void)t;
	reactor_cancel_all(cancelled_reactor);
}

static int print_one(struct ask *a)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = a->machine.result;
	if (a->err)
		err_format(a->err, &text);
	else if (r < 0)
		buf_puts(&text, strerror(-r));
	printf("%s%s\n", r < 0 ? "error: " : "", r < 0 ? buf_str(&text) : buf_str(&a->reply));
	ask_done(a);
	return r < 0;
}

static int run(const struct options *o, struct reactor *r, struct model_server *s)
{
	static struct ask ask[TIMES_MAX];
	struct timer cancel = { .fire = on_cancel_time };
	struct err *err = NULL;
	int failed = 0;
	model_server_look(s, o->models);
	if (model_server_open(s, r, &err) < 0) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		err_format(err, &text);
		err_free(err);
		printf("error: %s\n", buf_str(&text));
		return 1;
	}
	for (uint64_t i = 0; i < o->times; i++)
		ask_start(&ask[i], s, r, &o->q, NULL);
	cancelled_reactor = r;
	if (o->cancel_ms)
		timer_arm(r, &cancel, reactor_now(r) + (nsec_t)o->cancel_ms * NSEC_PER_MSEC);
	for (uint64_t i = 0; i < o->times; i++) {
		while (!ask[i].machine.ended && reactor_turn(r, NSEC_NEVER) == 0)
			;
		failed |= print_one(&ask[i]);
	}
	timer_disarm(r, &cancel);
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = { .times = 1 };
	struct model_server server = MODEL_SERVER_NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct reactor *r;
	char chunk[4096];
	take_options(&o, argc, argv);
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0;)
		text_append(&text, chunk, n);
	o.q.text = buf_str(&text);
	o.q.length = text.len;
	if (reactor_new(&r, NULL) < 0)
		return 69;
	int failed = run(&o, r, &server);
	model_server_close(&server);
	reactor_free(r);
	return failed;
}
