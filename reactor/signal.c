/* SPDX-License-Identifier: GPL-2.0-only */
/* signal.c -- see signal.h. */
#include "base/bug.h"
#include "reactor/signal.h"

static void on_signal(struct op *op)
{
	struct signals *s = container_of(op, struct signals, op);
	if (op->result == sizeof(s->info)) {
		s->caught = (int)s->info.ssi_signo;
		s->fn(s->data, s->caught);
	}
	if (s->closing || (op->result < 0 && op->result != -EINTR))
		return;
	op_submit(s->reactor, op);
}

int signals_init(struct signals *s, struct reactor *r, const sigset_t *set, signal_fn *fn, void *data, struct err **err)
{
	*s = (struct signals){ .reactor = r, .fn = fn, .data = data, .fd = -1 };
	sigprocmask(SIG_BLOCK, set, &s->blocked);
	s->fd = signalfd(-1, set, SFD_CLOEXEC);
	if (s->fd < 0)
		return FAIL_SYS(err, -errno, "make a signalfd");
	s->op = (struct op){ .kind = OP_READ,
			     .fd = s->fd,
			     .buf = &s->info,
			     .len = sizeof(s->info),
			     .offset = OP_STREAM,
			     .done = on_signal };
	op_submit(r, &s->op);
	return 0;
}

void signals_done(struct signals *s)
{
	if (s->fd < 0)
		return;
	s->closing = true;
	op_cancel(s->reactor, &s->op);
	while (s->op.phase != OP_IDLE)
		if (reactor_turn(s->reactor, NSEC_NEVER) < 0)
			break;
	s->fd = fd_close(s->fd);
	sigprocmask(SIG_SETMASK, &s->blocked, NULL);
}
