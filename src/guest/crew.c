/* SPDX-License-Identifier: GPL-2.0-only */
/* crew.c -- a step's workers: forked, placed, let go, stopped, reported. See worker.h. */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest/cgroup.h"
#include "guest/worker.h"

#define START_OFFSET_MAX (2 * NSEC_PER_MSEC)

static void *map_shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int crew_init(struct crew *c, uint64_t seed, struct err **err)
{
	*c = (struct crew){ .rng.state = seed, .cap = WORKERS_MAX };
	c->shared = map_shared(sizeof(*c->shared));
	c->slot = map_shared(c->cap * sizeof(*c->slot));
	c->member = calloc(c->cap, sizeof(*c->member));
	if (!c->shared || !c->slot || !c->member) {
		crew_done(c);
		return FAIL_SYS(err, -ENOMEM, "memory for %d workers", WORKERS_MAX);
	}
	return 0;
}

static void release(struct crew_member *m)
{
	if (m->pid > 0 && !m->over) {
		kill(-m->pid, SIGKILL);
		kill(m->pid, SIGKILL);
		waitpid(m->pid, NULL, WNOHANG);
	}
	fd_close(m->pidfd);
	fd_close(m->pipe_in);
	fd_close(m->pipe_out);
}

void crew_done(struct crew *c)
{
	for (size_t i = 0; i < c->count; i++)
		release(&c->member[i]);
	if (c->shared)
		munmap(c->shared, sizeof(*c->shared));
	if (c->slot)
		munmap(c->slot, c->cap * sizeof(*c->slot));
	free(c->member);
	*c = (struct crew){ 0 };
}

/* Each of a pair writes to the other's pipe. The engine keeps both ends, to wake whoever waits when it is over. */
static int connect_pair(struct crew_member *pair, struct err **err)
{
	int ab[2], ba[2];
	if (pipe2(ab, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "pipe between workers");
	pair[0].pipe_out = ab[1];
	pair[1].pipe_in = ab[0];
	if (pipe2(ba, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "pipe between workers");
	pair[1].pipe_out = ba[1];
	pair[0].pipe_in = ba[0];
	return 0;
}

int crew_add(struct crew *c, const struct ktstr_work *work, unsigned count, uint32_t cgroup, const char *cgroup_name,
	     struct err **err)
{
	const struct work_type *type = work_type(work);
	if (!type || (work->type == KTSTR_WORK_CUSTOM && !work->fn))
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "cgroup '%s': unknown work type", cgroup_name);
	if (count % type->group)
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "cgroup '%s': %s requires num_workers divisible by %u, got %u",
			    cgroup_name, type->name, type->group, count);
	if (count > c->cap - c->count)
		return FAIL(err, EXIT_BAD_DATA, -E2BIG, "cgroup '%s': more than %d workers in one step", cgroup_name,
			    WORKERS_MAX);
	for (unsigned i = 0; i < count; i++) {
		struct crew_member *m = &c->member[c->count];
		*m = (struct crew_member){
			.work = work, .cgroup = cgroup, .cgroup_name = cgroup_name,
			.member = i % type->group, .group_first = (unsigned)(c->count - i % type->group),
			.pidfd = -1, .pipe_in = -1, .pipe_out = -1,
		};
		c->count++;
		if (work->type == KTSTR_WORK_PIPE_IO && m->member == 1) {
			int r = connect_pair(m - 1, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void become_worker(struct crew *c, size_t i)
{
	struct crew_member *m = &c->member[i];
	setpgid(0, 0);
	struct ktstr_worker w = {
		.slot = &c->slot[i],
		.partner = &c->slot[m->group_first + !m->member],
		.shared = c->shared,
		.work = m->work,
		.type = work_type(m->work),
		.rng.state = c->rng.state ^ i * 0x9e3779b97f4a7c15u,
		.pipe_in = m->pipe_in,
		.pipe_out = m->pipe_out,
		.member = m->member,
	};
	worker_main(&w, m->start_offset);
}

static int start_one(struct crew *c, size_t i, struct err **err)
{
	struct crew_member *m = &c->member[i];
	m->start_offset = (nsec_t)rng_below(&c->rng, (uint64_t)START_OFFSET_MAX);
	m->pid = fork();
	if (m->pid == 0)
		become_worker(c, i);
	if (m->pid < 0)
		return FAIL_SYS(err, -errno, "start worker %zu of %zu", i + 1, c->count);
	c->slot[i].report.tid = m->pid;
	m->pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	return cgroup_move(m->cgroup_name, m->pid, err);
}

static void wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

int crew_start(struct crew *c, struct err **err)
{
	_cleanup_free_ size_t *order = calloc(c->count + 1, sizeof(*order));
	if (!order)
		return FAIL_SYS(err, -ENOMEM, "start workers");
	for (size_t i = 0; i < c->count; i++) {	/* Fisher-Yates, from the inside out */
		size_t j = rng_below(&c->rng, i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < c->count; i++) {
		int r = start_one(c, order[i], err);
		if (r < 0)
			return r;
	}
	atomic_store(&c->shared->started, 1);
	wake_all(&c->shared->started);
	return 0;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void interrupt_waits(struct crew *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct crew_member *m = &c->member[i];
		char byte = 0;
		if (m->pid <= 0)
			continue;
		kill(m->pid, SIGUSR1);
		if (m->pipe_out >= 0 && write(m->pipe_out, &byte, 1) < 0)
			continue;	/* full: nobody waits for it */
		atomic_store(&c->slot[i].futex, 1);
		wake_all(&c->slot[i].futex);
	}
}

static void note_end(struct crew *c, size_t i, int status)
{
	struct wire_worker *r = &c->slot[i].report;
	c->member[i].over = true;
	if (WIFSIGNALED(status)) {
		r->end = WIRE_WORKER_SIGNALED;
		r->end_code = WTERMSIG(status);
	} else if (r->end != WIRE_WORKER_COMPLETED) {
		r->end = WIRE_WORKER_EXITED;
		r->end_code = WEXITSTATUS(status);
	}
}

/* What is known of a worker that no longer gets to run: its telemetry so far, and a gap that lasts until now. */
static void note_stuck(struct crew *c, size_t i)
{
	struct worker_slot *s = &c->slot[i];
	nsec_t now = nsec_now(), last = atomic_load(&s->last_check_ns);
	s->report.end = WIRE_WORKER_TIMED_OUT;
	if (!last)
		return;
	s->report.wall_ns = (uint64_t)(now - s->began_ns);
	if (!atomic_load(&s->blocked) && (uint64_t)(now - last) > s->report.max_gap_ns) {
		s->report.max_gap_ns = (uint64_t)(now - last);
		s->report.max_gap_at_ns = s->report.wall_ns;
	}
}

/* Waits for worker @i until @deadline of guest time. */
static bool await_end(struct crew *c, size_t i, nsec_t deadline)
{
	struct crew_member *m = &c->member[i];
	struct pollfd pfd = { .fd = m->pidfd, .events = POLLIN };
	for (;;) {
		int status;
		if (waitpid(m->pid, &status, WNOHANG) == m->pid) {
			note_end(c, i, status);
			return true;
		}
		nsec_t left = deadline - nsec_now();
		if (left <= 0)
			return false;
		struct timespec ts = nsec_to_timespec(left);
		ppoll(&pfd, 1, &ts, NULL);
	}
}

void crew_stop(struct crew *c)
{
	nsec_t deadline = nsec_now() + WORKER_STOP_DEADLINE;
	atomic_store(&c->shared->stopped, 1);
	interrupt_waits(c);
	for (size_t i = 0; i < c->count; i++) {
		if (c->member[i].pid <= 0 || await_end(c, i, deadline))
			continue;
		note_stuck(c, i);
		kill(-c->member[i].pid, SIGKILL);
	}
}

uint64_t crew_iterations(const struct crew *c)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < c->count; i++)
		sum += c->slot[i].report.iterations;
	return sum;
}

static void report_samples(const struct worker_slot *s, uint32_t index, struct channel *channel)
{
	const uint32_t chunk = (WIRE_PAYLOAD_MAX - sizeof(struct wire_samples)) / sizeof(uint32_t);
	uint64_t kept = MIN_OF(s->report.wake_samples, WORKER_SAMPLES_MAX);
	for (uint64_t at = 0; at < kept; at += chunk) {
		struct wire_samples head = { .worker = index, .count = (uint32_t)MIN_OF(kept - at, chunk) };
		channel_send(channel, WIRE_SAMPLES, &head, sizeof(head), s->sample + at, head.count * sizeof(uint32_t));
	}
}

void crew_report(struct crew *c, struct channel *channel, uint32_t first)
{
	for (size_t i = 0; i < c->count; i++) {
		struct wire_worker report = c->slot[i].report;
		report.index = first + (uint32_t)i;
		report.cgroup = c->member[i].cgroup;
		channel_send(channel, WIRE_WORKER, &report, sizeof(report), NULL, 0);
		report_samples(&c->slot[i], report.index, channel);
	}
}
