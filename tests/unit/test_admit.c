/* SPDX-License-Identifier: GPL-2.0-only */
/* The queue and admission. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "hosttree.h"
#include "lock/admit.h"
#include "t.h"

#define HOSTS TESTS_DIR "/hosts"

/* --- the queue ---------------------------------------------------------------------------------------------------- */

static bool fits_free(void *data, struct queue_entry *e)
{
	unsigned *free_cpus = data;
	if (e->cpus > *free_cpus)
		return false;
	*free_cpus -= e->cpus;
	return true;
}

START_TEST(the_widest_that_fits_goes_first)
{
	struct queue q;
	struct queue_entry e[4] = { { .cpus = 2 }, { .cpus = 9 }, { .cpus = 4 }, { .cpus = 2, .estimate = 5 } };
	unsigned free_cpus = 8;
	queue_init(&q, 100);
	for (size_t i = 0; i < ARRAY_SIZE(e); i++)
		queue_add(&q, &e[i]);
	ck_assert_ptr_eq(queue_pick(&q, NULL, fits_free, &free_cpus), &e[2]);
	ck_assert_ptr_eq(queue_pick(&q, NULL, fits_free, &free_cpus), &e[3]);
	ck_assert_ptr_eq(queue_pick(&q, NULL, fits_free, &free_cpus), &e[0]);
	ck_assert_ptr_null(queue_pick(&q, NULL, fits_free, &free_cpus));
	ck_assert_uint_eq(queue_overtaken(&q, &e[1]), 2);
	ck_assert_ptr_eq(queue_oldest(&q), &e[1]);
}
END_TEST

static bool is_short(void *data, struct queue_entry *e)
{
	(void)data;
	return e->estimate < 6;
}

/* An entry that does not pass the filter is skipped, and its peers go first, until it is overdue. */
START_TEST(who_may_not_is_passed_over)
{
	struct queue q;
	struct queue_entry e[4] = { { .cpus = 1, .estimate = 9 },
				    { .cpus = 1, .estimate = 5 },
				    { .cpus = 1, .estimate = 3 },
				    { .cpus = 4, .estimate = 7 } };
	unsigned free_cpus = 8;
	queue_init(&q, 2);
	for (size_t i = 0; i < ARRAY_SIZE(e); i++)
		queue_add(&q, &e[i]);
	ck_assert_ptr_eq(queue_pick(&q, is_short, fits_free, &free_cpus), &e[1]);
	ck_assert_ptr_eq(queue_pick(&q, is_short, fits_free, &free_cpus), &e[2]);
	ck_assert_ptr_null(queue_pick(&q, is_short, fits_free, &free_cpus));
	ck_assert_ptr_eq(queue_pick(&q, NULL, fits_free, &free_cpus), &e[0]);
	ck_assert_uint_eq(free_cpus, 5);
}
END_TEST

/* In whatever order the others come, the first entry is admitted after the limit of overtakes, wide or narrow. */
START_TEST(nobody_is_overtaken_for_ever)
{
	struct queue q;
	struct queue_entry first = { .cpus = _i ? 16 : 1 }, other[100];
	unsigned overtakes = 0;
	queue_init(&q, 10);
	queue_add(&q, &first);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		other[i] = (struct queue_entry){ .cpus = 8 };
		queue_add(&q, &other[i]);
		/* Eight CPUs are free; all sixteen are free only if no other entry is admitted. */
		unsigned free_cpus = overtakes == 10 ? 16 : 8;
		struct queue_entry *e = queue_pick(&q, NULL, fits_free, &free_cpus);
		if (e == &first)
			break;
		overtakes++;
	}
	ck_assert_uint_eq(overtakes, 10);
}
END_TEST

/* --- admission ---------------------------------------------------------------------------------------------------- */

struct admission {
	char *path;
	struct lock_dir dir;
	struct host host;
	struct reactor *reactor;
	struct admit admit;
};

static void admission_open(struct admission *d, bool locks, nsec_t give_up)
{
	struct cpuset_bits allowed;
	struct admit_config config = {
		.host = &d->host, .memory_mib = 1000, .overtake_time = 200 * NSEC_PER_MSEC, .give_up = give_up
	};
	d->path = t_tmpdir();
	t_ok(lock_dir_open(d->path, NULL, &d->dir, NULL));
	host_tree_read(HOSTS, "ccx-desktop", &d->host, &allowed);
	config.allowed = d->host.online;
	config.dir = locks ? &d->dir : NULL;
	t_ok(reactor_new(&d->reactor, NULL));
	t_ok(admit_start(d->reactor, &d->admit, &config, NULL));
}

static void admission_close(struct admission *d)
{
	admit_stop(&d->admit);
	reactor_free(d->reactor);
	host_done(&d->host);
	lock_dir_done(&d->dir);
	t_rmdir(d->path);
}

static void turn_until_ready(struct admission *d, struct claim *c)
{
	while (c->state != CLAIM_READY)
		t_ok(reactor_turn(d->reactor, NSEC_NEVER));
}

static const struct cpu_request half = { PLAN_DEFAULT, { 1, 1, 8, 2 } }, whole = { PLAN_DEFAULT, { 1, 2, 8, 2 } },
				tiny = { PLAN_DEFAULT, { 1, 1, 1, 1 } }, vast = { PLAN_PERFORMANCE, { 1, 4, 8, 2 } };

static struct claim *ask(struct admission *d, const struct cpu_request *request, uint64_t memory_mib)
{
	return admit_ask(&d->admit, request, (struct claim_need){ .memory_mib = memory_mib });
}

START_TEST(claims_are_served_and_given_back)
{
	struct admission d;
	admission_open(&d, _i, 0);
	struct claim *a = ask(&d, &half, 400), *b = ask(&d, &half, 400);
	turn_until_ready(&d, a);
	turn_until_ready(&d, b);
	t_ok(a->result);
	t_ok(b->result);
	ck_assert(!set_meets(&a->plan.cpu_locks, &b->plan.cpu_locks));
	struct claim *c = ask(&d, &tiny, 1);
	for (unsigned i = 0; i < 20; i++)
		t_ok(reactor_turn(d.reactor, d.reactor->now + 2 * NSEC_PER_MSEC));
	ck_assert_int_ne(c->state, CLAIM_READY);
	admit_release(&d.admit, a);
	turn_until_ready(&d, c);
	t_ok(c->result);
	admit_release(&d.admit, b);
	admit_release(&d.admit, c);
	ck_assert_uint_eq(d.admit.room.memory_mib, 1000);
	admission_close(&d);
}
END_TEST

static uint64_t free_mib;

static uint64_t say_free(void)
{
	return free_mib;
}

/*
 * The memory that a guest may grow to must be free when it starts, unless it is alone; a claim that is too large is
 * skipped.
 */
START_TEST(room_to_grow_is_looked_at)
{
	struct admission d;
	const struct claim_need large = { .memory_mib = 300, .growth_mib = 600, .estimate = 9 };
	admission_open(&d, false, 0);
	d.admit.config.free_mib = say_free;
	free_mib = 700;
	struct claim *a = admit_ask(&d.admit, &tiny, large);
	turn_until_ready(&d, a);
	t_ok(a->result);
	struct claim *b = admit_ask(&d.admit, &tiny, large), *c = ask(&d, &tiny, 400);
	turn_until_ready(&d, c);
	t_ok(c->result);
	ck_assert_int_ne(b->state, CLAIM_READY);
	free_mib = 900;
	turn_until_ready(&d, b);
	t_ok(b->result);
	admit_release(&d.admit, a);
	admit_release(&d.admit, b);
	admit_release(&d.admit, c);
	ck_assert_uint_eq(d.admit.room.memory_mib, 1000);
	admission_close(&d);
}
END_TEST

START_TEST(memory_is_shared_out_too)
{
	struct admission d;
	admission_open(&d, false, 0);
	struct claim *a = ask(&d, &tiny, 700), *b = ask(&d, &tiny, 700);
	struct claim *c = ask(&d, &tiny, 1001), *e = ask(&d, &vast, 1);
	t_err_contains(&c->err, "needs 1001 MiB, and all machines together may use 1000 MiB");
	t_errno(e->result, ERANGE);
	turn_until_ready(&d, a);
	ck_assert_int_ne(b->state, CLAIM_READY);
	admit_release(&d.admit, a);
	turn_until_ready(&d, b);
	admit_release(&d.admit, b);
	admit_release(&d.admit, c);
	admit_release(&d.admit, e);
	admission_close(&d);
}
END_TEST

/* The process's own limits on machines and CPUs; a claim that waits only for them leaves no ticket for others. */
START_TEST(limits_of_our_own_are_kept)
{
	struct admission d;
	struct admit_config config = { .host = &d.host, .memory_mib = 1000, .overtake_time = 1, .dir = &d.dir };
	admission_open(&d, true, 0);
	admit_stop(&d.admit);
	config.allowed = d.host.online;
	config.claims = _i ? 0 : 1;
	config.cpus = _i ? 1 : 0;
	t_ok(admit_start(d.reactor, &d.admit, &config, NULL));
	struct claim *a = ask(&d, &tiny, 1);
	turn_until_ready(&d, a);
	struct claim *b = ask(&d, &tiny, 1), *wide = ask(&d, &half, 1);
	for (unsigned i = 0; i < 20; i++)
		t_ok(reactor_turn(d.reactor, d.reactor->now + 2 * NSEC_PER_MSEC));
	ck_assert_int_ne(b->state, CLAIM_READY);
	ck_assert_int_eq(d.admit.fairness.ticket.fd, -1);
	/* A claim wider than the limit fails at once. */
	ck_assert_int_eq(wide->state == CLAIM_READY && wide->result == -ERANGE, _i);
	admit_release(&d.admit, wide);
	admit_release(&d.admit, a);
	turn_until_ready(&d, b);
	t_ok(b->result);
	admit_release(&d.admit, b);
	admission_close(&d);
}
END_TEST

/* Budgets of one process use different CPUs while there is room. */
START_TEST(budgets_spread)
{
	struct admission d;
	const struct cpu_request four = { PLAN_BUDGET, .cpus = 4 };
	admission_open(&d, _i, 0);
	struct claim *a = ask(&d, &four, 1);
	turn_until_ready(&d, a);
	struct claim *b = ask(&d, &four, 1);
	turn_until_ready(&d, b);
	ck_assert(!set_meets(&a->plan.cpus, &b->plan.cpus));
	admit_release(&d.admit, a);
	admit_release(&d.admit, b);
	admission_close(&d);
}
END_TEST

/* A process whose claims are served leaves no ticket, however long its queue is; any other process leaves one. */
START_TEST(tickets_are_for_who_is_not_served)
{
	struct admission d;
	struct claim *c[6];
	admission_open(&d, true, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = ask(&d, &whole, 1);
	/* Longer than the overtake time in total, but each time a claim is admitted within it. */
	for (unsigned i = 0; i + 1 < ARRAY_SIZE(c); i++) {
		turn_until_ready(&d, c[i]);
		nsec_t until = d.reactor->now + 60 * NSEC_PER_MSEC;
		while (d.reactor->now < until)
			t_ok(reactor_turn(d.reactor, until));
		ck_assert_int_eq(d.admit.fairness.ticket.fd, -1);
		admit_release(&d.admit, c[i]);
	}
	turn_until_ready(&d, c[5]);
	struct claim *last = ask(&d, &whole, 1);
	while (d.admit.fairness.ticket.fd < 0)
		t_ok(reactor_turn(d.reactor, NSEC_NEVER));
	admit_release(&d.admit, last);
	admit_release(&d.admit, c[5]);
	admission_close(&d);
}
END_TEST

/* Claims may be dropped at any moment: before, during and after their processing. */
START_TEST(claims_can_be_dropped)
{
	struct admission d;
	admission_open(&d, true, 0);
	for (unsigned turns = 0; turns < 6; turns++) {
		struct claim *a = ask(&d, &whole, 1), *b = ask(&d, &whole, 1);
		for (unsigned i = 0; i < turns; i++)
			t_ok(reactor_turn(d.reactor, 0));
		admit_release(&d.admit, a);
		admit_release(&d.admit, b);
	}
	struct claim *c = ask(&d, &whole, 1);
	turn_until_ready(&d, c);
	t_ok(c->result);
	admit_release(&d.admit, c);
	admission_close(&d);
}
END_TEST

/* Another process holds the locks and does not release them. */
START_TEST(giving_up_names_the_holder)
{
	struct admission d;
	char text[64];
	int fd;
	admission_open(&d, true, 50 * NSEC_PER_MSEC);
	t_ok(lock_take(&d.dir, "ktstr-llc-0.lock", LOCK_MODE_EXCLUSIVE, &fd, NULL));
	struct claim *a = ask(&d, &whole, 1);
	turn_until_ready(&d, a);
	t_errno(a->result, EBUSY);
	ck_assert_int_eq(err_kind_of(a->err), ERR_BUSY);
	snprintf(text, sizeof(text), "held by pid %d", getpid());
	t_err_contains(&a->err, text);
	admit_release(&d.admit, a);
	close(fd);
	admission_close(&d);
}
END_TEST

/* A ticket older than the overtake time blocks later claims, whoever left it. That of a dead process is removed. */
START_TEST(tickets_are_respected)
{
	struct admission d;
	struct ticket t = TICKET_NULL;
	admission_open(&d, true, 0);
	t_ok(ticket_take(&d.dir, nsec_clock(CLOCK_BOOTTIME) - NSEC_PER_SEC, &t, NULL));
	struct claim *a = ask(&d, &tiny, 1);
	for (unsigned i = 0; i < 20; i++)
		t_ok(reactor_turn(d.reactor, d.reactor->now + 2 * NSEC_PER_MSEC));
	ck_assert_int_ne(a->state, CLAIM_READY);
	ck_assert(d.admit.pool.blocked);
	/* Its owner dies: the file stays, the lock does not. */
	t.fd = fd_close(t.fd);
	turn_until_ready(&d, a);
	t_ok(a->result);
	ck_assert_int_ne(faccessat(d.dir.fd, t.name, F_OK, 0), 0);
	admit_release(&d.admit, a);
	admission_close(&d);
}
END_TEST

START_TEST(stopping_tells_who_waits)
{
	struct admission d;
	admission_open(&d, true, 0);
	struct claim *a = ask(&d, &whole, 1), *b = ask(&d, &whole, 1);
	turn_until_ready(&d, a->state == CLAIM_READY ? b : a);
	machine_cancel(&d.admit.machine);
	turn_until_ready(&d, a);
	turn_until_ready(&d, b);
	ck_assert((a->result == 0) != (b->result == 0));
	ck_assert(a->result == -ECANCELED || b->result == -ECANCELED);
	admit_release(&d.admit, a);
	admit_release(&d.admit, b);
	admission_close(&d);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, the_widest_that_fits_goes_first);
	tcase_add_test(tc, who_may_not_is_passed_over);
	tcase_add_loop_test(tc, limits_of_our_own_are_kept, 0, 2);
	tcase_add_loop_test(tc, budgets_spread, 0, 2);
	tcase_add_test(tc, tickets_are_for_who_is_not_served);
	tcase_add_loop_test(tc, nobody_is_overtaken_for_ever, 0, 2);
	tcase_add_loop_test(tc, claims_are_served_and_given_back, 0, 2);
	tcase_add_test(tc, memory_is_shared_out_too);
	tcase_add_test(tc, room_to_grow_is_looked_at);
	tcase_add_test(tc, claims_can_be_dropped);
	tcase_add_test(tc, giving_up_names_the_holder);
	tcase_add_test(tc, tickets_are_respected);
	tcase_add_test(tc, stopping_tells_who_waits);
}

int main(void)
{
	return t_main("admit", fill);
}
