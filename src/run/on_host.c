/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * on_host.c -- runs the body of a host_only test in a child process on the host. This file does what PID 1 does in a
 * guest. Blocks, so it runs on the offload pool.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"
#include "run/fleet.h"

#define CHANNEL_FD	 3 /* the fd on which a test binary expects its channel */
#define OUTPUT_BYTES_MAX (1u << 20)
#define CANCEL_PERIOD_MS 50

struct host_child {
	pid_t pid;
	int pidfd, channel, output;
};

static int spawn_body(const struct attempt *a, int channel, int output, pid_t *ret)
{
	char seed[24], duration[24];
	const struct test_decl *t = a->item->test;
	char *argv[] = { (char *)t->binary,	  (char *)"--run", t->name, (char *)"--seed", seed,
			 (char *)"--duration-ns", duration,	   NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	snprintf(seed, sizeof(seed), "%lu", a->seed);
	snprintf(duration, sizeof(duration), "%ld", t->duration);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawn_file_actions_adddup2(&actions, channel, CHANNEL_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, CHANNEL_FD + 1);
	/* A session of its own: Ctrl-C does not reach the child, and its process group can be killed as a whole. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	sigset_t none, pipe;
	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	int r = posix_spawn(ret, t->binary, &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

static int start(struct attempt *a, struct host_child *c)
{
	int pair[2], output[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	_cleanup_close_ int channel = pair[0], channel_end = pair[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int out = output[0], out_end = output[1];
	int r = spawn_body(a, channel_end, out_end, &c->pid);
	if (r < 0)
		return r;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	c->channel = TAKE_FD(channel);
	c->output = TAKE_FD(out);
	return c->pidfd < 0 ? -errno : 0;
}

/* Reads all available packets; false: the child has closed the channel. */
static bool take_packets(int channel, struct evidence *e, void *packet)
{
	for (ssize_t n; (n = recv(channel, packet, EVIDENCE_PACKET_MAX, MSG_DONTWAIT)) != 0;) {
		_cleanup_err_ struct err *why = NULL;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!e->damage.len && evidence_take_packet(e, packet, (size_t)n, &why) < 0)
			err_format(why, &e->damage);
	}
	return false;
}

static bool take_output(int fd, struct evidence *e)
{
	char text[4096];
	struct buf *out = &e->text[WIRE_STREAM_TEST];
	ssize_t n = read(fd, text, sizeof(text));
	if (n > 0 && out->len < OUTPUT_BYTES_MAX)
		text_append(out, text, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Reads packets and output until the child exits, its deadline passes, or the attempt is cancelled. */
static void observe(struct attempt *a, const struct host_child *c, void *packet)
{
	struct evidence *e = &a->evidence;
	nsec_t deadline = nsec_now() + 3 * a->item->test->duration + 10 * NSEC_PER_SEC;
	struct pollfd fd[] = { { c->channel, POLLIN, 0 }, { c->output, POLLIN, 0 }, { c->pidfd, POLLIN, 0 } };
	while (!fd[2].revents && !offload_cancelled(&a->job)) {
		if (nsec_now() >= deadline) {
			e->test_exit.timed_out = 1;
			return;
		}
		if (poll(fd, ARRAY_SIZE(fd), CANCEL_PERIOD_MS) <= 0)
			continue;
		if (fd[0].revents && !take_packets(c->channel, e, packet))
			fd[0].fd = -1;
		if (fd[1].revents && !take_output(c->output, e))
			fd[1].fd = -1;
	}
}

/* Kills the process group, reads the remaining data, and fills in what PID 1 reports at the end of a guest. */
static void finish(struct attempt *a, struct host_child *c, void *packet)
{
	struct evidence *e = &a->evidence;
	int status = 0;
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	struct pollfd left = { c->output, POLLIN, 0 };
	take_packets(c->channel, e, packet);
	while (poll(&left, 1, 0) > 0 && take_output(c->output, e))
		;
	e->test_exit.status = status;
	e->has_test_exit = true;
	e->exit.reason = WIRE_EXIT_DONE;
	e->has_exit = true;
}

int attempt_on_host(void *arg)
{
	struct attempt *a = arg;
	struct host_child c = { .pidfd = -1, .channel = -1, .output = -1 };
	struct utsname host;
	_cleanup_free_ void *packet = malloc(EVIDENCE_PACKET_MAX);
	nsec_t began = nsec_now();
	int r = packet ? start(a, &c) : -ENOMEM;
	if (r == 0) {
		a->evidence.has_hello = true;
		if (uname(&host) == 0)
			snprintf(a->evidence.hello.release, sizeof(a->evidence.hello.release), "%.*s",
				 (int)sizeof(a->evidence.hello.release) - 1, host.release);
		observe(a, &c, packet);
	}
	if (c.pid > 0)
		finish(a, &c, packet);
	a->wall = nsec_now() - began;
	a->evidence.last_ns = (uint64_t)a->wall;
	fd_close(c.pidfd);
	fd_close(c.channel);
	fd_close(c.output);
	return r < 0 ? FAIL_SYS(&a->err, r, "run '%s' on the host", a->item->name) : 0;
}
