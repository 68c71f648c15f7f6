/* SPDX-License-Identifier: GPL-2.0-only */
/* evidence.c -- see evidence.h. Lengths, counts and strings are checked here once, so later code can rely on them. */
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include <ktstr/payload.h>

#include "monitor/series.h"
#include "verdict/evidence.h"
#include "verdict/judgement.h"

void evidence_done(struct evidence *e)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		free(e->worker[i].sample);
	for (uint32_t i = 0; i < e->metric_count; i++)
		free(e->metric[i].name);
	for (uint32_t i = 0; i < e->detail_count; i++)
		free(e->detail[i].text);
	for (size_t i = 0; i < WIRE_STREAM_MAX; i++)
		buf_done(&e->text[i]);
	free(e->cpu);
	free(e->sched);
	free(e->phase);
	free(e->stimulus);
	free(e->cgroup);
	free(e->check);
	free(e->worker);
	free(e->metric);
	free(e->payload);
	free(e->payload_metric);
	for (uint32_t i = 0; i < e->output_count; i++)
		buf_done(&e->output[i].text);
	free(e->output);
	free(e->detail);
	buf_done(&e->damage);
	buf_done(&e->scenario);
	buf_done(&e->console);
	buf_done(&e->diagnosis);
	buf_done(&e->stderr_text);
	buf_done(&e->failure);
	buf_done(&e->contention);
	*e = (struct evidence){ 0 };
}

/* Adds a zeroed element to *@array. NULL: there are @max already, or no memory. The capacity is a power of two. */
static void *grow_array(void **array, uint32_t *count, size_t size, uint32_t max)
{
	if (*count >= max)
		return NULL;
	if ((*count & (*count - 1)) == 0) {
		void *more = realloc(*array, MAX_OF(*count * 2u, 1u) * size);
		if (!more)
			return NULL;
		*array = more;
	}
	void *slot = (char *)*array + (size_t)*count * size;
	memset(slot, 0, size);
	++*count;
	return slot;
}

#define GROW(e, field, max) grow_array((void **)&(e)->field, &(e)->field##_count, sizeof(*(e)->field), max)

struct record {
	uint64_t time_ns;
	const char *payload;
	uint32_t length;
};

/* --- one function per type; a failed one stores nothing; -E2BIG: too many records --------------------------------- */

#define AHEAD_NS_MAX ((uint64_t)60 * 1000000000) /* more than the longest boot; a guest may say anything */

static int take_hello(struct evidence *e, const struct record *r)
{
	memcpy(&e->hello, r->payload, sizeof(e->hello));
	text_clean_field(e->hello.release, sizeof(e->hello.release));
	e->has_hello = true;
	e->ahead_ns = e->hello.counter_ahead_ns <= AHEAD_NS_MAX ? e->hello.counter_ahead_ns : 0;
	return 0;
}

static int take_topology(struct evidence *e, const struct record *r)
{
	if (r->length % sizeof(struct wire_cpu) || r->length / sizeof(struct wire_cpu) > WIRE_CPUS_MAX)
		return -EBADMSG;
	free(e->cpu);
	e->cpu = malloc(r->length + 1);
	if (!e->cpu)
		return -ENOMEM;
	memcpy(e->cpu, r->payload, r->length);
	e->cpus = r->length / sizeof(struct wire_cpu);
	return 0;
}

static int take_sched(struct evidence *e, const struct record *r)
{
	struct evidence_sched *s = GROW(e, sched, EVIDENCE_ITEMS_MAX);
	if (!s)
		return -E2BIG;
	memcpy(&s->wire, r->payload, sizeof(s->wire));
	s->time_ns = r->time_ns;
	return 0;
}

static int take_phase(struct evidence *e, const struct record *r)
{
	struct evidence_phase *p = GROW(e, phase, EVIDENCE_ITEMS_MAX);
	if (!p)
		return -E2BIG;
	memcpy(&p->wire, r->payload, sizeof(p->wire));
	text_clean_field(p->wire.name, sizeof(p->wire.name));
	p->time_ns = r->time_ns;
	return 0;
}

static int take_stimulus(struct evidence *e, const struct record *r)
{
	struct evidence_stimulus *s = GROW(e, stimulus, EVIDENCE_ITEMS_MAX);
	if (!s)
		return -E2BIG;
	memcpy(&s->wire, r->payload, sizeof(s->wire));
	s->time_ns = r->time_ns;
	return 0;
}

static int take_cgroup(struct evidence *e, const struct record *r)
{
	struct wire_cgroup *g = GROW(e, cgroup, EVIDENCE_CGROUPS_MAX);
	if (!g)
		return -E2BIG;
	memcpy(g, r->payload, sizeof(*g));
	text_clean_field(g->name, sizeof(g->name));
	text_clean_field(g->work, sizeof(g->work));
	if (g->index == e->cgroup_count - 1)
		return 0;
	e->cgroup_count--;
	return -EBADMSG;
}

static int take_check(struct evidence *e, const struct record *r)
{
	struct wire_check wire;
	memcpy(&wire, r->payload, sizeof(wire));
	if (!e->cgroup_count || wire.cgroup != e->cgroup_count - 1 || !__builtin_isfinite(wire.value) || wire.value < 0)
		return -EBADMSG;
	struct evidence_check *c = GROW(e, check, EVIDENCE_METRICS_MAX);
	if (!c)
		return -E2BIG;
	*c = (struct evidence_check){ .cgroup = wire.cgroup, .off = wire.off, .value = wire.value };
	memcpy(c->name, wire.name, sizeof(c->name) - 1);
	return 0;
}

static int take_worker(struct evidence *e, const struct record *r)
{
	struct evidence_worker *w = GROW(e, worker, EVIDENCE_WORKERS_MAX);
	if (!w)
		return -E2BIG;
	memcpy(&w->wire, r->payload, sizeof(w->wire));
	w->wire.max_wake_at_ns += e->ahead_ns;
	if (w->wire.cgroup < e->cgroup_count && w->wire.index == e->worker_count - 1)
		return 0;
	e->worker_count--;
	return -EBADMSG;
}

static int take_samples(struct evidence *e, const struct record *r)
{
	struct wire_samples head;
	memcpy(&head, r->payload, sizeof(head));
	size_t bytes = r->length - sizeof(head);
	if (head.worker >= e->worker_count || bytes != head.count * sizeof(uint32_t))
		return -EBADMSG;
	struct evidence_worker *w = &e->worker[head.worker];
	uint32_t *all = realloc(w->sample, w->samples * sizeof(uint32_t) + bytes + 1);
	if (!all)
		return -ENOMEM;
	memcpy(all + w->samples, r->payload + sizeof(head), bytes);
	w->sample = all;
	w->samples += head.count;
	return 0;
}

static char *printable_line(const char *text, size_t len)
{
	struct buf out = BUF_NULL;
	text_append_line(&out, text, len);
	return buf_steal(&out);
}

static int take_metric(struct evidence *e, const struct record *r)
{
	struct wire_metric wire;
	memcpy(&wire, r->payload, sizeof(wire));
	if (wire.worker >= e->worker_count || !__builtin_isfinite(wire.value))
		return -EBADMSG;
	struct evidence_metric *m = GROW(e, metric, EVIDENCE_METRICS_MAX);
	if (!m)
		return -E2BIG;
	*m = (struct evidence_metric){ .worker = wire.worker, .value = wire.value };
	m->name = printable_line(wire.name, strnlen(wire.name, sizeof(wire.name)));
	if (m->name)
		return 0;
	e->metric_count--;
	return -ENOMEM;
}

/* A test may report without end. What it reports later is not more important, but its verdict counts. */
static void lose_detail(struct evidence *e, uint32_t verdict)
{
	bool worse = !e->details_lost || verdict_rank(verdict) > verdict_rank(e->lost_verdict);
	e->lost_verdict = worse ? verdict : e->lost_verdict;
	e->details_lost++;
}

static int take_detail(struct evidence *e, const struct record *r)
{
	struct wire_detail head;
	memcpy(&head, r->payload, sizeof(head));
	if (head.verdict > KTSTR_SKIP)
		return -EBADMSG;
	struct evidence_detail *d = GROW(e, detail, EVIDENCE_ITEMS_MAX);
	if (!d) {
		lose_detail(e, head.verdict);
		return 0;
	}
	d->verdict = head.verdict;
	d->expectation = head.expectation;
	d->text = printable_line(r->payload + sizeof(head), r->length - sizeof(head));
	if (d->text)
		return 0;
	e->detail_count--;
	return -ENOMEM;
}

static int take_text(struct evidence *e, const struct record *r)
{
	struct wire_text head;
	memcpy(&head, r->payload, sizeof(head));
	if (!head.stream || head.stream >= WIRE_STREAM_MAX)
		return -EBADMSG;
	text_append_stream(&e->text[head.stream], &e->stream[head.stream], r->payload + sizeof(head),
			   r->length - sizeof(head));
	return 0;
}

/* Only the first scenario of a test is kept; the others are counted. */
static int take_scenario(struct evidence *e, const struct record *r)
{
	struct wire_scenario head;
	memcpy(&head, r->payload, sizeof(head));
	if (head.number > e->scenarios || head.refused > 1)
		return -EBADMSG;
	e->scenarios = MAX_OF(e->scenarios, head.number + 1);
	if (head.number)
		return 0;
	if (e->scenario.len + r->length > EVIDENCE_SCENARIO_MAX)
		return -E2BIG;
	e->scenario_refused |= head.refused;
	buf_append(&e->scenario, r->payload + sizeof(head), r->length - sizeof(head));
	return 0;
}

static int take_result(struct evidence *e, const struct record *r)
{
	struct wire_result result;
	memcpy(&result, r->payload, sizeof(result));
	if (result.verdict > KTSTR_SKIP)
		return -EBADMSG;
	if (e->has_result)
		return -EEXIST;
	e->result = result;
	e->has_result = true;
	return 0;
}

static int take_test_exit(struct evidence *e, const struct record *r)
{
	if (e->has_test_exit)
		return -EEXIST;
	memcpy(&e->test_exit, r->payload, sizeof(e->test_exit));
	e->has_test_exit = true;
	return 0;
}

static int take_exit(struct evidence *e, const struct record *r)
{
	if (e->has_exit)
		return -EEXIST;
	memcpy(&e->exit, r->payload, sizeof(e->exit));
	e->has_exit = true;
	return 0;
}

static int take_payload(struct evidence *e, const struct record *r)
{
	struct wire_payload *p = GROW(e, payload, EVIDENCE_ITEMS_MAX);
	if (!p)
		return -E2BIG;
	memcpy(p, r->payload, sizeof(*p));
	text_clean_field(p->name, sizeof(p->name));
	text_clean_field(p->cgroup, sizeof(p->cgroup));
	bool good = p->index != WIRE_TEST_ITSELF && p->end >= WIRE_PAYLOAD_EXITED && p->end <= WIRE_PAYLOAD_FLOODED &&
		    p->verdict <= KTSTR_SKIP;
	for (uint32_t i = 0; i + 1 < e->payload_count; i++)
		good &= e->payload[i].index != p->index;
	e->payload_count -= !good;
	return good ? 0 : -EBADMSG;
}

struct wire_payload *evidence_payload(const struct evidence *e, uint32_t index)
{
	for (uint32_t i = e->payload_count; i-- > 0;)
		if (e->payload[i].index == index)
			return &e->payload[i];
	return NULL;
}

static int take_payload_metric(struct evidence *e, const struct record *r)
{
	struct wire_payload_metric m;
	memcpy(&m, r->payload, sizeof(m));
	if ((m.payload != WIRE_TEST_ITSELF && !evidence_payload(e, m.payload)) || !__builtin_isfinite(m.value) ||
	    !__builtin_isfinite(m.target) || m.polarity >= KTSTR_POLARITY_MAX || m.source >= WIRE_SOURCES_MAX ||
	    m.stream < WIRE_METRIC_STDOUT || m.stream > WIRE_METRIC_SYNTHESIZED)
		return -EBADMSG;
	struct wire_payload_metric *to = GROW(e, payload_metric, EVIDENCE_METRICS_MAX);
	if (!to)
		return -E2BIG;
	*to = m;
	text_clean_field(to->name, sizeof(to->name));
	text_clean_field(to->unit, sizeof(to->unit));
	return 0;
}

static int take_output(struct evidence *e, const struct record *r)
{
	struct wire_payload_text head;
	memcpy(&head, r->payload, sizeof(head));
	if (!evidence_payload(e, head.payload) || r->length - sizeof(head) > WIRE_OUTPUT_MAX || head.cut > 1 ||
	    (head.stream != WIRE_METRIC_STDOUT && head.stream != WIRE_METRIC_STDERR))
		return -EBADMSG;
	struct evidence_output *o = GROW(e, output, EVIDENCE_OUTPUTS_MAX);
	if (!o)
		return -E2BIG;
	*o = (struct evidence_output){ .payload = head.payload,
				       .stream = (enum wire_metric_stream)head.stream,
				       .cut = head.cut };
	text_append(&o->text, r->payload + sizeof(head), r->length - sizeof(head));
	return 0;
}

static const struct {
	const char *name;
	uint32_t least;
	bool exact;
	int (*take)(struct evidence *e, const struct record *r);
} types[WIRE_TYPE_MAX] = {
	[WIRE_HELLO] = { "hello", sizeof(struct wire_hello), true, take_hello },
	[WIRE_TOPOLOGY] = { "topology", 0, false, take_topology },
	[WIRE_SCHED] = { "scheduler", sizeof(struct wire_sched), true, take_sched },
	[WIRE_PHASE] = { "phase", sizeof(struct wire_phase), true, take_phase },
	[WIRE_STIMULUS] = { "stimulus", sizeof(struct wire_stimulus), true, take_stimulus },
	[WIRE_CGROUP] = { "cgroup", sizeof(struct wire_cgroup), true, take_cgroup },
	[WIRE_WORKER] = { "worker", sizeof(struct wire_worker), true, take_worker },
	[WIRE_SAMPLES] = { "samples", sizeof(struct wire_samples), false, take_samples },
	[WIRE_METRIC] = { "metric", sizeof(struct wire_metric), true, take_metric },
	[WIRE_DETAIL] = { "detail", sizeof(struct wire_detail), false, take_detail },
	[WIRE_TEXT] = { "text", sizeof(struct wire_text), false, take_text },
	[WIRE_RESULT] = { "result", sizeof(struct wire_result), true, take_result },
	[WIRE_TEST_EXIT] = { "test-exit", sizeof(struct wire_test_exit), true, take_test_exit },
	[WIRE_EXIT] = { "exit", sizeof(struct wire_exit), true, take_exit },
	[WIRE_PAYLOAD] = { "payload", sizeof(struct wire_payload), true, take_payload },
	[WIRE_CHECK] = { "check", sizeof(struct wire_check), true, take_check },
	[WIRE_SCENARIO] = { "scenario", sizeof(struct wire_scenario), false, take_scenario },
	[WIRE_PAYLOAD_METRIC] = { "payload-metric", sizeof(struct wire_payload_metric), true, take_payload_metric },
	[WIRE_PAYLOAD_TEXT] = { "payload-text", sizeof(struct wire_payload_text), false, take_output },
};

uint64_t evidence_end_ns(const struct evidence *e)
{
	bool cut_short = e->interrupted || e->late_in[0] || e->machine_died || e->machine_reset;
	if (!cut_short || !e->series || !e->series->count)
		return e->last_ns;
	return MAX_OF(e->last_ns, e->series->reading[e->series->count - 1].at_ns);
}

int evidence_take(struct evidence *e, enum wire_type type, uint64_t time_ns, const void *payload, uint32_t length,
		  struct err **err)
{
	REQUIRE(type > 0 && type < WIRE_TYPE_MAX);
	struct record r = { .time_ns = time_ns + e->ahead_ns, .payload = payload, .length = length };
	bool fits = length == types[type].least || (!types[type].exact && length > types[type].least);
	int code = fits ? types[type].take(e, &r) : -EBADMSG;
	e->records++;
	e->last_ns = MAX_OF(e->last_ns, time_ns + e->ahead_ns);
	if (code == 0)
		return 0;
	const char *what = code == -E2BIG    ? "is one too many"
			   : code == -EEXIST ? "comes a second time"
					     : "is not valid";
	return FAIL(err, ERR_DATA, code, "record %lu of the guest's event log (%s) %s", e->records, types[type].name,
		    what);
}

const struct evidence_sched *evidence_sched(const struct evidence *e, enum wire_sched_event event)
{
	for (uint32_t i = e->sched_count; i-- > 0;)
		if (e->sched[i].wire.event == event)
			return &e->sched[i];
	return NULL;
}

const struct evidence_sched *evidence_scheduler_end(const struct evidence *e)
{
	const struct evidence_sched *died = evidence_sched(e, WIRE_SCHED_DIED);
	return died ? died : evidence_sched(e, WIRE_SCHED_EJECTED);
}

int evidence_take_packet(struct evidence *e, const void *packet, size_t len, struct err **err)
{
	struct wire_record r;
	if (len < sizeof(r))
		return 0;
	memcpy(&r, packet, sizeof(r));
	if (r.length != len - sizeof(r) || r.type == 0 || r.type >= WIRE_TYPE_MAX)
		return 0;
	return evidence_take(e, r.type, r.time_ns, (const uint8_t *)packet + sizeof(r), r.length, err);
}
