/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The orchestrator's side of the observer. This program plays the machine's process: it has the same channel, eventfds
 * and ring, and writes into them what the library writes, and what a guest that has taken over QEMU may write.
 */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "run/granted.h"
#include "t.h"
#include "topo/topology.h"
#include "vmm/kvm/backend.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/observe.h"

#define KERNEL	  0xffffffff81000000u
#define VCPUS	  4
#define TURNS_MAX 10000

static struct reactor *reactor;
static struct vm vm;
static struct qemu_observer *o;
static bool has_ended;
static unsigned records;
static struct observe_record last;

static void ended(struct vm *v)
{
	ck_assert_ptr_eq(v, &vm);
	has_ended = true;
}

static void take(void *data, const struct observe_record *r)
{
	ck_assert_ptr_eq(data, &records);
	records++;
	last = *r;
}

static const struct observe_hook hooks[] = {
	{ KERNEL, 7, OBSERVE_STOP },
	{ KERNEL + 16, 8, OBSERVE_RECORD },
};
static const struct observe_config observe = {
	.hooks = hooks, .hook_count = 2, .sample_ns = 1000, .at_end = true, .record = take, .data = &records
};
static const struct vm_config config = { .topology = { .numa_nodes = 1, .llcs = 2, .cores = 2, .threads = 1 },
					 .memory_mib = 256,
					 .observe = &observe };

static void begin(void)
{
	vm = (struct vm){ 0 };
	has_ended = false;
	records = 0;
	o = calloc(1, sizeof(*o));
	*o = QEMU_OBSERVER_NULL;
	t_ok(reactor_new(&reactor, NULL));
	t_ok(qemu_observer_init(o, &vm, &config, NULL));
	t_ok(qemu_observer_start(o, reactor, NULL, ended, NULL));
}

static void turn_until(const bool *what)
{
	for (int i = 0; i < TURNS_MAX && !*what; i++)
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC));
	ck_assert(*what);
}

static void end(void)
{
	qemu_observer_child_ended(o);
	turn_until(&has_ended);
	ck_assert_ptr_null(vm.stop);
	qemu_observer_done(o);
	free(o);
	reactor_free(reactor);
}

static void ring(int fd)
{
	uint64_t one = 1;
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

/* The guest goes on: reads the eventfd, as the library does. */
static void expect_go_on(void)
{
	uint64_t count = 0;
	for (int i = 0; i < 100; i++)
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC / 10));
	ck_assert_int_eq(read(o->go_on_fd, &count, sizeof(count)), sizeof(count));
	ck_assert_uint_eq(count, 1);
}

static void stop(struct channel_stop s)
{
	o->channel->stop = s;
	ring(o->stopped_fd);
	for (int i = 0; i < TURNS_MAX && !vm.stop && !vm.observer_damaged; i++)
		t_ok(reactor_turn(reactor, nsec_now() + NSEC_PER_MSEC));
}

static const struct channel_stop at_time = { .why = OBSERVE_AT_TIME, .vcpus = VCPUS, .vcpu = 1, .guest_ns = 5000 };
static const struct channel_stop at_hook = { .why = OBSERVE_AT_HOOK, .hook = 7, .vcpus = VCPUS, .vcpu = 3 };

/* --- stops -------------------------------------------------------------------------------------------------------- */

START_TEST(channel_has_what_the_machine_starts_with)
{
	begin();
	ck_assert_uint_eq(o->channel->magic, CHANNEL_MAGIC);
	ck_assert_uint_eq(o->channel->size, sizeof(struct channel));
	ck_assert_uint_eq(o->channel->vcpus, VCPUS);
	ck_assert_uint_eq(o->channel->sample_ns, 1000);
	ck_assert_uint_eq(o->channel->hooks, 2);
	ck_assert_mem_eq(&o->channel->hook[1].hook, &hooks[1], sizeof(hooks[1]));
	end();
}
END_TEST

START_TEST(guest_is_held_until_it_is_resumed)
{
	begin();
	o->channel->registers[3].general[RSP] = 77;
	stop(at_hook);
	ck_assert_ptr_nonnull(vm.stop);
	ck_assert_int_eq(vm.stop->why, OBSERVE_AT_HOOK);
	ck_assert_uint_eq(vm.stop->hook, 7);
	ck_assert_uint_eq(vm.stop->registers[3].general[RSP], 77);
	o->channel->registers[3].general[RSP] = 78;
	ck_assert_uint_eq(vm.stop->registers[3].general[RSP], 77);
	nsec_t held = vm_usage(&vm).held;
	while (vm_usage(&vm).held == held)
		;
	qemu_observer_resume(o);
	ck_assert_ptr_null(vm.stop);
	ck_assert_int_gt(vm.held, 0);
	expect_go_on();
	stop(at_time);
	ck_assert_int_eq(vm.stop->why, OBSERVE_AT_TIME);
	ck_assert_uint_eq(vm.stop->guest_ns, 5000);
	ck_assert_uint_eq(vm.stop->count, 2);
	qemu_observer_resume(o);
	expect_go_on();
	ck_assert(!vm.observer_damaged);
	end();
}
END_TEST

START_TEST(release_ends_a_stop)
{
	begin();
	stop(at_time);
	qemu_observer_release(o);
	expect_go_on();
	ck_assert_ptr_null(vm.stop);
	ck_assert_uint_eq(o->channel->free_run, 1);
	ck_assert(!has_ended);
	end();
}
END_TEST

START_TEST(machine_may_end_in_a_stop)
{
	begin();
	stop(at_time);
	end();
}
END_TEST

static const struct channel_stop lies[] = {
	{ .vcpus = VCPUS },
	{ .why = OBSERVE_AT_END + 1, .vcpus = VCPUS },
	{ .why = OBSERVE_AT_TIME, .vcpus = VCPUS + 1 },
	{ .why = OBSERVE_AT_TIME, .vcpus = UINT32_MAX },
	{ .why = OBSERVE_AT_TIME },
	{ .why = OBSERVE_AT_TIME, .vcpus = VCPUS, .vcpu = VCPUS },
	{ .why = OBSERVE_AT_HOOK, .vcpus = VCPUS, .hook = 9 },
};

START_TEST(stop_that_lies_is_given_up)
{
	begin();
	stop(lies[_i]);
	ck_assert(vm.observer_damaged);
	ck_assert_ptr_null(vm.stop);
	expect_go_on();
	ck_assert_uint_eq(o->channel->free_run, 1);
	end();
}
END_TEST

/* Whatever is in the channel, the machine survives, and its stops are within bounds. */
START_TEST(channel_may_hold_anything)
{
	struct rng rng = { (uint64_t)_i };
	begin();
	for (size_t i = 0; i < sizeof(*o->channel); i++)
		((uint8_t *)o->channel)[i] = (uint8_t)rng_next(&rng);
	struct channel_stop s = o->channel->stop;
	if (_i % 2)
		s = (struct channel_stop){
			.why = 1 + s.why % 2, .hook = 7 + s.hook % 3, .vcpus = VCPUS, .vcpu = s.vcpu % 5
		};
	stop(s);
	struct observe_hook_state state;
	t_ok(qemu_observer_hook_state(o, 7, &state));
	ck_assert(vm.observer_damaged || (vm.stop && vm.stop->vcpu < VCPUS && vm.stop->vcpus == VCPUS));
	end();
}
END_TEST

/* --- hooks -------------------------------------------------------------------------------------------------------- */

START_TEST(hooks_are_set_while_stopped)
{
	begin();
	stop(at_time);
	const struct observe_hook more = { KERNEL + 32, 9, OBSERVE_COUNT }, off = { KERNEL, 7, OBSERVE_OFF };
	t_ok(qemu_observer_set_hook(o, &more, NULL));
	t_ok(qemu_observer_set_hook(o, &off, NULL));
	ck_assert_uint_eq(o->channel->hooks, 3);
	ck_assert_uint_eq(o->channel->hook[2].hook.address, KERNEL + 32);
	ck_assert_uint_eq(o->channel->hook[0].hook.kind, OBSERVE_OFF);
	o->channel->hook[2].hits = 11;
	struct observe_hook_state state;
	t_ok(qemu_observer_hook_state(o, 9, &state));
	ck_assert_uint_eq(state.hits, 11);
	t_errno(qemu_observer_hook_state(o, 10, &state), ENOENT);
	end();
}
END_TEST

static const struct observe_hook bad_hooks[] = {
	{ 0x401000, 9, OBSERVE_STOP },	  /* not the kernel's */
	{ KERNEL, 9, OBSERVE_ORDER + 1 }, /* no kind */
	{ KERNEL + 1, 7, OBSERVE_STOP },  /* of another address */
	/* Reads: no such base, size, or number of hops. */
	{ KERNEL, 9, OBSERVE_RECORD, { { OBSERVE_BASE_COUNT, 8, 1 } } },
	{ KERNEL, 9, OBSERVE_RECORD, { { OBSERVE_PER_CPU, 3, 1 } } },
	{ KERNEL, 9, OBSERVE_RECORD, { { OBSERVE_PER_CPU, 16, 1 } } },
	{ KERNEL, 9, OBSERVE_RECORD, { { OBSERVE_PER_CPU, 8, 0 } } },
	{ KERNEL, 9, OBSERVE_RECORD, { { OBSERVE_ARGUMENT, 8, 1 }, { OBSERVE_ARGUMENT, 8, OBSERVE_HOPS + 1 } } },
};

START_TEST(hooks_are_checked)
{
	begin();
	stop(at_time);
	t_errno(qemu_observer_set_hook(o, &bad_hooks[_i], NULL), EINVAL);
	ck_assert_uint_eq(o->channel->hooks, 2);
	end();
}
END_TEST

START_TEST(hooks_are_limited)
{
	begin();
	stop(at_time);
	for (uint32_t i = 2; i < OBSERVE_HOOKS_MAX; i++)
		t_ok(qemu_observer_set_hook(o, &(struct observe_hook){ KERNEL + i, 100 + i, OBSERVE_COUNT }, NULL));
	t_errno(qemu_observer_set_hook(o, &(struct observe_hook){ KERNEL, 99, OBSERVE_COUNT }, NULL), ENOSPC);
	t_ok(qemu_observer_set_hook(o, &(struct observe_hook){ KERNEL + 3, 103, OBSERVE_OFF }, NULL));
	end();
}
END_TEST

/* --- records ------------------------------------------------------------------------------------------------------ */

static void put_records(unsigned count, uint16_t type, uint16_t length, struct observe_record r)
{
	struct shmring_writer w;
	shmring_writer_init(&w, &o->area, 0);
	while (count--)
		shmring_put(&w, type, &r, length);
}

START_TEST(records_are_delivered)
{
	begin();
	put_records(1000, CHANNEL_RECORD, sizeof(last), (struct observe_record){ 12, 2, 8, { 1, 2, 3, 4, 5, 6 } });
	end(); /* also reads what is there at the end */
	ck_assert_uint_eq(records, 1000);
	ck_assert_uint_eq(last.guest_ns, 12);
	ck_assert_uint_eq(last.argument[5], 6);
	ck_assert(!vm.observer_damaged);
}
END_TEST

/* The guest stands still at its end: nothing of what it did is missing then. */
START_TEST(records_are_complete_at_the_end)
{
	const struct channel_stop at_end = { .why = OBSERVE_AT_END, .vcpus = VCPUS };
	begin();
	put_records(1000, CHANNEL_RECORD, sizeof(last), (struct observe_record){ .hook = 8 });
	stop(at_end);
	ck_assert_int_eq(vm.stop->why, OBSERVE_AT_END);
	ck_assert_uint_eq(records, 1000);
	qemu_observer_resume(o);
	expect_go_on();
	end();
}
END_TEST

START_TEST(record_that_lies_at_the_end_is_given_up)
{
	const struct channel_stop at_end = { .why = OBSERVE_AT_END, .vcpus = VCPUS };
	begin();
	put_records(1, CHANNEL_RECORD, sizeof(last), (struct observe_record){ .hook = 10 });
	stop(at_end);
	ck_assert(vm.observer_damaged);
	ck_assert_ptr_null(vm.stop);
	expect_go_on();
	end();
}
END_TEST

static const struct {
	uint16_t type, length;
	struct observe_record record;
} bad_records[] = {
	{ CHANNEL_RECORD + 1, sizeof(struct observe_record), { .hook = 8 } },
	{ CHANNEL_RECORD, 8, { .hook = 8 } },
	{ CHANNEL_RECORD, sizeof(struct observe_record), { .hook = 10 } },
	{ CHANNEL_RECORD, sizeof(struct observe_record), { .hook = 8, .vcpu = VCPUS } },
};

START_TEST(records_are_checked)
{
	begin();
	put_records(1, bad_records[_i].type, bad_records[_i].length, bad_records[_i].record);
	end();
	ck_assert_uint_eq(records, 0);
	ck_assert(vm.observer_damaged);
}
END_TEST

START_TEST(records_for_nobody_are_counts)
{
	const struct observe_config deaf = { .hooks = hooks, .hook_count = 2 };
	struct vm_config c = config;
	struct qemu_observer *quiet = calloc(1, sizeof(*quiet));
	*quiet = QEMU_OBSERVER_NULL;
	c.observe = &deaf;
	t_ok(qemu_observer_init(quiet, &vm, &c, NULL));
	ck_assert_uint_eq(quiet->channel->hook[0].hook.kind, OBSERVE_STOP);
	ck_assert_uint_eq(quiet->channel->hook[1].hook.kind, OBSERVE_COUNT);
	qemu_observer_done(quiet);
	free(quiet);
}
END_TEST

/* --- perturbations ------------------------------------------------------------------------------------------------ */

static int init_with(struct observe_perturb p, unsigned lag_ns)
{
	const struct observe_config c = { .hooks = hooks, .hook_count = 2, .perturb = p };
	struct vm_config with = config;
	struct qemu_observer *perturbed = calloc(1, sizeof(*perturbed));
	*perturbed = QEMU_OBSERVER_NULL;
	with.observe = &c;
	with.lag_ns = lag_ns;
	int r = qemu_observer_init(perturbed, &vm, &with, NULL);
	qemu_observer_done(perturbed);
	free(perturbed);
	return r;
}

static const struct observe_point in_order[] = { { 5, 0, 100 }, { 9, 0, OBSERVE_HOLD_NS_MAX } };
static const struct observe_point not_in_order[] = { { 9, 0, 100 }, { 9, 0, 100 } };
static const struct observe_point too_long[] = { { 5, 0, OBSERVE_HOLD_NS_MAX + 1 } };

START_TEST(perturbations_are_checked)
{
	t_ok(init_with((struct observe_perturb){ .one_in = 3, .hold_ns = 100 }, 5000));
	t_ok(init_with((struct observe_perturb){ .points = in_order, .point_count = 2 }, 5000));
	t_ok(init_with((struct observe_perturb){ 0 }, 0));
	t_errno(init_with((struct observe_perturb){ .one_in = 3, .hold_ns = 100 }, 0), EINVAL);
	t_errno(init_with((struct observe_perturb){ .points = in_order, .point_count = 2 }, 0), EINVAL);
	t_errno(init_with((struct observe_perturb){ .one_in = 3 }, 5000), EINVAL);
	t_errno(init_with((struct observe_perturb){ .one_in = 3, .hold_ns = OBSERVE_HOLD_NS_MAX + 1 }, 5000), EINVAL);
	t_errno(init_with((struct observe_perturb){ .points = not_in_order, .point_count = 2 }, 5000), EINVAL);
	t_errno(init_with((struct observe_perturb){ .points = too_long, .point_count = 1 }, 5000), EINVAL);
}
END_TEST

START_TEST(points_of_the_process_are_bounded)
{
	struct observe_point out[4] = { 0 };
	begin();
	ck_assert_uint_eq(qemu_observer_points(o, out, 4), 0);
	o->channel->points = UINT32_MAX;
	o->channel->point[3] = (struct observe_point){ 7, 1, UINT32_MAX };
	ck_assert_uint_eq(qemu_observer_points(o, out, 4), OBSERVE_POINTS_MAX);
	ck_assert_uint_eq(out[3].hit, 7);
	ck_assert_uint_eq(out[3].hold_ns, OBSERVE_HOLD_NS_MAX);
	end();
}
END_TEST

/* --- the rest of the machine -------------------------------------------------------------------------------------- */

START_TEST(held_time_is_not_granted)
{
	struct granted g;
	granted_begin(&g, 10 * NSEC_PER_SEC, 0, 0, (struct vm_usage){ .known = true });
	granted_sample(&g, 9 * NSEC_PER_SEC, 0, (struct vm_usage){ .known = true, .held = 6 * NSEC_PER_SEC });
	ck_assert_int_eq(g.granted, 3 * NSEC_PER_SEC);
	ck_assert_int_eq(g.elapsed, 3 * NSEC_PER_SEC);
	granted_sample(&g, 10 * NSEC_PER_SEC, 0, (struct vm_usage){ .known = true, .held = 6 * NSEC_PER_SEC });
	ck_assert_int_eq(g.granted, 4 * NSEC_PER_SEC);
}
END_TEST

static bool has_plugin(const struct vm_config *c)
{
	struct guestmem m;
	struct qemu_argv argv;
	bool found = false;
	guestmem_plan_for(&m, &c->topology, c->memory_mib);
	t_ok(qemu_argv_build(&argv, c, &m));
	for (unsigned i = 0; i < argv.count; i++)
		found |= !strcmp(argv.arg[i], "-plugin");
	qemu_argv_done(&argv);
	return found;
}

START_TEST(machines_with_a_shared_clock_have_a_plugin_only_if_observed)
{
	struct vm_config c = config;
	c.kernel = "kernel";
	ck_assert(has_plugin(&c));
	c.observe = NULL;
	ck_assert(!has_plugin(&c));
	c.lag_ns = 5000;
	ck_assert(has_plugin(&c));
}
END_TEST

START_TEST(kvm_refuses_by_name)
{
	char why[160];
	struct vm_config c = config;
	ck_assert_str_eq(kvm_backend.refuses(&c, why, sizeof(why)), kvm_backend.observer_lack(why, sizeof(why)));
	c.observe = NULL;
	ck_assert_ptr_null(kvm_backend.refuses(&c, why, sizeof(why)));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, channel_has_what_the_machine_starts_with);
	tcase_add_test(tc, guest_is_held_until_it_is_resumed);
	tcase_add_test(tc, release_ends_a_stop);
	tcase_add_test(tc, machine_may_end_in_a_stop);
	tcase_add_loop_test(tc, stop_that_lies_is_given_up, 0, ARRAY_SIZE(lies));
	tcase_add_loop_test(tc, channel_may_hold_anything, 0, 20);
	tcase_add_test(tc, hooks_are_set_while_stopped);
	tcase_add_loop_test(tc, hooks_are_checked, 0, ARRAY_SIZE(bad_hooks));
	tcase_add_test(tc, hooks_are_limited);
	tcase_add_test(tc, records_are_delivered);
	tcase_add_test(tc, records_are_complete_at_the_end);
	tcase_add_test(tc, record_that_lies_at_the_end_is_given_up);
	tcase_add_loop_test(tc, records_are_checked, 0, ARRAY_SIZE(bad_records));
	tcase_add_test(tc, records_for_nobody_are_counts);
	tcase_add_test(tc, perturbations_are_checked);
	tcase_add_test(tc, points_of_the_process_are_bounded);
	tcase_add_test(tc, held_time_is_not_granted);
	tcase_add_test(tc, machines_with_a_shared_clock_have_a_plugin_only_if_observed);
	tcase_add_test(tc, kvm_refuses_by_name);
}

int main(void)
{
	return t_main("observe", fill);
}
