/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fetch_bench.c -- the downloads that bench/fetch.py times.
 *
 *   fetch_bench get DIRECTORY plain|hash URL...	each URL into DIRECTORY/0, DIRECTORY/1, ...
 *   fetch_bench idle SECONDS COUNT URL		COUNT downloads of a URL whose server is slow, watched for SECONDS
 *
 * Prints one JSON object per line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/parse.h"
#include "net/fetch.h"

#define COUNT_MAX 4096u
#define SETTLE	  (3 * NSEC_PER_SEC) /* until all connections are established */

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint64_t rss_kib(void)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	unsigned long size, resident = 0;
	if (file_read("/proc/self/statm", 4096, &text, NULL) == 0)
		sscanf(buf_str(&text), "%lu %lu", &size, &resident);
	return resident * 4;
}

static int get(struct reactor *r, struct http *h, const char *dir, bool hash, char **urls, unsigned count)
{
	struct fetch *f = calloc(count, sizeof(*f));
	const char *(*list)[2] = calloc(count, sizeof(*list));
	nsec_t began = nsec_now();
	int worst = f && list ? 0 : -ENOMEM;
	for (unsigned i = 0; i < count && worst == 0; i++) {
		char path[512];
		list[i][0] = urls[i];
		snprintf(path, sizeof(path), "%s/%u", dir, i);
		struct fetch_request q = { .urls = list[i], .hash = hash, .seed = i };
		q.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		fetch_start(&f[i], h, r, &q, NULL, NULL);
	}
	reactor_run(r);
	for (unsigned i = 0; f && i < count; i++) {
		worst = MIN_OF(worst, f[i].machine.result);
		fd_close(f[i].q.fd);
		fetch_done(&f[i]);
	}
	printf("{\"result\":%d,\"wall_s\":%.4f,\"cpu_s\":%.4f,\"turns\":%lu,\"ops\":%lu}\n", worst,
	       (double)(nsec_now() - began) / 1e9, cpu_s(), r->stats.turns, r->stats.ops);
	free(list);
	free(f);
	return worst;
}

/* --- idle --------------------------------------------------------------------------------------------------------- */

struct idle {
	struct timer timer;
	struct reactor *reactor;
	struct fetch *fetches;
	nsec_t length;
	uint64_t rss_before, rss_after, turns;
	double cpu_before, cpu_after;
	unsigned count, receiving;
	bool begun;
};

/* Runs first when all connections are established: the measurement begins. Then at its end: all are cancelled. */
static void on_idle(struct timer *t)
{
	struct idle *s = container_of(t, struct idle, timer);
	if (!s->begun) {
		s->begun = true;
		s->cpu_before = cpu_s();
		s->turns = s->reactor->stats.turns;
		timer_arm(s->reactor, t, reactor_now(s->reactor) + s->length);
		return;
	}
	s->cpu_after = cpu_s();
	s->turns = s->reactor->stats.turns - s->turns;
	s->rss_after = rss_kib();
	for (unsigned i = 0; i < s->count; i++)
		s->receiving += s->fetches[i].machine.state == FETCH_RECEIVE && s->fetches[i].attempts == 1;
	reactor_cancel_all(s->reactor);
}

static int idle(struct reactor *r, struct http *h, uint32_t seconds, uint32_t count, const char *url)
{
	const char *const list[] = { url, NULL };
	struct idle s = { .timer.fire = on_idle, .reactor = r, .length = seconds * NSEC_PER_SEC, .count = count };
	int out = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	s.fetches = calloc(count, sizeof(*s.fetches));
	if (!s.fetches || out < 0)
		return -ENOMEM;
	s.rss_before = rss_kib();
	struct fetch_request q = { .urls = list, .fd = out };
	for (uint32_t i = 0; i < count; i++)
		fetch_start(&s.fetches[i], h, r, &q, NULL, NULL);
	timer_arm(r, &s.timer, reactor_now(r) + SETTLE);
	reactor_run(r);
	printf("{\"machines\":%u,\"receiving\":%u,\"seconds\":%u,\"cpu_ms_per_s\":%.3f,\"turns_per_s\":%.1f,"
	       "\"rss_kib\":%lu,\"rss_kib_before\":%lu,\"kib_per_machine\":%.1f}\n",
	       count, s.receiving, seconds, (s.cpu_after - s.cpu_before) * 1e3 / seconds, (double)s.turns / seconds,
	       s.rss_after, s.rss_before, (double)(s.rss_after - s.rss_before) / count);
	for (uint32_t i = 0; i < count; i++)
		fetch_done(&s.fetches[i]);
	free(s.fetches);
	fd_close(out);
	return s.receiving == count ? 0 : -EIO;
}

int main(int argc, char **argv)
{
	struct rlimit files = { 8192, 8192 };
	struct reactor *r;
	struct http *h;
	uint32_t seconds, count;
	int result = -EINVAL;
	setrlimit(RLIMIT_NOFILE, &files);
	if (reactor_new(&r, NULL) < 0 || http_new(r, NULL, &h, NULL) < 0)
		return 69;
	if (argc > 4 && !strcmp(argv[1], "get"))
		result = get(r, h, argv[2], !strcmp(argv[3], "hash"), argv + 4, (unsigned)argc - 4);
	else if (argc == 5 && !strcmp(argv[1], "idle") && parse_u32_range(argv[2], 1, 3600, &seconds) == 0 &&
		 parse_u32_range(argv[3], 1, COUNT_MAX, &count) == 0)
		result = idle(r, h, seconds, count, argv[4]);
	http_free(h);
	reactor_free(r);
	return result == 0 ? 0 : 1;
}
