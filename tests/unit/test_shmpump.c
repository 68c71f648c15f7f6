/* SPDX-License-Identifier: GPL-2.0-only */
/* Event rings on the reactor: no ring starves or hangs, and a cancel leaves nothing behind. */
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/shmpump.h"
#include "reactor/sim.h"
#include "t.h"

#define RINGS 3

static struct reactor *reactor;

/* One virtual machine: its rings, and the records that its pump delivered. */
struct vm {
	struct shmring_area area;
	struct shmring_writer writer[RINGS];
	struct shmpump pump;
	uint64_t got[RINGS];
	uint64_t wanted; /* cancels its pump at this many records; 0: never */
	unsigned damaged;
	uint32_t damaged_ring;
	bool endless; /* for every record that is read, another is written */
};

static void on_record(void *data, uint32_t ring, const struct shmring_item *item)
{
	struct vm *vm = data;
	uint64_t all = 0;
	ck_assert_uint_eq(item->length, 8);
	vm->got[ring]++;
	for (uint32_t i = 0; i < RINGS; i++)
		all += vm->got[i];
	if (vm->endless)
		shmring_put(&vm->writer[ring], 1, "endless!", 8);
	if (all == vm->wanted)
		machine_cancel(&vm->pump.machine);
}

static void on_damaged(void *data, uint32_t ring, const struct err *err)
{
	struct vm *vm = data;
	ck_assert_int_eq(err->code, -EBADMSG);
	vm->damaged++;
	vm->damaged_ring = ring;
}

static void begin(struct vm *vm)
{
	*vm = (struct vm){ 0 };
	if (!reactor)
		t_ok(reactor_new(&reactor, NULL));
	t_ok(shmring_area_new(RINGS, SHMRING_CAPACITY_MIN, &vm->area, NULL));
	for (uint32_t i = 0; i < RINGS; i++)
		shmring_writer_init(&vm->writer[i], &vm->area, i);
	struct shmpump_config config = { .area = &vm->area, .record = on_record, .damaged = on_damaged, .data = vm };
	t_ok(shmpump_start(&vm->pump, reactor, NULL, &config, NULL));
}

static void end(struct vm *vm, bool last)
{
	shmpump_done(&vm->pump);
	shmring_area_done(&vm->area);
	if (last)
		reactor = reactor_free(reactor);
}

static void put(struct vm *vm, uint32_t ring, unsigned count)
{
	while (count--)
		ck_assert(shmring_put(&vm->writer[ring], 1, "a record", 8));
}

static void run(struct vm *vm)
{
	t_ok(reactor_run(reactor));
	ck_assert(vm->pump.machine.ended);
	ck_assert_int_eq(vm->pump.machine.result, -ECANCELED);
}

START_TEST(records_of_all_rings_arrive)
{
	struct vm vm;
	begin(&vm);
	vm.wanted = 60;
	put(&vm, 0, 10);
	put(&vm, 1, 20);
	put(&vm, 2, 30);
	run(&vm);
	ck_assert_uint_eq(vm.got[0], 10);
	ck_assert_uint_eq(vm.got[1], 20);
	ck_assert_uint_eq(vm.got[2], 30);
	end(&vm, true);
}
END_TEST

START_TEST(a_sleeping_pump_is_woken_by_another_process)
{
	struct vm vm;
	begin(&vm);
	vm.wanted = 1000;
	for (int i = 0; i < 3; i++)
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC));
	ck_assert_str_eq(machine_state_name(&vm.pump.machine), "wait");
	pid_t pid = fork();
	if (!pid) {
		for (unsigned n = 0; n < 1000; n++) {
			while (!shmring_has_room(&vm.writer[1], 8))
				sched_yield();
			shmring_put(&vm.writer[1], 1, "from far", 8);
		}
		_exit(0);
	}
	run(&vm);
	ck_assert_uint_eq(vm.got[1], 1000);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end(&vm, true);
}
END_TEST

START_TEST(a_cancel_takes_what_is_there)
{
	struct vm vm;
	begin(&vm);
	t_ok(reactor_turn(reactor, 0));
	t_ok(reactor_turn(reactor, 0));
	put(&vm, 0, 200);
	put(&vm, 2, 200);
	machine_cancel(&vm.pump.machine);
	run(&vm);
	ck_assert_uint_eq(vm.got[0], 200);
	ck_assert_uint_eq(vm.got[2], 200);
	end(&vm, true);
}
END_TEST

/* The noisy machine's rings are never empty; the quiet machine's records still arrive, and both pumps can end. */
START_TEST(a_noisy_machine_starves_nobody)
{
	struct vm noisy, quiet;
	begin(&noisy);
	begin(&quiet);
	noisy.endless = true;
	for (uint32_t i = 0; i < RINGS; i++)
		put(&noisy, i, 100);
	quiet.wanted = 10;
	put(&quiet, 0, 10);
	while (!quiet.pump.machine.ended)
		t_ok(reactor_turn(reactor, NSEC_NEVER));
	ck_assert_uint_eq(quiet.got[0], 10);
	ck_assert(!noisy.pump.machine.ended);
	machine_cancel(&noisy.pump.machine);
	run(&noisy);
	for (uint32_t i = 0; i < RINGS; i++)
		ck_assert_uint_gt(noisy.got[i], 100);
	end(&quiet, false);
	end(&noisy, true);
}
END_TEST

START_TEST(a_damaged_ring_is_reported_once_and_the_others_go_on)
{
	struct vm vm;
	begin(&vm);
	vm.wanted = 20;
	atomic_store(&vm.writer[1].shared->tail, UINT64_MAX);
	put(&vm, 0, 10);
	t_ok(reactor_turn(reactor, 0));
	t_ok(reactor_turn(reactor, 0));
	put(&vm, 2, 10);
	run(&vm);
	ck_assert_uint_eq(vm.damaged, 1);
	ck_assert_uint_eq(vm.damaged_ring, 1);
	end(&vm, true);
}
END_TEST

/* The producer's process also has the doorbell's descriptor, and may use it in any way. */
START_TEST(a_bell_rung_for_nothing_disturbs_nobody)
{
	struct vm vm;
	uint64_t count = 1;
	begin(&vm);
	vm.wanted = 1;
	for (int i = 0; i < 3; i++)
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC));
	for (int i = 0; i < 5; i++) {
		t_ok(fd_write_full(vm.area.doorbell, &count, sizeof(count)));
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC));
	}
	ck_assert(!vm.pump.machine.ended);
	put(&vm, 0, 1);
	run(&vm);
	end(&vm, true);
}
END_TEST

START_TEST(drops_are_summed)
{
	struct vm vm;
	begin(&vm);
	for (uint32_t i = 0; i < RINGS; i++)
		while (shmring_put(&vm.writer[i], 1, "a record", 8))
			;
	vm.wanted = RINGS * (SHMRING_CAPACITY_MIN / 16);
	run(&vm);
	ck_assert_uint_eq(shmpump_dropped(&vm.pump), RINGS);
	end(&vm, true);
}
END_TEST

/* Reads that are interrupted, reset, or faster than their cancel: all published records arrive, and the pump ends. */
START_TEST(faults_lose_nothing_that_was_published)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct sim_config config = { .seed = seed, .faults = SIM_FAULTS_SWARM, .latency_max = NSEC_PER_MSEC };
		struct rng rng = { seed };
		struct vm vm;
		unsigned sent = 0;
		t_ok(reactor_new_sim(&reactor, &config, NULL));
		begin(&vm);
		for (uint64_t turns = rng_below(&rng, 40); turns-- && !vm.pump.machine.failure;) {
			uint32_t ring = (uint32_t)rng_below(&rng, RINGS);
			unsigned count = (unsigned)rng_below(&rng, 20);
			while (count-- && shmring_put(&vm.writer[ring], 1, "a record", 8))
				sent++;
			t_ok(reactor_turn(reactor, NSEC_NEVER));
		}
		machine_cancel(&vm.pump.machine);
		t_ok(reactor_run(reactor));
		ck_assert(vm.pump.machine.ended);
		ck_assert_int_lt(vm.pump.machine.result, 0);
		ck_assert_uint_eq(vm.got[0] + vm.got[1] + vm.got[2], sent);
		end(&vm, true);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, records_of_all_rings_arrive);
	tcase_add_test(tc, a_sleeping_pump_is_woken_by_another_process);
	tcase_add_test(tc, a_cancel_takes_what_is_there);
	tcase_add_test(tc, a_noisy_machine_starves_nobody);
	tcase_add_test(tc, a_damaged_ring_is_reported_once_and_the_others_go_on);
	tcase_add_test(tc, a_bell_rung_for_nothing_disturbs_nobody);
	tcase_add_test(tc, drops_are_summed);
	tcase_add_test(tc, faults_lose_nothing_that_was_published);
}

int main(void)
{
	return t_main("shmpump", fill);
}
