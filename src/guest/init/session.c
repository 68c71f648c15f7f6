/* SPDX-License-Identifier: GPL-2.0-only */
/* session.c -- see session.h. One poll loop: the port, the program's output and errors, its input, its end. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/session_frame.h"
#include "guest/init/session.h"

#define SERIAL_PORT	 "/dev/ttyS1"
#define VIRTIO_PORT	 "vport0p1"  /* the first port; its name is checked */
#define CONSOLE		 "/dev/hvc0" /* of virtio, on kvm */
#define CONSOLE_TRIES	 500	     /* of 10 ms; its driver asks the host for it while this runs */
#define BUSYBOX		 "/bin/busybox"
#define SHELL		 "/bin/sh"
#define COMMAND_FILE	 "/ktstr.exec"
#define COMMAND_MAX	 ((size_t)1 << 20)
#define UNSENT_MAX	 ((size_t)64 << 10) /* output that waits for the port, beyond which the program has to wait */
#define REPORT_CONSUMED	 (SESSION_WINDOW / 4)
#define HOST_END_SECONDS 10 /* the host ends the machine when it has the last frame */
#define STATUS_NOT_FOUND (127 << 8)

struct session {
	int port, signals;
	int in, out, err; /* of the program; `in` and `out` are the same for a terminal; -1: closed */
	bool terminal, input_ends;
	pid_t pid;
	bool ended;
	int status;
	struct session_reader reader;
	struct buf unsent, input; /* for the port, for the program */
	uint32_t consumed;	  /* bytes of input that are not reported yet */
};

static void session_done(struct session *s)
{
	if (s->in != s->out)
		fd_close(s->in);
	fd_close(s->out);
	fd_close(s->err);
	fd_close(s->port);
	session_reader_done(&s->reader);
	buf_done(&s->unsent);
	buf_done(&s->input);
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static int open_virtio_port(void)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	if (file_read("/sys/class/virtio-ports/" VIRTIO_PORT "/name", 64, &name, NULL) < 0 ||
	    strncmp(buf_str(&name), SESSION_PORT, sizeof(SESSION_PORT) - 1))
		return -ENOENT;
	int fd = open("/dev/" VIRTIO_PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_raw(const char *path)
{
	struct termios raw;
	_cleanup_close_ int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &raw) < 0)
		return -errno;
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&raw, B115200);
	return tcsetattr(fd, TCSANOW, &raw) < 0 ? -errno : TAKE_FD(fd);
}

static int open_console(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int fd = open_raw(CONSOLE);
	for (int i = 1; i < CONSOLE_TRIES && fd < 0; i++) {
		nanosleep(&moment, NULL);
		fd = open_raw(CONSOLE);
	}
	return fd;
}

/* Which of the three there is depends on the kernel, and on what runs the machine. */
static int open_port(void)
{
	int fd = open_virtio_port();
	if (fd == -ENOENT)
		fd = open_raw(SERIAL_PORT);
	return fd < 0 ? open_console() : fd;
}

static void set_size(int terminal, unsigned columns, unsigned rows)
{
	struct winsize size = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };
	if (columns && rows)
		ioctl(terminal, TIOCSWINSZ, &size);
}

static void set_clock(const char *seconds)
{
	uint64_t now;
	if (!seconds || parse_u64(seconds, &now) < 0)
		return;
	struct timespec ts = { .tv_sec = (time_t)now };
	clock_settime(CLOCK_REALTIME, &ts);
}

/* Scripts that were brought along bring their /bin/sh, which may be another shell. */
static const char *shell_path(void)
{
	return access(BUSYBOX, X_OK) == 0 ? BUSYBOX : SHELL;
}

static void __attribute__((noreturn)) exec_shell(const int std[3], bool terminal, const char *command)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (terminal)
		ioctl(std[0], TIOCSCTTY, 0);
	for (int k = 0; k < 3; k++)
		dup2(std[k], k);
	/* PID 1 is exempt from the OOM killer, and what it starts would be. */
	file_write("/proc/self/oom_score_adj", "0");
	if (chdir("/root") < 0 && chdir("/") < 0)
		_exit(126);
	if (terminal)
		execl(shell_path(), "-sh", NULL);
	else
		execl(shell_path(), "sh", "-c", command, NULL);
	_exit(127);
}

static int fork_shell(struct session *s, const int std[3], const char *command)
{
	s->pid = fork();
	if (s->pid == 0)
		exec_shell(std, s->terminal, command);
	return s->pid < 0 ? -errno : 0;
}

static unsigned number_or_zero(const char *text)
{
	uint64_t value;
	return text && parse_u64(text, &value) == 0 && value <= UINT16_MAX ? (unsigned)value : 0;
}

static int start_terminal(struct session *s, const struct session_conf *conf)
{
	_cleanup_close_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlocked = 0;
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	_cleanup_close_ int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	set_size(slave, number_or_zero(conf->columns), number_or_zero(conf->rows));
	s->terminal = true;
	int r = fork_shell(s, (const int[3]){ slave, slave, slave }, NULL);
	if (r < 0)
		return r;
	set_nonblocking(master);
	s->in = s->out = TAKE_FD(master);
	return 0;
}

/* Makes a pipe of which we keep one end, which does not block. @ours: its index. */
static int make_pipe(int *ret_ours, int *ret_theirs, int ours)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	set_nonblocking(pair[ours]);
	*ret_ours = pair[ours];
	*ret_theirs = pair[!ours];
	return 0;
}

static int start_command(struct session *s, const struct session_conf *conf)
{
	_cleanup_buf_ struct buf command = BUF_NULL;
	_cleanup_close_ int in = -1, out = -1, err = -1;
	int r = file_read(COMMAND_FILE, COMMAND_MAX, &command, NULL);
	if (r == 0)
		r = make_pipe(&s->out, &out, 0);
	if (r == 0)
		r = make_pipe(&s->err, &err, 0);
	if (r == 0 && conf->input)
		r = make_pipe(&s->in, &in, 1);
	else if (r == 0)
		r = in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return r < 0 ? r : fork_shell(s, (const int[3]){ in, out, err }, buf_str(&command));
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static void report_consumed(struct session *s)
{
	if (s->consumed < REPORT_CONSUMED && s->input.len)
		return;
	if (s->consumed)
		session_frame_put(&s->unsent, SESSION_CONSUMED, &s->consumed, sizeof(s->consumed));
	s->consumed = 0;
}

/* Input for a program that takes none any more is dropped. */
static void write_input(struct session *s)
{
	ssize_t n = 0;
	while (s->in >= 0 && s->input.len && (n = write(s->in, s->input.data, s->input.len)) > 0) {
		s->consumed += (uint32_t)n;
		buf_consume(&s->input, (size_t)n);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR && !s->terminal)
		s->in = fd_close(s->in);
	if (s->in < 0) {
		s->consumed += (uint32_t)s->input.len;
		buf_clear(&s->input);
	}
	if (s->input_ends && !s->input.len && !s->terminal)
		s->in = fd_close(s->in);
	report_consumed(s);
}

static void take_frame(struct session *s, const struct session_frame *f)
{
	struct session_size size;
	if (f->type == SESSION_INPUT) {
		buf_append(&s->input, f->data, f->len);
	} else if (f->type == SESSION_INPUT_END) {
		s->input_ends = true;
	} else if (f->type == SESSION_RESIZE && f->len == sizeof(size) && s->terminal && s->out >= 0) {
		memcpy(&size, f->data, sizeof(size));
		set_size(s->out, size.columns, size.rows);
	}
}

static void read_port(struct session *s)
{
	char chunk[SESSION_FRAME_MAX];
	struct session_frame f;
	ssize_t n;
	while ((n = read(s->port, chunk, sizeof(chunk))) > 0) {
		session_reader_feed(&s->reader, chunk, (size_t)n);
		while (session_reader_next(&s->reader, false, &f) > 0)
			take_frame(s, &f);
	}
	write_input(s);
}

static void write_port(struct session *s)
{
	ssize_t n;
	while (s->unsent.len && (n = write(s->port, s->unsent.data, s->unsent.len)) > 0)
		buf_consume(&s->unsent, (size_t)n);
}

/* @all: also more than fits into the buffer for the port. */
static void read_output(struct session *s, int *fd, enum session_frame_type type, bool all)
{
	char chunk[SESSION_FRAME_MAX];
	ssize_t n = 0;
	while (*fd >= 0 && (all || s->unsent.len < UNSENT_MAX) && (n = read(*fd, chunk, sizeof(chunk))) > 0)
		session_frame_put(&s->unsent, type, chunk, (size_t)n);
	if (*fd < 0 || n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	/* The last program that had it open has closed it. A terminal's master stays for later ones. */
	if (!s->terminal)
		*fd = fd_close(*fd);
}

static void reap(struct session *s)
{
	struct signalfd_siginfo info;
	int status;
	while (read(s->signals, &info, sizeof(info)) > 0)
		;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid != s->pid)
			continue;
		s->ended = true;
		s->status = status;
	}
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/*
 * A virtio port is hung up until the kernel has heard that the host has opened it. PID 1 is a real-time task: without a
 * pause, the kernel could not hear of it on a guest with one CPU.
 */
static void wait_for_host(short events)
{
	const struct timespec pause = { .tv_nsec = 2 * NSEC_PER_MSEC };
	if (events & POLLHUP)
		nanosleep(&pause, NULL);
}

enum { ON_SIGNAL, ON_PORT, ON_OUT, ON_ERR, ON_IN, ON_MAX };

static void wait_once(struct session *s)
{
	bool room = s->unsent.len < UNSENT_MAX;
	struct pollfd fd[ON_MAX] = {
		[ON_SIGNAL] = { s->signals, POLLIN, 0 },
		[ON_PORT] = { s->port, (short)(POLLIN | (s->unsent.len ? POLLOUT : 0)), 0 },
		[ON_OUT] = { room ? s->out : -1, POLLIN, 0 },
		[ON_ERR] = { room ? s->err : -1, POLLIN, 0 },
		[ON_IN] = { s->input.len ? s->in : -1, POLLOUT, 0 },
	};
	if (poll(fd, ON_MAX, -1) <= 0)
		return;
	wait_for_host(fd[ON_PORT].revents);
	if (fd[ON_PORT].revents & POLLIN)
		read_port(s);
	if (fd[ON_OUT].revents)
		read_output(s, &s->out, SESSION_OUTPUT, false);
	if (fd[ON_ERR].revents)
		read_output(s, &s->err, SESSION_ERRORS, false);
	if (fd[ON_IN].revents)
		write_input(s);
	if (fd[ON_SIGNAL].revents)
		reap(s);
	write_port(s);
}

/* Sends what is left, and waits for the host to end the machine. */
static void finish_session(struct session *s)
{
	int32_t status = s->status;
	read_output(s, &s->out, SESSION_OUTPUT, true);
	read_output(s, &s->err, SESSION_ERRORS, true);
	session_frame_put(&s->unsent, SESSION_EXIT, &status, sizeof(status));
	while (s->unsent.len) {
		struct pollfd fd = { s->port, POLLOUT, 0 };
		poll(&fd, 1, -1);
		wait_for_host(fd.revents);
		write_port(s);
	}
	struct timespec end = { .tv_sec = HOST_END_SECONDS };
	nanosleep(&end, NULL);
}

static void report_problem(struct session *s, const char *what, int r)
{
	char text[160];
	snprintf(text, sizeof(text), "%s: %s", what, r == -ENOENT ? "this guest has none" : strerror(-r));
	session_frame_put(&s->unsent, SESSION_PROBLEM, text, strlen(text));
	s->ended = true;
	s->status = STATUS_NOT_FOUND;
}

static void start(struct session *s, const struct session_conf *conf)
{
	if (access(shell_path(), X_OK) < 0) {
		report_problem(s, "find a shell, " SHELL, -errno);
		return;
	}
	int r = conf->command ? start_command(s, conf) : start_terminal(s, conf);
	if (r < 0)
		report_problem(s, conf->command ? "start the command" : "open a pseudo-terminal, /dev/ptmx", r);
}

int session_run(struct init *i)
{
	_cleanup_(session_done) struct session s = {
		.port = open_port(), .signals = i->fd[SRC_SIGNAL].fd, .in = -1, .out = -1, .err = -1
	};
	if (s.port < 0) {
		log_error(&i->log, "open the port of the terminal, " VIRTIO_PORT " or " SERIAL_PORT ": %s",
			  strerror(-s.port));
		return s.port;
	}
	signal(SIGPIPE, SIG_IGN);
	set_clock(i->conf.session.clock);
	session_frame_put(&s.unsent, SESSION_HELLO_FRAME, SESSION_HELLO, sizeof(SESSION_HELLO) - 1);
	start(&s, &i->conf.session);
	write_port(&s);
	while (!s.ended)
		wait_once(&s);
	finish_session(&s);
	return 0;
}
