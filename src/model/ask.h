/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ask.h -- asks a language model one question, as a state machine: SEND > READ > (PAUSE > SEND).
 *
 * A server that still loads its model is asked again, and so is one that cannot be reached or that breaks the
 * connection, a few times.
 */
#ifndef KTSTR_MODEL_ASK_H
#define KTSTR_MODEL_ASK_H

#include "model/question.h"
#include "model/server.h"
#include "net/call.h"

enum ask_state { ASK_SEND, ASK_READ, ASK_PAUSE, ASK_STATE_MAX };

struct ask {
	struct machine machine; /* the result is 0, or a negative errno with `err` */
	struct buf answer;	/* the server's last answer, as it came */
	struct buf reply;	/* a JSON object of numbers */
	struct err *err;
	/* private */
	struct model_server *server;
	struct buf question;
	struct call call;
	nsec_t until;
	unsigned failures;
};

/* Overwrites @a, which must not move until the machine has ended. @q is used only during this call. */
void ask_start(struct ask *a, struct model_server *s, struct reactor *r, const struct model_question *q,
	       struct machine *parent);
/* Frees all, after the machine has ended or on a zeroed one. */
void ask_done(struct ask *a);

#endif
