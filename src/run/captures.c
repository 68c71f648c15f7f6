/* SPDX-License-Identifier: GPL-2.0-only */
/* captures.c -- see captures.h. */
#include "run/captures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define SNAPSHOTS_SCHEMA "snapshots"

void captures_init(struct captures *c, const struct seen_decl *decl, nsec_t duration)
{
	*c = (struct captures){ .decl = decl, .duration_ns = (uint64_t)duration };
	c->list = calloc(CAPTURES_MAX, sizeof(*c->list));
	c->metric = calloc(decl->watches + 1, sizeof(*c->metric));
	c->failed = !c->list || !c->metric;
}

void captures_done(struct captures *c)
{
	for (unsigned i = 0; c->list && i < c->count; i++)
		json_decref(c->list[i].dump);
	free(c->list);
	free(c->metric);
	buf_done(&c->problem);
	*c = (struct captures){ 0 };
}

/* Takes @err over. */
static void note_problem(struct captures *c, const char *what, struct err *err)
{
	buf_appendf(&c->problem, "%s%s: ", c->problem.len ? "; " : "", what);
	err_format(err, &c->problem);
	err_free(err);
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

/* The guest wrote the arguments. False: they are no mark. */
static bool take_mark(uint64_t kind, uint64_t step, const void *name, struct mark *ret)
{
	if (!kind || kind >= WIRE_MARK_KIND_MAX)
		return false;
	char raw[WIRE_MARK_NAME_MAX + 1] = "";
	memcpy(raw, name, WIRE_MARK_NAME_MAX);
	*ret = (struct mark){ .kind = (uint32_t)kind, .step = (uint32_t)step };
	text_copy_line(ret->name, sizeof(ret->name), raw, strlen(raw));
	return true;
}

bool mark_read(struct view *v, const struct field argument[WIRE_MARK_ARGUMENTS], uint64_t regs, struct mark *ret)
{
	uint64_t word[WIRE_MARK_ARGUMENTS];
	for (unsigned i = 0; i < WIRE_MARK_ARGUMENTS; i++)
		if (!view_read_field(v, regs, argument[i], &word[i]))
			return false;
	return take_mark(word[0] - WIRE_MARK, word[5], &word[1], ret);
}

bool mark_from_words(uint32_t kind, const uint32_t word[WIRE_MARK_WORDS], struct mark *ret)
{
	return take_mark(kind, word[WIRE_MARK_WORDS - 1], word, ret);
}

/* --- the list ----------------------------------------------------------------------------------------------------- */

static struct capture *add_capture(struct captures *c, const char *name, uint64_t at_ns, int step)
{
	if (c->failed || c->count == CAPTURES_MAX)
		return NULL;
	struct capture *capture = &c->list[c->count++];
	*capture = (struct capture){ .at_ns = at_ns, .step = step };
	snprintf(capture->name, sizeof(capture->name), "%s", name);
	return capture;
}

static void add_due(struct captures *c, const char *name, uint64_t at_ns, int step)
{
	if (add_capture(c, name, at_ns, step))
		c->due++;
}

/* Without a dump and without a reason, it is due. */
void captures_put(struct captures *c, json_t *dump)
{
	for (unsigned i = 0; c->due && i < c->count; i++) {
		struct capture *capture = &c->list[i];
		if (capture->dump || *capture->lack)
			continue;
		capture->dump = dump ? json_incref(dump) : NULL;
		if (!dump)
			snprintf(capture->lack, sizeof(capture->lack), "the machine ended before it was taken");
	}
	c->due = 0;
}

/* --- periodic snapshots ------------------------------------------------------------------------------------------- */

/* They divide the scenario's duration between 10 % and 90 % into equal parts. */
static uint64_t boundary_ns(const struct captures *c, unsigned i)
{
	double d = (double)c->duration_ns, part = 0.8 * d / (c->decl->snapshots + 1);
	return c->started_ns + (uint64_t)(0.1 * d + (i + 1) * part);
}

static struct capture *add_periodic(struct captures *c, uint64_t at_ns)
{
	char name[32];
	unsigned i = c->next++;
	snprintf(name, sizeof(name), "periodic_%03u", i);
	struct capture *capture = add_capture(c, name, at_ns, -1);
	if (capture) {
		capture->periodic = true;
		capture->boundary_ns = boundary_ns(c, i);
	}
	return capture;
}

/* Of several boundaries that have passed, there is a snapshot for the last one. */
static void take_periodic(struct captures *c, uint64_t guest_ns)
{
	while (c->next < c->decl->snapshots && boundary_ns(c, c->next) <= guest_ns) {
		bool last = c->next + 1 == c->decl->snapshots || boundary_ns(c, c->next + 1) > guest_ns;
		struct capture *capture = add_periodic(c, guest_ns);
		if (!capture)
			return;
		c->due += last;
		c->fired += last;
		if (!last)
			snprintf(capture->lack, sizeof(capture->lack),
				 "all CPUs of the guest slept until the next one");
	}
}

static void miss_periodic(struct captures *c, const char *why)
{
	while (c->decl && c->next < c->decl->snapshots) {
		struct capture *capture = add_periodic(c, c->ended ? c->ended_ns : 0);
		if (!capture)
			return;
		snprintf(capture->lack, sizeof(capture->lack), "%s", why);
	}
}

/* --- variables of the kernel -------------------------------------------------------------------------------------- */

static void watch_symbol(struct captures *c, struct inspector *in, const char *name)
{
	struct err *err = NULL;
	uint64_t at = view_symbol(in->view, name), value = 0;
	for (unsigned i = 0; i < c->symbols; i++)
		if (!strcmp(c->symbol[i].name, name))
			return;
	if (c->symbols == CAPTURE_SYMBOLS_MAX)
		FAIL(&err, ERR_DATA, -ENOSPC, "more than %d variables are watched", CAPTURE_SYMBOLS_MAX);
	else if (!at)
		FAIL(&err, ERR_DATA, -ENOENT, "the kernel has no symbol of this name");
	else if (at % 4)
		FAIL(&err, ERR_DATA, -EINVAL, "its address 0x%" PRIx64 " is not a multiple of 4", at);
	else if (!view_read_u64(in->view, at, 4, &value))
		FAIL(&err, ERR_DATA, -EFAULT, "its address 0x%" PRIx64 " cannot be read", at);
	if (err) {
		char what[64];
		snprintf(what, sizeof(what), "watch '%s'", name);
		note_problem(c, what, err);
		return;
	}
	struct watched_symbol *s = &c->symbol[c->symbols++];
	*s = (struct watched_symbol){ .at = at, .value = (uint32_t)value };
	snprintf(s->name, sizeof(s->name), "%s", name);
}

static void look_at_symbols(struct captures *c, struct inspector *in, uint64_t guest_ns)
{
	for (unsigned i = 0; i < c->symbols; i++) {
		struct watched_symbol *s = &c->symbol[i];
		uint64_t value;
		char name[64];
		if (!view_read_u64(in->view, s->at, 4, &value) || (uint32_t)value == s->value)
			continue;
		s->value = (uint32_t)value;
		snprintf(name, sizeof(name), "watch_%s_%03u", s->name, s->changes++);
		add_due(c, name, guest_ns, -1);
	}
}

/* --- BPF maps ----------------------------------------------------------------------------------------------------- */

/* All of them, or none. */
static void write_maps(struct captures *c, struct inspector *in)
{
	_cleanup_free_ struct variable *at = calloc(c->decl->writes + 1, sizeof(*at));
	struct err *err = NULL;
	int r = at ? 0 : FAIL_SYS(&err, -ENOMEM, "write");
	const struct map_write_decl *w = c->decl->write;
	for (size_t i = 0; i < c->decl->writes && r == 0; i++) {
		r = variable_find(in, NULL, w[i].variable, &at[i], &err);
		if (r == 0)
			r = variable_check(&at[i], w[i].value, &err);
		if (r < 0)
			err_wrap(&err, r, "variable '%s'", w[i].variable);
	}
	for (size_t i = 0; i < c->decl->writes && r == 0; i++) {
		r = variable_write(in->view, &at[i], w[i].value);
		if (r < 0)
			FAIL_SYS(&err, r, "write '%s'", w[i].variable);
	}
	if (r < 0)
		note_problem(c, "bpf_map_write changed nothing", err);
}

static void find_metrics(struct captures *c, struct inspector *in)
{
	for (size_t i = 0; i < c->decl->watches; i++) {
		const struct map_watch_decl *w = &c->decl->watch[i];
		struct err *err = NULL;
		c->metric[i].found = variable_find(in, w->map, w->field, &c->metric[i].variable, &err) == 0;
		if (!c->metric[i].found) {
			err_wrap(&err, -ENOENT, "'%s'", w->label);
			note_problem(c, "watch_bpf_maps", err);
		}
	}
}

static void add_value(struct map_metric *m, double value)
{
	m->highest = m->values && m->highest > value ? m->highest : value;
	m->sum += value;
	m->last = value;
	m->total += value;
	m->values++;
}

static void measure_map(struct map_metric *m, struct inspector *in)
{
	unsigned cpus = m->variable.per_cpu ? in->view->cpus : 1;
	double value;
	if (!m->found || !variable_is_there(in, &m->variable))
		return;
	m->total = 0;
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		if (variable_read(in->view, &m->variable, cpu, &value))
			add_value(m, value);
	m->cpus = cpus;
}

static void measure_maps(struct captures *c, struct inspector *in)
{
	for (size_t i = 0; i < c->decl->watches; i++)
		measure_map(&c->metric[i], in);
}

/* --- what happens in the guest ------------------------------------------------------------------------------------ */

/* Of several scenarios in a body, the first one counts. */
static void begin(struct captures *c, struct inspector *in, uint64_t guest_ns)
{
	if (c->started)
		return;
	c->started = true;
	c->started_ns = guest_ns;
	if (c->decl->writes)
		write_maps(c, in);
	find_metrics(c, in);
}

static void end(struct captures *c, struct inspector *in, uint64_t guest_ns)
{
	if (!c->started || c->ended)
		return;
	measure_maps(c, in);
	c->ended = true;
	c->ended_ns = guest_ns;
	miss_periodic(c, "the scenario ended before it was due");
}

void captures_mark(struct captures *c, struct inspector *in, const struct mark *m, uint64_t guest_ns)
{
	if (!c->decl || c->failed)
		return;
	switch (m->kind) {
	case WIRE_MARK_START:
		begin(c, in, guest_ns);
		return;
	case WIRE_MARK_END:
		end(c, in, guest_ns);
		return;
	case WIRE_MARK_CAPTURE:
		add_due(c, m->name, guest_ns, (int)m->step);
		return;
	case WIRE_MARK_WATCH:
		watch_symbol(c, in, m->name);
		return;
	default:
		return;
	}
}

void captures_miss(struct captures *c, const struct mark *m, uint64_t guest_ns, const char *why)
{
	static const char *const where[WIRE_MARK_KIND_MAX] = { [WIRE_MARK_START] = "the begin of the scenario",
							       [WIRE_MARK_END] = "the end of the scenario",
							       [WIRE_MARK_WATCH] = "a watch of a variable" };
	struct capture *capture = m->kind == WIRE_MARK_CAPTURE ? add_capture(c, m->name, guest_ns, (int)m->step) : NULL;
	if (capture)
		snprintf(capture->lack, sizeof(capture->lack), "%s", why);
	else if (where[m->kind])
		buf_appendf(&c->problem, "%sthe guest was not looked at at %s: %s", c->problem.len ? "; " : "",
			    where[m->kind], why);
}

bool captures_want_samples(const struct captures *c)
{
	return c->decl && !c->failed && c->started && !c->ended &&
	       (c->decl->watches || c->symbols || c->next < c->decl->snapshots);
}

void captures_sample(struct captures *c, struct inspector *in, uint64_t guest_ns)
{
	if (!captures_want_samples(c))
		return;
	measure_maps(c, in);
	look_at_symbols(c, in, guest_ns);
	take_periodic(c, guest_ns);
}

void captures_close(struct captures *c, const char *lack)
{
	struct err *err = NULL;
	if (!c->decl || !seen_decl_any(c->decl))
		return;
	captures_put(c, NULL);
	if (c->failed)
		FAIL(&err, ERR_DATA, -ENOMEM, "memory on the host ran out");
	else if (lack)
		FAIL(&err, ERR_DATA, -ENODATA, "%s", lack);
	else if (!c->started && (c->decl->snapshots || c->decl->writes || c->decl->watches))
		FAIL(&err, ERR_DATA, -ENODATA, "no scenario began");
	bool seen = !err;
	if (err)
		note_problem(c, "the guest was not looked at from outside", err);
	if (!c->failed)
		miss_periodic(c, "the machine ended before it was due");
	if (seen && c->decl->snapshots && !c->fired)
		buf_appendf(&c->problem, "%snone of %u periodic snapshots was taken: %s", c->problem.len ? "; " : "",
			    c->decl->snapshots, c->count ? c->list[c->count - 1].lack : "there is no room");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static double ms_since(const struct captures *c, uint64_t at_ns)
{
	return ((double)at_ns - (double)c->started_ns) / NSEC_PER_MSEC;
}

static json_t *capture_json(const struct captures *c, const struct capture *capture, bool with_dump)
{
	json_t *o = json_object();
	bool taken = capture->dump;
	json_put_text(&o, "name", capture->name);
	json_put(&o, "time_ms", taken || !capture->periodic ? json_number(ms_since(c, capture->at_ns)) : json_null());
	json_put(&o, "step", capture->step < 0 ? json_null() : json_integer(capture->step));
	json_put_bool(&o, "periodic", capture->periodic);
	json_put(&o, "boundary_offset_ms",
		 taken && capture->periodic
			 ? json_number(((double)capture->at_ns - (double)capture->boundary_ns) / NSEC_PER_MSEC)
			 : json_null());
	json_put_text(&o, "lack", taken ? NULL : capture->lack);
	if (with_dump && taken)
		json_put(&o, "dump", json_incref(capture->dump));
	return o;
}

static json_t *list_json(const struct captures *c, bool with_dumps)
{
	json_t *list = json_array();
	for (unsigned i = 0; c->list && i < c->count; i++)
		json_add(&list, capture_json(c, &c->list[i], with_dumps));
	return list;
}

static json_t *head_json(const struct captures *c)
{
	json_t *o = json_object();
	json_put_u64(&o, "periodic_target", c->decl ? c->decl->snapshots : 0);
	json_put_u64(&o, "periodic_fired", c->fired);
	return o;
}

json_t *captures_json(const struct captures *c)
{
	json_t *o = head_json(c);
	json_put_text(&o, "schema", SNAPSHOTS_SCHEMA);
	json_put(&o, "snapshots", list_json(c, true));
	return o;
}

json_t *captures_list_json(const struct captures *c)
{
	if (!c->decl || (!c->count && !c->decl->snapshots))
		return json_null();
	json_t *o = head_json(c);
	json_put(&o, "taken", list_json(c, false));
	return o;
}

static void put_metric(json_t **o, const struct map_watch_decl *w, const struct map_metric *m, const char *suffix,
		       double value)
{
	char key[256];
	snprintf(key, sizeof(key), "%s_%s%s", m->variable.object, w->label, suffix);
	json_put_number(o, key, value);
}

json_t *captures_metrics_json(const struct captures *c)
{
	json_t *o = json_object();
	for (size_t i = 0; c->decl && c->metric && i < c->decl->watches; i++) {
		const struct map_watch_decl *w = &c->decl->watch[i];
		const struct map_metric *m = &c->metric[i];
		if (!m->values)
			continue;
		double mean = m->sum / (double)m->values;
		switch (w->aggregation) {
		case KTSTR_VALUE_MEAN:
			put_metric(&o, w, m, "", mean);
			break;
		case KTSTR_COUNTER_LAST:
			put_metric(&o, w, m, "", m->last);
			break;
		case KTSTR_PER_CPU_MEAN:
			put_metric(&o, w, m, "_avg", mean);
			put_metric(&o, w, m, "_max", m->highest);
			break;
		default:
			put_metric(&o, w, m, "", m->total);
			break;
		}
	}
	return o;
}
