/* SPDX-License-Identifier: GPL-2.0-only */
/* port.c -- see port.h. */
#include <poll.h>
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "shell/port.h"

/* --- sender ------------------------------------------------------------------------------------------------------- */

enum { SENDER_WAIT, SENDER_SEND, SENDER_COUNT };

/* Moves input to the queue, as much as the guest has room for. */
static void pump_input(struct port *p)
{
	size_t n = p->met ? MIN_OF(p->input.len, (size_t)p->window) : 0;
	if (n) {
		session_frame_put_all(&p->unsent, SESSION_INPUT, p->input.data, n);
		buf_consume(&p->input, n);
		p->window -= (uint32_t)n;
	}
	if (p->met && p->input_ends && !p->input.len) {
		session_frame_put(&p->unsent, SESSION_INPUT_END, NULL, 0);
		p->input_ends = false;
	}
	if (p->unsent.len)
		notice_post(&p->wanted);
}

/* The socket is closed when the guest has ended, which others notice. */
static int sender_wait(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, sender);
	if (result < 0 && result != -EINTR)
		return MACHINE_END;
	buf_consume(&p->unsent, MIN_OF((size_t)MAX_OF(result, 0) * (p->sending > 0), p->unsent.len));
	p->sending = 0;
	if (p->unsent.failed)
		return -ENOMEM;
	if (p->unsent.len)
		return SENDER_SEND;
	machine_wait_notice(m, &p->wanted);
	return SENDER_WAIT;
}

static int sender_send(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, sender);
	(void)result;
	p->sending = (uint32_t)MIN_OF(p->unsent.len, sizeof(p->chunk));
	/* A copy, because the queue grows during the write. */
	memcpy(p->chunk, p->unsent.data, p->sending);
	machine_write(m, p->fd, p->chunk, p->sending, OP_STREAM);
	return SENDER_WAIT;
}

static const struct machine_state sender_states[SENDER_COUNT] = {
	[SENDER_WAIT] = { "wait", sender_wait, DEADLINE_NONE, 0, TO(SENDER_WAIT) | TO(SENDER_SEND) | TO_END },
	[SENDER_SEND] = { "send", sender_send, DEADLINE_NONE, 0, TO(SENDER_WAIT) },
};

/* --- receiver ----------------------------------------------------------------------------------------------------- */

enum { RECEIVER_READ, RECEIVER_FEED, RECEIVER_FRAME, RECEIVER_WRITE, RECEIVER_COUNT };

static int receiver_read(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, receiver);
	(void)result;
	machine_read(m, p->fd, p->incoming, sizeof(p->incoming), OP_STREAM);
	return RECEIVER_FEED;
}

static int receiver_feed(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, receiver);
	if (result == -EINTR)
		return RECEIVER_READ;
	if (result <= 0)
		return MACHINE_END;
	session_reader_feed(&p->reader, p->incoming, (size_t)result);
	return RECEIVER_FRAME;
}

static void take_consumed(struct port *p, const struct session_frame *f)
{
	uint32_t n = 0;
	if (f->len == sizeof(n))
		memcpy(&n, f->data, sizeof(n));
	p->window = MIN_OF(p->window + MIN_OF(n, SESSION_WINDOW), SESSION_WINDOW);
	pump_input(p);
	notice_post(&p->room);
}

/* Handles a frame that is not output. */
static void take_frame(struct port *p, const struct session_frame *f)
{
	if (f->type == SESSION_HELLO_FRAME) {
		p->met = true;
		p->window = SESSION_WINDOW;
		pump_input(p);
	} else if (f->type == SESSION_CONSUMED) {
		take_consumed(p, f);
	} else if (f->type == SESSION_PROBLEM) {
		text_copy_line(p->problem, sizeof(p->problem), f->data, f->len);
	} else if (f->type == SESSION_EXIT && f->len == sizeof(p->status)) {
		memcpy(&p->status, f->data, sizeof(p->status));
		p->exited = true;
	}
	if (f->type != SESSION_CONSUMED)
		notice_post(p->news);
}

static int receiver_frame(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, receiver);
	(void)result;
	while ((result = session_reader_next(&p->reader, true, &p->frame)) > 0) {
		p->written = 0;
		if (p->frame.type == SESSION_OUTPUT || p->frame.type == SESSION_ERRORS)
			return RECEIVER_WRITE;
		take_frame(p, &p->frame);
	}
	return result < 0 ? result : RECEIVER_READ;
}

/* The frame's bytes stay in place: nothing is fed to the reader before they are written. */
static int receiver_write(struct machine *m, int result)
{
	struct port *p = container_of(m, struct port, receiver);
	int to = p->frame.type == SESSION_OUTPUT ? p->out : p->err;
	if (m->op.kind == OP_WRITE && !m->first_entry && result > 0)
		p->written += (uint32_t)result;
	if (!m->first_entry && result < 0 && result != -EINTR && result != -EAGAIN)
		return result;
	if (p->written == p->frame.len)
		return RECEIVER_FRAME;
	/* Somebody else may have made our output non-blocking. */
	if (!m->first_entry && result == -EAGAIN)
		machine_poll(m, to, POLLOUT);
	else
		machine_write(m, to, p->frame.data + p->written, p->frame.len - p->written, OP_STREAM);
	return RECEIVER_WRITE;
}

static const struct machine_state receiver_states[RECEIVER_COUNT] = {
	[RECEIVER_READ] = { "read", receiver_read, DEADLINE_NONE, 0, TO(RECEIVER_FEED) },
	[RECEIVER_FEED] = { "feed", receiver_feed, DEADLINE_NONE, 0, TO(RECEIVER_READ) | TO(RECEIVER_FRAME) | TO_END },
	[RECEIVER_FRAME] = { "frame", receiver_frame, DEADLINE_NONE, 0, TO(RECEIVER_READ) | TO(RECEIVER_WRITE) },
	[RECEIVER_WRITE] = { "write", receiver_write, DEADLINE_NONE, 0, TO(RECEIVER_WRITE) | TO(RECEIVER_FRAME) },
};

/* --- both --------------------------------------------------------------------------------------------------------- */

static void end_machine(struct port *p, int result)
{
	if (result < 0 && result != -ECANCELED && !p->failure)
		p->failure = result;
	p->live--;
	notice_post(p->news);
}

static void sender_done(struct machine *m, int result)
{
	end_machine(container_of(m, struct port, sender), result);
}

static void receiver_done(struct machine *m, int result)
{
	end_machine(container_of(m, struct port, receiver), result);
}

static const struct machine_type sender_type = { "sender", sender_states, SENDER_COUNT, sender_done };
static const struct machine_type receiver_type = { "receiver", receiver_states, RECEIVER_COUNT, receiver_done };

void port_start(struct port *p, struct reactor *r, struct machine *parent)
{
	p->live = 2;
	machine_start(r, &p->sender, &sender_type, parent, "sender");
	machine_start(r, &p->receiver, &receiver_type, parent, "receiver");
}

void port_input(struct port *p, const char *data, size_t len)
{
	buf_append(&p->input, data, len);
	pump_input(p);
}

void port_input_end(struct port *p)
{
	p->input_ends = true;
	pump_input(p);
}

void port_resize(struct port *p, struct session_size size)
{
	session_frame_put(&p->unsent, SESSION_RESIZE, &size, sizeof(size));
	notice_post(&p->wanted);
}

void port_cancel(struct port *p)
{
	machine_cancel(&p->sender);
	machine_cancel(&p->receiver);
}

void port_done(struct port *p)
{
	REQUIRE(!p->live);
	buf_done(&p->unsent);
	buf_done(&p->input);
	session_reader_done(&p->reader);
}
