/* SPDX-License-Identifier: GPL-2.0-only */
/* host_process.c -- see host_process.h. */
#include "run/host_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "image/elf.h"
#include "reactor/child.h"

#define CHANNEL_FD	 3 /* the fd on which a test binary expects its channel */
#define INPUT_FD	 4
#define OUTPUT_BYTES_MAX (1u << 20)
#define CANCEL_PERIOD_MS 50

struct host_child {
	pid_t pid;
	int pidfd, channel, output;
	int guard; /* the body's process group ends when this closes */
};

/*
 * The body has a session of its own, so Ctrl-C does not reach it, and its process group can be killed as a whole. The
 * guard does that when ktstr is killed.
 */
static int spawn_body(const struct host_process *p, int channel, int output, int guard, int input, struct host_child *c)
{
	const char *argv[HOST_PROCESS_ARGUMENTS_MAX + 6] = { "sh", "-c", process_guard, "sh" };
	const struct child_fd fds[] = { { output, STDOUT_FILENO },
					{ output, STDERR_FILENO },
					{ channel, CHANNEL_FD },
					{ guard, PROCESS_GUARD_FD },
					{ input, INPUT_FD } };
	const struct child_spec spec = { .argv = argv, .fds = fds, .fd_count = ARRAY_SIZE(fds) - (input < 0) };
	struct child child = CHILD_NULL;
	const char **to = argv + 4;
	const char *emulator = elf_emulator(p->argv[0]);
	if (emulator)
		*to++ = emulator;
	memcpy(to, p->argv, sizeof(p->argv));
	int r = child_exec(&child, &spec, NULL);
	c->pid = r == 0 ? child.pid : 0;
	c->pidfd = child.pidfd;
	return r;
}

/* A file in memory with the text: it can be read from its start, without a writer. */
static int make_input(const struct buf *text)
{
	int fd = memfd_create("ktstr-input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fd_write_full(fd, text->data, text->len);
	if (r < 0)
		fd_close(fd);
	return r < 0 ? r : fd;
}

static int start(const struct host_process *p, struct host_child *c)
{
	int pair[2], output[2], guard[2];
	_cleanup_close_ int input = p->input ? make_input(p->input) : -1;
	if (p->input && input < 0)
		return input;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	_cleanup_close_ int channel = pair[0], channel_end = pair[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int out = output[0], out_end = output[1];
	if (pipe2(guard, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int guard_end = guard[0];
	c->guard = guard[1];
	int r = spawn_body(p, channel_end, out_end, guard_end, input, c);
	if (r < 0)
		return r;
	c->channel = TAKE_FD(channel);
	c->output = TAKE_FD(out);
	return 0;
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

/* Reads packets and output until the child exits, its time is over, or the job is cancelled. */
static void observe(const struct host_process *p, const struct host_child *c, void *packet)
{
	struct evidence *e = p->evidence;
	nsec_t deadline = nsec_now() + p->limit;
	struct pollfd fd[] = { { c->channel, POLLIN, 0 }, { c->output, POLLIN, 0 }, { c->pidfd, POLLIN, 0 } };
	while (!fd[2].revents && !offload_cancelled(p->job)) {
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
static void finish(const struct host_process *p, struct host_child *c, void *packet)
{
	struct evidence *e = p->evidence;
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

int host_process_run(const struct host_process *p)
{
	struct host_child c = { .pidfd = -1, .channel = -1, .output = -1, .guard = -1 };
	_cleanup_free_ void *packet = malloc(EVIDENCE_PACKET_MAX);
	int r = packet ? start(p, &c) : -ENOMEM;
	if (r == 0)
		observe(p, &c, packet);
	if (c.pid > 0)
		finish(p, &c, packet);
	fd_close(c.pidfd);
	fd_close(c.channel);
	fd_close(c.output);
	fd_close(c.guard);
	return r;
}
