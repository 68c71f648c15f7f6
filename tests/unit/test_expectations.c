/* SPDX-License-Identifier: GPL-2.0-only */
/* Failed expectations of a test's body and of the processes that it starts. */
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/binary/body.h"
#include "guest/ctx.h"
#include "t.h"

static char long_text[3 * WIRE_PAYLOAD_MAX];

static enum ktstr_verdict fails_in_long_words(struct ktstr_ctx *t)
{
	ktstr_expect(t, 0, "%s", long_text);
	return KTSTR_PASS;
}

/* The end of @fn in a child process: it must be over before the body returns. */
static enum ktstr_verdict in_a_child(struct ktstr_ctx *t, void (*fn)(struct ktstr_ctx *t))
{
	pid_t pid = fork();
	if (pid == 0) {
		fn(t);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return KTSTR_PASS;
}

static void expect_in_long_words(struct ktstr_ctx *t)
{
	ktstr_expect(t, 0, "%s", long_text);
}

static void expect_without_channel(struct ktstr_ctx *t)
{
	close_range(3, ~0u, 0);
	ktstr_expect(t, 0, "nobody hears this");
}

static enum ktstr_verdict child_fails_in_long_words(struct ktstr_ctx *t)
{
	return in_a_child(t, expect_in_long_words);
}

static enum ktstr_verdict child_fails_without_channel(struct ktstr_ctx *t)
{
	return in_a_child(t, expect_without_channel);
}

static const struct {
	enum ktstr_verdict (*body)(struct ktstr_ctx *t);
	const char *begins;
	size_t length;
} failing_bodies[] = {
	{ fails_in_long_words, "\xe2\x82\xac", (WIRE_PAYLOAD_MAX - sizeof(struct wire_detail)) / 3 * 3 },
	{ child_fails_in_long_words, "\xe2\x82\xac", (WIRE_PAYLOAD_MAX - sizeof(struct wire_detail)) / 3 * 3 },
	{ child_fails_without_channel, "an expectation failed in a process that could not report it", 0 },
};

struct packet {
	struct wire_record record;
	char payload[WIRE_PAYLOAD_MAX];
};

/* A failed expectation fails the test, however long its text is, and in each process that the body starts. */
START_TEST(no_failed_expectation_is_lost)
{
	static struct packet p;
	int pair[2], size = 1 << 20;
	struct wire_detail head;
	struct wire_result result;
	for (size_t i = 0; i < sizeof(long_text) - 1; i++)
		long_text[i] = "\xe2\x82\xac"[i % 3];
	const struct ktstr_test test = { .name = "t", .body = failing_bodies[_i].body, .host_only = KTSTR_ON };
	t_ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
	t_ok(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	t_ok(body_run(&test, &(struct body_run){ .channel = pair[0], .duration = NSEC_PER_SEC }));
	ssize_t n = recv(pair[1], &p, sizeof(p), 0);
	ck_assert_int_eq(p.record.type, WIRE_DETAIL);
	size_t len = (size_t)n - sizeof(p.record) - sizeof(head);
	memcpy(&head, p.payload, sizeof(head));
	ck_assert_uint_eq(head.verdict, KTSTR_FAIL);
	ck_assert(!strncmp(p.payload + sizeof(head), failing_bodies[_i].begins, strlen(failing_bodies[_i].begins)));
	ck_assert_uint_eq(failing_bodies[_i].length ? len : 0, failing_bodies[_i].length);
	ck_assert_int_gt(recv(pair[1], &p, sizeof(p), 0), 0);
	ck_assert_int_eq(p.record.type, WIRE_RESULT);
	memcpy(&result, p.payload, sizeof(result));
	ck_assert_uint_eq(result.verdict, KTSTR_FAIL);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, no_failed_expectation_is_lost, 0, ARRAY_SIZE(failing_bodies));
}

int main(void)
{
	return t_main("expectations", fill);
}
