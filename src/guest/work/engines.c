/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * engines.c -- benchmarks with many threads inside one worker: the patterns of schbench (message threads wake workers
 * that serve requests) and of a cache server (hits on a fast path, misses on a slow one).
 *
 * The worker's main thread only counts the work of the others. Their results are metrics of the worker.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

#include "guest/work/histogram.h"
#include "guest/work/work.h"

#define THREADS_MAX 1024
#define TICK	    (5 * NSEC_PER_MSEC)

/* --- latencies ---------------------------------------------------------------------------------------------------- */

/* Histograms hold ticks, which are converted to time only for the report. */
static inline void note_ticks(struct histogram *h, int64_t ticks)
{
	histogram_note(h, (uint64_t)MAX_OF(ticks, 0));
}

static void __attribute__((noinline)) note_thoroughly(const struct ktstr_worker *w, struct histogram *h, int64_t since)
{
	if (!w->quiet)
		note_ticks(h, worker_now(w) - since);
}

/* Adds the time since @since. */
static void note_latency(const struct ktstr_worker *w, struct histogram *h, int64_t since)
{
	if (w->quick)
		note_ticks(h, ticks_counter() - since);
	else
		note_thoroughly(w, h, since);
}

static double percentile_us(const struct ktstr_worker *w, const struct histogram *h, double share)
{
	return histogram_percentile(h, share) * ticks_length_ns(&w->clock) / 1000;
}

static void report_percentiles(struct ktstr_worker *w, const char *what, const struct histogram *h)
{
	static const struct {
		const char *name;
		double share;
	} points[] = {
		{ "p50", 0.5 },
		{ "p90", 0.9 },
		{ "p99", 0.99 },
		{ "p999", 0.999 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		char name[48];
		snprintf(name, sizeof(name), "%s_%s_us", what, points[i].name);
		worker_metric(w, name, percentile_us(w, h, points[i].share));
	}
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

struct engine;

struct engine_thread {
	struct engine *engine;
	struct engine_thread *waker; /* for a worker: its message thread */
	unsigned index, workers;     /* workers: for a message thread, the number of its workers */
	_Atomic uint32_t word;	     /* futex: 1 means continue */
	_Atomic uint32_t waiting;
	_Atomic int64_t stamp;	      /* ticks */
	_Atomic uint64_t done, units; /* completed requests; work units, including those of a request in progress */
	uint64_t delay_ns, slices;    /* from its schedstat, at its end */
	struct rng rng;
	pthread_t id;
};

struct engine {
	struct ktstr_worker *w;
	struct engine_thread *thread;
	unsigned threads;
	uint64_t counted, counted_units;
	nsec_t began;
	struct histogram wakeup, request;
	/* schbench */
	unsigned operations, sleep_us, n;
	/* cache server */
	pthread_mutex_t shard[16];
	uint8_t *present;
	uint32_t *fifo, *head, keys, capacity;
	_Atomic uint64_t hits, misses;
};

static void note_schedstat(struct engine_thread *t)
{
	unsigned long run = 0, delay = 0, slices = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");
	if (f && fscanf(f, "%lu %lu %lu", &run, &delay, &slices) != 3)
		slices = 0;
	if (f)
		fclose(f);
	t->delay_ns = delay;
	t->slices = slices;
}

static bool engine_stopped(const struct engine_thread *t)
{
	return ktstr_worker_stopped(t->engine->w);
}

static struct engine *engine_new(struct ktstr_worker *w, unsigned threads)
{
	struct engine *e = calloc(1, sizeof(*e));
	struct engine_thread *thread = calloc(threads, sizeof(*thread));
	if (!e || !thread)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	*e = (struct engine){ .w = w, .thread = thread, .threads = threads, .began = nsec_now() };
	for (unsigned i = 0; i < threads; i++) {
		thread[i].engine = e;
		thread[i].index = i;
		thread[i].rng.state = rng_next(&w->rng);
	}
	w->state = e;
	return e;
}

static void engine_start(struct engine *e, unsigned first, unsigned count, void *(*body)(void *))
{
	for (unsigned i = first; i < first + count; i++) {
		int r = pthread_create(&e->thread[i].id, NULL, body, &e->thread[i]);
		if (r)
			worker_refuse(e->w, TROUBLE_WORK, -r, "threads");
	}
}

static uint64_t done_by(const struct engine *e)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < e->threads; i++)
		sum += atomic_load(&e->thread[i].done);
	return sum;
}

static uint64_t units_of(const struct engine *e)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < e->threads; i++)
		sum += atomic_load(&e->thread[i].units);
	return sum;
}

static inline void add_units(struct engine_thread *t, uint64_t units)
{
	atomic_fetch_add_explicit(&t->units, units, memory_order_relaxed);
}

/*
 * Counts the work of the threads since the last call: requests as turns of this worker, and units as they complete. A
 * request can take longer than a test: seconds, on an emulated machine whose CPUs share one clock.
 */
static void count_turns(struct ktstr_worker *w)
{
	struct engine *e = w->state;
	struct timespec ts = nsec_to_timespec(nsec_now() + TICK);
	ktstr_worker_block(w);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	ktstr_worker_resume(w);
	uint64_t done = done_by(e), units = units_of(e);
	worker_progress(w, units - e->counted_units);
	e->counted_units = units;
	for (; e->counted < done; e->counted++)
		worker_count(w, 0);
}

static double engine_join(struct engine *e)
{
	for (unsigned i = 0; i < e->threads; i++) {
		atomic_store(&e->thread[i].word, 1);
		futex_wake(&e->thread[i].word, 1);
	}
	for (unsigned i = 0; i < e->threads; i++)
		pthread_join(e->thread[i].id, NULL);
	return (double)(nsec_now() - e->began) / 1e9;
}

static double mean_delay_us(const struct engine *e, unsigned first, unsigned step, unsigned count)
{
	uint64_t delay = 0, slices = 0;
	for (unsigned i = 0; i < count; i++) {
		delay += e->thread[first + i * step].delay_ns;
		slices += e->thread[first + i * step].slices;
	}
	return slices ? (double)delay / (double)slices / 1000 : 0;
}

/* --- schbench ----------------------------------------------------------------------------------------------------- */

static void release_worker(struct engine_thread *worker)
{
	atomic_store(&worker->waiting, 0);
	stamp(worker->engine->w, &worker->stamp);
	atomic_store(&worker->word, 1);
	futex_wake(&worker->word, 1);
}

/* With a rate, releases requests one by one, evenly spread over the second; without, as soon as a worker waits. */
static void *message_thread(void *arg)
{
	struct engine_thread *t = arg;
	unsigned rate = t->engine->w->work->requests_per_s, next = 0;
	nsec_t step = rate ? NSEC_PER_SEC / rate : 0, due = nsec_now();
	while (!engine_stopped(t)) {
		bool any = false;
		for (unsigned i = 0; i < t->workers && (!step || !any); i++) {
			struct engine_thread *worker = t + 1 + (next + i) % t->workers;
			if (!atomic_load(&worker->waiting))
				continue;
			release_worker(worker);
			next = (next + i + 1) % t->workers;
			any = true;
		}
		if (step) {
			due = MAX_OF(due + step, nsec_now() - NSEC_PER_SEC);
			struct timespec ts = nsec_to_timespec(due);
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		} else if (!any) {
			futex_wait(&t->word, 0);
		}
		atomic_store(&t->word, 0);
	}
	note_schedstat(t);
	return NULL;
}

/* Computes one product. Each row is a unit. */
static void multiply_matrices(struct engine_thread *t, const uint64_t *a, const uint64_t *b, uint64_t *c)
{
	unsigned n = t->engine->n;
	for (unsigned i = 0; i < n && !engine_stopped(t); i++) {
		for (unsigned k = 0; k < n; k++) {
			uint64_t sum = 0;
			for (unsigned x = 0; x < n; x++)
				sum += a[i * n + x] * b[x * n + k];
			c[i * n + k] = sum;
		}
		add_units(t, 1);
	}
	__asm__ volatile("" : : "r"(c) : "memory");
}

static void serve_request(struct engine_thread *t, uint64_t *m)
{
	struct engine *e = t->engine;
	struct moment began = moment_now(e->w);
	struct timespec ts = nsec_to_timespec(began.ns + e->sleep_us * NSEC_PER_USEC);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	uint64_t *a = m, *b = m + e->n * e->n, *c = b + e->n * e->n;
	for (unsigned op = 0; op < e->operations && !engine_stopped(t); op++)
		multiply_matrices(t, a, b, c);
	if (engine_stopped(t))
		return; /* cut short: neither a request nor a latency */
	note_latency(e->w, &e->request, began.ticks);
	atomic_fetch_add(&t->done, 1);
}

static void *request_thread(void *arg)
{
	struct engine_thread *t = arg;
	uint64_t *m = calloc((size_t)3 * t->engine->n * t->engine->n, sizeof(*m));
	while (m && !engine_stopped(t)) {
		atomic_store(&t->word, 0);
		atomic_store(&t->waiting, 1);
		atomic_store(&t->waker->word, 1);
		futex_wake(&t->waker->word, 1);
		while (!atomic_load(&t->word) && !engine_stopped(t))
			futex_wait(&t->word, 0);
		if (engine_stopped(t))
			break;
		note_latency(t->engine->w, &t->engine->wakeup, atomic_load(&t->stamp));
		serve_request(t, m);
	}
	free(m);
	note_schedstat(t);
	return NULL;
}

/* Order of the threads: a message thread, its workers, the next message thread, its workers. */
void schbench_begin(struct ktstr_worker *w)
{
	unsigned messages = or_default(w->work->message_threads, 1), workers = or_default(w->work->worker_threads, 4);
	if (messages * (workers + 1) > THREADS_MAX)
		worker_refuse(w, TROUBLE_WORK, -E2BIG, "threads");
	struct engine *e = engine_new(w, messages * (workers + 1));
	e->operations = or_default(w->work->operations, 5);
	e->sleep_us = or_default(w->work->sleep_us, 100);
	e->n = MAX_OF((unsigned)sqrt(or_default(w->work->size_kib, 256) * 1024.0 / 3 / sizeof(uint64_t)), 1u);
	for (unsigned m = 0; m < messages; m++) {
		unsigned first = m * (workers + 1);
		e->thread[first].workers = workers;
		for (unsigned i = 1; i <= workers; i++)
			e->thread[first + i].waker = &e->thread[first];
		engine_start(e, first, 1, message_thread);
		engine_start(e, first + 1, workers, request_thread);
	}
}

void schbench(struct ktstr_worker *w)
{
	count_turns(w);
}

void schbench_end(struct ktstr_worker *w)
{
	struct engine *e = w->state;
	double seconds = engine_join(e), delay = 0;
	unsigned messages = or_default(w->work->message_threads, 1), workers = or_default(w->work->worker_threads, 4);
	for (unsigned m = 0; m < messages; m++)
		delay += mean_delay_us(e, m * (workers + 1) + 1, 1, workers) / messages;
	report_percentiles(w, "wakeup", &e->wakeup);
	report_percentiles(w, "request", &e->request);
	worker_metric(w, "schbench_loop_count", (double)done_by(e));
	worker_metric(w, "rps", (double)done_by(e) / seconds);
	worker_metric(w, "sched_delay_message_us", mean_delay_us(e, 0, workers + 1, messages));
	worker_metric(w, "sched_delay_worker_us", delay);
}

/* --- a cache server ----------------------------------------------------------------------------------------------- */

#define SHARDS	    ARRAY_SIZE(((struct engine *)0)->shard)
#define SLOW_US	    200 /* minimum time of a miss */
#define SLOW_US_MAX 20000
#define HIT_SPINS   2000

/* Each shard is a bounded FIFO: a new key evicts the oldest one. */
static bool look_up(struct engine *e, uint32_t key, bool insert)
{
	unsigned s = key % SHARDS, room = e->capacity / SHARDS;
	pthread_mutex_lock(&e->shard[s]);
	bool hit = e->present[key];
	if (!hit && insert) {
		uint32_t *slot = &e->fifo[s * room + e->head[s]++ % room];
		if (*slot)
			e->present[*slot - 1] = 0;
		*slot = key + 1;
		e->present[key] = 1;
	}
	pthread_mutex_unlock(&e->shard[s]);
	return hit;
}

/* Pareto distribution with shape 1.5: most misses are short, a few very long. */
static nsec_t slow_path_ns(struct rng *rng)
{
	double u = ((double)rng_below(rng, 1u << 30) + 1) / (1u << 30);
	return (nsec_t)(fmin(SLOW_US * pow(u, -1 / 1.5), SLOW_US_MAX) * NSEC_PER_USEC);
}

static void serve_key(struct engine_thread *t, int64_t due)
{
	struct engine *e = t->engine;
	uint32_t key = (uint32_t)rng_below(&t->rng, e->keys);
	if (look_up(e, key, false)) {
		for (unsigned i = 0; i < HIT_SPINS; i++)
			__asm__ volatile("" : : "r"(i) : "memory");
		atomic_fetch_add(&e->hits, 1);
		note_latency(e->w, &e->request, due);
	} else {
		struct timespec ts = nsec_to_timespec(nsec_now() + slow_path_ns(&t->rng));
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		look_up(e, key, true);
		atomic_fetch_add(&e->misses, 1);
		note_latency(e->w, &e->request, due);
		note_latency(e->w, &e->wakeup, due);
	}
	add_units(t, 1);
	atomic_fetch_add(&t->done, 1);
}

/*
 * With an arrival rate, latency counts from the time at which a request was due, so that a late server also delays all
 * later requests.
 */
static void *cache_thread(void *arg)
{
	struct engine_thread *t = arg;
	unsigned rate = t->engine->w->work->requests_per_s / t->engine->threads;
	nsec_t due = nsec_now();
	while (!engine_stopped(t)) {
		if (!rate) {
			serve_key(t, worker_now(t->engine->w));
			continue;
		}
		due += NSEC_PER_SEC / rate;
		struct timespec ts = nsec_to_timespec(due);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		struct moment now = moment_now(t->engine->w);
		serve_key(t, now.ticks - ns_ticks(&t->engine->w->clock, MAX_OF(now.ns - due, 0)));
	}
	note_schedstat(t);
	return NULL;
}

void taobench_begin(struct ktstr_worker *w)
{
	unsigned threads = or_default(w->work->worker_threads, 4);
	struct engine *e = engine_new(w, threads);
	e->keys = MAX_OF(or_default(w->work->keys, 10000), (unsigned)SHARDS * 2);
	e->capacity =
		MAX_OF((unsigned)((uint64_t)e->keys * or_default(w->work->hit_permille, 900) / 1000), (unsigned)SHARDS);
	e->present = calloc(e->keys, 1);
	e->fifo = calloc(e->capacity, sizeof(*e->fifo));
	e->head = calloc(SHARDS, sizeof(*e->head));
	if (!e->present || !e->fifo || !e->head)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&e->shard[i], NULL);
	for (uint32_t key = 0; key < e->capacity; key++)
		look_up(e, key, true);
	engine_start(e, 0, threads, cache_thread);
}

void taobench(struct ktstr_worker *w)
{
	count_turns(w);
}

void taobench_end(struct ktstr_worker *w)
{
	struct engine *e = w->state;
	double seconds = engine_join(e), hits = (double)atomic_load(&e->hits), misses = (double)atomic_load(&e->misses);
	worker_metric(w, "taobench_total_qps", (hits + misses) / seconds);
	worker_metric(w, "taobench_fast_qps", hits / seconds);
	worker_metric(w, "taobench_slow_qps", misses / seconds);
	worker_metric(w, "hit_ratio", hits + misses > 0 ? hits / (hits + misses) : 0);
	report_percentiles(w, "serve", &e->request);
	worker_metric(w, "slow_path_p99_us", percentile_us(w, &e->wakeup, 0.99));
}
