/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_bench.c -- what it costs to look into a guest from outside, on a kernel made by hand: checked reads of
 * members, a sample of many CPUs, walks over many tasks, and a dump in which many tasks wait. Times are of this
 * thread's CPU time.
 * Prints one JSON object per line.
 *
 *   monitor_bench [CPUS [TASKS]]
 */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"
#include "kernel_image.h"
#include "monitor/dump.h"
#include "monitor/sample.h"
#include "monitor/stall.h"

#define READS	20000000u
#define ROUNDS	7
#define WAITING 5000u /* tasks in the dump */

static struct kimage k;

static void print(const char *what, double value, const char *unit)
{
	printf("{\"bench\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"cpus\":%u}\n", what, value, unit, k.layout.cpus);
	fflush(stdout);
}

/* Members of the tasks' structs, in turn: in the direct map, or by the page tables. */
static double reads_per_second(const uint64_t *object, unsigned objects)
{
	struct field f = types_field(k.image.types, "task_struct", "pid");
	double best = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t sum = 0, value;
		nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned i = 0, at = 0; i < READS; i++, at = at + 1 == objects ? 0 : at + 1) {
			view_read_field(&k.view, object[at], f, &value);
			sum += value;
		}
		double rate = READS * 1e9 / (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
		if (!sum)
			abort();
		best = rate > best ? rate : best;
	}
	return best;
}

static double sample_ns(const struct sampler *s, unsigned parts)
{
	struct sample sample = { 0 };
	double best = 1e18;
	for (unsigned round = 0; round < 200; round++) {
		nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
		if (view_refresh(&k.view) < 0 || sample_take(s, &k.view, parts, 0, "/", &sample) < 0)
			abort();
		double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
		best = round && took < best ? took : best;
	}
	sample_done(&sample);
	return best;
}

static int count(struct view *v, uint64_t task, void *arg)
{
	(void)v;
	(void)task;
	++*(unsigned *)arg;
	return 0;
}

static double walk_ns(unsigned tasks)
{
	double best = 1e18;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned seen = 0;
		nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
		if (walk_tasks(&k.view, tasks + 1, count, &seen) != WALK_WHOLE || seen != tasks)
			abort();
		double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
		best = took < best ? took : best;
	}
	return best;
}

/* Tasks of sched_ext that wait in one dispatch queue and on the lists of all CPUs; there are no stacks. */
static void add_waiting(void)
{
	uint64_t sched = kimage_alloc(&k, types_size(k.image.types, "scx_sched")),
		 queue = kimage_alloc(&k, types_size(k.image.types, "scx_dispatch_q")), table = kimage_alloc(&k, 128);
	kimage_put(&k, kimage_symbol(&k, "scx_root"), sched);
	kimage_set(&k, sched, "scx_sched", "dsq_hash.tbl", table);
	kimage_set(&k, table, "bucket_table", "size", 1);
	kimage_put(&k, kimage_member(&k, table, "bucket_table", "buckets"),
		   kimage_member(&k, queue, "scx_dispatch_q", "hash_node"));
	kimage_list_init(&k, kimage_member(&k, queue, "scx_dispatch_q", "list"));
	for (unsigned cpu = 0; cpu < k.layout.cpus; cpu++)
		kimage_list_init(&k,
				 kimage_member(&k, kimage_per_cpu(&k, "runqueues", cpu), "rq", "scx.local_dsq.list"));
	for (unsigned i = 0; i < WAITING; i++) {
		uint64_t task = kimage_add_task(&k, 10 + i, "waits", 0),
			 rq = kimage_per_cpu(&k, "runqueues", i % k.layout.cpus);
		kimage_set(&k, task, "task_struct", "on_rq", 1);
		kimage_set(&k, task, "task_struct", "sched_class", kimage_symbol(&k, "ext_sched_class"));
		kimage_set(&k, task, "task_struct", "scx.dsq", queue);
		kimage_list_add(&k, kimage_member(&k, queue, "scx_dispatch_q", "list"),
				kimage_member(&k, task, "task_struct", "scx.dsq_list.node"));
		kimage_list_add(&k, kimage_member(&k, rq, "rq", "scx.runnable_list"),
				kimage_member(&k, task, "task_struct", "scx.runnable_node"));
	}
}

/* @text: with its text and its JSON. */
static double dump_ns(const struct sampler *sampler, bool text)
{
	static struct layout layout;
	const struct dump_config config = { .inspect = { .view = &k.view, .layout = &layout }, .sampler = sampler };
	const struct dump_view all = { .parts = DUMP_ALL, .cpu = -1 };
	double best = 1e18;
	layout_init(&layout, k.image.types);
	for (unsigned round = 0; round < ROUNDS; round++) {
		_cleanup_buf_ struct buf out = BUF_NULL;
		nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
		json_t *dump = dump_take(&config);
		if (!dump || json_integer_value(json_object_get(dump, "tasks_waiting")) != WAITING)
			abort();
		if (text) {
			dump_text(dump, &all, &out);
			json_print(dump, true, &out);
		}
		double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
		json_decref(dump);
		best = took < best ? took : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	uint32_t cpus = 64, tasks = 100000;
	static uint64_t direct[32], mapped[32];
	if ((argc > 1 && parse_u32_range(argv[1], 1, VIEW_CPUS_MAX, &cpus) < 0) ||
	    (argc > 2 && parse_u32_range(argv[2], 1, 1000000, &tasks) < 0))
		return 64;
	kimage_open(&k, &(struct kimage_layout){ .cpus = cpus, .mib = 1024 });
	kimage_fill(&k, tasks, 32);
	for (unsigned i = 0; i < ARRAY_SIZE(direct); i++) {
		direct[i] = kimage_add_task(&k, tasks + i, "read", 0);
		mapped[i] = 0xffffc90000000000u + i * 4096 + direct[i] % 4096;
		kimage_map(&k, mapped[i] & ~4095ull, (direct[i] - k.layout.page_offset) & ~4095ull, 0);
	}
	struct sampler *s = sampler_new(&k.image);
	if (!s)
		return 1;
	print("checked reads of members in the direct map", reads_per_second(direct, ARRAY_SIZE(direct)) / 1e6, "M/s");
	print("checked reads of members by page tables", reads_per_second(mapped, ARRAY_SIZE(mapped)) / 1e6, "M/s");
	print("a sample of all CPUs", sample_ns(s, SAMPLE_CPUS) / 1e3, "us");
	print("a sample with control groups and programs", sample_ns(s, SAMPLE_ALL) / 1e3, "us");
	print("a walk over all tasks", walk_ns(tasks + ARRAY_SIZE(direct)) / 1e6, "ms");
	sampler_free(s);
	kimage_close(&k);
	kimage_open(&k, &(struct kimage_layout){ .cpus = cpus, .mib = 64 });
	kimage_fill(&k, 0, 0);
	add_waiting();
	s = sampler_new(&k.image);
	if (!s)
		return 1;
	print("a dump with 5,000 waiting tasks", dump_ns(s, false) / 1e6, "ms");
	print("the same with its text and JSON", dump_ns(s, true) / 1e6, "ms");
	sampler_free(s);
	kimage_close(&k);
	return 0;
}
