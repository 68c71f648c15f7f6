/* SPDX-License-Identifier: GPL-2.0-only */
/* Turns of a guest in parallel time: the same vCPUs come first as in a list that is searched from its begin. */
#include "base/rng.h"
#include "t.h"
#include "vmm/qemu/preload/turn_queue.h"

#define VCPUS 240

struct model {
	bool awake[VCPUS];
	int64_t at[VCPUS];
};

/* The earliest of those that are awake but @but; of equals, the first. VCPUS: there is none. */
static unsigned earliest(const struct model *m, unsigned but)
{
	unsigned best = VCPUS;
	for (unsigned i = 0; i < VCPUS; i++)
		if (m->awake[i] && i != but && (best == VCPUS || m->at[i] < m->at[best]))
			best = i;
	return best;
}

static void compare(const struct turn_queue *q, const struct model *m)
{
	int64_t at = -1;
	unsigned first = earliest(m, VCPUS), second = earliest(m, first);
	ck_assert_int_eq(turn_queue_empty(q), first == VCPUS);
	if (first < VCPUS)
		ck_assert_uint_eq(turn_queue_first(q), first);
	ck_assert_int_eq(turn_queue_second(q, &at), first < VCPUS && second < VCPUS);
	if (first < VCPUS && second < VCPUS)
		ck_assert_int_eq(at, m->at[second]);
}

/* Few different times, so that many are equal; _i: how many vCPUs there are. */
START_TEST(first_and_second_as_in_a_list)
{
	static const unsigned counts[] = { 1, 2, 3, 7, 64, VCPUS };
	struct model m = { 0 };
	struct turn_queue q;
	struct rng rng = { 7 };
	unsigned vcpus = counts[_i];
	ck_assert(turn_queue_init(&q, vcpus));
	compare(&q, &m);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned vcpu = (unsigned)rng_below(&rng, vcpus);
		if (rng_below(&rng, 4)) {
			m.awake[vcpu] = true;
			m.at[vcpu] = (int64_t)rng_below(&rng, 50);
			turn_queue_put(&q, vcpu, m.at[vcpu]);
		} else {
			m.awake[vcpu] = false;
			turn_queue_remove(&q, vcpu);
		}
		if (step % 7 == 0)
			compare(&q, &m);
	}
	turn_queue_done(&q);
}
END_TEST

/* The usual case: the first one's time moves on, the others' do not. */
START_TEST(turns_in_the_order_of_clocks)
{
	struct turn_queue q;
	ck_assert(turn_queue_init(&q, VCPUS));
	for (unsigned i = VCPUS; i-- > 0;)
		turn_queue_put(&q, i, 0);
	for (unsigned turn = 0; turn < 3 * VCPUS; turn++) {
		ck_assert_uint_eq(turn_queue_first(&q), turn % VCPUS);
		turn_queue_put(&q, turn_queue_first(&q), 5 * (turn / VCPUS + 1));
	}
	turn_queue_done(&q);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, first_and_second_as_in_a_list, 0, 6);
	tcase_add_test(tc, turns_in_the_order_of_clocks);
}

int main(void)
{
	return t_main("turn_queue", fill);
}
