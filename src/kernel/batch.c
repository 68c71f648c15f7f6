/* SPDX-License-Identifier: GPL-2.0-only */
/* batch.c -- see batch.h. */
#include "base/bug.h"
#include "kernel/batch.h"

static bool runs(const struct kernel_job *job)
{
	return job && !job->ended;
}

static size_t running(const struct kernel_batch *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->next; i++)
		n += runs(b->job[i]);
	return n;
}

static bool any_failed(const struct kernel_batch *b)
{
	for (size_t i = 0; i < b->next; i++)
		if (b->job[i] && b->job[i]->ended && b->job[i]->result < 0)
			return true;
	return false;
}

static int begin(struct kernel_batch *b, size_t i)
{
	struct kernel_job_config config = b->config.job;
	if (kernel_id_is_ready(&b->config.ids[i]))
		return 0;
	config.cache = b->config.cache;
	config.id = &b->config.ids[i];
	config.jobserver = &b->jobserver;
	config.http = b->config.http;
	b->job[i] = calloc(1, sizeof(*b->job[i]));
	if (!b->job[i])
		return -ENOMEM;
	kernel_job_start(b->machine.reactor, b->job[i], &config, &b->machine, &b->changed);
	return 0;
}

static void cancel_jobs(struct kernel_batch *b)
{
	b->next = MAX_OF(b->next, b->config.count);
	for (size_t i = 0; i < b->config.count; i++)
		if (runs(b->job[i]))
			machine_cancel(&b->job[i]->machine);
}

enum { BATCH_RUN, BATCH_STOP, BATCH_COUNT };

static int batch_run(struct machine *m, int result)
{
	struct kernel_batch *b = container_of(m, struct kernel_batch, machine);
	(void)result;
	if (b->config.stop_at_failure && any_failed(b))
		return BATCH_STOP;
	while (b->next < b->config.count && (!b->config.parallel || running(b) < b->config.parallel)) {
		int r = begin(b, b->next++);
		if (r < 0)
			return r;
	}
	if (!running(b))
		return MACHINE_END;
	machine_wait_notice(m, &b->changed);
	return BATCH_RUN;
}

/* Entered when the batch was cancelled, or when one job failed and the other jobs are no longer wanted. */
static int batch_stop(struct machine *m, int result)
{
	struct kernel_batch *b = container_of(m, struct kernel_batch, machine);
	(void)result;
	cancel_jobs(b);
	if (!running(b))
		return MACHINE_END;
	machine_wait_notice(m, &b->changed);
	return BATCH_STOP;
}

static void batch_ended(struct machine *m, int result)
{
	struct kernel_batch *b = container_of(m, struct kernel_batch, machine);
	(void)result;
	b->ended = true;
}

static const struct machine_state states[BATCH_COUNT] = {
	[BATCH_RUN] = { "run", batch_run, DEADLINE_NONE, BATCH_STOP, TO(BATCH_STOP) | TO_END },
	[BATCH_STOP] = { "stop", batch_stop, DEADLINE_NONE, 0, TO_END, .shielded = true },
};

static const struct machine_type batch_type = { "kernels", states, BATCH_COUNT, batch_ended };

int kernel_batch_start(struct reactor *r, struct kernel_batch *b, const struct kernel_batch_config *config,
		       struct err **err)
{
	REQUIRE(config->count <= KERNELS_MAX);
	*b = (struct kernel_batch){ .config = *config };
	int result = jobserver_init(&b->jobserver, config->budget, err);
	if (result == 0)
		machine_start(r, &b->machine, &batch_type, NULL, "kernels");
	return result;
}

void kernel_batch_done(struct kernel_batch *b)
{
	for (size_t i = 0; i < b->config.count; i++) {
		if (b->job[i])
			kernel_job_done(b->job[i]);
		free(b->job[i]);
	}
	jobserver_done(&b->jobserver);
	*b = (struct kernel_batch){ .jobserver = JOBSERVER_NULL };
}

const char *kernel_batch_key(const struct kernel_batch *b, size_t i)
{
	if (kernel_id_is_ready(&b->config.ids[i]))
		return b->config.ids[i].key ?: "";
	return b->job[i] && b->job[i]->ended && b->job[i]->result == 0 ? b->job[i]->key : "";
}
