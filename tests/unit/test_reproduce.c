/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel messages of sched_ext, and the groups of tasks that are made of them, of profiles and of dumps. */
#include <stdlib.h>
#include <string.h>

#include "declare/read.h"
#include "reproduce/fingerprint.h"
#include "t.h"

static const char stall[] =
	"[  100.000000] sched_ext: BPF scheduler \"rusty_1.0.9_x86_64\" enabled\n"
	"[ 4131.302180] [T991] sched_ext: BPF scheduler \"rusty_1.0.9_x86_64\" disabled (runnable task stall)\n"
	"[ 4131.302185] sched_ext: rusty_1.0.9_x86_64: ngin[x] y[4711] failed to run for 30.123s\n"
	"[ 4131.302190]    check_rq_for_timeouts+0xdf/0x120\n"
	"[ 4131.302191]    scx_watchdog_workfn+0x64/0x90\n"
	"[ 4131.302192]    process_one_work+0x1d1/0x3b0\n"
	"[ 4140.000000] usb 1-1: new device\n";

static const char dump[] =
	"Nov 29 12:00:01 host scx_lavd[812]: DEBUG DUMP\n"
	"Nov 29 12:00:01 host scx_lavd[812]: swapper/1[0] triggered exit kind 1026:\n"
	"Nov 29 12:00:01 host scx_lavd[812]:   runnable task stall (stress-ng[411] failed to run for 5.120s)\n"
	"Nov 29 12:00:01 host scx_lavd[812]: \n"
	"Nov 29 12:00:01 host scx_lavd[812]: Backtrace:\n"
	"Nov 29 12:00:01 host scx_lavd[812]:   check_rq_for_timeouts+0xdf/0x120\n"
	"Nov 29 12:00:01 host scx_lavd[812]: CPU states\n"
	"Nov 29 12:00:01 host scx_lavd[812]: CPU 3   : nr_run=2 flags=0x1 cpu_rel=0 pnt_seq=6\n"
	"Nov 29 12:00:01 host scx_lavd[812]:           curr=kworker/3:0[77] class=ext_sched_class\n"
	"Nov 29 12:00:01 host scx_lavd[812]: \n"
	"Nov 29 12:00:01 host scx_lavd[812]:  *R kworker/3:0[77] +0ms\n"
	"Nov 29 12:00:01 host scx_lavd[812]:       scx_state/flags=3/0x1 dsq_flags=0x0 ops_state/qseq=0/0\n"
	"Nov 29 12:00:01 host scx_lavd[812]:       cpus=f\n"
	"Nov 29 12:00:01 host scx_lavd[812]:   R stress-ng[411] -5120ms\n"
	"Nov 29 12:00:01 host scx_lavd[812]:       cpus=6\n"
	"Nov 29 12:00:01 host scx_lavd[812]: \n"
	"Nov 29 12:00:01 host scx_lavd[812]:     futex_wait_queue+0x60/0x90\n"
	"Nov 29 12:00:01 host scx_lavd[812]:     __futex_wait+0x1/0x2\n"
	"Nov 29 12:00:01 host scx_lavd[812]:   R stress-ng[412] -12ms\n"
	"Nov 29 12:00:01 host scx_lavd[812]:       cpus=6\n"
	"Nov 29 12:00:01 host kernel: sched_ext: BPF scheduler \"lavd\" disabled (runnable task stall)\n";

static struct messages m;

START_TEST(a_stall_is_read)
{
	t_ok(messages_parse(stall, strlen(stall), &m));
	ck_assert_int_eq(m.end, SCX_END_STALL);
	ck_assert_str_eq(m.scheduler, "rusty_1.0.9_x86_64");
	ck_assert_str_eq(m.reason, "runnable task stall");
	ck_assert_str_eq(m.victim, "ngin[x] y");
	ck_assert_int_eq(m.victim_pid, 4711);
	ck_assert_int_eq(m.victim_ms, 30123);
	ck_assert_uint_eq(m.frames, 3);
	ck_assert_str_eq(m.frame[1], "scx_watchdog_workfn");
}
END_TEST

/* The debug dump, as a journal has it; the kernel's own line about the same end comes last. */
START_TEST(a_debug_dump_is_read)
{
	size_t until = (size_t)(strstr(dump, "Nov 29 12:00:01 host kernel") - dump);
	t_ok(messages_parse(dump, until, &m));
	ck_assert_int_eq(m.end, SCX_END_STALL);
	ck_assert_str_eq(m.victim, "stress-ng");
	ck_assert_int_eq(m.victim_ms, 5120);
	ck_assert_uint_eq(m.cpus, 4);
	ck_assert_uint_eq(m.tasks, 3);
	ck_assert(m.task[0].runs && !m.task[1].runs);
	ck_assert_str_eq(m.task[1].comm, "stress-ng");
	ck_assert_int_eq(m.task[1].waits_ms, 5120);
	ck_assert_str_eq(m.task[1].cpus, "1-2");
	ck_assert_str_eq(m.task[1].function, "futex_wait_queue");
	ck_assert_str_eq(m.task[2].function, "");
}
END_TEST

/* The kernel writes the end after its dump: what the dump said must not get lost. */
START_TEST(a_dump_before_the_end_stays)
{
	t_ok(messages_parse(dump, strlen(dump), &m));
	ck_assert_str_eq(m.scheduler, "lavd");
	ck_assert_uint_eq(m.tasks, 3);
	ck_assert_str_eq(m.victim, "stress-ng");
}
END_TEST

static const struct {
	const char *line;
	enum scx_end end;
} ends[] = {
	{ "sched_ext: BPF scheduler \"simple\" disabled (unregistered from user space)\n", SCX_END_NORMAL },
	{ "sched_ext: BPF scheduler \"simple\" disabled (disabled by sysrq-S)\n", SCX_END_NORMAL },
	{ "<3>sched_ext: BPF scheduler \"simple\" disabled (runtime error)\nsched_ext: simple: invalid CPU 9\n",
	  SCX_END_ERROR },
	{ "sched_ext: BPF scheduler \"a (b)\" disabled (scx_bpf_error)\n", SCX_END_ERROR },
	{ "sched_ext: BPF scheduler \"simple\" disabled (runtime error)\nsched_ext: simple: watchdog failed to check "
	  "in\n",
	  SCX_END_STALL },
	{ "sched_ext: BPF scheduler \"simple\" enabled\n", SCX_END_NONE },
};

START_TEST(ends_are_told_apart)
{
	t_ok(messages_parse(ends[_i].line, strlen(ends[_i].line), &m));
	ck_assert_int_eq(m.end, ends[_i].end);
}
END_TEST

START_TEST(the_last_end_counts)
{
	char text[4096];
	snprintf(text, sizeof(text), "%s%s", dump, ends[2].line);
	t_ok(messages_parse(text, strlen(text), &m));
	ck_assert_str_eq(m.scheduler, "simple");
	ck_assert_str_eq(m.detail, "invalid CPU 9");
	ck_assert_uint_eq(m.tasks, 0);
	ck_assert_str_eq(m.victim, "");
}
END_TEST

START_TEST(other_texts_have_nothing)
{
	static const char *const texts[] = {
		"", "\n\n", "usb 1-1: new device\n", "sched_ext: ", "cpus=ff\n", "  R comm[1] -3ms\n  foo+0x1/0x2\n"
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		t_errno(messages_parse(texts[i], strlen(texts[i]), &m), ENODATA);
}
END_TEST

START_TEST(masks_become_lists)
{
	char list[32];
	ck_assert(mask_to_list("ff", list, sizeof(list)));
	ck_assert_str_eq(list, "0-7");
	ck_assert(mask_to_list("3,00000105", list, sizeof(list)));
	ck_assert_str_eq(list, "0,2,8,32-33");
	ck_assert(!mask_to_list("0", list, sizeof(list)));
	ck_assert(!mask_to_list("", list, sizeof(list)));
	ck_assert(!mask_to_list("xyz", list, sizeof(list)));
	ck_assert(!mask_to_list("5555,55555555,55555555", list, sizeof(list)));
}
END_TEST

/* --- fingerprints ------------------------------------------------------------------------------------------------- */

static json_t *scenario_of(struct fingerprint *f, struct declaration **d)
{
	json_t *o = fingerprint_scenario(f, NULL);
	t_ok(declaration_read(o, "made", d, NULL));
	return o;
}

static bool has_note(const struct fingerprint *f, enum note_kind kind, const char *part)
{
	for (unsigned i = 0; i < f->notes; i++)
		if (f->note[i].kind == kind && strstr(f->note[i].text, part))
			return true;
	return false;
}

START_TEST(messages_become_a_scenario)
{
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct declaration *d;
	t_ok(messages_parse(dump, strlen(dump), &m));
	fingerprint_of_messages(f, &m);
	json_t *o = scenario_of(f, &d);
	ck_assert_uint_eq(strlen(d->test.name), strlen("lavd_stall_") + 6);
	ck_assert(!strncmp(d->test.name, "lavd_stall_", strlen("lavd_stall_")));
	ck_assert_str_eq(d->scheduler[0].binary, "scx_lavd");
	ck_assert_uint_eq(d->test.cores, 4);
	ck_assert_uint_eq(f->groups, 2);
	ck_assert(f->group[0].has_victim);
	ck_assert_int_eq(f->group[0].key.work, HINT_FUTEX);
	ck_assert_str_eq(f->group[0].key.affinity, "1-2");
	ck_assert_uint_eq(f->kernel_threads, 1);
	ck_assert(has_note(f, NOTE_GUESSED, "scx_lavd") && has_note(f, NOTE_CHANGED, "watchdog"));
	declaration_free(d);
	json_decref(o);
	fingerprint_done(f);
	free(f);
}
END_TEST

/* Nothing is known but that something failed: that is said. */
START_TEST(a_bare_message_is_a_load_that_is_made_up)
{
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct declaration *d;
	t_ok(messages_parse(stall, strlen(stall), &m));
	fingerprint_of_messages(f, &m);
	json_t *o = scenario_of(f, &d);
	ck_assert_str_eq(d->scheduler[0].binary, "scx_rusty");
	ck_assert_str_eq(d->scheduler[0].name, "rusty_1.0.9_x86_64");
	ck_assert(has_note(f, NOTE_UNKNOWN, "nothing is known of the load") &&
		  has_note(f, NOTE_UNKNOWN, "number of CPUs"));
	declaration_free(d);
	json_decref(o);
	fingerprint_done(f);
	free(f);
}
END_TEST

static const struct {
	const char *comm, *cgroup, *policy, *affinity, *state;
	json_int_t run_ns, sleeps, nice, rt_priority;
} threads[] = {
	{ "hot", "/a.slice/x.service", "SCHED_OTHER", "0-63", "S", 99000000000, 1, 0, 0 },
	{ "hot", "/a.slice/x.service", "SCHED_OTHER", "0-63", "S", 98000000000, 1, 0, 0 },
	{ "chat", "/b", "SCHED_OTHER", "0-63", "S", 20000000000, 200000, 5, 0 },
	{ "burst", "/b", "SCHED_OTHER", "0-63", "S", 10000000000, 1000, 0, 0 },
	{ "idle", "/b", "SCHED_OTHER", "0-63", "S", 1000, 1, 0, 0 },
	{ "kworker/0:1", "/", "SCHED_OTHER", "0-63", "S", 90000000000, 0, 0, 0 },
	{ "rt", "/", "SCHED_FIFO", "3,60-63", "R", 1, 0, 0, 42 },
};

static json_t *thread_json(size_t i)
{
	json_t *o = json_object();
	json_put_int(&o, "tid", (int64_t)i + 10);
	json_put_int(&o, "tgid", (int64_t)i + 10);
	json_put_int(&o, "start_time_clock_ticks", 0);
	json_put_text(&o, "pcomm", threads[i].comm);
	json_put_text(&o, "comm", threads[i].comm);
	json_put_text(&o, "cgroup", threads[i].cgroup);
	json_put_text(&o, "policy", threads[i].policy);
	json_put_text(&o, "cpu_affinity", threads[i].affinity);
	json_put_text(&o, "state", threads[i].state);
	json_put_int(&o, "run_time_ns", threads[i].run_ns);
	json_put_int(&o, "voluntary_csw", threads[i].sleeps);
	json_put_int(&o, "nice", threads[i].nice);
	json_put_int(&o, "rt_priority", threads[i].rt_priority);
	return o;
}

static const char host[] = "{\"version\":1,\"captured_at_unix_ns\":1,\"uptime_ns\":100000000000,"
			   "\"clock_ticks_per_second\":100,\"host\":{\"online_cpus\":64,\"numa_nodes\":2},"
			   "\"sched_ext\":{\"ops\":\"simple\"},\"cgroup_stats\":{\"/a.slice/x.service\":"
			   "{\"cpu\":{\"weight\":300,\"max_quota_us\":50000,\"max_period_us\":100000}}}}";

static void make_profile(struct profile *p)
{
	json_t *o = json_loads(host, 0, NULL), *list = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		json_add(&list, thread_json(i));
	json_put(&o, "threads", list);
	char *text = json_dumps(o, 0);
	t_ok(profile_parse(text, strlen(text), "made", p, NULL));
	free(text);
	json_decref(o);
}

START_TEST(a_profile_becomes_groups)
{
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct declaration *d;
	struct profile p = { 0 };
	make_profile(&p);
	fingerprint_of_profile(f, &p);
	profile_done(&p);
	ck_assert_uint_eq(f->groups, 4);
	ck_assert_int_eq(f->group[0].key.work, HINT_SPIN);
	ck_assert_uint_eq(f->group[0].tasks, 2);
	ck_assert_int_eq(f->group[1].key.work, HINT_PIPE);
	ck_assert_int_eq(f->group[1].key.nice, 5);
	ck_assert_int_eq(f->group[2].key.work, HINT_BURSTY);
	ck_assert_double_eq_tol(f->group[2].burst_ms, 10, 0.01);
	ck_assert_double_eq_tol(f->group[2].sleep_ms, 90, 0.01);
	ck_assert_str_eq(f->group[3].key.policy, "fifo");
	ck_assert_int_eq(f->group[3].key.priority, 42);
	ck_assert_uint_eq(f->idle, 1);
	ck_assert_uint_eq(f->kernel_threads, 1);
	json_t *o = scenario_of(f, &d);
	const struct ktstr_cgroup *cgroups = d->scenario.steps[0].cgroups;
	ck_assert_uint_eq(d->test.cores, GUEST_CPUS_MAX);
	ck_assert_str_eq(cgroups[0].name, "x.service");
	ck_assert_uint_eq(cgroups[0].limits.cpu_weight, 300);
	ck_assert_uint_eq(cgroups[0].limits.cpu_quota_us, 50000);
	ck_assert_str_eq(cgroups[2].affinity.list, "3");
	ck_assert(has_note(f, NOTE_CHANGED, "64 CPUs") && has_note(f, NOTE_CHANGED, "CPUs 3,60-63"));
	declaration_free(d);
	json_decref(o);
	fingerprint_done(f);
	free(f);
}
END_TEST

START_TEST(a_dump_becomes_groups)
{
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct declaration *d;
	struct err *err = NULL;
	json_t *o, *root = json_loads(
			   "{\"schema\":\"single\",\"kernel\":{\"cpus\":2,\"release\":\"6.12.1\"},\"scx_sched_state\":{"
			   "\"ops_name\":\"x\","
			   "\"watchdog_timeout_ms\":2000},\"scx_exit\":{\"kind\":\"SCX_EXIT_ERROR_STALL\",\"reason\":"
			   "\"runnable task stall\","
			   "\"msg\":\"a[1] "
			   "failed\"},\"task_enrichments\":[{\"comm\":\"a\",\"waiting\":true,\"static_prio\":130,"
			   "\"cpus_allowed\":\"1\",\"cgroup\":\"/ktstr/crowd\",\"stack\":[\"__schedule+0x1/"
			   "0x2\",\"pipe_read+0x1/0x2\"]},7]}",
			   0, NULL);
	t_ok(fingerprint_of_dump(f, root, NULL));
	ck_assert_str_eq(f->victim, "a");
	ck_assert_int_eq(f->end, SCX_END_STALL);
	ck_assert_int_eq(f->group[0].key.work, HINT_PIPE);
	ck_assert_int_eq(f->group[0].key.nice, 10);
	o = scenario_of(f, &d);
	ck_assert_uint_eq(d->scenario.steps[0].cgroups[0].workers, 2);
	ck_assert(!has_note(f, NOTE_CHANGED, "watchdog"));
	declaration_free(d);
	json_decref(o);
	json_decref(root);
	root = json_loads("{\"schema\":\"single\",\"is_placeholder\":true}", 0, NULL);
	t_errno(fingerprint_of_dump(f, root, &err), EBADMSG);
	t_err_contains(&err, "placeholder");
	json_decref(root);
	fingerprint_done(f);
	free(f);
}
END_TEST

/* More kinds of tasks than places: those that use most are kept, and the victim. */
START_TEST(small_groups_give_way)
{
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct group_key key = { .cgroup = "/", .policy = "normal" };
	struct declaration *d;
	snprintf(f->victim, sizeof(f->victim), "v");
	snprintf(key.name, sizeof(key.name), "v");
	fingerprint_add(f, &key, 0, 0, 0);
	for (unsigned i = 0; i < 3 * GROUPS_MAX; i++) {
		snprintf(key.name, sizeof(key.name), "t%u", i);
		snprintf(key.cgroup, sizeof(key.cgroup), "/slice%u/same", i);
		fingerprint_add(f, &key, i, 0, 0);
	}
	ck_assert_uint_eq(f->groups, GROUPS_MAX);
	ck_assert(f->group[0].has_victim);
	ck_assert_uint_eq(f->lost, 3 * GROUPS_MAX - (GROUPS_MAX - 1));
	json_decref(scenario_of(f, &d));
	declaration_free(d);
	free(f);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_stall_is_read);
	tcase_add_test(tc, a_debug_dump_is_read);
	tcase_add_test(tc, a_dump_before_the_end_stays);
	tcase_add_loop_test(tc, ends_are_told_apart, 0, ARRAY_SIZE(ends));
	tcase_add_test(tc, the_last_end_counts);
	tcase_add_test(tc, other_texts_have_nothing);
	tcase_add_test(tc, masks_become_lists);
	tcase_add_test(tc, messages_become_a_scenario);
	tcase_add_test(tc, a_bare_message_is_a_load_that_is_made_up);
	tcase_add_test(tc, a_profile_becomes_groups);
	tcase_add_test(tc, a_dump_becomes_groups);
	tcase_add_test(tc, small_groups_give_way);
}

int main(void)
{
	return t_main("reproduce", fill);
}
