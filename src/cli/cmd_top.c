/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_top.c -- ktstr top: a running machine's scheduler, seen from outside, again and again. See docs/SHELL.md. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/live_machine.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "monitor/top.h"

#define INTERVAL_MIN (10 * NSEC_PER_MSEC)
#define INTERVAL_MAX (60 * NSEC_PER_MIN)
#define NEXT_POLL    (100 * NSEC_PER_MSEC) /* between two looks for the next machine of a run */

struct top_args {
	struct strings machine;
	nsec_t interval;
	uint64_t count; /* 0: not said */
	bool json, list;
};

static const struct option_row top_options[] = {
	OPT_DURATION(struct top_args, interval, "interval", 'i', "TIME", INTERVAL_MIN, INTERVAL_MAX, NSEC_PER_SEC, 0,
		     "time between two looks (100ms, 1s)"),
	OPT_NUMBER(struct top_args, count, "count", 'n', "N", 1, UINT32_MAX, 0,
		   "look N times (default: until the machine ends; without a terminal and without --json, once)"),
	OPT_FLAG(struct top_args, list, "list", 0,
		 "list the machines that run, or those that MACHINE means, and look at none"),
	ROW_JSON(struct top_args, "print JSON, one line a look"),
	OPT_END,
};

/* --- the list ----------------------------------------------------------------------------------------------------- */

static json_t *card_json(const struct machine_card *c)
{
	json_t *o = json_object();
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "run", *c->run ? c->run : NULL);
	json_put_text(&o, "kernel_version", c->version);
	json_put_text(&o, "topology", c->topology);
	json_put_text(&o, "backend", c->backend);
	json_put_int(&o, "pid", c->pid);
	json_put_int(&o, "machine_pid", c->machine_pid);
	return o;
}

static void print_card(const struct machine_card *c, void *arg)
{
	const bool *json = arg;
	json_auto_t *o = *json ? card_json(c) : NULL;
	if (*json)
		out_json(o, false);
	else
		out_printf("%-8d %-40s %-12s %-12s %s\n", c->pid, c->name, c->version, c->topology, c->run);
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

struct looking {
	const struct top_args *args;
	const char *word;
	struct live_machine machine;
	json_t *before;
	struct term term;
	struct term_frame frame;
	uint64_t looks;
	int signal_fd, signal;
};

static void close_machine(struct looking *l)
{
	live_machine_close(&l->machine);
	json_decref(l->before);
	l->before = NULL;
}

/* NULL and no @why: no memory. */
static json_t *take_frame(struct looking *l, const char **why)
{
	struct inspector in;
	if (live_machine_inspect(&l->machine, &in, why) != 0)
		return NULL;
	json_t *frame = top_take(&in);
	inspect_end(&in);
	return frame;
}

static void put_title(const struct looking *l, struct buf *out)
{
	const struct machine_card *c = &l->machine.card;
	buf_appendf(out, "%s%s%s  %s  %s  %s", term_style(&l->term, TERM_NAME), c->name, term_plain(&l->term),
		    c->version, c->topology, c->backend);
	if (*c->run)
		buf_appendf(out, "  run %s", c->run);
	buf_appendf(out, "  pid %d\n", c->pid);
}

static void show_text(struct looking *l, const json_t *frame, const char *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL, out = BUF_NULL;
	put_title(l, &text);
	if (why)
		buf_appendf(&text, "%s\n", why);
	else
		top_render(frame, l->before, &l->term, l->term.tty ? l->term.rows - 2 : 0, &text);
	if (l->term.tty) {
		term_frame_draw(&l->frame, &l->term, &text, &out);
	} else {
		buf_puts(&out, l->looks ? "\n" : "");
		buf_append(&out, text.data, text.len);
	}
	out_buf(&out);
}

static void show_json(struct looking *l, json_t *frame, const char *why)
{
	json_auto_t *line = frame ? json_incref(frame) : json_object();
	json_put(&line, "machine", card_json(&l->machine.card));
	json_put_text(&line, "unavailable", why);
	out_json(line, false);
}

static int look_once(struct looking *l, struct err **err)
{
	const char *why;
	json_t *frame = take_frame(l, &why);
	if (!frame && !why)
		return FAIL_SYS(err, -ENOMEM, "look at the machine '%s'", l->machine.card.name);
	if (l->args->json)
		show_json(l, frame, why);
	else
		show_text(l, frame, why);
	l->looks++;
	json_decref(l->before);
	l->before = frame;
	return 0;
}

/* --- again and again ---------------------------------------------------------------------------------------------- */

/* Waits; a change of the window's size ends it early. False: a signal asks for the end. */
static bool wait_for(struct looking *l, nsec_t length)
{
	struct pollfd fds[] = { { .fd = l->signal_fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	struct signalfd_siginfo info;
	struct timespec ts = nsec_to_timespec(length);
	int n = ppoll(fds, 2, &ts, NULL);
	if (n > 0 && fds[1].revents & (POLLERR | POLLHUP))
		return false;
	if (n <= 0 || read(l->signal_fd, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGWINCH) {
		l->term = term_probe(STDOUT_FILENO);
		return true;
	}
	l->signal = (int)info.ssi_signo;
	return false;
}

static bool is_enough(const struct looking *l)
{
	uint64_t count = l->args->count ?: l->term.tty || l->args->json ? l->args->count : 1;
	return count && l->looks >= count;
}

static int look_at_machine(struct looking *l, struct err **err)
{
	int r = live_machine_open(&l->machine, err);
	while (r == 0 && live_machine_runs(&l->machine)) {
		r = look_once(l, err);
		if (r == 0 && (is_enough(l) || !wait_for(l, l->args->interval)))
			break;
	}
	bool ended = r == -ESRCH || (r == 0 && !live_machine_runs(&l->machine));
	if (r == -ESRCH && err)
		*err = err_free(*err);
	close_machine(l);
	return ended ? 1 : r;
}

/* Also of a process that its parent has not waited for yet, which still takes signals. */
static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	return pidfd < 0 || poll(&p, 1, 0) == 1;
}

/* A run goes on from machine to machine, so we do, until its process has ended. 1: there is another machine. */
static int await_next(struct looking *l)
{
	const struct machine_card last = l->machine.card;
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, last.pid, 0);
	while (!is_enough(l) && !has_ended(pidfd)) {
		if (live_machine_next(&last, l->word, &l->machine.card))
			return 1;
		if (!wait_for(l, NEXT_POLL))
			return 0;
	}
	return 0;
}

static int look(struct looking *l, struct err **err)
{
	int r;
	do {
		r = look_at_machine(l, err);
		if (r > 0 && !l->signal)
			r = await_next(l);
	} while (r > 0 && !l->signal);
	if (l->term.tty && !l->args->json && l->looks) {
		_cleanup_buf_ struct buf end = BUF_NULL;
		term_frame_erase(&l->frame, &end);
		out_buf(&end);
	}
	return MIN_OF(r, 0);
}

static int catch_signals(sigset_t *before, int *ret_fd, struct err **err)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, before);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? FAIL_SYS(err, -errno, "wait for signals") : 0;
}

static int run_top(void *args, struct err **err)
{
	const struct top_args *a = args;
	struct looking l = { .args = a,
			     .word = a->machine.count ? a->machine.item[0] : NULL,
			     .term = term_probe(STDOUT_FILENO),
			     .signal_fd = -1 };
	sigset_t before;
	bool json = a->json;
	if (a->machine.count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "top: name one machine, or none");
	if (a->list)
		return live_machines_visit(l.word, print_card, &json, err);
	int r = live_machine_choose(l.word, &l.machine.card, err);
	if (r < 0)
		return r;
	r = catch_signals(&before, &l.signal_fd, err);
	if (r == 0)
		r = look(&l, err);
	fd_close(l.signal_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? r : l.signal && l.signal != SIGINT ? EXIT_INTERRUPTED : 0;
}

const struct command cmd_top = {
	.name = "top",
	.group = GROUP_TESTS,
	.summary = "Look at the scheduler of a machine that runs",
	.operands = "[MACHINE]",
	.text = "Shows what each CPU of a running 'ktstr shell' or 'ktstr test' runs and for how long, how many tasks "
		"are "
		"queued there, the dispatch queues of sched_ext, and the tasks that wait for longest. All of it is "
		"read "
		"from the guest's memory: the guest does not notice, and the result of a test stays the same.\n\n"
		"MACHINE is a part of a test's name, the id of a run, or a process. Without it, the machine that "
		"started "
		"last is taken. When a machine of a run has ended, its next one is shown. It ends with the run, or on "
		"^C "
		"with status 0.",
	.option = top_options,
	.example =
		(const struct example[]){
			{ "ktstr top", "the machine that started last, redrawn once a second" },
			{ "ktstr top crowd --interval 200ms", "machines of tests with 'crowd' in their names" },
			{ "ktstr top --json --count 10", "ten lines of JSON" },
			{ "ktstr top --list crowd", "which machines that would be" },
			{ NULL },
		},
	OPERANDS(struct top_args, machine),
	.run = run_top,
};
