/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples and stalls of a kernel made by hand: what it has, what it lacks, and what is damaged. */
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "kernel_image.h"
#include "monitor/dump_samples.h"
#include "monitor/sample.h"
#include "monitor/stall.h"
#include "t.h"

static struct kimage k;
static struct sampler *sampler;
static struct sample sample;

static void begin(unsigned cpus)
{
	kimage_open(&k, &(struct kimage_layout){ .cpus = cpus });
	kimage_fill(&k, 3, 2);
	sampler = sampler_new(&k.image);
	ck_assert_ptr_nonnull(sampler);
	sample = (struct sample){ 0 };
}

static void end(void)
{
	sample_done(&sample);
	sampler_free(sampler);
	kimage_close(&k);
}

static void take(unsigned parts)
{
	t_ok(view_refresh(&k.view));
	t_ok(sample_take(sampler, &k.view, parts, 123, "/", &sample));
}

START_TEST(cpus_are_sampled)
{
	begin(4);
	uint64_t rq = kimage_per_cpu(&k, "runqueues", 2);
	kimage_set(&k, rq, "rq", "scx.local_dsq.nr", 17);
	kimage_set(&k, rq, "rq", "rq_sched_info.run_delay", 1ull << 40);
	kimage_put(&k, kimage_per_cpu(&k, "kernel_cpustat", 2) + 40, 777);
	take(SAMPLE_CPUS);
	ck_assert(sample.at_ns == 123 && sample.cpus == 4 && sample.bad_reads == 0 && sample.has_jiffies);
	const struct cpu_sample *c = &sample.cpu[2];
	ck_assert_uint_eq(c->value[CPU_VALUE_nr_running], 3);
	ck_assert_uint_eq(c->value[CPU_VALUE_clock], 1002);
	ck_assert_uint_eq(c->value[CPU_VALUE_local_dsq_nr], 17);
	ck_assert_uint_eq(c->value[CPU_VALUE_run_delay], 1ull << 40);
	ck_assert_uint_eq(c->value[CPU_VALUE_cpustat_idle_ns], 777);
	ck_assert(cpu_has(c, CPU_VALUE_nr_running) && cpu_has(c, CPU_VALUE_cpustat_idle_ns));
	/* This kernel has no such members, and no such symbol. */
	ck_assert(!cpu_has(c, CPU_VALUE_yld_count) && !cpu_has(c, CPU_VALUE_cpustat_steal_ns) &&
		  !cpu_has(c, CPU_VALUE_irqs_sum));
	ck_assert_int_eq(c->current, 3);
	ck_assert_str_eq(c->comm, "worker");
	ck_assert_uint_eq(c->domains, 3);
	ck_assert_uint_eq(c->domain[2].value[DOMAIN_VALUE_level], 2);
	ck_assert(c->domain[0].has >> DOMAIN_VALUE_lb_count_2 & 1);
	ck_assert(!(c->domain[0].has >> DOMAIN_VALUE_lb_failed_0 & 1));
	end();
}
END_TEST

START_TEST(a_cpu_that_is_not_there)
{
	begin(3);
	kimage_put(&k, kimage_symbol(&k, "__per_cpu_offset") + 8, 0);
	kimage_put(&k, kimage_symbol(&k, "__per_cpu_offset") + 16, 0xffffa00000000000u); /* not mapped */
	take(SAMPLE_ALL);
	ck_assert(sample.cpu[0].has && sample.cpu[0].current == 3);
	ck_assert(!sample.cpu[1].has && sample.cpu[1].current == -1);
	ck_assert(!sample.cpu[2].has && sample.cpu[2].current == -1);
	ck_assert_uint_gt(sample.bad_reads, 0);
	end();
}
END_TEST

START_TEST(a_chain_of_domains_that_loops)
{
	begin(1);
	uint64_t domain, sd = kimage_member(&k, kimage_per_cpu(&k, "runqueues", 0), "rq", "sd");
	ck_assert(view_read_u64(&k.view, sd, 8, &domain));
	kimage_set(&k, domain, "sched_domain", "parent", domain);
	take(SAMPLE_CPUS);
	ck_assert_uint_eq(sample.cpu[0].domains, SAMPLE_DOMAINS_MAX);
	kimage_set(&k, domain, "sched_domain", "parent", 0x10);
	take(SAMPLE_CPUS);
	ck_assert_uint_eq(sample.cpu[0].domains, 1);
	end();
}
END_TEST

START_TEST(pressure_is_sampled)
{
	begin(1);
	uint64_t psi = kimage_symbol(&k, "psi_system");
	kimage_put(&k, kimage_member(&k, psi, "psi_group", "total") + 4 * 8, 5000);
	kimage_put(&k, kimage_member(&k, psi, "psi_group", "avg") + (4 * 3 + 1) * 8, 2048 * 50 + 1024);
	kimage_put(&k, kimage_member(&k, psi, "psi_group", "avg") + (4 * 3 + 2) * 8, UINT64_MAX);
	take(SAMPLE_CPUS);
	ck_assert_uint_eq(sample.psi.total_ns[PSI_VALUE_cpu_some], 5000);
	ck_assert_double_eq(sample.psi.average[PSI_VALUE_cpu_some][1], 50.5);
	ck_assert_double_eq(sample.psi.average[PSI_VALUE_cpu_some][2], 100);
	ck_assert(sample.psi.has >> PSI_VALUE_memory_full & 1);
	ck_assert(!(sample.psi.has >> PSI_VALUE_irq_full & 1));
	end();
}
END_TEST

static uint64_t load_scheduler(void)
{
	uint64_t root = kimage_alloc(&k, types_size(k.image.types, "scx_sched"));
	kimage_write(&k, kimage_member(&k, root, "scx_sched", "ops.name"), "simple\x1b", 8);
	kimage_set(&k, root, "scx_sched", "exit_kind", 1024);
	kimage_put(&k, kimage_symbol(&k, "scx_root"), root);
	return root;
}

START_TEST(sched_ext_is_sampled)
{
	begin(2);
	kimage_put(&k, kimage_symbol(&k, "scx_nr_rejected"), 9);
	take(SAMPLE_CPUS);
	ck_assert(!*sample.scx.name && !sample.scx.has_events);
	ck_assert(!(sample.scx.has >> SCX_VALUE_exit_kind & 1));
	ck_assert_uint_eq(sample.scx.value[SCX_VALUE_nr_rejected], 9);
	uint64_t root = load_scheduler();
	/* A per-CPU pointer: what both CPUs count is added up. */
	uint64_t pointer = 0x2000, offset = 16;
	kimage_set(&k, root, "scx_sched", "pcpu", pointer);
	kimage_put(&k, kimage_per_cpu(&k, "kernel_cpustat", 0) + pointer + offset, 40);
	kimage_put(&k, kimage_per_cpu(&k, "kernel_cpustat", 1) + pointer + offset, 2);
	kimage_put(&k, kimage_per_cpu(&k, "kernel_cpustat", 1) + pointer + offset + 8, 7);
	take(SAMPLE_CPUS);
	ck_assert_uint_eq(sampler_events(sampler), 2);
	ck_assert_str_eq(sampler_event_name(sampler, 0), "select_cpu_fallback");
	ck_assert(sample.scx.has_events && sample.scx.event[0] == 42 && sample.scx.event[1] == 7);
	ck_assert_uint_eq(sample.scx.value[SCX_VALUE_exit_kind], 1024);
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_t *json = sample_to_json(sampler, &sample);
	json_print(json, false, &text);
	json_decref(json);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\"name\":\"simple?\""));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\"aborting\":null"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\"select_cpu_fallback\":42"));
	kimage_put(&k, kimage_symbol(&k, "scx_root"), 0x1234567);
	take(SAMPLE_CPUS);
	ck_assert(!sample.scx.has_events && !*sample.scx.name);
	end();
}
END_TEST

START_TEST(control_groups_are_sampled)
{
	begin(2);
	uint64_t root = kimage_member(&k, kimage_symbol(&k, "cgrp_dfl_root"), "cgroup_root", "cgrp");
	uint64_t group = kimage_add_cgroup(&k, root, "busy"), weight = kimage_alloc(&k, 96),
		 psi = kimage_alloc(&k, 256);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t link = kimage_alloc(&k, 48), set = kimage_alloc(&k, 32);
		kimage_set(&k, set, "css_set", "nr_tasks", 3 + i);
		kimage_set(&k, link, "cgrp_cset_link", "cset", set);
		kimage_list_add(&k, kimage_member(&k, group, "cgroup", "cset_links"),
				kimage_member(&k, link, "cgrp_cset_link", "cset_link"));
		kimage_put(&k, kimage_per_cpu(&k, "kernel_cpustat", i) + 0x3000 + 24, 1000 + i);
	}
	kimage_set(&k, group, "cgroup", "rstat_cpu", 0x3000);
	kimage_set(&k, group, "cgroup", "psi", psi);
	kimage_set(&k, weight, "task_group", "shares", 200ull * 1024 * 1024 / 100);
	kimage_put(&k, kimage_member(&k, group, "cgroup", "subsys[cpu_cgrp_id]"), weight);
	take(SAMPLE_CGROUPS);
	ck_assert(sample.cgroups == 4 && sample.cgroups_end == WALK_WHOLE && sample.cpus == 0);
	const struct cgroup_sample *c = &sample.cgroup[3];
	ck_assert_str_eq(c->path, "/busy");
	ck_assert(c->has_tasks && c->nr_tasks == 7);
	ck_assert(c->has_usage && c->usage_ns == 2001);
	ck_assert(c->has_weight && c->weight == 200);
	ck_assert(c->psi.has);
	ck_assert(!sample.cgroup[1].has_weight && !sample.cgroup[1].has_usage && !sample.cgroup[1].psi.has);
	ck_assert(!sample.cgroup[0].has_usage);
	t_ok(sample_take(sampler, &k.view, SAMPLE_CGROUPS, 0, "/cg_1", &sample));
	ck_assert(sample.cgroups == 1 && !strcmp(sample.cgroup[0].path, "/cg_1"));
	t_ok(sample_take(sampler, &k.view, SAMPLE_CGROUPS, 0, "/none", &sample));
	ck_assert(sample.cgroups == 0 && sample.cgroups_end == WALK_WHOLE);
	end();
}
END_TEST

static uint64_t add_program(uint64_t slots, unsigned slot, unsigned type, const char *name)
{
	uint64_t program = kimage_alloc(&k, 64), aux = kimage_alloc(&k, 64);
	kimage_set(&k, program, "bpf_prog", "type", type);
	kimage_set(&k, program, "bpf_prog", "aux", aux);
	kimage_set(&k, aux, "bpf_prog_aux", "id", slot + 100);
	kimage_set(&k, aux, "bpf_prog_aux", "verified_insns", 4321);
	kimage_write(&k, kimage_member(&k, aux, "bpf_prog_aux", "name"), name, strlen(name));
	kimage_put(&k, slots + slot * 8, program);
	return program;
}

START_TEST(programs_are_sampled)
{
	begin(2);
	uint64_t node = kimage_alloc(&k, 1024), slots = kimage_member(&k, node, "xa_node", "slots");
	kimage_set(&k, kimage_symbol(&k, "prog_idr"), "idr", "idr_rt.xa_head", node | 2);
	take(SAMPLE_PROGRAMS);
	ck_assert(sample.programs == 0 && sample.programs_end == WALK_WHOLE);
	uint64_t program = add_program(slots, 3, 27, "simple_enqueue__"); /* 16 bytes, without a NUL */
	add_program(slots, 5, 2, "other");
	add_program(slots, 6, 27, "idle");
	kimage_set(&k, program, "bpf_prog", "stats", 0x3800);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = kimage_per_cpu(&k, "kernel_cpustat", i) + 0x3800;
		kimage_set(&k, at, "bpf_prog_stats", "cnt", 10 + i);
		kimage_set(&k, at, "bpf_prog_stats", "nsecs", 1000);
	}
	kimage_put(&k, slots + 8 * 9, 0x12340); /* not a program at all */
	take(SAMPLE_PROGRAMS);
	ck_assert(sample.programs == 2 && sample.programs_end == WALK_WHOLE);
	const struct program_sample *p = &sample.program[0];
	ck_assert_str_eq(p->name, "simple_enqueue__");
	ck_assert(p->id == 103 && p->verified_insns == 4321);
	ck_assert(p->has_stats && p->cnt == 21 && p->nsecs == 2000 && p->misses == 0);
	ck_assert(!sample.program[1].has_stats);
	end();
}
END_TEST

START_TEST(stalls_are_found)
{
	struct stall_fields f;
	struct stall s;
	begin(2);
	stall_find_fields(&f, k.image.types);
	kimage_put(&k, kimage_symbol(&k, "jiffies_64"), 5000);
	kimage_put(&k, kimage_symbol(&k, "scx_watchdog_timestamp"), 4000);
	stall_scan(&f, &k.view, 100, &s);
	ck_assert(s.supported && s.end == WALK_WHOLE && !s.runnable && !s.task && s.watchdog_age_jiffies == 1000);
	static const uint64_t since[] = { 4990, 4100, 5001 };
	uint64_t task[3];
	for (unsigned i = 0; i < 3; i++) {
		task[i] = kimage_add_task(&k, 50 + i, "waits", 0);
		kimage_set(&k, task[i], "task_struct", "scx.runnable_at", since[i]);
		kimage_list_add(&k,
				kimage_member(&k, kimage_per_cpu(&k, "runqueues", i % 2), "rq", "scx.runnable_list"),
				kimage_member(&k, task[i], "task_struct", "scx.runnable_node"));
	}
	stall_scan(&f, &k.view, 100, &s);
	ck_assert(s.runnable == 3 && s.age_jiffies == 900 && s.task == task[1] && s.pid == 51 && s.cpu == 1);
	ck_assert_str_eq(s.comm, "waits");
	stall_scan(&f, &k.view, 1, &s);
	ck_assert(s.runnable == 1 && s.end == WALK_CAPPED);
	kimage_put(&k, kimage_member(&k, task[1], "task_struct", "scx.runnable_node"), 0);
	stall_scan(&f, &k.view, 100, &s);
	ck_assert(s.end == WALK_TORN && s.age_jiffies == 900);
	end();
}
END_TEST

/* One row a sample that has counters, the latest ones; as text, those that are not 0, and their last increase. */
START_TEST(a_timeline_of_counters)
{
	struct series series = { 0 };
	const char *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	begin(2);
	ck_assert_ptr_null(dump_timeline(&series, &why));
	ck_assert_str_eq(why, "no samples were taken");
	load_scheduler();
	take(SAMPLE_CPUS);
	struct sample copy = sample;
	copy.scx.has_events = true;
	for (unsigned i = 0; i < TIMELINE_ROWS_MAX + 2; i++) {
		copy.at_ns = i * 100 * (uint64_t)NSEC_PER_MSEC;
		copy.scx.event[0] = 3 * i;
		copy.scx.event[1] = 0;
		series_add(&series, sampler, &copy);
	}
	json_t *rows = dump_timeline(&series, &why), *last = json_array_get(rows, TIMELINE_ROWS_MAX - 1);
	ck_assert_uint_eq(json_array_size(rows), TIMELINE_ROWS_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(rows, 0), "elapsed_ms")), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(last, "elapsed_ms")), (TIMELINE_ROWS_MAX + 1) * 100);
	ck_assert_int_eq(json_integer_value(json_object_get(last, sampler_event_name(sampler, 0))), 1803);
	dump_timeline_text(rows, &text);
	ck_assert_str_eq(buf_str(&text), "\n--- events of sched_ext ---\n"
					 "select_cpu_fallback 1803, +3 since the sample before\n");
	json_decref(rows);
	series_done(&series);
	end();
}
END_TEST

/* What a series keeps of samples: sums of run queues, counters by name, and calls of programs, also of a new load. */
START_TEST(a_series_keeps_what_is_judged)
{
	static const uint64_t calls[] = { 100, 130, 20, 25 }; /* the program was loaded again before the third */
	struct program_sample program = { .name = "simple_enqueue", .has_stats = true };
	struct series series = { 0 };
	begin(2);
	load_scheduler();
	take(SAMPLE_CPUS);
	struct sample copy = sample;
	copy.program = &program;
	copy.programs = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		copy.at_ns = i;
		program.cnt = calls[i];
		program.nsecs = 10 * calls[i];
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			copy.cpu[cpu].value[CPU_VALUE_pcount] = 5 + i + cpu;
			copy.cpu[cpu].has |= 1ull << CPU_VALUE_pcount;
		}
		copy.cpu[1].has &= ~(1ull << CPU_VALUE_yld_count);
		series_add(&series, sampler, &copy);
	}
	copy.cpus = 1;
	series_add(&series, sampler, &copy); /* a machine does not lose CPUs */
	copy.cpus = 2;
	ck_assert(series.count == 4 && series.lost == 1 && series.programs == 1);
	ck_assert(series.program[0].cnt == 55 && series.program[0].nsecs == 550);
	const struct reading *r = &series.reading[3];
	ck_assert(r->scx && r->schedstat[SCHEDSTAT_pcount] == 17 && (r->has_schedstat >> SCHEDSTAT_pcount & 1));
	ck_assert(!(r->has_schedstat >> SCHEDSTAT_yld_count & 1));
	ck_assert_int_eq(series_event(&series, "select_cpu_fallback"), 0);
	ck_assert_int_eq(series_event(&series, "nothing"), -1);
	series_done(&series);
	end();
}
END_TEST

START_TEST(a_machine_that_is_not_ready)
{
	begin(2);
	view_init(&k.view, &k.image, &k.memory, 0);
	t_errno(sample_take(sampler, &k.view, SAMPLE_ALL, 0, "/", &sample), EAGAIN);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, cpus_are_sampled);
	tcase_add_test(tc, a_cpu_that_is_not_there);
	tcase_add_test(tc, a_chain_of_domains_that_loops);
	tcase_add_test(tc, pressure_is_sampled);
	tcase_add_test(tc, sched_ext_is_sampled);
	tcase_add_test(tc, control_groups_are_sampled);
	tcase_add_test(tc, programs_are_sampled);
	tcase_add_test(tc, stalls_are_found);
	tcase_add_test(tc, a_timeline_of_counters);
	tcase_add_test(tc, a_series_keeps_what_is_judged);
	tcase_add_test(tc, a_machine_that_is_not_ready);
}

int main(void)
{
	return t_main("monitor_sample", fill);
}
