/* SPDX-License-Identifier: GPL-2.0-only */
/* ask.c -- see ask.h. */
#include "model/ask.h"

#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define PAUSE		 (300 * NSEC_PER_MSEC)
#define FAILURES_MAX	 3 /* without an answer, in a row */
#define SHOWN_MAX	 160

static struct ask *ask_of(struct machine *m)
{
	return container_of(m, struct ask, machine);
}

/* --- SEND --------------------------------------------------------------------------------------------------------- */

static int fail_late(struct ask *a)
{
	char text[TIME_TEXT_MAX];
	FAIL(&a->err, ERR_MISSING, -ETIMEDOUT, "the language model did not answer within %s",
	     nsec_format(a->server->limit, text));
	if (a->err)
		err_hint(a->err, "set KTSTR_LLM_TIMEOUT to more seconds");
	return -ETIMEDOUT;
}

static int send_question(struct machine *m, int result)
{
	static const char *const headers[] = { "Content-Type: application/json", "Expect:", NULL };
	struct ask *a = ask_of(m);
	nsec_t left = a->until - reactor_now(m->reactor);
	if (result < 0)
		return result;
	if (a->question.failed)
		return FAIL_SYS(&a->err, -ENOMEM, "ask the language model");
	if (left < NSEC_PER_MSEC)
		return fail_late(a);
	const struct call_request q = { .method = "POST",
					.url = a->server->url,
					.socket = a->server->socket[0] ? a->server->socket : NULL,
					.headers = headers,
					.body = a->question.data,
					.length = a->question.len,
					.max_bytes = ANSWER_BYTES_MAX,
					.limit = left };
	call_done(&a->call);
	call_start(&a->call, a->server->http, m->reactor, &q, m);
	machine_await(m, &a->call.machine);
	return ASK_READ;
}

/* --- READ --------------------------------------------------------------------------------------------------------- */

static bool may_ask_again(struct ask *a)
{
	const struct call *c = &a->call;
	bool starts = a->server->socket[0] && c->end == CALL_UNREACHED;
	if (starts || (c->end == CALL_ANSWERED && c->status == 503))
		return true;
	return (c->end == CALL_UNREACHED || c->end == CALL_BROKEN) && ++a->failures < FAILURES_MAX;
}

static int fail_ended(struct ask *a, const char *how)
{
	FAIL(&a->err, ERR_MISSING, -ECHILD, "%s", how);
	if (a->err)
		err_hint(a->err,
			 "the model must be a GGUF file that it can load; or set KTSTR_LLM_URL to a server that runs");
	return -ECHILD;
}

static int fail_call(struct ask *a)
{
	const struct call *c = &a->call;
	char url[URL_SHOWN_MAX], said[SHOWN_MAX];
	http_url_shown(a->server->url, url);
	if (c->end == CALL_LATE)
		return fail_late(a);
	if (c->end != CALL_ANSWERED)
		return FAIL(&a->err, ERR_MISSING, -EIO, "ask the language model at %s: %s", url, c->why);
	model_error_read(c->answer.data ?: "", c->answer.len, said, sizeof(said));
	return FAIL(&a->err, ERR_MISSING, -EIO, "the language model's server at %s answered with status %ld%s%s", url,
		    c->status, said[0] ? ": " : "", said);
}

static int read_answer(struct machine *m, int result)
{
	struct ask *a = ask_of(m);
	struct call *c = &a->call;
	char how[MODEL_SAID_MAX];
	if (result < 0)
		return result;
	if (c->end == CALL_ANSWERED && c->status == 200) {
		a->answer = c->answer;
		c->answer = BUF_NULL;
		result = model_reply_read(a->answer.data ?: "", a->answer.len, &a->reply, &a->err);
		return result < 0 ? result : MACHINE_END;
	}
	if (model_server_end(a->server, how))
		return fail_ended(a, how);
	if (!may_ask_again(a))
		return fail_call(a);
	return ASK_PAUSE;
}

/* --- PAUSE -------------------------------------------------------------------------------------------------------- */

static int pause_asking(struct machine *m, int result)
{
	(void)result;
	machine_sleep(m, PAUSE);
	return ASK_SEND;
}

static const struct machine_state states[ASK_STATE_MAX] = {
	[ASK_SEND] = { "send", send_question, DEADLINE_NONE, 0, TO(ASK_READ) },
	[ASK_READ] = { "read", read_answer, DEADLINE_NONE, 0, TO(ASK_PAUSE) | TO_END },
	[ASK_PAUSE] = { "pause", pause_asking, DEADLINE_NONE, 0, TO(ASK_SEND) },
};
static const struct machine_type ask_type = { "ask", states, ASK_STATE_MAX, NULL };

void ask_start(struct ask *a, struct model_server *s, struct reactor *r, const struct model_question *q,
	       struct machine *parent)
{
	*a = (struct ask){ .server = s, .until = reactor_now(r) + s->limit };
	model_question_write(q, &a->question);
	machine_start(r, &a->machine, &ask_type, parent, "question");
}

void ask_done(struct ask *a)
{
	call_done(&a->call);
	buf_done(&a->question);
	buf_done(&a->answer);
	buf_done(&a->reply);
	a->err = err_free(a->err);
}
