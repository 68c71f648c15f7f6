/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking at a guest that runs meanwhile, and at what the host gave it: torn samples, vCPUs' times, their waits. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/time.h"
#include "kernel_image.h"
#include "monitor/sampler.h"
#include "monitor/series.h"
#include "t.h"
#include "vmm/vcpu_times.h"

#define MS     1000000ull
#define ROUNDS 20000

/* --- samples of a guest that does not stand still ----------------------------------------------------------------- */

static struct kimage k;
static struct sampler *sampler;
static struct sample sample, again;

static void begin(unsigned cpus)
{
	kimage_open(&k, &(struct kimage_layout){ .cpus = cpus });
	kimage_fill(&k, 3, 2);
	sampler = sampler_new(&k.image);
	ck_assert_ptr_nonnull(sampler);
	sample = again = (struct sample){ 0 };
}

static void end(void)
{
	sample_done(&sample);
	sample_done(&again);
	sampler_free(sampler);
	kimage_close(&k);
}

static int take(void)
{
	t_ok(view_refresh(&k.view));
	return sample_take_running(sampler, &k.view, SAMPLE_ALL, 5, "/", &sample, &again);
}

START_TEST(a_guest_that_stands_still_gives_the_usual_sample)
{
	begin(3);
	t_ok(take());
	ck_assert(sample.cpus == 3 && sample.at_ns == 5 && sample.bad_reads == 0);
	ck_assert_int_eq(sample.cpu[1].current, 3);
	ck_assert_str_eq(sample.cpu[1].comm, "worker");
	ck_assert_uint_eq(sample.cpu[1].value[CPU_VALUE_nr_running], 2);
	ck_assert_uint_eq(sample.cgroups, again.cgroups);
	end();
}
END_TEST

/* A guest whose BPF programs come and go, in two places that are used again and again. No two have the same id. */
static uint64_t slots, place[2][2];
static atomic_bool over;
static atomic_uint changes;

static void name_of(unsigned id, char out[16])
{
	memset(out, 0, 16);
	snprintf(out, 16, "prog_%u", id);
}

static void load_program(unsigned id)
{
	uint64_t program = place[id % 2][0], aux = place[id % 2][1];
	char name[16];
	name_of(id, name);
	kimage_set(&k, program, "bpf_prog", "type", 27);
	kimage_set(&k, program, "bpf_prog", "aux", aux);
	kimage_set(&k, aux, "bpf_prog_aux", "id", id);
	kimage_set(&k, aux, "bpf_prog_aux", "verified_insns", id);
	kimage_write(&k, kimage_member(&k, aux, "bpf_prog_aux", "name"), name, sizeof(name));
	kimage_put(&k, slots + (id % 2) * 8, program);
}

/* What is freed is something else soon. */
static void unload_program(unsigned id)
{
	char garbage[16];
	memset(garbage, 'x', sizeof(garbage));
	kimage_put(&k, slots + (id % 2) * 8, 0);
	kimage_set(&k, place[id % 2][1], "bpf_prog_aux", "verified_insns", 77777777);
	kimage_write(&k, kimage_member(&k, place[id % 2][1], "bpf_prog_aux", "name"), garbage, sizeof(garbage));
}

static void *change_programs(void *arg)
{
	(void)arg;
	for (unsigned id = 3; !atomic_load(&over); id++) {
		unload_program(id);
		load_program(id);
		kimage_set(&k, kimage_per_cpu(&k, "runqueues", 0), "rq", "clock", 1000 + id);
		atomic_fetch_add(&changes, 1);
	}
	return NULL;
}

static void begin_programs(void)
{
	begin(2);
	uint64_t node = kimage_alloc(&k, 1024);
	slots = kimage_member(&k, node, "xa_node", "slots");
	kimage_set(&k, kimage_symbol(&k, "prog_idr"), "idr", "idr_rt.xa_head", node | 2);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 2; j++)
			place[i][j] = kimage_alloc(&k, 64);
	load_program(1);
	load_program(2);
}

static void expect_true_programs(void)
{
	for (unsigned i = 0; i < sample.programs; i++) {
		const struct program_sample *p = &sample.program[i];
		char name[16];
		name_of(p->id, name);
		ck_assert_str_eq(p->name, name);
		ck_assert_uint_eq(p->verified_insns, p->id);
	}
}

START_TEST(a_torn_sample_is_refused_and_never_wrong)
{
	pthread_t guest;
	unsigned taken = 0, torn = 0;
	begin_programs();
	t_ok(take());
	ck_assert_uint_eq(sample.programs, 2);
	expect_true_programs();
	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&guest, NULL, change_programs, NULL), 0);
	while (!atomic_load(&changes))
		usleep(100);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int r = take();
		ck_assert(r == 0 || r == -ESTALE);
		taken += r == 0;
		torn += r < 0;
		if (r == 0)
			expect_true_programs();
	}
	atomic_store(&over, true);
	pthread_join(guest, NULL);
	ck_assert_uint_eq(taken + torn, ROUNDS);
	t_ok(take()); /* once it stands still */
	end();
}
END_TEST

/* What one of two readings saw differently, without chance: @again is of before, @sample of after. */
static void change_name(void)
{
	kimage_write(&k, kimage_member(&k, place[1][1], "bpf_prog_aux", "name"), "other", 6);
}

static void change_group(void)
{
	kimage_add_cgroup(&k, kimage_member(&k, kimage_symbol(&k, "cgrp_dfl_root"), "cgroup_root", "cgrp"), "new");
}

static void turn_back_clock(void)
{
	kimage_set(&k, kimage_per_cpu(&k, "runqueues", 1), "rq", "clock", 1);
}

static void lose_cpu(void)
{
	kimage_put(&k, kimage_symbol(&k, "__per_cpu_offset") + 8, 0);
}

static void load_scheduler(void)
{
	uint64_t root = kimage_alloc(&k, types_size(k.image.types, "scx_sched"));
	kimage_write(&k, kimage_member(&k, root, "scx_sched", "ops.name"), "simple", 7);
	kimage_put(&k, kimage_symbol(&k, "scx_root"), root);
}

static void switch_tasks(void)
{
	kimage_set(&k, kimage_per_cpu(&k, "runqueues", 1), "rq", "curr", kimage_add_task(&k, 77, "next", 0));
}

static void (*const tearing[])(void) = { change_name, change_group, turn_back_clock, lose_cpu, load_scheduler };

START_TEST(what_differs_between_two_readings_is_torn)
{
	begin_programs();
	t_ok(take());
	tearing[_i]();
	t_ok(view_refresh(&k.view));
	t_ok(sample_take(sampler, &k.view, SAMPLE_ALL, 6, "/", &again));
	ck_assert(!sample_is_steady(&sample, &again, SAMPLE_ALL));
	end();
}
END_TEST

START_TEST(a_task_that_ended_meanwhile_is_not_named)
{
	begin_programs();
	t_ok(take());
	switch_tasks();
	t_ok(sample_take(sampler, &k.view, SAMPLE_ALL, 6, "/", &again));
	ck_assert(sample_is_steady(&sample, &again, SAMPLE_ALL));
	ck_assert(sample.cpu[1].current == -1 && !*sample.cpu[1].comm);
	ck_assert(sample.cpu[0].current == 3 && !strcmp(sample.cpu[0].comm, "worker"));
	end();
}
END_TEST

/* --- what the host gave ------------------------------------------------------------------------------------------- */

static atomic_bool spin;

static void *be_vcpu(void *arg)
{
	prctl(PR_SET_NAME, arg);
	while (atomic_load(&spin))
		;
	return NULL;
}

START_TEST(threads_of_vcpus_are_found_by_name)
{
	static char names[][16] = { VCPU_THREAD_PREFIX "1", VCPU_THREAD_PREFIX "0", VCPU_THREAD_PREFIX "7",
				    VCPU_THREAD_PREFIX, VCPU_THREAD_PREFIX "0x" };
	struct vcpu_threads threads = { 0 };
	struct vcpu_time time[3] = { 0 };
	pthread_t thread[ARRAY_SIZE(names)];
	atomic_store(&spin, true);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, be_vcpu, names[i]), 0);
	while (vcpu_times_read(&threads, getpid(), 3, time) < 2 || !time[0].cpu_ns || !time[1].cpu_ns)
		usleep(1000);
	ck_assert(time[0].known && time[1].known && !time[2].known && threads.found == 2);
	uint64_t before = time[0].cpu_ns;
	while (time[0].cpu_ns == before) {
		usleep(1000);
		ck_assert_uint_eq(vcpu_times_read(&threads, getpid(), 3, time), 2);
	}
	ck_assert_uint_gt(time[0].cpu_ns, before);
	atomic_store(&spin, false);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		pthread_join(thread[i], NULL);
	/* A joined thread is still in /proc for a moment. */
	while (vcpu_times_read(&threads, getpid(), 3, time))
		usleep(1000);
	ck_assert(!time[0].known && !time[0].cpu_ns);
	ck_assert_uint_eq(vcpu_times_read(&threads, 0, 3, time), 0);
}
END_TEST

static void tick(struct contention *c, struct vcpu_time a, struct vcpu_time b)
{
	const struct vcpu_time now[] = { a, b };
	contention_tick(c, now, 2, 0);
}

/* A latency may be ours then, but the host's CPUs were free. */
START_TEST(held_time_is_no_wait_for_the_host)
{
	struct contention c = { .tick_ns = 100 * MS };
	double dilation;
	for (unsigned i = 0; i < 3; i++) {
		const struct vcpu_time now[] = { { true, i * 50 * MS, 0 }, { true, i * 50 * MS, 0 } };
		contention_tick(&c, now, 2, i ? 30 * MS : 10 * MS);
	}
	ck_assert_uint_eq(contention_wait(&c, 1), 20 * MS);
	ck_assert(contention_dilation(&c, &dilation) && dilation == 1);
	contention_done(&c);
}
END_TEST

START_TEST(waits_of_vcpus_are_added_up)
{
	struct contention c = { .tick_ns = 100 * MS };
	const struct vcpu_time none = { 0 };
	double dilation;
	tick(&c, none, none);
	ck_assert(!contention_known(&c) && !contention_dilation(&c, &dilation) && contention_wait(&c, 1) == 0);
	tick(&c, (struct vcpu_time){ true, 50 * MS, 7 * MS }, none); /* where the first one begins */
	ck_assert(!c.ticks && !contention_known(&c));
	tick(&c, (struct vcpu_time){ true, 90 * MS, 17 * MS }, (struct vcpu_time){ true, 1 * MS, 0 });
	ck_assert(c.ticks == 1 && contention_known(&c) && contention_wait(&c, 1) == 10 * MS);
	/* One that was not seen once brings its time later. */
	tick(&c, (struct vcpu_time){ true, 100 * MS, 17 * MS }, none);
	tick(&c, none, none); /* the threads have ended */
	tick(&c, (struct vcpu_time){ true, 100 * MS, 17 * MS }, (struct vcpu_time){ true, 51 * MS, 30 * MS });
	ck_assert(c.ticks == 3 && c.cpu_ns == 100 * MS && c.total_wait_ns == 40 * MS);
	ck_assert(contention_dilation(&c, &dilation) && dilation > 1.39 && dilation < 1.41);
	ck_assert_uint_eq(contention_wait(&c, 1), 30 * MS);
	ck_assert_uint_eq(contention_wait(&c, 200 * MS), 40 * MS);
	/* Nothing gets smaller, whatever the machine's process says. */
	tick(&c, (struct vcpu_time){ true, 1, 1 }, (struct vcpu_time){ true, 1, 1 });
	ck_assert(c.ticks == 4 && c.total_wait_ns == 40 * MS);
	contention_done(&c);
	/* A vCPU that never was seen may have waited for any time. */
	tick(&c, (struct vcpu_time){ true, 1, 0 }, none);
	tick(&c, (struct vcpu_time){ true, 2, 0 }, none);
	ck_assert(c.ticks == 1 && !contention_known(&c));
	contention_done(&c);
}
END_TEST

START_TEST(readings_get_the_guests_time)
{
	struct reading readings[] = { { .at_ns = 100 }, { .at_ns = 250 }, { .at_ns = UINT64_MAX } };
	struct series s = { .reading = readings, .count = 3 };
	series_move(&s, 150);
	ck_assert(readings[0].at_ns == 0 && readings[1].at_ns == 100 && readings[2].at_ns == INT64_MAX - 150);
	series_move(&s, -20); /* a clone's clock is ahead */
	ck_assert(readings[0].at_ns == 20 && readings[1].at_ns == 120);
	series_move(&s, INT64_MIN);
	ck_assert_uint_eq(readings[2].at_ns, INT64_MAX);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_guest_that_stands_still_gives_the_usual_sample);
	tcase_add_test(tc, a_torn_sample_is_refused_and_never_wrong);
	tcase_add_loop_test(tc, what_differs_between_two_readings_is_torn, 0, ARRAY_SIZE(tearing));
	tcase_add_test(tc, a_task_that_ended_meanwhile_is_not_named);
	tcase_add_test(tc, threads_of_vcpus_are_found_by_name);
	tcase_add_test(tc, held_time_is_no_wait_for_the_host);
	tcase_add_test(tc, waits_of_vcpus_are_added_up);
	tcase_add_test(tc, readings_get_the_guests_time);
}

int main(void)
{
	return t_main("monitor_live", fill);
}
