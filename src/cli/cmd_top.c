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
#include "cli/out.h"
#include "cli/shared_options.h"
#include "monitor/top.h"
#include "run/machine_card.h"
#include "run/watched_kernel.h"

#define PROC	     "/proc"
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
	OPT_FLAG(struct top_args, list, "list", 0, "list the machines that run, and look at none"),
	ROW_JSON(struct top_args, "print JSON, one line a look"),
	OPT_END,
};

/* --- which machine ------------------------------------------------------------------------------------------------ */

struct cards {
	struct machine_card *item;
	size_t count;
};

static void cards_done(struct cards *c)
{
	free(c->item);
}

static bool is_meant(const struct machine_card *c, const char *word)
{
	uint64_t number;
	if (!word || strstr(c->name, word) || !strcmp(c->run, word))
		return true;
	return parse_u64(word, &number) == 0 && (number == (uint64_t)c->pid || number == (uint64_t)c->machine_pid);
}

static int find_cards(struct cards *c, struct err **err)
{
	return machine_cards_find(PROC, &c->item, &c->count, err);
}

/* Of those that are meant, the one that started last. */
static int choose_machine(const char *word, struct machine_card *ret, struct err **err)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	const struct machine_card *found = NULL;
	int r = find_cards(&all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (is_meant(&all.item[i], word))
			found = &all.item[i];
	if (r == 0 && !all.count)
		return FAIL(err, ERR_MISSING, -ENOENT,
			    "no machine of yours runs now; start one with 'ktstr shell' or 'ktstr test'");
	if (r == 0 && !found)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "top: no running machine has '%s' in its name, as its run, or as its process; 'ktstr top "
			    "--list' lists them",
			    word);
	if (r == 0)
		*ret = *found;
	return r;
}

/* The machine that the same process started after @last. False: there is none now. */
static bool next_machine(const struct machine_card *last, const char *word, struct machine_card *ret)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	if (find_cards(&all, NULL) < 0)
		return false;
	for (size_t i = 0; i < all.count; i++) {
		if (all.item[i].pid != last->pid || all.item[i].started <= last->started ||
		    !is_meant(&all.item[i], word))
			continue;
		*ret = all.item[i];
		return true;
	}
	return false;
}

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

static int list_machines(bool json, struct err **err)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	int r = find_cards(&all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct machine_card *c = &all.item[i];
		json_auto_t *o = json ? card_json(c) : NULL;
		if (json)
			out_json(o, false);
		else
			out_printf("%-8d %-40s %-12s %-12s %s\n", c->pid, c->name, c->version, c->topology, c->run);
	}
	return r;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

struct looking {
	const struct top_args *args;
	const char *word;
	struct machine_card card;
	struct watched_kernel kernel;
	struct guestmem memory;
	struct view view;
	bool found; /* the kernel in the guest's memory */
	json_t *before;
	struct term term;
	struct term_frame frame;
	uint64_t looks;
	int signal_fd, signal;
};

static int open_machine(struct looking *l, struct err **err)
{
	watched_kernel_init(&l->kernel, NULL);
	const char *lack = watched_kernel_open_file(&l->kernel, l->card.kernel, l->card.image, l->card.arch);
	if (lack)
		return FAIL(err, ERR_IMPOSSIBLE, -EOPNOTSUPP, "the machine '%s' cannot be looked at: %s", l->card.name,
			    lack);
	int r = machine_card_map(PROC, &l->card, &l->memory, err);
	if (r == 0)
		view_init(&l->view, &l->kernel.image, &l->memory,
			  machine_low_memory(l->card.backend, l->card.memory_mib));
	return r;
}

static void close_machine(struct looking *l)
{
	guestmem_done(&l->memory);
	watched_kernel_done(&l->kernel);
	json_decref(l->before);
	l->before = NULL;
	l->found = false;
}

/* NULL and no @why: no memory. */
static json_t *take_frame(struct looking *l, const char **why)
{
	const struct inspect_config config = { .view = &l->view, .layout = &l->kernel.layout };
	struct inspector in;
	*why = l->found ? NULL : view_find_slides(&l->view, 0, 0);
	l->found = !*why;
	if (l->found && view_refresh(&l->view) < 0)
		*why = "the kernel has not set up its CPUs yet";
	if (*why || inspect_begin(&in, &config) < 0)
		return NULL;
	json_t *frame = top_take(&in);
	inspect_end(&in);
	return frame;
}

static void put_title(const struct looking *l, struct buf *out)
{
	const struct machine_card *c = &l->card;
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
	json_put(&line, "machine", card_json(&l->card));
	json_put_text(&line, "unavailable", why);
	out_json(line, false);
}

static int look_once(struct looking *l, struct err **err)
{
	const char *why;
	json_t *frame = take_frame(l, &why);
	if (!frame && !why)
		return FAIL_SYS(err, -ENOMEM, "look at the machine '%s'", l->card.name);
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
	int r = open_machine(l, err);
	while (r == 0 && machine_card_lives(PROC, &l->card)) {
		r = look_once(l, err);
		if (r == 0 && (is_enough(l) || !wait_for(l, l->args->interval)))
			break;
	}
	bool ended = r == -ESRCH || (r == 0 && !machine_card_lives(PROC, &l->card));
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
	const struct machine_card last = l->card;
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, last.pid, 0);
	while (!is_enough(l) && !has_ended(pidfd)) {
		if (next_machine(&last, l->word, &l->card))
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
	if (a->list)
		return list_machines(a->json, err);
	if (a->machine.count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "top: name one machine, or none");
	int r = choose_machine(l.word, &l.card, err);
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
			{ NULL },
		},
	OPERANDS(struct top_args, machine),
	.run = run_top,
};
