/* SPDX-License-Identifier: GPL-2.0-only */
/* What all parts of the engine share: a test's context, its waits, the order of verdicts. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/cgroup.h"
#include "guest/verdict.h"
#include "guest/wait.h"
#include "t.h"

#define LONG_WAIT (20 * NSEC_PER_SEC)

/* --- a source of events ------------------------------------------------------------------------------------------- */

static struct {
	int fd; /* -1: none */
	nsec_t due;
	unsigned prepared, served, bytes;
} fake;

static nsec_t prepare_fake(struct ktstr_ctx *t, struct pollfd *fd, unsigned *count)
{
	(void)t;
	fake.prepared++;
	if (fake.fd >= 0)
		fd[(*count)++] = (struct pollfd){ .fd = fake.fd, .events = POLLIN };
	return fake.due;
}

static void serve_fake(struct ktstr_ctx *t)
{
	char byte;
	(void)t;
	fake.served++;
	if (fake.fd >= 0)
		fake.bytes += recv(fake.fd, &byte, 1, MSG_DONTWAIT) == 1;
}

static const struct wait_source source = { .prepare = prepare_fake, .serve = serve_fake };
static const struct wait_source timer = { .prepare = prepare_fake };

/* A context whose channel has PID 1's end in *ret. */
static struct ktstr_ctx open_context(int *ret)
{
	int pair[2];
	t_ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	*ret = pair[1];
	fake = (typeof(fake)){ .fd = -1, .due = NSEC_NEVER };
	return (struct ktstr_ctx){ .channel.fd = pair[0] };
}

static void tell(int fd, enum control_kind kind)
{
	struct control message = { .kind = kind, .status = 7 };
	ck_assert_int_eq(send(fd, &message, sizeof(message), 0), sizeof(message));
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

START_TEST(a_wait_ends_when_a_source_is_due)
{
	int init;
	struct ktstr_ctx t = open_context(&init);
	nsec_t start = nsec_now();
	t.source[WAIT_WORKERS] = &timer;
	fake.due = start + 20 * NSEC_PER_MSEC;
	wait_once(&t, start + LONG_WAIT);
	ck_assert_int_ge(nsec_now(), fake.due);
	ck_assert_int_lt(nsec_now(), start + LONG_WAIT);
	ck_assert_uint_eq(fake.prepared, 1);
	close(t.channel.fd);
	close(init);
}
END_TEST

START_TEST(a_wait_serves_a_source_that_has_an_event)
{
	int init, pair[2];
	struct ktstr_ctx t = open_context(&init);
	t_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	t.source[WAIT_PAYLOADS] = &source;
	fake.fd = pair[0];
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	nsec_t start = nsec_now();
	wait_once(&t, start + LONG_WAIT);
	ck_assert_int_lt(nsec_now(), start + LONG_WAIT);
	ck_assert_uint_eq(fake.served, 1);
	ck_assert_uint_eq(fake.bytes, 1);
	ck_assert(!t.scheduler_gone);
	close(pair[0]);
	close(pair[1]);
	close(t.channel.fd);
	close(init);
}
END_TEST

START_TEST(a_wait_ends_when_the_scheduler_is_gone)
{
	int init;
	struct ktstr_ctx t = open_context(&init);
	nsec_t start = nsec_now();
	tell(init, CONTROL_SCHED_GONE);
	wait_until(&t, start + LONG_WAIT);
	ck_assert(t.scheduler_gone);
	ck_assert_int_lt(nsec_now(), start + LONG_WAIT);
	close(t.channel.fd);
	close(init);
}
END_TEST

START_TEST(answers_of_pid_1_are_waited_for)
{
	int init;
	struct ktstr_ctx t = open_context(&init);
	struct control answer = { 0 };
	tell(init, CONTROL_SCHED_DONE);
	ck_assert(wait_control(&t, nsec_now() + LONG_WAIT, &answer));
	ck_assert_uint_eq(answer.kind, CONTROL_SCHED_DONE);
	ck_assert_int_eq(answer.status, 7);
	ck_assert(!wait_control(&t, nsec_now() + 5 * NSEC_PER_MSEC, &answer));
	close(t.channel.fd);
	close(init);
}
END_TEST

/* A closed channel is always readable: polling it further would take all CPU time until the wait ends. */
START_TEST(a_closed_channel_is_not_polled_again)
{
	int init;
	struct ktstr_ctx t = open_context(&init);
	int channel = t.channel.fd;
	nsec_t until = nsec_now() + 20 * NSEC_PER_MSEC;
	t.source[WAIT_WORKERS] = &timer;
	close(init);
	wait_until(&t, until);
	ck_assert_int_ge(nsec_now(), until);
	ck_assert_int_eq(t.channel.fd, -1);
	ck_assert_uint_lt(fake.prepared, 5);
	close(channel);
}
END_TEST

START_TEST(a_dry_run_does_not_sleep)
{
	struct dry_run dry = { .problem = BUF_NULL };
	struct ktstr_ctx t = { .channel.fd = -1, .dry = &dry };
	nsec_t start = nsec_now();
	ktstr_ctx_sleep_us(&t, LONG_WAIT / NSEC_PER_USEC);
	ck_assert_int_lt(nsec_now(), start + LONG_WAIT);
}
END_TEST

/* --- look-ups ----------------------------------------------------------------------------------------------------- */

START_TEST(the_worse_of_two_verdicts)
{
	static const enum ktstr_verdict order[] = { KTSTR_PASS, KTSTR_SKIP, KTSTR_INCONCLUSIVE, KTSTR_FAIL };
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < ARRAY_SIZE(order); k++)
			ck_assert_int_eq(verdict_worse(order[i], order[k]), order[MAX_OF(i, k)]);
}
END_TEST

START_TEST(parents_of_cgroups)
{
	char parent[WIRE_NAME_MAX];
	ck_assert(!cgroup_parent("a", parent));
	ck_assert(cgroup_parent("a/b", parent));
	ck_assert_str_eq(parent, "a");
	ck_assert(cgroup_parent("a/b/c", parent));
	ck_assert_str_eq(parent, "a/b");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_wait_ends_when_a_source_is_due);
	tcase_add_test(tc, a_wait_serves_a_source_that_has_an_event);
	tcase_add_test(tc, a_wait_ends_when_the_scheduler_is_gone);
	tcase_add_test(tc, answers_of_pid_1_are_waited_for);
	tcase_add_test(tc, a_closed_channel_is_not_polled_again);
	tcase_add_test(tc, a_dry_run_does_not_sleep);
	tcase_add_test(tc, the_worse_of_two_verdicts);
	tcase_add_test(tc, parents_of_cgroups);
}

int main(void)
{
	return t_main("engine", fill);
}
