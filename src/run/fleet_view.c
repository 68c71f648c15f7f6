/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_view.c -- the live view of a run: takes snapshots of the fleet and draws them. */
#include <signal.h>

#include "report/live.h"
#include "run/fleet.h"

#define REDRAW_PERIOD (100 * NSEC_PER_MSEC)

static bool is_waiting(const struct attempt *a)
{
	return !a->claim || a->machine.state == ATTEMPT_QUEUED;
}

static nsec_t elapsed_of(const struct fleet *f, const struct attempt *a)
{
	return a->admitted ? f->reactor->now - a->admitted : 0;
}

static void add_row(const struct fleet *f, const struct attempt *a, struct live_view *v)
{
	nsec_t elapsed = elapsed_of(f, a);
	struct vm_usage usage = a->vm ? vm_usage(a->vm) : (struct vm_usage){ 0 };
	v->row[v->rows++] = (struct live_row){
		.name = a->item->name,
		.state = machine_state_name(&a->machine),
		.elapsed = elapsed,
		.cpu_percent = usage.known && elapsed > 0 ? (int)(usage.cpu * 100 / elapsed) : -1,
	};
}

/* The number of further tries of a test that is repeated. */
static unsigned tries_left(const struct fleet *f, const struct attempt *a)
{
	unsigned repeat = f->config.flake.repeat;
	return repeat > a->number ? repeat - a->number : 0;
}

static void collect(const struct fleet *f, struct live_view *v, struct eta_rest *rest)
{
	for (size_t i = 0; i < f->config.plan->count; i++) {
		const struct attempt *a = f->live[i];
		if (!a)
			continue;
		bool waits = is_waiting(a);
		v->queued += waits;
		v->running += !waits;
		eta_add(&f->eta, rest, a->item->estimate, elapsed_of(f, a));
		for (unsigned k = tries_left(f, a); k; k--)
			eta_add(&f->eta, rest, a->item->estimate, 0);
		if (!waits && v->rows < LIVE_ROWS_MAX)
			add_row(f, a, v);
	}
}

static void draw_view(struct fleet *f)
{
	const struct run_counts *c = &f->counts;
	struct eta_rest rest = { 0 };
	struct run_counts sum = f->config.before;
	run_counts_add(&sum, c);
	struct live_view v = {
		.total = sum.total,
		.done = sum.passed + sum.failed + sum.inconclusive + sum.skipped + sum.xfailed + sum.xpassed,
		.passed = sum.passed,
		.failed = sum.failed,
		.inconclusive = sum.inconclusive,
		.skipped = sum.skipped,
		.elapsed = f->reactor->now - f->began,
		.left = -1,
	};
	_cleanup_buf_ struct buf lines = BUF_NULL, out = BUF_NULL;
	collect(f, &v, &rest);
	f->at_once = MAX_OF(f->at_once, v.running);
	rest.at_once = f->at_once;
	v.left = eta_left(&rest);
	live_render(&v, &f->config.err, &lines);
	term_frame_draw(&f->frame, &f->config.err, &lines, &out);
	output_buf(f->config.messages, &out);
}

static int view_draw(struct machine *m, int result)
{
	struct fleet *f = container_of(m, struct fleet, view);
	(void)result;
	if (!f->open || m->cancelled) {
		fleet_view_hide(f);
		return MACHINE_END;
	}
	draw_view(f);
	machine_sleep(m, REDRAW_PERIOD);
	return 0;
}

static const struct machine_state view_states[] = {
	{ .name = "view", .run = view_draw, .next = TO(0) | TO_END },
};
static const struct machine_type view_type = { "view", view_states, 1, NULL };

bool fleet_view_wanted(const struct fleet *f)
{
	return f->config.err.tty && !f->config.no_capture;
}

void fleet_view_start(struct fleet *f)
{
	machine_start(f->reactor, &f->view, &view_type, NULL, "view");
}

void fleet_view_hide(struct fleet *f)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	term_frame_erase(&f->frame, &out);
	output_buf(f->config.messages, &out);
}

/* Updates the size of the terminal only, not its colours. */
static void probe_size(struct term *t)
{
	struct term now = term_probe(t->fd);
	t->columns = now.columns;
	t->rows = now.rows;
}

/* Ctrl-Z: stops this process. Machines continue: they are not in the terminal's foreground process group. */
static void stop_here(void)
{
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	/* The pending SIGTSTP takes effect before this call returns. */
	pthread_sigmask(SIG_UNBLOCK, &set, &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool fleet_view_signal(struct fleet *f, int sig)
{
	if (sig != SIGWINCH && sig != SIGTSTP)
		return false;
	fleet_view_hide(f);
	if (sig == SIGTSTP)
		stop_here();
	probe_size(&f->config.out);
	probe_size(&f->config.err);
	if (f->view.started && !f->view.ended)
		draw_view(f);
	return true;
}
