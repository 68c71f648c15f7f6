/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_report.c -- sends the workers' telemetry to PID 1. */
#include <string.h>

#include "guest/checks.h"
#include "guest/work/work.h"
#include "guest/workers/worker_report.h"

static void send_record(const struct worker_record *r, uint32_t index, struct channel *channel)
{
	struct wire_cgroup wire = {
		.index = index,
		.workers = r->workers,
		.step = r->step,
		.has_cpuset = r->limited,
		.nodes = r->nodes,
		.roles = work_type(&r->load.work)->roles,
		.wakes = work_type(&r->load.work)->wakes,
		.cpu_weight = r->terms.weight,
		.quota_permyriad = r->terms.quota_permyriad,
		.nice = r->load.nice.set ? r->load.nice.value : 0,
		.policy = r->load.policy.kind,
	};
	snprintf(wire.name, sizeof(wire.name), "%s", *r->cgroup ? r->cgroup : "(host)");
	snprintf(wire.work, sizeof(wire.work), "%s", work_name(&r->load.work));
	memcpy(wire.cpuset, r->allowed.word, sizeof(wire.cpuset));
	channel_send(channel, WIRE_CGROUP, &wire, sizeof(wire), NULL, 0);
	checks_send(&r->load.checks, index, channel);
}

static void send_samples(const struct worker_slot *s, uint32_t index, struct channel *channel)
{
	const uint32_t chunk = (WIRE_PAYLOAD_MAX - sizeof(struct wire_samples)) / sizeof(uint32_t);
	uint64_t kept = MIN_OF(s->report.wake_samples, WORKER_SAMPLES_MAX);
	for (uint64_t at = 0; at < kept; at += chunk) {
		struct wire_samples head = { .worker = index, .count = (uint32_t)MIN_OF(kept - at, chunk) };
		channel_send(channel, WIRE_SAMPLES, &head, sizeof(head), s->sample + at, head.count * sizeof(uint32_t));
	}
}

/* An affinity set by the engine narrows the allowed CPUs; one that the worker sets itself does not. */
static void find_outside(const struct worker_set *c, size_t i, struct wire_worker *report)
{
	const struct worker_process *m = &c->member[i];
	const struct worker_slot *s = &c->slot[i];
	const struct ktstr_load *load = &c->record[m->record]->load;
	bool pinned = cpuset_count(&m->affinity) && !work_type(&load->work)->moves &&
		      load->affinity.kind != KTSTR_AFFINITY_INHERIT;
	for (uint32_t e = 0; e < WORKER_EPOCHS; e++)
		for (size_t k = 0; k < CPUSET_WORDS; k++) {
			uint64_t may = m->allowed[e].word[k];
			if (pinned && atomic_load(&s->epoch) == 0)
				may &= m->affinity.word[k];
			report->cpus_outside[k] |= s->used[e][k] & ~may;
		}
}

static void send_worker(struct worker_set *c, size_t i, uint32_t index, uint32_t cgroup, struct channel *channel)
{
	struct worker_slot *s = &c->slot[i];
	struct wire_worker report = s->report;
	report.index = index;
	report.cgroup = cgroup;
	report.tid = c->member[i].pid;
	report.max_delay_ns = MAX_OF(report.max_delay_ns, c->member[i].longest_delay);
	report.max_delay_most_ns = MAX_OF(report.max_delay_most_ns, report.max_delay_ns);
	find_outside(c, i, &report);
	channel_send(channel, WIRE_WORKER, &report, sizeof(report), NULL, 0);
	send_samples(s, index, channel);
	for (uint32_t k = 0; k < MIN_OF(s->metrics, (uint32_t)WORKER_METRICS_MAX); k++) {
		s->metric[k].worker = index;
		channel_send(channel, WIRE_METRIC, &s->metric[k], sizeof(s->metric[k]), NULL, 0);
	}
}

/* Returns a worker with a real failure, else one for which the machine lacks something, else the count. */
static size_t worst_trouble(const struct worker_set *c)
{
	size_t unsupported = c->count;
	for (size_t i = 0; i < c->count; i++) {
		if (c->slot[i].trouble && c->slot[i].trouble < TROUBLE_UNSUPPORTED)
			return i;
		if (c->slot[i].trouble == TROUBLE_UNSUPPORTED)
			unsupported = MIN_OF(unsupported, i);
	}
	return unsupported;
}

static enum ktstr_verdict describe_trouble(const struct worker_set *c, char *why, size_t size)
{
	static const char *const what[] = {
		[TROUBLE_MEM_POLICY] = "could not set its",
		[TROUBLE_USER] = "could not become its",
		[TROUBLE_WORK] = "could not begin:",
	};
	size_t i = worst_trouble(c);
	if (i == c->count)
		return KTSTR_PASS;
	const struct worker_slot *s = &c->slot[i];
	const struct worker_record *r = c->record[c->member[i].record];
	if (s->trouble == TROUBLE_UNSUPPORTED) {
		snprintf(why, size, "cgroup '%s': %s cannot run here, it needs %s", r->cgroup, work_name(&r->load.work),
			 s->trouble_text);
		return KTSTR_SKIP;
	}
	snprintf(why, size, "cgroup '%s': worker tid %d %s %s: %s", r->cgroup, c->member[i].pid, what[s->trouble],
		 s->trouble_text, strerror(-s->trouble_code));
	return KTSTR_FAIL;
}

enum ktstr_verdict worker_set_report(struct worker_set *c, struct channel *channel, uint32_t *cgroups,
				     uint32_t *workers, char *why, size_t size)
{
	for (size_t i = 0; i < c->records; i++)
		send_record(c->record[i], *cgroups + (uint32_t)i, channel);
	for (size_t i = 0; i < c->count; i++)
		send_worker(c, i, *workers + (uint32_t)i, *cgroups + c->member[i].record, channel);
	*cgroups += (uint32_t)c->records;
	*workers += (uint32_t)c->count;
	return describe_trouble(c, why, size);
}
