/* SPDX-License-Identifier: GPL-2.0-only */
/* perfetto.c -- see perfetto.h. */
#include "trace/perfetto.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trace/step.h"
#include "trace/words.h"

#define PIECE	    ((size_t)64 << 10)
#define PID_CPUS    1
#define PID_TEST    2
#define TID_PHASES  1
#define TID_FAILURE 2

/* What a CPU does at present. */
struct open_span {
	bool known;
	uint64_t first_ns;     /* of the CPU's first span */
	struct step_task task; /* pid 0: nothing */
	uint64_t since_ns, waited_ns;
	bool waited_known;
	struct step_wake wake;
	unsigned waiting; /* idle: tasks that wait meanwhile */
};

struct writer {
	const struct schedule_about *about;
	struct stepper *stepper;
	struct open_span *span; /* one a CPU */
	struct buf out;
	int fd;
	uint64_t spans, flows;
	bool comma;
};

static int flush(struct writer *w, size_t from, struct err **err)
{
	if (w->out.failed)
		return -ENOMEM;
	if (w->out.len < from)
		return 0;
	int r = fd_write_full(w->fd, buf_str(&w->out), w->out.len);
	buf_clear(&w->out);
	return r < 0 ? FAIL(err, ERR_OUTPUT, r, "write the trace: %s", strerror(-r)) : 0;
}

/* --- one event ---------------------------------------------------------------------------------------------------- */

static void begin_event(struct writer *w, const char *phase, unsigned pid, unsigned tid)
{
	buf_appendf(&w->out, "%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u", w->comma ? "," : "", phase, pid, tid);
	w->comma = true;
}

/* Microseconds, as the format wants. */
static void put_time(struct writer *w, const char *key, uint64_t ns)
{
	buf_appendf(&w->out, ",\"%s\":%lu.%03lu", key, ns / 1000, ns % 1000);
}

static void put_string(struct writer *w, const char *text)
{
	buf_puts(&w->out, "\"");
	text_append_json(&w->out, text, strlen(text));
	buf_puts(&w->out, "\"");
}

static void put_member(struct writer *w, const char *key, const char *text)
{
	buf_appendf(&w->out, ",\"%s\":", key);
	put_string(w, text);
}

static void name_track(struct writer *w, const char *what, unsigned pid, unsigned tid, const char *name)
{
	begin_event(w, "M", pid, tid);
	buf_appendf(&w->out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	put_string(w, name);
	buf_puts(&w->out, "}}");
}

static void name_tracks(struct writer *w)
{
	char name[32];
	name_track(w, "process_name", PID_CPUS, 0, "CPUs of the guest");
	for (unsigned cpu = 0; cpu < w->about->cpus; cpu++) {
		snprintf(name, sizeof(name), "CPU %u", cpu);
		name_track(w, "thread_name", PID_CPUS, cpu + 1, name);
		begin_event(w, "M", PID_CPUS, cpu + 1);
		buf_appendf(&w->out, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}}", cpu);
	}
	name_track(w, "process_name", PID_TEST, 0, "the test");
	name_track(w, "thread_name", PID_TEST, TID_PHASES, "phases");
	name_track(w, "thread_name", PID_TEST, TID_FAILURE, "failure");
}

/* --- phases and the failure --------------------------------------------------------------------------------------- */

static void put_span(struct writer *w, unsigned pid, unsigned tid, uint64_t from, uint64_t to)
{
	begin_event(w, "X", pid, tid);
	put_time(w, "ts", from);
	put_time(w, "dur", to > from ? to - from : 0);
}

static void put_phases(struct writer *w)
{
	for (size_t i = 0; i < w->about->phases; i++) {
		const struct schedule_phase *p = &w->about->phase[i];
		put_span(w, PID_TEST, TID_PHASES, p->from_ns, p->to_ns);
		put_member(w, "name", p->name ? p->name : "phase");
		buf_puts(&w->out, "}");
	}
}

static void put_failure(struct writer *w)
{
	const struct schedule_moment *m = &w->about->failure;
	const char *text = m->text ? m->text : "the failure";
	if (!w->about->has_failure)
		return;
	put_span(w, PID_TEST, TID_FAILURE, m->from_ns, MAX_OF(m->to_ns, m->from_ns + 1));
	put_member(w, "name", text);
	buf_puts(&w->out, ",\"cname\":\"terrible\"}");
	begin_event(w, "i", PID_TEST, TID_FAILURE);
	put_time(w, "ts", m->to_ns);
	put_member(w, "name", text);
	buf_puts(&w->out, ",\"s\":\"g\"}");
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

/*
 * Perfetto gives spans a colour by their name without decimal digits, so tasks of one control group have one colour if
 * they are named "GROUP PID" and the digits of GROUP are other ones.
 */
static void put_span_name(struct writer *w, struct step_task task)
{
	static const char *const low[] = { "₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉" };
	const struct schedule_about_task *known = schedule_about_task(w->about, task.pid);
	const char *group = words_group(w->about, task);
	const char *name = *group && strcmp(group, "/") != 0 ? group : known && known->name ? known->name : "task";
	buf_puts(&w->out, ",\"name\":\"");
	while (*name) {
		size_t plain = strcspn(name, "0123456789");
		text_append_json(&w->out, name, plain);
		for (name += plain; *name >= '0' && *name <= '9'; name++)
			buf_puts(&w->out, low[*name - '0']);
	}
	buf_appendf(&w->out, " %d\"", task.pid);
}

/* chrome://tracing has colours with names. */
static const char *colour_of(struct step_task task)
{
	static const char *const names[] = { "thread_state_running", "rail_response",
					     "rail_animation",	     "rail_load",
					     "thread_state_iowait",  "vsync_highlight_color",
					     "generic_work",	     "detailed_memory_dump" };
	return task.pid ? names[task.group % ARRAY_SIZE(names)] : "white";
}

static void put_span_args(struct writer *w, const struct open_span *s, const char *ended)
{
	const struct schedule_about_task *known = schedule_about_task(w->about, s->task.pid);
	buf_appendf(&w->out, ",\"args\":{\"pid\":%d", s->task.pid);
	put_member(w, "task", known && known->name ? known->name : "?");
	put_member(w, "cgroup", words_group(w->about, s->task));
	put_member(w, "ended", ended);
	if (s->waited_known)
		buf_appendf(&w->out, ",\"waited_ns\":%lu", s->waited_ns);
	buf_puts(&w->out, "}}");
}

/* An arrow from the CPU that made the wake-up to the span of the task. */
static void put_flow(struct writer *w, unsigned cpu, const struct open_span *s)
{
	const struct open_span *from = s->wake.key ? &w->span[s->wake.cpu] : NULL;
	if (!from || !from->known || s->wake.time_ns < from->first_ns)
		return;
	begin_event(w, "s", PID_CPUS, s->wake.cpu + 1);
	put_time(w, "ts", MIN_OF(s->wake.time_ns, s->since_ns));
	buf_appendf(&w->out, ",\"id\":%lu,\"cat\":\"wake\",\"name\":\"wakes\"}", ++w->flows);
	begin_event(w, "f", PID_CPUS, cpu + 1);
	put_time(w, "ts", s->since_ns);
	buf_appendf(&w->out, ",\"id\":%lu,\"cat\":\"wake\",\"name\":\"wakes\",\"bp\":\"e\"}", w->flows);
}

static void end_span(struct writer *w, unsigned cpu, uint64_t time, const char *ended)
{
	const struct open_span *s = &w->span[cpu];
	put_span(w, PID_CPUS, cpu + 1, s->since_ns, time);
	if (s->task.pid) {
		put_span_name(w, s->task);
		w->spans++;
	} else {
		put_member(w, "name", "idle");
	}
	put_member(w, "cname", colour_of(s->task));
	if (s->task.pid)
		put_span_args(w, s, ended);
	else
		buf_appendf(&w->out, ",\"args\":{\"waiting\":%u}}", s->waiting);
	put_flow(w, cpu, s);
}

static void take_switch(struct writer *w, const struct step *step)
{
	struct open_span *s = &w->span[step->cpu];
	if (s->known && step->since_known)
		end_span(w, step->cpu, step->time_ns,
			 step->becomes == SCHEDULE_RUNNABLE   ? "preempted"
			 : step->becomes == SCHEDULE_SLEEPING ? "sleeps"
							      : "ends");
	*s = (struct open_span){ .known = true,
				 .first_ns = s->known ? s->first_ns : step->time_ns,
				 .task = step->next,
				 .since_ns = step->time_ns,
				 .waited_known = step->next_known,
				 .waited_ns =
					 step->time_ns > step->next_since_ns ? step->time_ns - step->next_since_ns : 0,
				 .wake = step->wake,
				 .waiting = step->next.pid ? 0 : step->waiting };
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* What the model counted, for those who compare. */
static void put_end(struct writer *w)
{
	const struct schedule_sums *all = schedule_total(w->stepper->model);
	const struct schedule_losses *l = schedule_losses(w->stepper->model);
	buf_appendf(&w->out,
		    "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"events\":%lu,\"runs\":%lu,\"run_ns\":%lu,"
		    "\"gaps\":%lu,\"spans\":%lu,\"flows\":%lu,\"about\":",
		    w->stepper->events, all->runs, all->slice.sum, l->gaps, w->spans, w->flows);
	json_print(w->about->json, false, &w->out);
	buf_puts(&w->out, "}}\n");
}

static int write_all(struct writer *w, struct err **err)
{
	struct step step;
	buf_puts(&w->out, "{\"traceEvents\":[");
	name_tracks(w);
	put_phases(w);
	put_failure(w);
	int r;
	while ((r = stepper_next(w->stepper, &step, err)) > 0) {
		if (step.kind == STEP_SWITCH)
			take_switch(w, &step);
		r = flush(w, PIECE, err);
		if (r < 0)
			return r;
	}
	for (unsigned cpu = 0; r == 0 && cpu < w->about->cpus; cpu++) {
		uint64_t now = MAX_OF(w->span[cpu].since_ns, schedule_now(w->stepper->model));
		if (w->span[cpu].known)
			end_span(w, cpu, now, "not ended");
	}
	if (r < 0)
		return r;
	put_end(w);
	return flush(w, 0, err);
}

int perfetto_write(struct schedule_log_reader *reader, int fd, struct err **err)
{
	struct writer w = { .about = schedule_log_about(reader), .fd = fd };
	w.span = calloc(w.about->cpus, sizeof(*w.span));
	int r = w.span ? stepper_new(reader, &w.stepper) : -ENOMEM;
	if (r == 0)
		r = write_all(&w, err);
	stepper_free(w.stepper);
	buf_done(&w.out);
	free(w.span);
	return r;
}
