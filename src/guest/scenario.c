/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.c -- steps: set up, let go, hold, stop, report, take down. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "guest/cgroup.h"
#include "guest/ctx.h"
#include "guest/worker.h"

static void send_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name)
{
	struct wire_phase phase = { .kind = kind, .index = index };
	snprintf(phase.name, sizeof(phase.name), "%s", name);
	channel_send(&t->channel, WIRE_PHASE, &phase, sizeof(phase), NULL, 0);
}

static void send_cgroup(struct ktstr_ctx *t, const struct ktstr_cgroup *g, unsigned workers, uint32_t step,
			const struct cpuset_bits *cpus)
{
	struct wire_cgroup record = {
		.index = t->cgroups_reported++, .workers = workers, .step = step,
		.has_cpuset = g->cpuset.kind != KTSTR_CPUSET_ALL,
	};
	snprintf(record.name, sizeof(record.name), "%s", g->name);
	snprintf(record.work, sizeof(record.work), "%s", work_name(&g->work));
	memcpy(record.cpuset, cpus->word, sizeof(record.cpuset));
	channel_send(&t->channel, WIRE_CGROUP, &record, sizeof(record), NULL, 0);
}

static int set_up_cgroup(struct ktstr_ctx *t, const struct ktstr_cgroup *g, struct crew *crew, uint32_t step,
			 struct err **err)
{
	unsigned workers = g->workers ? g->workers : t->test->workers_per_cgroup ? t->test->workers_per_cgroup : 2;
	struct cpuset_bits cpus;
	char why[160];
	if (cpuset_resolve(t->topology, &g->cpuset, &cpus, why, sizeof(why)) < 0)
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "cgroup '%s': CpusetSpec validation failed: %s", g->name, why);
	int r = cgroup_create(g->name, err);
	if (r == 0 && g->cpuset.kind != KTSTR_CPUSET_ALL)
		r = cgroup_set_cpuset(g->name, &cpus, err);
	uint32_t index = t->cgroups_reported;
	if (r == 0)
		r = crew_add(crew, &g->work, workers, index, g->name, err);
	if (r == 0)
		send_cgroup(t, g, workers, step, &cpus);
	return r;
}

static nsec_t hold_length(const struct ktstr_ctx *t, const struct ktstr_hold *h)
{
	if (h->ms)
		return h->ms * NSEC_PER_MSEC;
	double share = h->share > 0 && h->share <= 1 ? h->share : 1.0;
	return (nsec_t)((double)t->duration * share);
}

/* Sleeps until the hold is over or PID 1 says that the scheduler is gone. */
static void hold(struct ktstr_ctx *t, nsec_t length)
{
	nsec_t until = nsec_now() + length;
	struct pollfd pfd = { .fd = t->channel.fd, .events = POLLIN };
	while (!t->scheduler_gone) {
		nsec_t left = until - nsec_now();
		if (left <= 0)
			return;
		struct timespec ts = nsec_to_timespec(left);
		if (ppoll(&pfd, 1, &ts, NULL) <= 0)
			continue;
		struct control message;
		if (read(t->channel.fd, &message, sizeof(message)) != sizeof(message))
			return;
		t->scheduler_gone = message.kind == CONTROL_SCHED_GONE;
	}
}

static void send_stimulus(struct ktstr_ctx *t, uint32_t index, unsigned cgroups, const struct crew *crew)
{
	struct wire_stimulus s = {
		.elapsed_ms = (uint32_t)((nsec_now() - t->started) / NSEC_PER_MSEC),
		.step_index = (uint16_t)index,
		.cgroup_count = (uint16_t)cgroups,
		.worker_count = (uint16_t)crew->count,
		.total_iterations = crew_iterations(crew),
	};
	channel_send(&t->channel, WIRE_STIMULUS, &s, sizeof(s), NULL, 0);
}

static void take_down(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups)
{
	for (const struct ktstr_cgroup *g = cgroups; g && g->name; g++) {
		_cleanup_err_ struct err *err = NULL;
		_cleanup_buf_ struct buf text = BUF_NULL;
		if (cgroup_remove(g->name, &err) == 0)
			continue;
		err_format(err, &text);
		ctx_detail(t, KTSTR_INCONCLUSIVE, "%s", buf_str(&text));
	}
}

static int check_cgroups(const struct ktstr_cgroup *cgroups, struct err **err)
{
	for (const struct ktstr_cgroup *g = cgroups; g && g->name; g++) {
		if (!*g->name || strchr(g->name, '/') || strlen(g->name) >= WIRE_NAME_MAX || *g->name == '.')
			return FAIL(err, EXIT_BAD_DATA, -EINVAL, "'%s' is no name for a cgroup", g->name);
		for (const struct ktstr_cgroup *other = cgroups; other < g; other++)
			if (!strcmp(other->name, g->name))
				return FAIL(err, EXIT_BAD_DATA, -EEXIST, "cgroup '%s' is declared twice", g->name);
	}
	return 0;
}

static int run_step(struct ktstr_ctx *t, const struct ktstr_step *step, uint32_t index, struct crew *crew,
		    struct err **err)
{
	unsigned cgroups = 0;
	int r = check_cgroups(step->cgroups, err);
	send_phase(t, WIRE_PHASE_STEP_START, index, step->name);
	for (const struct ktstr_cgroup *g = step->cgroups; r == 0 && g && g->name; g++, cgroups++)
		r = set_up_cgroup(t, g, crew, index, err);
	if (r == 0)
		r = crew_start(crew, err);
	if (r < 0)
		return r;
	send_stimulus(t, index, cgroups, crew);
	send_phase(t, WIRE_PHASE_HOLD, index, step->name);
	hold(t, hold_length(t, &step->hold));
	crew_stop(crew);
	send_phase(t, WIRE_PHASE_STEP_END, index, step->name);
	crew_report(crew, &t->channel, t->workers_reported);
	t->workers_reported += (uint32_t)crew->count;
	return 0;
}

static enum ktstr_verdict one_step(struct ktstr_ctx *t, const struct ktstr_step *step, uint32_t index)
{
	_cleanup_err_ struct err *err = NULL;
	struct crew crew;
	int r = crew_init(&crew, rng_next(&t->rng), &err);
	if (r == 0)
		r = run_step(t, step, index, &crew, &err);
	crew_done(&crew);
	take_down(t, step->cgroups);
	if (r == 0)
		return t->scheduler_gone ? KTSTR_FAIL : KTSTR_PASS;
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	ctx_detail(t, KTSTR_FAIL, "step %u ('%s') failed: %s", index, step->name, buf_str(&text));
	return KTSTR_FAIL;
}

enum ktstr_verdict ktstr_run_steps(struct ktstr_ctx *t, const struct ktstr_step *steps)
{
	for (const struct ktstr_step *s = steps; s->name; s++) {
		enum ktstr_verdict v = one_step(t, s, t->steps_run++);
		if (v != KTSTR_PASS)
			return v;
	}
	return KTSTR_PASS;
}

enum ktstr_verdict ktstr_run_cgroups(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups)
{
	struct ktstr_step steps[] = {{.name = "run", .cgroups = cgroups, .hold = KTSTR_HOLD_FULL}, {.name = NULL}};
	return ktstr_run_steps(t, steps);
}
