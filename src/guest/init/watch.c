/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.c -- see watch.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/channel.h"
#include "guest/init/sched_state.h"
#include "guest/init/watch.h"

/* --- sources ------------------------------------------------------------------------------------------------------ */

static int open_uevents(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_kmsg(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

int watch_open(struct init *i)
{
	sigset_t children;
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	for (size_t k = 0; k < SRC_MAX; k++)
		i->fd[k] = (struct pollfd){ .fd = -1, .events = POLLIN };
	i->fd[SRC_SIGNAL].fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	i->fd[SRC_UEVENT].fd = open_uevents();
	i->fd[SRC_KMSG].fd = open_kmsg();
	return i->fd[SRC_SIGNAL].fd < 0 ? -errno : 0;
}

static void take_children(struct init *i)
{
	struct signalfd_siginfo info;
	while (read(i->fd[SRC_SIGNAL].fd, &info, sizeof(info)) > 0)
		;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == i->sched_pid) {
			i->sched_status = status;
			i->sched_ended = true;
			scheduler_gone(i, WIRE_SCHED_DIED);
			i->sched_pid = 0;
		} else if (pid == i->test_pid) {
			i->test_status = status;
			i->test_ended = true;
			i->test_pid = 0;
		}
	}
}

static void take_output(struct init *i, enum source source, enum wire_stream stream)
{
	char chunk[8192];
	ssize_t n;
	while ((n = read(i->fd[source].fd, chunk, sizeof(chunk))) > 0)
		log_text(&i->log, stream, chunk, (size_t)n);
	if (n == 0)
		i->fd[source].fd = fd_close(i->fd[source].fd);
}

static void take_packets(struct init *i)
{
	static union {
		struct wire_record record;
		uint8_t bytes[sizeof(struct wire_record) + WIRE_PAYLOAD_MAX];
	} packet;
	for (;;) {
		ssize_t n = recv(i->fd[SRC_CHANNEL].fd, packet.bytes, sizeof(packet), MSG_DONTWAIT);
		if (n == 0) {
			i->fd[SRC_CHANNEL].fd = fd_close(i->fd[SRC_CHANNEL].fd);
			return;
		}
		if (n < (ssize_t)sizeof(packet.record))
			return;
		struct wire_record *r = &packet.record;
		bool from_a_test = (r->type >= WIRE_PHASE && r->type <= WIRE_RESULT && r->type != WIRE_TEXT) ||
				   r->type == WIRE_PAYLOAD || r->type == WIRE_PAYLOAD_METRIC || r->type == WIRE_CHECK ||
				   r->type == WIRE_SCENARIO || r->type == WIRE_PAYLOAD_TEXT;
		if (r->type == CHANNEL_SCHED_REQUEST && r->length == sizeof(i->request) &&
		    (size_t)n == sizeof(*r) + sizeof(i->request)) {
			memcpy(&i->request, packet.bytes + sizeof(*r), sizeof(i->request));
			i->request.name[sizeof(i->request.name) - 1] = '\0';
			continue;
		}
		if (r->length == (size_t)n - sizeof(*r) && from_a_test)
			log_record(&i->log, r->type, r->time_ns, packet.bytes + sizeof(*r), r->length, NULL, 0);
	}
}

/* sched_ext adds its root object when a scheduler is enabled and removes it when the scheduler is disabled. */
static void take_uevents(struct init *i)
{
	char message[2048];
	ssize_t n;
	while ((n = recv(i->fd[SRC_UEVENT].fd, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
		message[n] = '\0';
		/* If the scheduler's process is exiting, its exit is the cause and is handled when it is reported. */
		if (!strcmp(message, "remove@/kernel/sched_ext/root") && !scheduler_is_exiting(i))
			scheduler_gone(i, WIRE_SCHED_EJECTED);
		else if (!strcmp(message, "add@/kernel/sched_ext/root") && i->sched_pid && !i->ejected)
			i->attached = scheduler_enabled();
	}
}

/*
 * One message per read: "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT\n KEY=VALUE...". Keeps warnings and more severe
 * messages.
 */
static void take_kmsg(struct init *i)
{
	char message[4096];
	for (;;) {
		ssize_t n = read(i->fd[SRC_KMSG].fd, message, sizeof(message) - 1);
		if (n < 0 && errno == EPIPE)
			continue; /* unread messages were overwritten: continue with the oldest one left */
		if (n <= 0)
			return;
		message[n] = '\0';
		char *text = strchr(message, ';');
		if (!text || (strtoul(message, NULL, 10) & 7) > 4)
			continue;
		log_text(&i->log, WIRE_STREAM_KMSG, text + 1, strcspn(text + 1, "\n") + 1);
	}
}

/* "  task-pid [cpu] flags time: sched_ext_dump: TEXT": keeps only the text. */
static void take_trace(struct init *i)
{
	static const char mark[] = "sched_ext_dump: ";
	static char chunk[16384];
	static size_t held;
	ssize_t n;
	while ((n = read(i->fd[SRC_TRACE].fd, chunk + held, sizeof(chunk) - 1 - held)) > 0) {
		size_t len = held + (size_t)n, at = 0;
		chunk[len] = '\0';
		for (char *end; (end = memchr(chunk + at, '\n', len - at)); at = (size_t)(end - chunk) + 1) {
			char *text = strstr(chunk + at, mark);
			bool found = text && text < end;
			text = found ? text + sizeof(mark) - 1 : NULL;
			if (found)
				log_text(&i->log, WIRE_STREAM_SCX_DUMP, text, (size_t)(end + 1 - text));
		}
		held = at || len < sizeof(chunk) - 1 ? len - at : 0; /* drop a line longer than the buffer */
		memmove(chunk, chunk + at, held);
	}
}

static void handle_source(struct init *i, enum source source)
{
	switch (source) {
	case SRC_SIGNAL:
		take_children(i);
		break;
	case SRC_SCHED_OUT:
		take_output(i, source, WIRE_STREAM_SCHED);
		break;
	case SRC_TEST_OUT:
		take_output(i, source, WIRE_STREAM_TEST);
		break;
	case SRC_CHANNEL:
		take_packets(i);
		break;
	case SRC_UEVENT:
		take_uevents(i);
		break;
	case SRC_KMSG:
		take_kmsg(i);
		break;
	case SRC_TRACE:
		take_trace(i);
		break;
	case SRC_MAX:
		break;
	}
}

void watch_once(struct init *i, nsec_t deadline)
{
	nsec_t left = deadline - nsec_now();
	struct timespec ts = nsec_to_timespec(MAX_OF(left, 0));
	if (ppoll(i->fd, SRC_MAX, &ts, NULL) <= 0)
		return;
	/* Handles children last: their output comes before their end. */
	for (int k = SRC_MAX - 1; k >= 0; k--)
		if (i->fd[k].fd >= 0 && i->fd[k].revents)
			handle_source(i, (enum source)k);
}

void watch_drain(struct init *i)
{
	for (int k = SRC_MAX - 1; k >= 0; k--)
		if (i->fd[k].fd >= 0)
			handle_source(i, (enum source)k);
}
