/* SPDX-License-Identifier: GPL-2.0-only */
/* keyboard.c -- see keyboard.h. */
#include <poll.h>

#include "shell/keyboard.h"

enum { KEYBOARD_READ, KEYBOARD_TAKE, KEYBOARD_COUNT };

static int keyboard_read(struct machine *m, int result)
{
	struct keyboard *k = container_of(m, struct keyboard, machine);
	(void)result;
	if (!k->terminal && port_waiting(k->port) >= SESSION_WINDOW) {
		machine_wait_notice(m, &k->port->room);
		return KEYBOARD_READ;
	}
	machine_read(m, k->fd, k->chunk, sizeof(k->chunk), OP_STREAM);
	return KEYBOARD_TAKE;
}

static int end_input(struct keyboard *k)
{
	k->closed = true;
	if (!k->terminal)
		port_input_end(k->port);
	return MACHINE_END;
}

static int keyboard_take(struct machine *m, int result)
{
	struct keyboard *k = container_of(m, struct keyboard, machine);
	_cleanup_buf_ struct buf keys = BUF_NULL;
	if (result == -EINTR)
		return KEYBOARD_READ;
	if (result == -EAGAIN) {
		machine_poll(m, k->fd, POLLIN);
		return KEYBOARD_READ;
	}
	if (result <= 0)
		return end_input(k);
	if (!k->terminal)
		buf_append(&keys, k->chunk, (size_t)result);
	else
		k->stopped = keys_filter(&k->keys, k->chunk, (size_t)result, &keys);
	if (keys.failed)
		return -ENOMEM;
	if (keys.len && port_waiting(k->port) < TYPED_MAX)
		port_input(k->port, keys.data, keys.len);
	return k->stopped ? MACHINE_END : KEYBOARD_READ;
}

static const struct machine_state keyboard_states[KEYBOARD_COUNT] = {
	[KEYBOARD_READ] = { "read", keyboard_read, DEADLINE_NONE, 0, TO(KEYBOARD_READ) | TO(KEYBOARD_TAKE) },
	[KEYBOARD_TAKE] = { "take", keyboard_take, DEADLINE_NONE, 0, TO(KEYBOARD_READ) | TO_END },
};

static void keyboard_done(struct machine *m, int result)
{
	struct keyboard *k = container_of(m, struct keyboard, machine);
	(void)result;
	k->live = false;
	notice_post(k->news);
}

static const struct machine_type keyboard_type = { "keyboard", keyboard_states, KEYBOARD_COUNT, keyboard_done };

void keyboard_start(struct keyboard *k, struct reactor *r, struct machine *parent)
{
	k->live = true;
	machine_start(r, &k->machine, &keyboard_type, parent, "keyboard");
}
