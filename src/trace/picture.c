/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * picture.c -- see picture.h. Time is divided into columns. A column has the colour of what took most of its time, so
 * that thousands of short runs still make a small picture.
 */
#include "trace/picture.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "trace/step.h"
#include "trace/words.h"

#define COLUMNS	     800
#define LEFT	     190
#define RIGHT	     40
#define TOP	     62
#define ROW	     24
#define BAR	     18
#define CPUS_MOST    64
#define TASKS_MOST   16
#define NAME_MOST    ((size_t)26)
#define TEXT_COLUMNS 150
#define TICKS	     7 /* at most */

/* What can take the time of a column; the groups' colours come first. */
enum { GROUPS = 7, OTHER = GROUPS, IDLE, WANTED, RUNS, WAITS, SHADES };

static const char *const classes[SHADES] = { "g0", "g1",    "g2", "g3",	    "g4",   "g5",
					     "g6", "other", "",	  "wanted", "runs", "waits" };

struct row {
	uint64_t ns[COLUMNS][SHADES];
};

struct task_row {
	int32_t pid;
	unsigned shade; /* RUNS, WAITS; IDLE: neither */
	uint64_t since_ns;
	struct row *row;
};

struct cpu_row {
	unsigned shade;
	bool known;
	uint64_t since_ns;
	struct row *row;
};

struct picture {
	const struct schedule_about *about;
	const struct picture_config *config;
	const char *group[GROUPS];
	unsigned groups;
	struct cpu_row *cpu;
	unsigned cpus;
	struct task_row task[TASKS_MOST];
	unsigned tasks;
	struct buf *out;
};

/* --- columns ------------------------------------------------------------------------------------------------------ */

static void add_time(const struct picture *p, struct row *row, unsigned shade, uint64_t from, uint64_t to)
{
	uint64_t begin = p->config->from_ns, length = p->config->to_ns - begin;
	from = MAX_OF(from, begin);
	to = MIN_OF(to, p->config->to_ns);
	while (from < to) {
		unsigned column = (unsigned)((unsigned __int128)(from - begin) * COLUMNS / length);
		uint64_t next = begin + (uint64_t)((unsigned __int128)length * (column + 1) / COLUMNS);
		uint64_t until = MIN_OF(to, MAX_OF(next, from + 1));
		row->ns[column][shade] += until - from;
		from = until;
	}
}

static unsigned shade_of_column(const struct row *row, unsigned column)
{
	unsigned most = IDLE;
	for (unsigned i = 0; i < SHADES; i++)
		if (row->ns[column][i] > row->ns[column][most])
			most = i;
	return most;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static unsigned shade_of_task(struct picture *p, struct step_task task)
{
	const struct schedule_about_task *known = schedule_about_task(p->about, task.pid);
	if (!known || !known->group)
		return OTHER;
	for (unsigned i = 0; i < p->groups; i++)
		if (!strcmp(p->group[i], known->group))
			return i;
	if (p->groups == GROUPS)
		return OTHER;
	p->group[p->groups] = known->group;
	return p->groups++;
}

static void set_task(struct picture *p, int32_t pid, unsigned shade, uint64_t time)
{
	for (unsigned i = 0; pid && i < p->tasks; i++) {
		struct task_row *t = &p->task[i];
		if (t->pid != pid)
			continue;
		add_time(p, t->row, t->shade, t->since_ns, time);
		t->shade = shade;
		t->since_ns = time;
	}
}

static void take_switch(struct picture *p, const struct step *s)
{
	if (s->task.pid)
		set_task(p, s->task.pid, s->becomes == SCHEDULE_RUNNABLE ? WAITS : IDLE, s->time_ns);
	set_task(p, s->next.pid, RUNS, s->time_ns);
	if (s->cpu >= p->cpus)
		return;
	struct cpu_row *c = &p->cpu[s->cpu];
	if (c->known)
		add_time(p, c->row, c->shade, c->since_ns, s->time_ns);
	c->known = true;
	c->since_ns = s->time_ns;
	c->shade = s->next.pid ? shade_of_task(p, s->next) : IDLE;
}

/* An idle CPU is wanted from when a task waits that may run there. */
static void look_at_idle(struct picture *p, const struct stepper *s, uint64_t time)
{
	const struct schedule_task *longest;
	for (unsigned i = 0; i < p->cpus; i++) {
		struct cpu_row *c = &p->cpu[i];
		unsigned shade =
			c->known && c->shade >= IDLE && schedule_waiting_for(s->model, i, &longest) ? WANTED : IDLE;
		if (!c->known || c->shade < IDLE || c->shade == shade || time < c->since_ns)
			continue;
		add_time(p, c->row, c->shade, c->since_ns, time);
		c->shade = shade;
		c->since_ns = time;
	}
}

static void take_step(struct picture *p, const struct stepper *stepper, const struct step *s)
{
	if (s->kind == STEP_NONE)
		return;
	if (s->kind == STEP_SWITCH)
		take_switch(p, s);
	else if (s->kind == STEP_READY)
		set_task(p, s->task.pid, WAITS, s->time_ns);
	look_at_idle(p, stepper, s->time_ns);
}

/* Nothing is known behind the last event. */
static void end_rows(struct picture *p, uint64_t now)
{
	for (unsigned i = 0; i < p->cpus; i++)
		if (p->cpu[i].known)
			add_time(p, p->cpu[i].row, p->cpu[i].shade, p->cpu[i].since_ns, now);
	for (unsigned i = 0; i < p->tasks; i++)
		add_time(p, p->task[i].row, p->task[i].shade, p->task[i].since_ns, now);
}

/* --- SVG ---------------------------------------------------------------------------------------------------------- */

static const char style[] =
	"<style>text{font:12px sans-serif;fill:#222}.t{font-size:14px}.n{text-anchor:end}.c{text-anchor:middle}"
	".g0{fill:#4477aa}.g1{fill:#ddaa33}.g2{fill:#228833}.g3{fill:#aa3377}.g4{fill:#66ccee}.g5{fill:#997700}"
	".g6{fill:#8888dd}.other{fill:#999}.runs{fill:#4a4a4a}.waits{fill:#ee3333}.wanted{fill:url(#h)}"
	".back{fill:#f2f2f2}.axis{stroke:#bbb}.mark{stroke:#c00;stroke-dasharray:4 3}</style>"
	"<defs><pattern id=\"h\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
	"patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#fbd5d5\"/><rect width=\"2\" "
	"height=\"6\" fill=\"#e33\"/></pattern></defs>\n";

static void put_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&' || *text == '<' || *text == '>')
			buf_puts(out, *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : "&gt;");
		else
			buf_append(out, text, 1);
	}
}

static void put_label(const struct picture *p, double x, double y, const char *class, const char *text)
{
	buf_appendf(p->out, "<text x=\"%.0f\" y=\"%.0f\" class=\"%s\">", x, y, class);
	put_escaped(p->out, text);
	buf_puts(p->out, "</text>\n");
}

static void put_bars(const struct picture *p, const struct row *row, unsigned y)
{
	buf_appendf(p->out, "<rect class=\"back\" x=\"%d\" y=\"%u\" width=\"%d\" height=\"%d\"/>", LEFT, y, COLUMNS,
		    BAR);
	for (unsigned from = 0; from < COLUMNS;) {
		unsigned shade = shade_of_column(row, from), to = from + 1;
		while (to < COLUMNS && shade_of_column(row, to) == shade)
			to++;
		if (shade != IDLE)
			buf_appendf(p->out, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%d\"/>",
				    classes[shade], LEFT + from, y, to - from, BAR);
		from = to;
	}
	buf_puts(p->out, "\n");
}

static double column_of(const struct picture *p, uint64_t ns)
{
	return LEFT + (double)(ns - p->config->from_ns) * COLUMNS / (double)(p->config->to_ns - p->config->from_ns);
}

static double test_ms(const struct picture *p, double ns)
{
	return (ns - (double)p->about->began_ns) / 1e6;
}

/* 1, 2 or 5 times a power of ten, so that there are few enough of them. */
static double tick_distance(double ms)
{
	double tick = 1e-6;
	for (unsigned i = 0; ms / tick > TICKS; i++)
		tick *= i % 3 == 1 ? 2.5 : 2;
	return tick;
}

static void put_axis(const struct picture *p, unsigned bottom)
{
	double from = test_ms(p, (double)p->config->from_ns), to = test_ms(p, (double)p->config->to_ns);
	double tick = tick_distance(to - from);
	char text[48];
	double first = ceil(from / tick);
	for (unsigned i = 0; i <= TICKS && (first + i) * tick <= to; i++) {
		double ms = (first + i) * tick;
		double x = LEFT + COLUMNS * (ms - from) / (to - from);
		buf_appendf(p->out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%u\"/>", x, x, TOP - 4,
			    bottom);
		snprintf(text, sizeof(text), "%.*f ms", tick < 0.01 ? 3 : tick < 1 ? 2 : 0, ms);
		put_label(p, x, bottom + 16, "c", text);
	}
}

static void put_mark(const struct picture *p, uint64_t ns, unsigned bottom)
{
	if (ns < p->config->from_ns || ns > p->config->to_ns)
		return;
	double x = column_of(p, ns);
	buf_appendf(p->out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%u\"/>\n", x, x, TOP - 8,
		    bottom + 4);
}

static void put_key(const struct picture *p, const char *class, const char *text, double *x, unsigned y)
{
	buf_appendf(p->out, "<rect class=\"%s\" x=\"%.0f\" y=\"%u\" width=\"12\" height=\"12\"/>", class, *x, y);
	put_label(p, *x + 16, y + 11, "", text);
	*x += 30 + 7 * (double)strlen(text);
}

static void put_keys(const struct picture *p, unsigned y)
{
	double x = LEFT;
	for (unsigned i = 0; i < p->groups; i++)
		put_key(p, classes[i], p->group[i], &x, y);
	put_key(p, "other", "other tasks", &x, y);
	put_key(p, "wanted", "idle, although a task waits", &x, y);
	x = LEFT;
	put_key(p, "runs", "the worker runs", &x, y + 20);
	put_key(p, "waits", "it waits for a CPU", &x, y + 20);
	put_key(p, "back", "it sleeps, or the CPU is idle", &x, y + 20);
}

static void put_rows(const struct picture *p)
{
	char name[64];
	for (unsigned i = 0; i < p->cpus; i++) {
		if (p->config->cpu >= 0 && (unsigned)p->config->cpu != i)
			continue;
		snprintf(name, sizeof(name), "CPU %u", i);
		put_label(p, LEFT - 8, TOP + i * ROW + 14, "n", name);
		put_bars(p, p->cpu[i].row, TOP + i * ROW);
	}
	for (unsigned i = 0; i < p->tasks; i++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		words_task(p->about, (struct step_task){ .pid = p->task[i].pid }, &text);
		snprintf(name, sizeof(name), "%s", buf_str(&text));
		text_cut(name, NAME_MOST);
		put_label(p, LEFT - 8, TOP + 10 + (p->cpus + i) * ROW + 14, "n", name);
		put_bars(p, p->task[i].row, TOP + 10 + (p->cpus + i) * ROW);
	}
}

static void put_picture(const struct picture *p)
{
	const struct schedule_moment *m = &p->config->moment;
	unsigned bottom = TOP + 10 + (p->cpus + p->tasks) * ROW;
	buf_appendf(p->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" role=\"img\">\n%s",
		    LEFT + COLUMNS + RIGHT, bottom + 76, style);
	buf_puts(p->out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
	_cleanup_buf_ struct buf title = BUF_NULL, text = BUF_NULL;
	buf_appendf(&title, "%s, scheduler %s, kernel %s, topology %s, seed %s", p->about->test,
		    p->about->scheduler ? p->about->scheduler : "eevdf", p->about->kernel ? p->about->kernel : "?",
		    p->about->topology ? p->about->topology : "?", p->about->seed ? p->about->seed : "?");
	put_label(p, 10, 20, "t", buf_str(&title));
	text_append_columns(&text, m->text ? m->text : "", TEXT_COLUMNS, false);
	put_label(p, 10, 40, "", buf_str(&text));
	put_axis(p, bottom);
	put_rows(p);
	put_mark(p, m->from_ns, bottom);
	if (m->to_ns > m->from_ns)
		put_mark(p, m->to_ns, bottom);
	put_keys(p, bottom + 28);
	buf_puts(p->out, "</svg>\n");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int add_task(struct picture *p, int32_t pid)
{
	for (unsigned i = 0; i < p->tasks; i++)
		if (p->task[i].pid == pid)
			return 0;
	if (p->tasks == TASKS_MOST || !pid)
		return 0;
	struct row *row = calloc(1, sizeof(*row));
	if (row)
		p->task[p->tasks++] = (struct task_row){ .pid = pid, .shade = IDLE, .row = row };
	return row ? 0 : -ENOMEM;
}

/* The moment's task, then workers. */
static int choose_rows(struct picture *p)
{
	p->cpus = MIN_OF(p->about->cpus, (unsigned)CPUS_MOST);
	p->cpu = calloc(p->cpus, sizeof(*p->cpu));
	for (unsigned i = 0; p->cpu && i < p->cpus; i++) {
		p->cpu[i].row = calloc(1, sizeof(struct row));
		if (!p->cpu[i].row)
			return -ENOMEM;
	}
	int r = p->cpu ? add_task(p, p->config->moment.pid) : -ENOMEM;
	for (size_t i = 0; i < p->about->tasks && r == 0; i++)
		if (p->about->task[i].group)
			r = add_task(p, p->about->task[i].pid);
	return r;
}

static void picture_done(struct picture *p)
{
	for (unsigned i = 0; p->cpu && i < p->cpus; i++)
		free(p->cpu[i].row);
	for (unsigned i = 0; i < p->tasks; i++)
		free(p->task[i].row);
	free(p->cpu);
}

int picture_draw(struct schedule_log_reader *reader, const struct picture_config *config, struct buf *out,
		 struct err **err)
{
	struct picture p = { .about = schedule_log_about(reader), .config = config, .out = out };
	_cleanup_(stepper_free_p) struct stepper *s = NULL;
	struct step step;
	int r = config->from_ns < config->to_ns ? choose_rows(&p) : -EINVAL;
	if (r == 0)
		r = stepper_new(reader, &s);
	while (r == 0 && (r = stepper_next(s, &step, err)) > 0) {
		take_step(&p, s, &step);
		r = 0;
	}
	if (r == 0) {
		end_rows(&p, schedule_now(s->model));
		put_picture(&p);
	}
	picture_done(&p);
	return r < 0 ? r : out->failed ? -ENOMEM : 0;
}
