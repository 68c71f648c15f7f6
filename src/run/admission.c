/* SPDX-License-Identifier: GPL-2.0-only */
/* admission.c -- how many CPUs and how much memory machines request from the host (lock/admit.h). */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/host.h"
#include "base/message.h"
#include "run/fleet.h"

#define REPORT_HOLDERS_AFTER (2 * NSEC_PER_SEC)
#define MEMORY_LEAST_MIB     512

/* The CPU limit of all machines together. 0: none, because -j limits machines that do not reserve CPUs. */
static unsigned cpu_limit(const struct fleet *f)
{
	if (f->config.cpu_cap)
		return f->config.cpu_cap;
	return f->config.no_perf && f->config.jobs ? 0 : f->cpus;
}

/* Leaves 20 % for other processes of the host. */
static uint64_t to_share(uint64_t available_mib)
{
	return available_mib * 8 / 10;
}

static uint64_t memory_to_share_mib(void)
{
	return to_share(memory_available_mib());
}

/*
 * The need of a machine is an estimate. Without a control group's limit, a machine with a larger estimate than the
 * available memory runs alone. With a limit it does not run, because the kernel would kill it.
 */
static uint64_t measure_memory(struct fleet *f)
{
	struct memory_room room;
	memory_look("", &room);
	f->memory_is_limited = room.limit_mib > 0;
	if (!f->memory_is_limited)
		return MAX_OF(to_share(room.available_mib), MEMORY_LEAST_MIB);
	snprintf(f->memory_note, sizeof(f->memory_note),
		 "the control group '%s' is limited to %lu MiB: raise its limit, or run elsewhere", room.group,
		 room.limit_mib);
	return to_share(room.available_mib);
}

/* Does any machine share CPUs with other processes instead of reserving them? */
static bool shares_cpus(const struct fleet *f)
{
	const struct plan *p = f->config.plan;
	bool any = f->config.no_perf;
	for (size_t i = 0; p && i < p->count; i++)
		any |= p->item[i].cpu_budget > 0;
	return any;
}

int fleet_open_admission(struct fleet *f, struct err **err)
{
	struct cpuset_bits allowed;
	int r = cpus_allowed(&allowed, err);
	if (r < 0)
		return r;
	f->cpus = f->config.cpu_cap ? f->config.cpu_cap : cpuset_count(&allowed);
	f->report_holders_at = f->reactor->now + REPORT_HOLDERS_AFTER;
	struct host_resources_config config = { .bypass = f->config.bypass,
						.cpus = cpu_limit(f),
						.claims = f->config.jobs,
						.memory_mib = measure_memory(f),
						.free_mib = memory_to_share_mib,
						.give_up = ADMIT_GIVE_UP };
	config.memory_note = f->memory_is_limited ? f->memory_note : NULL;
	r = host_resources_open(f->reactor, &config, &f->resources, err);
	if (r < 0)
		return r;
	f->cpus = MIN_OF(f->cpus, f->resources.cpus);
	f->has_groups = shares_cpus(f) && sandboxes_open("", NULL, &f->groups) == 0;
	if (f->has_groups && f->config.cpu_cap && *f->groups.why)
		message(f->config.messages, &f->config.err, MESSAGE_NOTE,
			"%s; machines are kept to their CPUs by affinity alone", f->groups.why);
	if (*f->resources.note)
		message(f->config.messages, &f->config.err, MESSAGE_WARNING, "%s", f->resources.note);
	return 0;
}

/*
 * If vCPUs are threads, a machine requests one CPU for each vCPU, at most all CPUs. With instruction counting (tcg) all
 * vCPUs share one thread, so the machine requests one CPU. A machine with a budget reserves none.
 */
struct cpu_request fleet_request(struct fleet *f, const struct plan_case *c)
{
	bool threads = f->config.accel->backend->vcpu_threads;
	unsigned vcpus = threads ? topology_cpus(&c->topology) : 1, most = f->cpus;
	struct cpu_request q = { .tier = PLAN_DEFAULT, .topology = { 1, 1, MIN_OF(vcpus, most), 1 } };
	if (f->config.no_perf || c->cpu_budget) {
		unsigned share = cpu_budget_share(f->resources.cpus, vcpus);
		q.tier = PLAN_BUDGET;
		q.cpus = f->config.cpu_cap ? f->config.cpu_cap : c->cpu_budget ? c->cpu_budget : share;
		q.rotate = f->asked++;
		return q;
	}
	if (threads && vcpus <= most)
		q.topology = c->topology;
	if (threads && c->perf)
		q.tier = PLAN_PERFORMANCE;
	return q;
}

/* Reserves the memory that the guest is expected to touch. The rest must be available, but is not reserved. */
struct claim_need fleet_need(const struct fleet *f, const struct plan_case *c)
{
	uint64_t most = f->memory_is_limited ? UINT64_MAX : f->resources.admit.config.memory_mib;
	return (struct claim_need){
		.memory_mib = MIN_OF(c->likely_mib + MACHINE_MEMORY_MIB, most),
		.growth_mib = c->memory_mib - c->likely_mib,
		.estimate = c->estimate,
	};
}
