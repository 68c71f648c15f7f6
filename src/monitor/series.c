/* SPDX-License-Identifier: GPL-2.0-only */
/* series.c -- see series.h. */
#include "monitor/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/text.h"

static bool grow(struct series *s)
{
	if (s->count < s->room)
		return true;
	unsigned room = s->room ? 2 * s->room : 64;
	struct reading *more = reallocarray(s->reading, room, sizeof(*more));
	if (!more)
		return false;
	s->reading = more;
	s->room = room;
	return true;
}

static struct cpu_reading *copy_cpus(const struct sample *from)
{
	struct cpu_reading *cpu = calloc(from->cpus + 1, sizeof(*cpu));
	for (unsigned i = 0; cpu && i < from->cpus; i++) {
		const struct cpu_sample *c = &from->cpu[i];
		cpu[i] = (struct cpu_reading){ .nr_running = c->value[CPU_VALUE_nr_running],
					       .local_dsq_nr = c->value[CPU_VALUE_local_dsq_nr],
					       .clock = c->value[CPU_VALUE_clock],
					       .has_vcpu_time = c->host.known,
					       .vcpu_ns = c->host.cpu_ns };
	}
	return cpu;
}

static int64_t *copy_events(const struct sample *from, unsigned events)
{
	int64_t *event = calloc(events + 1, sizeof(*event));
	if (event)
		memcpy(event, from->scx.event, events * sizeof(*event));
	return event;
}

static const enum cpu_value schedstat_values[] = {
#define X(name) CPU_VALUE_##name,
	SUMMARY_SCHEDSTATS(X)
#undef X
};

static void sum_schedstats(const struct sample *from, struct reading *ret)
{
	for (unsigned i = 0; i < SCHEDSTAT_COUNT; i++) {
		bool all = from->cpus > 0;
		for (unsigned cpu = 0; cpu < from->cpus; cpu++) {
			ret->schedstat[i] += from->cpu[cpu].value[schedstat_values[i]];
			all = all && cpu_has(&from->cpu[cpu], schedstat_values[i]);
		}
		ret->has_schedstat |= (unsigned)all << i;
	}
}

static void name_events(struct series *s, const struct sampler *sampler)
{
	if (s->events)
		return;
	s->events = MIN_OF(sampler_events(sampler), (unsigned)SUMMARY_EVENTS_MAX);
	for (unsigned i = 0; i < s->events; i++)
		text_copy_line(s->event_name[i], sizeof(s->event_name[i]), sampler_event_name(sampler, i),
			       strlen(sampler_event_name(sampler, i)));
}

int series_event(const struct series *s, const char *name)
{
	for (unsigned i = 0; i < s->events; i++)
		if (!strcmp(s->event_name[i], name))
			return (int)i;
	return -1;
}

/* A counter that is smaller than before belongs to a program that was loaded again. */
static uint64_t increase(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

static struct series_program *program_of(struct series *s, const char *name)
{
	for (unsigned i = 0; i < s->programs; i++)
		if (!strcmp(s->program[i].name, name))
			return &s->program[i];
	if (s->programs >= SAMPLE_PROGRAMS_MAX)
		return NULL;
	struct series_program *more = reallocarray(s->program, s->programs + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->program = more;
	s->program[s->programs] = (struct series_program){ 0 };
	memcpy(s->program[s->programs].name, name, sizeof(s->program->name));
	return &s->program[s->programs++];
}

static void note_programs(struct series *s, const struct sample *from)
{
	for (unsigned i = 0; i < from->programs; i++) {
		const struct program_sample *p = &from->program[i];
		struct series_program *known = program_of(s, p->name);
		if (!known)
			continue;
		known->verified_insns = p->verified_insns;
		if (known->has_stats && p->has_stats) {
			known->cnt += increase(known->last_cnt, p->cnt);
			known->nsecs += increase(known->last_nsecs, p->nsecs);
		}
		known->has_stats |= p->has_stats;
		known->last_cnt = p->cnt;
		known->last_nsecs = p->nsecs;
	}
}

static uint32_t digest_of(uint32_t crc, const struct sample *from)
{
	crc = crc32_update(crc, &from->at_ns, sizeof(from->at_ns));
	for (unsigned i = 0; i < from->cpus; i++) {
		const struct cpu_sample *c = &from->cpu[i];
		crc = crc32_update(crc, c->value, sizeof(c->value));
		crc = crc32_update(crc, &c->current, sizeof(c->current));
	}
	return crc32_update(crc, from->scx.event, sizeof(from->scx.event));
}

void series_add(struct series *s, const struct sampler *sampler, const struct sample *from)
{
	name_events(s, sampler);
	s->digest = digest_of(s->digest, from);
	note_programs(s, from);
	if (!s->cpus)
		s->cpus = from->cpus;
	if (s->failed || s->count >= SERIES_SAMPLES_MAX || from->cpus != s->cpus) {
		s->lost++;
		return;
	}
	struct reading r = { .at_ns = from->at_ns,
			     .cpus = from->cpus,
			     .scx = *from->scx.name,
			     .has_events = from->scx.has_events,
			     .events = s->events };
	_cleanup_free_ struct cpu_reading *cpu = copy_cpus(from);
	_cleanup_free_ int64_t *event = copy_events(from, s->events);
	s->failed = !cpu || !event || !grow(s);
	if (s->failed)
		return;
	sum_schedstats(from, &r);
	r.cpu = TAKE_PTR(cpu);
	r.event = TAKE_PTR(event);
	s->reading[s->count++] = r;
}

void series_move(struct series *s, int64_t ns)
{
	for (unsigned i = 0; i < s->count; i++) {
		int64_t moved;
		bool over =
			__builtin_sub_overflow((int64_t)MIN_OF(s->reading[i].at_ns, (uint64_t)INT64_MAX), ns, &moved);
		s->reading[i].at_ns = over ? INT64_MAX : (uint64_t)MAX_OF(moved, 0);
	}
}

unsigned series_window(const struct series *s, uint64_t from_ns, uint64_t to_ns, unsigned *ret_first)
{
	unsigned first = 0, end;
	while (first < s->count && s->reading[first].at_ns < from_ns)
		first++;
	for (end = first; end < s->count && s->reading[end].at_ns <= to_ns;)
		end++;
	*ret_first = first;
	return end - first;
}

void series_done(struct series *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		free((void *)s->reading[i].cpu);
		free((void *)s->reading[i].event);
	}
	free(s->reading);
	free(s->program);
	contention_done(&s->host);
	*s = (struct series){ 0 };
}
