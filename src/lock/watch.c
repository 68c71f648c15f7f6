/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.c -- see watch.h. */
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bug.h"
#include "lock/watch.h"

#define SCAN_DEADLINE NSEC_PER_MIN
#define ROWS_USUAL    24

static struct lock_watch *watch_of(struct machine *m)
{
	return container_of(m, struct lock_watch, machine);
}

/* --- SCAN --------------------------------------------------------------------------------------------------------- */

static int scan_blocking(void *arg)
{
	return lock_scan_run(arg);
}

static int start_scan(struct machine *m, int result)
{
	struct lock_watch *w = watch_of(m);
	(void)result;
	/* Frames start every period. After a frame that took longer, the next starts at once. */
	w->next = MAX_OF(w->next + w->period, m->reactor->now);
	w->rendered = false;
	machine_offload(m, &w->job, scan_blocking, w->scan);
	return WATCH_RENDER;
}

/* --- RENDER ------------------------------------------------------------------------------------------------------- */

static unsigned window_rows(int fd)
{
	struct winsize ws = { 0 };
	return ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row ? ws.ws_row : ROWS_USUAL;
}

/* The length of the character or escape sequence at @s, and its width in columns; 2 when it may be wide. */
static size_t measure_glyph(const unsigned char *s, unsigned *ret_columns)
{
	size_t len = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	*ret_columns = *s < 0xe1 ? 1 : 2;
	if (*s == '\033') {
		*ret_columns = 0;
		return strcspn((const char *)s, "m") + 1;
	}
	return strnlen((const char *)s, len);
}

static const char *clip_line(const char *line, unsigned columns, struct buf *out)
{
	unsigned used = 0, wide;
	while (*line && *line != '\n') {
		size_t len = measure_glyph((const unsigned char *)line, &wide);
		used += wide;
		/* Keep styles beyond the edge, because they end styles from before it. */
		if (used <= columns)
			buf_append(out, line, len);
		else if (!wide)
			buf_append(out, line, len);
		line += len;
	}
	return *line ? line + 1 : line;
}

void frame_clip(const char *text, unsigned rows, unsigned columns, struct buf *out)
{
	buf_puts(out, "\033[2J\033[H");
	for (unsigned row = 0; *text && row < rows; row++) {
		if (row)
			buf_puts(out, "\n");
		unsigned more = 0;
		for (const char *p = text; row + 1 == rows && *p; p++)
			more += *p == '\n';
		if (more > 1) {
			char rest[40];
			snprintf(rest, sizeof(rest), "... %u more lines", more);
			buf_appendf(out, "%.*s", (int)MIN_OF(columns, sizeof(rest)), rest);
			return;
		}
		text = clip_line(text, columns, out);
	}
}

static void build_frame(struct lock_watch *w)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct term t = term_probe(w->fd);
	w->written = 0;
	w->rendered = true;
	/* JSON has no durations, so an unchanged scan gives the same line. */
	if (w->json && w->scan->same && w->frame.len)
		return;
	buf_clear(&w->frame);
	if (w->json) {
		locks_render_json(w->scan, w->host, &w->frame);
		return;
	}
	locks_render_text(w->scan, w->host, &t, t.tty, &text);
	if (t.tty) {
		frame_clip(buf_str(&text), window_rows(w->fd), t.columns, &w->frame);
		return;
	}
	if (w->frames)
		buf_puts(&w->frame, "\n");
	buf_append(&w->frame, buf_str(&text), text.len);
}

static int write_frame(struct machine *m, int result)
{
	struct lock_watch *w = watch_of(m);
	if (result == -EPIPE || result == -EIO || w->closed) {
		/* EIO: the terminal is gone. */
		w->closed = true;
		return MACHINE_END;
	}
	if (result == -EAGAIN) {
		machine_poll(m, w->fd, POLLOUT);
		w->job.result = 0;
		return WATCH_RENDER;
	}
	if (result < 0)
		return result;
	if (!w->rendered)
		build_frame(w);
	else if (m->op.kind == OP_WRITE)
		w->written += (size_t)result;
	if (w->frame.failed)
		return -ENOMEM;
	if (w->written < w->frame.len) {
		machine_write(m, w->fd, w->frame.data + w->written, (uint32_t)(w->frame.len - w->written), OP_STREAM);
		return WATCH_RENDER;
	}
	w->frames++;
	return WATCH_WAIT;
}

/* --- WAIT --------------------------------------------------------------------------------------------------------- */

static int wait_for_next(struct machine *m, int result)
{
	struct lock_watch *w = watch_of(m);
	(void)result;
	if (w->closed)
		return MACHINE_END;
	timer_arm(m->reactor, &w->tick, w->next);
	machine_wait_notice(m, &w->due);
	return WATCH_SCAN;
}

static const struct machine_state states[WATCH_STATE_MAX] = {
	[WATCH_SCAN] = { .name = "scan", .run = start_scan, .deadline = SCAN_DEADLINE, .next = TO(WATCH_RENDER) },
	/* No deadline: the reader may be slow. */
	[WATCH_RENDER] = { .name = "render", .run = write_frame, .next = TO(WATCH_WAIT) | TO_END },
	[WATCH_WAIT] = { .name = "wait", .run = wait_for_next, .next = TO(WATCH_SCAN) | TO_END },
};
static const struct machine_type watch_type = { "locks", states, WATCH_STATE_MAX, NULL };

static void on_tick(struct timer *t)
{
	notice_post(&container_of(t, struct lock_watch, tick)->due);
}

/* poll(2) reports POLLERR, even when not requested, once a pipe has no reader. */
static void on_hangup(struct op *op)
{
	struct lock_watch *w = container_of(op, struct lock_watch, hangup);
	if (op->result < 0)
		return;
	w->closed = true;
	if (w->machine.started && !w->machine.ended)
		notice_post(&w->due);
}

void lock_watch_start(struct reactor *r, struct lock_watch *w)
{
	REQUIRE(w->period >= WATCH_PERIOD_MIN);
	w->tick.fire = on_tick;
	w->next = reactor_now(r) - w->period;
	w->hangup = (struct op){ .kind = OP_POLL, .fd = w->fd, .done = on_hangup };
	op_submit(r, &w->hangup);
	machine_start(r, &w->machine, &watch_type, NULL, "locks");
}

void lock_watch_redraw(struct lock_watch *w)
{
	if (w->machine.started && !w->machine.ended)
		notice_post(&w->due);
}

void lock_watch_done(struct lock_watch *w)
{
	struct reactor *r = w->machine.reactor;
	REQUIRE(!w->machine.started || w->machine.ended);
	if (r) {
		timer_disarm(r, &w->tick);
		op_cancel(r, &w->hangup);
		while (w->hangup.phase != OP_IDLE)
			if (reactor_turn(r, NSEC_NEVER) < 0)
				break;
	}
	buf_done(&w->frame);
}
