/* SPDX-License-Identifier: GPL-2.0-only */
/* excerpt.c -- see excerpt.h. */
#include "trace/excerpt_parts.h"

#include <string.h>

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void show(struct excerpt *x, struct excerpt_cpu *c, const struct excerpt_line *line)
{
	if (c->lines == c->room) {
		size_t room = c->room ? c->room * 2 : 16;
		struct excerpt_line *more = reallocarray(c->line, room, sizeof(*more));
		if (!more) {
			x->failed = true;
			return;
		}
		c->line = more;
		c->room = room;
	}
	c->line[c->lines] = *line;
	c->line[c->lines++].left_out = c->left_out;
	c->left_out = 0;
}

static void remember(struct excerpt *x, struct excerpt_cpu *c, const struct excerpt_line *line)
{
	if (!c->recent)
		c->recent = calloc(x->each, sizeof(*c->recent));
	if (!c->recent) {
		x->failed = true;
		return;
	}
	if (c->recents == x->each) {
		c->recent_first = (c->recent_first + 1) % x->each;
		c->recents--;
		c->left_out++;
	}
	c->recent[(c->recent_first + c->recents++) % x->each] = *line;
}

static void show_recent(struct excerpt *x, struct excerpt_cpu *c)
{
	for (size_t i = 0; i < c->recents; i++)
		show(x, c, &c->recent[(c->recent_first + i) % x->each]);
	c->recents = c->recent_first = 0;
}

static bool is_about(const struct step *s, int32_t pid)
{
	return !pid || s->task.pid == pid || (s->kind == STEP_SWITCH && (s->next.pid == pid || s->longest.pid == pid));
}

static void add_line(struct excerpt *x, const struct step *s)
{
	struct excerpt_cpu *c = &x->cpu[s->cpu];
	const struct excerpt_line line = { .step = *s };
	if (s->kind == STEP_NONE || (x->config.cpu >= 0 && (unsigned)x->config.cpu != s->cpu) ||
	    !is_about(s, x->config.pid))
		return;
	x->passed++;
	while (c->crossed < x->points && s->time_ns >= x->point[c->crossed]) {
		show_recent(x, c);
		c->crossed++;
		c->after = x->each;
	}
	if (!c->after) {
		remember(x, c, &line);
		return;
	}
	c->after--;
	show(x, c, &line);
}

/* Lines before a moment that the CPU does not reach. */
static void end_lines(struct excerpt *x)
{
	for (unsigned i = 0; i < x->cpus; i++) {
		if (x->cpu[i].crossed < x->points)
			show_recent(x, &x->cpu[i]);
		x->cpu[i].left_out += x->cpu[i].recents;
	}
}

/* --- times -------------------------------------------------------------------------------------------------------- */

static void add_time(struct excerpt *x, unsigned cpu, struct step_task task, uint64_t from, uint64_t to)
{
	struct excerpt_cpu *c = &x->cpu[cpu];
	from = MAX_OF(from, x->config.moment.from_ns);
	to = MIN_OF(to, x->config.moment.to_ns);
	if (from >= to)
		return;
	for (unsigned i = 0; i < c->times; i++) {
		if (c->time[i].task.pid != task.pid)
			continue;
		c->time[i].ns += to - from;
		return;
	}
	if (c->times == EXCERPT_TASKS)
		c->other_ns += to - from;
	else
		c->time[c->times++] = (struct excerpt_time){ task, to - from };
}

static int compare_times(const void *a, const void *b)
{
	const struct excerpt_time *x = a, *y = b;
	return (x->ns < y->ns) - (x->ns > y->ns);
}

static void end_times(struct excerpt *x, const struct stepper *s)
{
	for (unsigned i = 0; i < x->cpus; i++) {
		struct step_task task;
		uint64_t since;
		if (stepper_current(s, i, &task, &since))
			add_time(x, i, task, since, MAX_OF(since, schedule_now(s->model)));
		qsort(x->cpu[i].time, x->cpu[i].times, sizeof(*x->cpu[i].time), compare_times);
	}
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int make(const struct excerpt_config *config, unsigned cpus, struct excerpt **ret)
{
	struct excerpt *x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->config = *config;
	x->point[0] = config->moment.from_ns;
	x->point[1] = config->moment.to_ns;
	x->points = config->moment.from_ns < config->moment.to_ns ? 2 : 1;
	x->each = MAX_OF(config->lines / (2 * x->points), 1u);
	x->cpus = cpus;
	x->cpu = calloc(cpus, sizeof(*x->cpu));
	*ret = x;
	return x->cpu ? 0 : -ENOMEM;
}

static int read_steps(struct excerpt *x, struct stepper *s, struct err **err)
{
	struct step step;
	int r;
	while ((r = stepper_next(s, &step, err)) > 0) {
		x->first_ns = x->steps++ ? x->first_ns : step.time_ns;
		x->last_ns = step.time_ns;
		add_line(x, &step);
		if (step.kind == STEP_SWITCH && step.since_known)
			add_time(x, step.cpu, step.task, step.since_ns, step.time_ns);
	}
	end_lines(x);
	end_times(x, s);
	return r < 0 ? r : x->failed ? -ENOMEM : 0;
}

int excerpt_read(struct schedule_log_reader *reader, const struct excerpt_config *config, struct excerpt **ret,
		 struct err **err)
{
	_cleanup_(excerpt_free_p) struct excerpt *x = NULL;
	_cleanup_(stepper_free_p) struct stepper *s = NULL;
	int r = make(config, schedule_log_about(reader)->cpus, &x);
	if (r == 0)
		r = stepper_new(reader, &s);
	if (r == 0)
		r = read_steps(x, s, err);
	if (r == 0)
		*ret = TAKE_PTR(x);
	return r;
}

bool excerpt_range(const struct excerpt *x, uint64_t *ret_first_ns, uint64_t *ret_last_ns)
{
	*ret_first_ns = x->first_ns;
	*ret_last_ns = x->last_ns;
	return x->steps;
}

bool excerpt_has_steps(const struct excerpt *x)
{
	return x->passed;
}

void excerpt_free(struct excerpt *x)
{
	for (unsigned i = 0; x && x->cpu && i < x->cpus; i++) {
		free(x->cpu[i].line);
		free(x->cpu[i].recent);
	}
	if (x)
		free(x->cpu);
	free(x);
}
