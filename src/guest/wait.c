/* SPDX-License-Identifier: GPL-2.0-only */
/* wait.c -- see wait.h. */
#include <sys/socket.h>

#include "guest/reap.h"
#include "guest/wait.h"

static nsec_t prepare_sources(struct ktstr_ctx *t, struct pollfd *fd, unsigned *count)
{
	nsec_t first = NSEC_NEVER;
	for (size_t i = 0; i < WAIT_SOURCE_KIND_MAX; i++) {
		nsec_t due = t->source[i] ? t->source[i]->prepare(t, fd, count) : NSEC_NEVER;
		first = MIN_OF(first, due);
	}
	return first;
}

static void serve_sources(struct ktstr_ctx *t)
{
	for (size_t i = 0; i < WAIT_SOURCE_KIND_MAX; i++)
		if (t->source[i] && t->source[i]->serve)
			t->source[i]->serve(t);
}

/*
 * Waits once, until @until, a message of PID 1, or an event of a source, which is handled here. True: *ret is a
 * message. Stops polling the channel when it is closed: a test may close any descriptor.
 */
static bool poll_once(struct ktstr_ctx *t, nsec_t until, struct control *ret)
{
	struct pollfd fd[1 + WAIT_FDS_MAX] = { { .fd = t->channel.fd, .events = POLLIN } };
	unsigned count = 1;
	nsec_t due = prepare_sources(t, fd, &count);
	nsec_t left = MIN_OF(until, due) - nsec_now();
	struct timespec ts = nsec_to_timespec(MAX_OF(left, 0));
	reap_keep_status();
	int n = ppoll(fd, count, &ts, NULL);
	serve_sources(t);
	if (n <= 0 || !fd[0].revents)
		return false;
	if (recv(t->channel.fd, ret, sizeof(*ret), MSG_DONTWAIT) == sizeof(*ret))
		return true;
	t->channel.fd = -1;
	return false;
}

bool wait_control(struct ktstr_ctx *t, nsec_t until, struct control *ret)
{
	while (nsec_now() < until)
		if (poll_once(t, until, ret))
			return true;
	return false;
}

void wait_once(struct ktstr_ctx *t, nsec_t until)
{
	struct control message;
	if (poll_once(t, until, &message) && message.kind == CONTROL_SCHED_GONE)
		t->scheduler_gone = true;
}

void wait_until(struct ktstr_ctx *t, nsec_t until)
{
	while (!t->scheduler_gone && nsec_now() < until)
		wait_once(t, until);
}

void ktstr_ctx_sleep_us(struct ktstr_ctx *t, unsigned us)
{
	if (!t->dry)
		wait_until(t, nsec_now() + us * NSEC_PER_USEC);
}
