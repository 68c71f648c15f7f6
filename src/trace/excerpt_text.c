/* SPDX-License-Identifier: GPL-2.0-only */
/* excerpt_text.c -- an excerpt as words, and as JSON. */
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "trace/excerpt_parts.h"
#include "trace/words.h"

#define SHARES_SHOWN 4

/* Since the test began; negative before. */
static double test_ms(const struct schedule_about *about, uint64_t ns)
{
	return ns >= about->began_ns ? (double)(ns - about->began_ns) / 1e6 : -((double)(about->began_ns - ns) / 1e6);
}

/* A test that did not begin has only the guest's own time. */
static const char *origin(const struct schedule_about *about)
{
	return about->began_ns ? "the test began" : "the guest's start";
}

/* --- which CPUs --------------------------------------------------------------------------------------------------- */

static bool concerns(const struct excerpt_cpu *c, int32_t pid)
{
	for (size_t i = 0; pid && i < c->lines; i++)
		if (c->line[i].step.task.pid == pid || c->line[i].step.next.pid == pid)
			return true;
	return false;
}

static uint64_t idle_ns(const struct excerpt_cpu *c)
{
	for (unsigned i = 0; i < c->times; i++)
		if (!c->time[i].task.pid)
			return c->time[i].ns;
	return 0;
}

/* A CPU with a larger number explains more. */
static uint64_t weight_of(const struct excerpt *x, unsigned cpu)
{
	const struct schedule_moment *m = &x->config.moment;
	uint64_t named = (m->cpu >= 0 && (unsigned)m->cpu == cpu) ? (uint64_t)1 << 63 : 0;
	uint64_t concerned = concerns(&x->cpu[cpu], m->pid) ? (uint64_t)1 << 62 : 0;
	return named | concerned | MIN_OF(idle_ns(&x->cpu[cpu]), ((uint64_t)1 << 62) - 1);
}

static bool is_shown(const struct excerpt *x, unsigned cpu)
{
	unsigned better = 0;
	uint64_t weight = weight_of(x, cpu);
	if (x->config.cpu >= 0)
		return (unsigned)x->config.cpu == cpu;
	for (unsigned i = 0; x->config.cpus_max && i < x->cpus; i++) {
		uint64_t other = i == cpu ? 0 : weight_of(x, i);
		better += other > weight || (other == weight && i < cpu);
	}
	return !x->config.cpus_max || better < x->config.cpus_max;
}

/* --- as words ----------------------------------------------------------------------------------------------------- */

static void put_share(const struct schedule_about *about, const struct excerpt_time *t, double all, struct buf *out)
{
	if (t->task.pid)
		words_task(about, t->task, out);
	else
		buf_puts(out, "idle");
	buf_appendf(out, " %.*f %%", 100 * (double)t->ns >= all ? 0 : 1, 100 * (double)t->ns / all);
}

static void put_shares(const struct excerpt *x, const struct schedule_about *about, unsigned cpu, const char *indent,
		       struct buf *out)
{
	const struct excerpt_cpu *c = &x->cpu[cpu];
	double all = (double)(x->config.moment.to_ns - x->config.moment.from_ns);
	uint64_t others = c->other_ns;
	buf_appendf(out, "%s  CPU %u: ", indent, cpu);
	for (unsigned i = 0; i < c->times; i++) {
		if (i >= SHARES_SHOWN) {
			others += c->time[i].ns;
			continue;
		}
		buf_puts(out, i ? ", " : "");
		put_share(about, &c->time[i], all, out);
	}
	if (others)
		buf_appendf(out, ", others %.1f %%", 100 * (double)others / all);
	buf_puts(out, c->times ? "\n" : "not known\n");
}

static void put_moment(const struct excerpt *x, const struct schedule_about *about, const char *indent, struct buf *out)
{
	const struct schedule_moment *m = &x->config.moment;
	char length[TIME_TEXT_MAX];
	if (m->text)
		buf_appendf(out, "%s%s\n", indent, m->text);
	if (x->points == 1) {
		buf_appendf(out, "%sthe moment: %.3f ms after %s, %.6f s of guest time\n", indent,
			    test_ms(about, m->from_ns), origin(about), (double)m->from_ns / 1e9);
		return;
	}
	buf_appendf(out, "%sfrom %.3f to %.3f ms after %s (%s, from %.6f s of guest time), the CPUs did this:\n",
		    indent, test_ms(about, m->from_ns), test_ms(about, m->to_ns), origin(about),
		    nsec_measure((double)(m->to_ns - m->from_ns), length), (double)m->from_ns / 1e9);
	unsigned more = 0;
	for (unsigned i = 0; i < x->cpus; i++) {
		if (is_shown(x, i))
			put_shares(x, about, i, indent, out);
		else
			more++;
	}
	if (more)
		buf_appendf(out, "%s  ... and %u more CPU%s\n", indent, more, plural(more));
}

static void put_left_out(uint64_t lines, const char *indent, struct buf *out)
{
	if (lines)
		buf_appendf(out, "%s  ... (%lu more step%s)\n", indent, lines, plural(lines));
}

/* Marks the points of time that come before @ns. Returns how many are marked then. */
static unsigned put_points(const struct excerpt *x, const struct schedule_about *about, unsigned marked, uint64_t ns,
			   const char *indent, struct buf *out)
{
	static const char *const words[2][2] = { { "here is the moment", "" }, { "here it begins", "here it ends" } };
	for (; marked < x->points && ns >= x->point[marked]; marked++)
		buf_appendf(out, "%s%12.3f ms  ==> %s\n", indent, test_ms(about, x->point[marked]),
			    words[x->points - 1][marked]);
	return marked;
}

static void put_cpu(const struct excerpt *x, const struct schedule_about *about, unsigned cpu, const char *indent,
		    struct buf *out)
{
	const struct excerpt_cpu *c = &x->cpu[cpu];
	unsigned marked = 0;
	buf_appendf(out, "%sCPU %u:%s\n", indent, cpu, c->lines ? "" : " no steps are recorded");
	for (size_t i = 0; i < c->lines; i++) {
		const struct step *s = &c->line[i].step;
		put_left_out(c->line[i].left_out, indent, out);
		marked = put_points(x, about, marked, s->time_ns, indent, out);
		buf_appendf(out, "%s%12.3f ms  ", indent, test_ms(about, s->time_ns));
		words_step(about, s, out);
		buf_puts(out, "\n");
	}
	if (c->lines)
		put_points(x, about, marked, UINT64_MAX, indent, out);
	put_left_out(c->left_out, indent, out);
}

void excerpt_text(const struct excerpt *x, const struct schedule_about *about, const char *indent, struct buf *out)
{
	put_moment(x, about, indent, out);
	for (unsigned i = 0; i < x->cpus; i++)
		if (is_shown(x, i))
			put_cpu(x, about, i, indent, out);
}

/* --- as JSON ------------------------------------------------------------------------------------------------------ */

static json_t *task_json(const struct schedule_about *about, struct step_task task)
{
	const struct schedule_about_task *known = schedule_about_task(about, task.pid);
	if (!task.pid)
		return json_null();
	json_t *o = json_object();
	json_put_int(&o, "pid", task.pid);
	json_put_text(&o, "name", known ? known->name : NULL);
	json_put_text(&o, "cgroup", *words_group(about, task) ? words_group(about, task) : NULL);
	return o;
}

static void put_time(json_t **o, const char *key, bool known, uint64_t ns)
{
	json_put(o, key, known ? json_u64(ns) : json_null());
}

static uint64_t span(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static void put_switch_json(const struct schedule_about *about, const struct step *s, json_t **o)
{
	static const char *const becomes[] = {
		[SCHEDULE_SLEEPING] = "sleeps", [SCHEDULE_RUNNABLE] = "preempted", [SCHEDULE_GONE] = "ends"
	};
	bool known = s->task.pid && s->becomes < ARRAY_SIZE(becomes);
	json_put(o, "stops", task_json(about, s->task));
	json_put_text(o, "why", known ? becomes[s->becomes] : NULL);
	put_time(o, "ran_ns", s->since_known, span(s->since_ns, s->time_ns));
	json_put(o, "runs", task_json(about, s->next));
	put_time(o, "waited_ns", s->next_known, span(s->next_since_ns, s->time_ns));
	json_put_u64(o, "waiting", s->waiting);
	json_put(o, "waits_longest", task_json(about, s->longest));
	put_time(o, "longest_wait_ns", s->waiting, span(s->longest_since_ns, s->time_ns));
}

static void put_queue_json(const struct schedule_about *about, const struct step *s, json_t **o)
{
	json_put(o, "task", task_json(about, s->task));
	if (s->kind == STEP_MOVES) {
		json_put_u64(o, "from_cpu", s->from_cpu);
		put_time(o, "waited_ns", s->next_known, span(s->next_since_ns, s->time_ns));
	} else {
		put_time(o, "slept_ns", s->since_known, span(s->since_ns, s->time_ns));
	}
}

static json_t *line_json(const struct schedule_about *about, const struct step *s)
{
	static const char *const kinds[] = { "", "switch", "ready", "moves", "offline", "online" };
	json_t *o = json_object();
	json_put_u64(&o, "time_ns", s->time_ns);
	json_put_text(&o, "kind", kinds[s->kind]);
	if (s->kind == STEP_SWITCH)
		put_switch_json(about, s, &o);
	else if (s->kind == STEP_READY || s->kind == STEP_MOVES)
		put_queue_json(about, s, &o);
	if (s->wake.key && s->kind != STEP_MOVES) {
		json_put(&o, "woken_while", task_json(about, (struct step_task){ .pid = s->wake.by }));
		json_put_u64(&o, "woken_on_cpu", s->wake.cpu);
	}
	return o;
}

static json_t *cpu_json(const struct excerpt *x, const struct schedule_about *about, unsigned cpu)
{
	const struct excerpt_cpu *c = &x->cpu[cpu];
	json_t *o = json_object(), *times = json_array(), *lines = json_array();
	for (unsigned i = 0; i < c->times; i++) {
		json_t *t = json_object();
		json_put(&t, "task", task_json(about, c->time[i].task));
		json_put_u64(&t, "ns", c->time[i].ns);
		json_add(&times, t);
	}
	for (size_t i = 0; i < c->lines; i++)
		json_add(&lines, line_json(about, &c->line[i].step));
	json_put_u64(&o, "cpu", cpu);
	json_put(&o, "times", times);
	json_put_u64(&o, "other_tasks_ns", c->other_ns);
	json_put(&o, "steps", lines);
	return o;
}

json_t *excerpt_json(const struct excerpt *x, const struct schedule_about *about)
{
	const struct schedule_moment *m = &x->config.moment;
	json_t *o = json_object(), *moment = json_object(), *cpus = json_array();
	json_put_u64(&moment, "from_ns", m->from_ns);
	json_put_u64(&moment, "to_ns", m->to_ns);
	json_put(&moment, "pid", m->pid ? json_integer(m->pid) : json_null());
	json_put(&moment, "cpu", m->cpu >= 0 ? json_integer(m->cpu) : json_null());
	json_put_text(&moment, "text", m->text);
	for (unsigned i = 0; i < x->cpus; i++)
		if (is_shown(x, i))
			json_add(&cpus, cpu_json(x, about, i));
	json_put(&o, "about", json_incref(about->json));
	json_put(&o, "moment", moment);
	json_put(&o, "cpus", cpus);
	return o;
}
