/* SPDX-License-Identifier: GPL-2.0-only */
/* The watch of a guest that is not stopped: a kernel made by hand, a fake backend, and a clock that is simulated. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_image.h"
#include "reactor/sim.h"
#include "run/watch.h"
#include "t.h"

#define SLOWER 32 /* a busy host must not interrupt a sample for so long that it is dropped */
#define PERIOD ((nsec_t)OBSERVE_SAMPLE_PERIOD_NS * SLOWER)

static struct kimage k;
static struct watched_kernel kernel;
static struct watch w;
static struct vm vm;
static struct vm_config config;
static struct reactor *reactor;
static uint64_t cpu_ns, wait_ns; /* of each of two vCPUs, so far */
static unsigned asked;
static const struct seen_decl no_snapshots;
static struct vm_mark marked; /* the last one of the guest */
static uint64_t seen;	      /* its number, once it was looked at */

static const char *never_stops(char *why, size_t size)
{
	(void)why;
	(void)size;
	return "it does not stop";
}

static const struct guestmem *memory_of(const struct vm *of)
{
	(void)of;
	return &k.memory;
}

static unsigned times_of(struct vm *of, unsigned vcpus, struct vcpu_time *ret)
{
	(void)of;
	asked++;
	cpu_ns += 64 * NSEC_PER_MSEC;
	wait_ns += 32 * NSEC_PER_MSEC;
	for (unsigned i = 0; i < vcpus; i++)
		ret[i] = (struct vcpu_time){ .known = true, .cpu_ns = cpu_ns, .wait_ns = wait_ns };
	return vcpus;
}

static bool mark_of(const struct vm *of, struct vm_mark *ret)
{
	(void)of;
	*ret = marked;
	return marked.number;
}

static void note_seen(struct vm *of, uint64_t number)
{
	(void)of;
	seen = number;
}

static void send_to(struct vm *of, int signal)
{
	if (of->pid)
		kill(of->pid, signal);
}

static const struct vm_backend backend = { .name = "kvm",
					   .observer_lack = never_stops,
					   .memory = memory_of,
					   .vcpu_times = times_of,
					   .mark = mark_of,
					   .mark_seen = note_seen,
					   .signal = send_to };

static void begin(void)
{
	kimage_open(&k, &(struct kimage_layout){ .cpus = 2 });
	kimage_fill(&k, 3, 2);
	const struct kernel file = { .boot = k.vmlinux };
	const struct watch_config nothing = { 0 };
	const struct sim_config sim = { .seed = 1, .latency_max = 1 };
	config = (struct vm_config){ .topology = { 1, 1, 2, 1 }, .memory_mib = 32, .time_dilation = SLOWER };
	vm = (struct vm){ .backend = &backend };
	w = (struct watch){ 0 };
	cpu_ns = wait_ns = asked = seen = 0;
	marked = (struct vm_mark){ 0 };
	captures_init(&w.captures, &no_snapshots, NSEC_PER_SEC);
	watched_kernel_init(&kernel, NULL);
	watch_prepare(&w, &kernel, &file, &backend, &nothing, &config);
	t_ok(reactor_new_sim(&reactor, &sim, NULL));
	vm.started = reactor_now(reactor);
	watch_start(&w, reactor, &vm, NULL);
}

static void turn_for(nsec_t length)
{
	nsec_t end = reactor_now(reactor) + length;
	while (reactor_now(reactor) < end)
		t_ok(reactor_turn(reactor, end));
}

/* As an attempt does when its machine has ended. */
static void end_machine(void)
{
	vm.ended = true;
	watch_stop(&w);
	for (int i = 0; i < 4; i++)
		t_ok(reactor_turn(reactor, reactor_now(reactor)));
	ck_assert(!watch_running(&w));
	watch_end(&w, &vm);
}

static void finish(void)
{
	watch_done(&w);
	watched_kernel_done(&kernel);
	reactor_free(reactor);
	kimage_close(&k);
}

START_TEST(samples_begin_with_the_first_record)
{
	begin();
	ck_assert_ptr_null(w.lack);
	ck_assert_str_eq(w.no_stops, "it does not stop");
	ck_assert(config.whole_memory && !config.observe);
	turn_for(3 * PERIOD + PERIOD / 2);
	ck_assert(watch_running(&w) && w.series.count == 0 && !asked);
	vm.hello = reactor_now(reactor);
	turn_for(10 * PERIOD);
	ck_assert(w.series.count == 10 && asked == 10 && !w.series.torn && w.series.running);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(w.series.reading[i].at_ns / OBSERVE_SAMPLE_PERIOD_NS, 4 + i);
	end_machine();
	ck_assert_ptr_null(w.lack);
	finish();
}
END_TEST

/* The guest's clock is 150 ms behind the time since the machine's start; records are seen some time later. */
START_TEST(samples_get_the_guests_time)
{
	begin();
	vm.hello = 1;
	turn_for(5 * PERIOD + PERIOD / 2);
	ck_assert_uint_eq(w.series.count, 6);
	uint64_t now = (uint64_t)(reactor_now(reactor) - vm.started) / SLOWER, behind = 150 * NSEC_PER_MSEC;
	watch_see_record(&w, now - behind - 30 * NSEC_PER_MSEC, reactor_now(reactor));
	watch_see_record(&w, now - behind, reactor_now(reactor));
	watch_see_record(&w, now - behind - 10 * NSEC_PER_MSEC, reactor_now(reactor));
	uint64_t last = w.series.reading[5].at_ns;
	end_machine();
	ck_assert_uint_eq(w.series.reading[0].at_ns, 0);
	ck_assert_uint_eq(w.series.reading[5].at_ns, last - behind);
	finish();
}
END_TEST

START_TEST(vcpus_times_are_beside_the_samples)
{
	double dilation;
	begin();
	vm.hello = 1;
	turn_for(2 * PERIOD + PERIOD / 2);
	ck_assert_uint_eq(w.series.count, 3);
	const struct cpu_reading *cpu = w.series.reading[2].cpu;
	ck_assert(cpu[0].has_vcpu_time && cpu[1].has_vcpu_time);
	ck_assert_uint_eq(cpu[1].vcpu_ns, 3 * 64 * NSEC_PER_MSEC / SLOWER);
	end_machine(); /* and what they got until the end */
	const struct contention *host = &w.series.host;
	ck_assert(contention_known(host) && host->ticks == 3);
	ck_assert_uint_eq(host->total_wait_ns, 3 * 2 * 32 * NSEC_PER_MSEC / SLOWER);
	ck_assert(contention_dilation(host, &dilation) && dilation == 1.5);
	finish();
}
END_TEST

START_TEST(another_kernel_is_not_sampled)
{
	begin();
	kimage_write(&k, kimage_symbol(&k, "linux_banner"), "Linux version 1", 15);
	vm.hello = 1;
	turn_for(3 * PERIOD);
	ck_assert(!w.series.count && !w.series.torn);
	end_machine();
	ck_assert_ptr_nonnull(w.lack);
	finish();
}
END_TEST

/* What a failed test shows: the guest's memory as it was left, without registers. */
START_TEST(the_memory_at_the_end_is_dumped)
{
	begin();
	vm.hello = 1;
	turn_for(PERIOD);
	end_machine();
	json_t *dump = watch_take_dump(&w, &k.memory);
	ck_assert(json_is_object(dump) && json_is_object(json_object_get(dump, "sample")));
	json_decref(dump);
	finish();
}
END_TEST

/* The machine's process: it stands still already, so that nothing depends on how soon it does. */
static pid_t stopped_child(void)
{
	int status;
	pid_t child = fork();
	while (!child)
		pause();
	kill(child, SIGSTOP);
	ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
	return child;
}

START_TEST(a_mark_waits_for_a_look)
{
	int status;
	begin();
	for (unsigned kind = 0; kind < 32; kind++)
		ck_assert_int_eq(config.marks >> kind & 1, kind >= WIRE_MARK_START && kind <= WIRE_MARK_WATCH);
	vm.hello = 1;
	vm.pid = stopped_child();
	turn_for(PERIOD);
	marked = (struct vm_mark){ .number = 1, .kind = WIRE_MARK_CAPTURE };
	memcpy(marked.word, "here", 4);
	marked.word[WIRE_MARK_WORDS - 1] = 3;
	turn_for(PERIOD);
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(w.captures.count, 1);
	ck_assert_str_eq(w.captures.list[0].name, "here");
	ck_assert_int_eq(w.captures.list[0].step, 3);
	ck_assert(json_is_object(w.captures.list[0].dump));
	ck_assert_int_eq(waitpid(vm.pid, &status, WCONTINUED), vm.pid);
	ck_assert(!vm.frozen && vm_held(&vm) > 0);
	turn_for(PERIOD);
	ck_assert_uint_eq(w.captures.count, 1);
	kill(vm.pid, SIGKILL);
	waitpid(vm.pid, &status, 0);
	end_machine();
	finish();
}
END_TEST

/* The watch lets a guest go on if nobody can stop its process, or if the guest wrote something that is no mark. */
START_TEST(a_mark_that_shows_nothing_goes_on)
{
	begin();
	vm.hello = 1;
	marked = (struct vm_mark){ .number = 1, .kind = WIRE_MARK_CAPTURE };
	turn_for(2 * NSEC_PER_SEC);
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(w.captures.count, 1);
	ck_assert_ptr_null(w.captures.list[0].dump);
	ck_assert_str_eq(w.captures.list[0].lack, "its process could not be stopped within a second");
	marked = (struct vm_mark){ .number = 2, .kind = WIRE_MARK_START };
	turn_for(2 * NSEC_PER_SEC);
	ck_assert(!w.captures.started && strstr(buf_str(&w.captures.problem), "the begin of the scenario"));
	marked = (struct vm_mark){ .number = 7, .kind = 4711 };
	vm.pid = stopped_child();
	turn_for(PERIOD);
	ck_assert_uint_eq(seen, 7);
	ck_assert_uint_eq(w.captures.count, 1);
	kill(vm.pid, SIGKILL);
	waitpid(vm.pid, NULL, 0);
	end_machine();
	finish();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_mark_waits_for_a_look);
	tcase_add_test(tc, a_mark_that_shows_nothing_goes_on);
	tcase_add_test(tc, samples_begin_with_the_first_record);
	tcase_add_test(tc, samples_get_the_guests_time);
	tcase_add_test(tc, vcpus_times_are_beside_the_samples);
	tcase_add_test(tc, another_kernel_is_not_sampled);
	tcase_add_test(tc, the_memory_at_the_end_is_dumped);
}

int main(void)
{
	return t_main("watch_live", fill);
}
