/* SPDX-License-Identifier: GPL-2.0-only */
/* model_metrics.c -- see model_metrics.h. */
#include "run/model_metrics.h"

#include <string.h>

#include "base/environment.h"
#include "base/json_numbers.h"
#include "run/attempt.h"
#include "run/host_process.h"
#include "run/plan.h"

#define REPLY_LIMIT	  NSEC_PER_MIN
#define ANSWERS_BYTES_MAX ((size_t)4 << 20)

/* --- asking ------------------------------------------------------------------------------------------------------- */

static struct model_metrics *metrics_of(struct machine *m)
{
	return container_of(m, struct model_metrics, machine);
}

bool test_asks_model(const struct test_decl *t)
{
	for (size_t i = 0; i < t->payloads; i++)
		if (t->payload_list[i].asks)
			return true;
	return false;
}

static const struct payload_decl *declaration(const struct attempt *a, const struct wire_payload *p)
{
	const struct test_decl *t = a->item->test;
	for (size_t i = 0; i < t->payloads; i++)
		if (t->payload_list[i].asks && !strcmp(t->payload_list[i].name, p->name))
			return &t->payload_list[i];
	return NULL;
}

static const struct evidence_output *output_of(const struct evidence *e, uint32_t payload,
					       enum wire_metric_stream stream)
{
	for (uint32_t i = 0; i < e->output_count; i++)
		if (e->output[i].payload == payload && e->output[i].stream == stream)
			return &e->output[i];
	return NULL;
}

/* The next run that a model is to read, or NULL. */
static const struct wire_payload *next_run(struct model_metrics *m)
{
	const struct evidence *e = &m->attempt->evidence;
	for (; m->next < e->payload_count; m->next++) {
		const struct wire_payload *p = &e->payload[m->next];
		if (declaration(m->attempt, p) &&
		    (output_of(e, p->index, WIRE_METRIC_STDOUT) || output_of(e, p->index, WIRE_METRIC_STDERR)))
			return p;
	}
	return NULL;
}

static void ask_about(struct model_metrics *m, const struct wire_payload *p, enum wire_metric_stream stream)
{
	const struct payload_decl *decl = declaration(m->attempt, p);
	const struct evidence_output *o = output_of(&m->attempt->evidence, p->index, stream);
	const struct model_question q = { .hint = decl->hint,
					  .metrics = (const char *const *)decl->metrics,
					  .text = buf_str(&o->text),
					  .length = o->text.len,
					  .cut = o->cut };
	ask_start(&m->ask, m->server, m->machine.reactor, &q, &m->machine);
	machine_await(&m->machine, &m->ask.machine);
}

/* Standard output first; standard error if there is none, or if the model found no number in it. */
static int ask_next(struct machine *machine, int result)
{
	struct model_metrics *m = metrics_of(machine);
	const struct evidence *e = &m->attempt->evidence;
	const struct wire_payload *p = next_run(m);
	struct err *err = NULL;
	if (result < 0)
		return result;
	if (!p)
		return MACHINE_END;
	struct model_reply *r = &m->reply[m->replies];
	if (!r->stream)
		r->stream = output_of(e, p->index, WIRE_METRIC_STDOUT) ? WIRE_METRIC_STDOUT : WIRE_METRIC_STDERR;
	r->payload = p->index;
	if (model_server_open(m->server, machine->reactor, &err) == 0) {
		ask_about(m, p, r->stream);
		return MODEL_METRICS_NOTE;
	}
	err_format(err, &r->why);
	err_free(err);
	m->replies++;
	m->next++;
	return MODEL_METRICS_ASK;
}

static bool count_number(void *arg, const char *path, double value)
{
	(void)path, (void)value;
	++*(unsigned *)arg;
	return true;
}

static bool has_numbers(const struct buf *reply)
{
	unsigned count = 0;
	bool truncated;
	return json_numbers(buf_str(reply), reply->len, count_number, &count, &truncated) > 0 && count;
}

static void keep_answer(struct model_metrics *m)
{
	const struct buf *answer = &m->ask.answer;
	if (environment_is_on(ENV_LLM_DEBUG_RESPONSES) && m->answers.len + answer->len < ANSWERS_BYTES_MAX) {
		buf_append(&m->answers, answer->data, answer->len);
		buf_puts(&m->answers, "\n");
	}
}

static int note_reply(struct machine *machine, int result)
{
	struct model_metrics *m = metrics_of(machine);
	struct model_reply *r = &m->reply[m->replies];
	keep_answer(m);
	if (machine->cancelled)
		return -ECANCELED;
	bool fallback = result == 0 && r->stream == WIRE_METRIC_STDOUT && !has_numbers(&m->ask.reply) &&
			output_of(&m->attempt->evidence, r->payload, WIRE_METRIC_STDERR);
	if (fallback) {
		r->stream = WIRE_METRIC_STDERR;
	} else {
		if (result == 0)
			buf_append(&r->reply, m->ask.reply.data, m->ask.reply.len);
		else if (m->ask.err)
			err_format(m->ask.err, &r->why);
		else
			buf_puts(&r->why, strerror(-result));
		m->replies++;
		m->next++;
	}
	ask_done(&m->ask);
	m->ask = (struct ask){ 0 };
	return MODEL_METRICS_ASK;
}

static const struct machine_state states[MODEL_METRICS_STATE_MAX] = {
	[MODEL_METRICS_ASK] = { "ask", ask_next, DEADLINE_NONE, 0, TO(MODEL_METRICS_NOTE) | TO_END },
	[MODEL_METRICS_NOTE] = { "note", note_reply, DEADLINE_NONE, 0, TO(MODEL_METRICS_ASK) },
};
static const struct machine_type metrics_type = { "model metrics", states, MODEL_METRICS_STATE_MAX, NULL };

struct model_metrics *model_metrics_start(struct attempt *a, struct model_server *server)
{
	struct model_metrics *m = calloc(1, sizeof(*m));
	if (m) {
		*m = (struct model_metrics){ .attempt = a, .server = server, .runs = a->evidence.payload_count };
		m->reply = next_run(m) ? calloc(m->runs, sizeof(*m->reply)) : NULL;
	}
	if (!m || !m->reply)
		return model_metrics_free(m);
	machine_start(a->machine.reactor, &m->machine, &metrics_type, &a->machine, "language model");
	return m;
}

struct model_metrics *model_metrics_free(struct model_metrics *m)
{
	for (uint32_t i = 0; m && m->reply && i < m->runs; i++) {
		buf_done(&m->reply[i].reply);
		buf_done(&m->reply[i].why);
	}
	if (m) {
		ask_done(&m->ask);
		buf_done(&m->answers);
		free(m->reply);
	}
	free(m);
	return NULL;
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

static int add_finding(struct evidence *e, struct wire_payload *p, enum ktstr_verdict verdict, const char *text)
{
	struct {
		struct wire_detail head;
		char text[1024];
	} record = { .head = { .verdict = (uint32_t)verdict } };
	size_t length = text_copy_line(record.text, sizeof(record.text), text, strlen(text));
	p->verdict = (uint32_t)verdict;
	return evidence_take(e, WIRE_DETAIL, e->last_ns, &record, (uint32_t)(sizeof(record.head) + length), NULL);
}

/* Without a reply nobody knows what the payload measured. */
static int note_lack(struct evidence *e, struct wire_payload *p, const struct buf *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_appendf(&text, "payload '%s': its output was not read: %s", p->name, buf_str(why));
	return add_finding(e, p, KTSTR_INCONCLUSIVE, buf_str(&text));
}

static int take_judged(struct evidence *e, struct wire_payload *p, const struct evidence *judged)
{
	int r = 0;
	for (uint32_t i = 0; i < judged->payload_metric_count && r == 0; i++)
		r = evidence_take(e, WIRE_PAYLOAD_METRIC, e->last_ns, &judged->payload_metric[i],
				  sizeof(judged->payload_metric[i]), NULL);
	for (uint32_t i = 0; i < judged->detail_count && r == 0; i++)
		r = add_finding(e, p, (enum ktstr_verdict)judged->detail[i].verdict, judged->detail[i].text);
	p->metrics += judged->payload_metric_count;
	return r;
}

/* The test binary has the declarations, so a process of it reads the numbers and makes the checks. */
static int judge_reply(struct attempt *a, struct wire_payload *p, const struct model_reply *r)
{
	struct evidence judged = { 0 };
	char index[16], stream[16];
	const struct test_decl *t = a->item->test;
	const struct host_process process = {
		.argv = { t->binary, "--reply", t->name, "--payload", p->name, "--index", index, "--stream", stream,
			  p->end == WIRE_PAYLOAD_KILLED ? "--killed" : NULL },
		.limit = REPLY_LIMIT,
		.input = &r->reply,
		.job = &a->job,
		.evidence = &judged,
	};
	snprintf(index, sizeof(index), "%u", p->index);
	snprintf(stream, sizeof(stream), "%u", (unsigned)r->stream);
	int result = host_process_run(&process);
	if (result == 0 && offload_cancelled(&a->job))
		a->evidence.interrupted = true;
	else if (result == 0 && (!judged.has_result || judged.damage.len))
		result = add_finding(&a->evidence, p, KTSTR_INCONCLUSIVE,
				     "the process of the test binary that reads a language model's reply failed");
	else if (result == 0)
		result = take_judged(&a->evidence, p, &judged);
	evidence_done(&judged);
	return result;
}

static const struct model_reply *reply_about(const struct model_metrics *m, uint32_t payload)
{
	for (uint32_t i = 0; m && i < m->replies; i++)
		if (m->reply[i].payload == payload)
			return &m->reply[i];
	return NULL;
}

static int take_reply(struct attempt *a, struct wire_payload *p)
{
	static char nothing[] = "{}", unasked[] = "the run was interrupted, or there was no memory to ask";
	const struct evidence *e = &a->evidence;
	const struct model_reply *r = reply_about(a->model, p->index);
	const struct model_reply silent = { .stream = WIRE_METRIC_STDOUT, .reply = { .data = nothing, .len = 2 } };
	const struct buf why = { .data = unasked, .len = strlen(unasked) };
	if (r)
		return r->reply.len ? judge_reply(a, p, r) : note_lack(&a->evidence, p, &r->why);
	if (!output_of(e, p->index, WIRE_METRIC_STDOUT) && !output_of(e, p->index, WIRE_METRIC_STDERR))
		return judge_reply(a, p, &silent);
	return note_lack(&a->evidence, p, &why);
}

int model_metrics_take(struct attempt *a)
{
	struct evidence *e = &a->evidence;
	int r = 0;
	if (a->model_taken || a->on_host)
		return 0;
	a->model_taken = e->outputs_read = true;
	for (uint32_t i = 0; i < e->payload_count && r == 0; i++)
		if (e->payload[i].verdict == KTSTR_PASS && declaration(a, &e->payload[i]))
			r = take_reply(a, &e->payload[i]);
	return r;
}
