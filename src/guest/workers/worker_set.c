/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_set.c -- forks, places, starts, moves and stops the workers of a worker set. */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "guest/cgroup.h"
#include "guest/load.h"
#include "guest/place.h"
#include "guest/reap.h"
#include "guest/work/work.h"
#include "guest/workers/delay.h"
#include "guest/workers/threads.h"
#include "guest/workers/worker_main.h"
#include "guest/workers/worker_set.h"

#define SHORT_LIFE (100 * NSEC_PER_MSEC)
#define STOP_BATCH 8			 /* so many workers are stopped, which takes 2 ms; */
#define STOP_BREAK (200 * NSEC_PER_USEC) /* then the engine sleeps for this long */

/*
 * Maps zeroed memory: untouched pages are neither allocated nor copied by fork. calloc would clear reused heap memory.
 */
static void *map_private(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void *map_shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int worker_set_init(struct worker_set *c, uint64_t seed, const struct guest_topology *topology, struct err **err)
{
	struct rlimit files;
	*c = (struct worker_set){ .rng.state = seed, .cap = WORKERS_MAX, .topology = topology, .clock = ticks() };
	c->shared = map_shared(sizeof(*c->shared));
	c->slot = map_shared(c->cap * sizeof(*c->slot));
	c->group = map_shared(c->cap * sizeof(*c->group));
	c->member = map_private(c->cap * sizeof(*c->member));
	c->record = calloc(c->cap, sizeof(*c->record));
	if (!c->shared || !c->slot || !c->group || !c->member || !c->record) {
		worker_set_done(c);
		return FAIL_SYS(err, -ENOMEM, "memory for %d workers", WORKERS_MAX);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* per worker: two descriptors, a pidfd and a schedstat file */
		files.rlim_cur = MAX_OF(files.rlim_cur, MIN_OF(files.rlim_max, (rlim_t)5 * WORKERS_MAX));
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return 0;
}

static void release_worker(struct worker_process *m)
{
	if (m->pid > 0 && !m->over) {
		kill(-m->pid, SIGKILL);
		kill(m->pid, SIGKILL);
		waitpid(m->leader ? m->leader : m->pid, NULL, WNOHANG);
	}
	fd_close(m->pidfd);
	if (m->fd_in != m->fd_out)
		fd_close(m->fd_in);
	fd_close(m->fd_out);
	fd_close(m->fd_shared);
	fd_close(m->schedstat);
}

void worker_set_done(struct worker_set *c)
{
	for (size_t i = 0; i < c->count; i++)
		release_worker(&c->member[i]);
	for (size_t i = 0; i < c->records; i++)
		free(c->record[i]);
	if (c->shared)
		munmap(c->shared, sizeof(*c->shared));
	if (c->slot)
		munmap(c->slot, c->cap * sizeof(*c->slot));
	if (c->group)
		munmap(c->group, c->cap * sizeof(*c->group));
	if (c->member)
		munmap(c->member, c->cap * sizeof(*c->member));
	free(c->record);
	*c = (struct worker_set){ 0 };
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

/* The engine keeps both ends of every inbox to wake waiting workers when it stops them. */
static int open_inbox(struct worker_process *m, enum work_inbox kind, struct err **err)
{
	int ends[2];
	if (kind == INBOX_NONE)
		return 0;
	if (kind == INBOX_EPOLL) {
		m->fd_in = m->fd_out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		return m->fd_in < 0 ? FAIL_SYS(err, -errno, "eventfd between workers") : 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "pipe between workers");
	m->fd_in = ends[0];
	m->fd_out = ends[1];
	return 0;
}

static int open_epoll(struct worker_process *group, unsigned size, unsigned producers, struct err **err)
{
	group->fd_shared = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned k = producers; group->fd_shared >= 0 && k < size; k++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = k };
		if (epoll_ctl(group->fd_shared, EPOLL_CTL_ADD, group[k].fd_in, &event) < 0)
			return FAIL_SYS(err, -errno, "epoll set between workers");
	}
	return group->fd_shared < 0 ? FAIL_SYS(err, -errno, "epoll set between workers") : 0;
}

static struct worker_record *add_record(struct worker_set *c, const struct ktstr_load *load, unsigned count,
					const struct worker_place *place)
{
	struct worker_record *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	*r = (struct worker_record){ .load = *load,
				     .workers = count,
				     .step = place->step,
				     .limited = place->limited,
				     .allowed = place->cpus,
				     .nodes = place->nodes,
				     .terms = place->terms };
	snprintf(r->cgroup, sizeof(r->cgroup), "%s", place->cgroup);
	c->record[c->records++] = r;
	return r;
}

static int add_member(struct worker_set *c, const struct worker_place *place, unsigned i, unsigned size,
		      struct err **err)
{
	struct worker_process *m = &c->member[c->count];
	*m = (struct worker_process){
		.record = (uint32_t)(c->records - 1),
		.member = i % size,
		.group_first = (unsigned)(c->count - i % size),
		.pidfd = -1,
		.fd_in = -1,
		.fd_out = -1,
		.fd_shared = -1,
		.schedstat = -1,
		.limited = place->limited,
	};
	snprintf(m->cgroup, sizeof(m->cgroup), "%s", place->cgroup);
	m->allowed[0] = place->cpus;
	c->count++;
	const struct ktstr_work *work = &c->record[m->record]->load.work;
	int r = open_inbox(m, work_type(work)->inbox, err);
	if (r == 0 && work_type(work)->inbox == INBOX_EPOLL && m->member == size - 1)
		r = open_epoll(&c->member[m->group_first], size, or_default(work->producers, 1), err);
	return r;
}

int worker_set_add(struct worker_set *c, const struct ktstr_load *load, unsigned count,
		   const struct worker_place *place, struct err **err)
{
	unsigned size = work_group_size(&load->work);
	if (count > c->cap - c->count || c->records == c->cap)
		return FAIL(err, ERR_DATA, -E2BIG, "cgroup '%s': more than %d workers at once", place->cgroup,
			    WORKERS_MAX);
	if (!add_record(c, load, count, place))
		return FAIL_SYS(err, -ENOMEM, "cgroup '%s'", place->cgroup);
	for (unsigned i = 0; i < count; i++) {
		int r = add_member(c, place, i, size, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

/* Applies the settings from outside, so that they hold even for a worker that never runs. */
static int place_worker(struct worker_set *c, size_t i, struct err **err)
{
	struct worker_process *m = &c->member[i];
	const struct worker_record *record = c->record[m->record];
	struct ktstr_load settled = record->load;
	const struct ktstr_load *load = &settled;
	unsigned index = (unsigned)(i - first_of_load(c, i));
	if (m->leader && load->policy.kind == KTSTR_POLICY_INHERIT)
		settled.policy.kind = KTSTR_POLICY_NORMAL; /* replaces the process's initial real-time policy */
	int r = *m->cgroup ? cgroup_move(m->cgroup, m->pid, err) : 0;
	place_affinity(m->pid, &c->topology->all); /* not the engine's affinity */
	if (r == 0 && affinity_resolve(c->topology, &load->affinity, &m->allowed[0], index, &c->rng, &m->affinity)) {
		r = place_affinity(m->pid, &m->affinity);
		if (r < 0 && r != -ESRCH)
			return FAIL_SYS(err, r, "cgroup '%s': affinity of worker %u", m->cgroup, index);
	}
	r = r == 0 ? place_policy(m->pid, load) : r;
	if (r < 0 && r != -ESRCH && !(err && *err))
		return FAIL_SYS(err, r, "cgroup '%s': policy of worker %u", m->cgroup, index);
	return r == -ESRCH ? 0 : r;
}

static int start_one(struct worker_set *c, size_t i, struct err **err)
{
	struct worker_process *m = &c->member[i];
	const struct worker_record *record = c->record[m->record];
	if (load_threaded(&record->load)) {
		int r = m->leader ? 0 : worker_set_start_threads(c, first_of_load(c, i), record->workers, err);
		return r == 0 ? place_worker(c, i, err) : r;
	}
	m->start_offset = (nsec_t)rng_below(&c->rng, (uint64_t)START_OFFSET_MAX);
	m->batch = c->batch;
	m->pid = fork();
	if (m->pid == 0)
		worker_main(c, i);
	if (m->pid < 0)
		return FAIL_SYS(err, -errno, "start worker %zu of %zu", i + 1, c->count);
	c->slot[i].report.tid = m->pid;
	return place_worker(c, i, err);
}

/*
 * Not before all workers are forked: the kernel gives each new process a table with room for all descriptors of its
 * parent, so 1,024 workers would have 16 KiB each.
 */
static void open_pidfds(struct worker_set *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->member[i].pidfd < 0 && c->member[i].pid > 0 && !c->member[i].over)
			c->member[i].pidfd = (int)syscall(SYS_pidfd_open, c->member[i].pid, 0);
}

static void wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void on_stop(int sig)
{
	(void)sig; /* the signal only interrupts a sleep; the stop flag is in shared memory */
}

int worker_set_start(struct worker_set *c, struct err **err)
{
	/* Workers inherit this handler: a worker may be stopped before it has run for the first time. */
	struct sigaction act = { .sa_handler = on_stop };
	sigaction(SIGUSR1, &act, NULL);
	reap_keep_status();
	_cleanup_free_ size_t *order = calloc(c->count + 1, sizeof(*order));
	size_t n = 0;
	if (!order)
		return FAIL_SYS(err, -ENOMEM, "start workers");
	for (size_t i = 0; i < c->count; i++) { /* Fisher-Yates, from the inside out */
		if (c->member[i].batch)
			continue;
		size_t j = rng_below(&c->rng, n + 1);
		order[n++] = order[j];
		order[j] = i;
	}
	c->batch++;
	for (size_t i = 0; i < n; i++) {
		int r = start_one(c, order[i], err);
		if (r < 0)
			return r;
	}
	open_pidfds(c);
	for (size_t i = 0; i < n; i++)
		c->member[order[i]].released = nsec_now();
	atomic_store(&c->shared->started, c->batch);
	wake_all(&c->shared->started);
	return 0;
}

/* --- while they run ----------------------------------------------------------------------------------------------- */

static bool lives_in(const struct worker_process *m, const char *cgroup)
{
	return m->pid > 0 && !m->over && (!cgroup || !strcmp(m->cgroup, cgroup));
}

static void merge_cpus(struct cpuset_bits *into, const struct cpuset_bits *more)
{
	for (size_t k = 0; k < CPUSET_WORDS; k++)
		into->word[k] |= more->word[k];
}

/*
 * Old and new CPUs are both allowed in the current epoch, because the kernel moves a task some time during the change.
 * In the next epoch only the new ones are.
 */
static void allow_worker(struct worker_set *c, size_t i, const struct cpuset_bits *cpus, bool limited)
{
	struct worker_process *m = &c->member[i];
	struct worker_record *record = c->record[m->record];
	uint32_t epoch = atomic_load(&c->slot[i].epoch);
	merge_cpus(&m->allowed[epoch], cpus);
	if (epoch + 1 < WORKER_EPOCHS) {
		m->allowed[epoch + 1] = *cpus;
		atomic_store(&c->slot[i].epoch, epoch + 1);
	}
	m->limited |= limited;
	record->limited |= limited;
	merge_cpus(&record->allowed, cpus);
}

void worker_set_allow(struct worker_set *c, const char *cgroup, const struct cpuset_bits *cpus, bool limited)
{
	for (size_t i = 0; i < c->count; i++)
		if (lives_in(&c->member[i], cgroup))
			allow_worker(c, i, cpus, limited);
}

int worker_set_set_affinity(struct worker_set *c, const char *cgroup, const struct ktstr_affinity *affinity,
			    const struct cpuset_bits *pool, struct err **err)
{
	struct ktstr_affinity all = { .kind = KTSTR_AFFINITY_CROSS_CGROUP };
	unsigned index = 0;
	for (size_t i = 0; i < c->count; i++) {
		struct cpuset_bits cpus;
		if (!lives_in(&c->member[i], cgroup))
			continue;
		if (!affinity_resolve(c->topology, affinity, pool, index++, &c->rng, &cpus))
			affinity_resolve(c->topology, &all, pool, 0, &c->rng, &cpus);
		int r = place_affinity(c->member[i].pid, &cpus);
		if (r < 0 && r != -ESRCH)
			return FAIL_SYS(err, r, "cgroup '%s': affinity of worker %u", cgroup, index - 1);
		c->member[i].affinity = cpus;
	}
	return 0;
}

static unsigned lower_term(unsigned a, unsigned b)
{
	return !a ? b : !b ? a : MIN_OF(a, b);
}

/* A load is judged by the lowest terms that it ever had. */
static void take_terms(struct worker_record *r, const struct cpu_terms *terms)
{
	r->terms.weight = lower_term(r->terms.weight, terms->weight);
	r->terms.quota_permyriad = lower_term(r->terms.quota_permyriad, terms->quota_permyriad);
}

int worker_set_move(struct worker_set *c, const char *from, const struct worker_place *to, struct err **err)
{
	for (size_t i = 0; i < c->count; i++) {
		struct worker_process *m = &c->member[i];
		if (!lives_in(m, from))
			continue;
		int r = cgroup_move(to->cgroup, m->pid, err);
		if (r < 0)
			return r;
		snprintf(m->cgroup, sizeof(m->cgroup), "%s", to->cgroup);
		allow_worker(c, i, &to->cpus, to->limited);
		take_terms(c->record[m->record], &to->terms);
	}
	return 0;
}

void worker_set_exempt_gap(struct worker_set *c, const char *cgroup)
{
	for (size_t i = 0; i < c->count; i++)
		if (lives_in(&c->member[i], cgroup)) {
			atomic_store(&c->slot[i].gap_exempt, ticks_now(c->clock));
			c->member[i].gap_exempt = nsec_now();
		}
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

static void interrupt_wait(struct worker_set *c, size_t i)
{
	struct worker_process *m = &c->member[i];
	uint64_t one = 1;
	atomic_store(&c->slot[i].stop, 1);
	if (m->leader)
		syscall(SYS_tgkill, m->leader, m->pid, SIGUSR1);
	else
		kill(m->pid, SIGUSR1);
	if (m->fd_out >= 0) {
		fcntl(m->fd_out, F_SETFL, O_NONBLOCK);
		if (write(m->fd_out, &one, m->fd_in == m->fd_out ? sizeof(one) : 1) < 0)
			errno = 0; /* the inbox is full: no worker waits for it */
	}
	atomic_store(&c->slot[i].futex, 1);
	wake_all(&c->slot[i].futex);
}

/*
 * True if the worker had almost no time to run, because it was stopped soon after its start or after a frozen period.
 * Its lack of progress then means nothing.
 */
static bool never_had_time(const struct worker_set *c, size_t i)
{
	nsec_t since = MAX_OF(c->member[i].gap_exempt, c->member[i].released);
	return !c->slot[i].report.work_units && c->stopping - since < SHORT_LIFE;
}

/* The wait for its first turn on a CPU counts as a gap. It is the longest gap if the worker never ran. */
static void note_late_start(struct worker_set *c, size_t i)
{
	struct worker_slot *s = &c->slot[i];
	const struct worker_process *m = &c->member[i];
	nsec_t due = MAX_OF(m->released + m->start_offset, m->gap_exempt);
	nsec_t began = s->began_ns ? s->began_ns : nsec_now();
	if (!m->released || began - due <= (nsec_t)s->report.max_gap_ns)
		return;
	s->report.max_gap_ns = (uint64_t)(began - due);
	s->report.max_gap_at_ns = 0;
	/* A worker that first ran when it was stopped was due to run all that time. */
	if (!s->began_ns || s->began_ns >= c->stopping)
		s->report.wall_ns = s->report.max_gap_ns;
}

/* Field number @field (3 or more) of /proc/PID/stat, and what follows; "" if the process does not exist. */
static const char *stat_field(pid_t pid, unsigned field, struct buf *stat)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	const char *at = file_read(path, 4096, stat, NULL) == 0 ? strrchr(buf_str(stat), ')') : NULL;
	for (unsigned i = 2; at && i < field; i++)
		at = (at = strchr(at, ' ')) ? at + 1 : NULL;
	return at ?: "";
}

/* 0: it does not exist. */
static uint8_t state_of(pid_t pid)
{
	_cleanup_buf_ struct buf stat = BUF_NULL;
	return (uint8_t)*stat_field(pid, 3, &stat);
}

/* The CPU on which it runs or waits. */
static uint32_t cpu_of(pid_t pid)
{
	_cleanup_buf_ struct buf stat = BUF_NULL;
	return (uint32_t)strtoul(stat_field(pid, 39, &stat), NULL, 10);
}

static void note_end(struct worker_set *c, size_t i, int status)
{
	struct wire_worker *r = &c->slot[i].report;
	c->member[i].over = true;
	worker_set_sample_last(&c->member[i], &c->slot[i]);
	if (never_had_time(c, i))
		r->counts_progress = 0;
	else
		note_late_start(c, i);
	if (WIFSIGNALED(status)) {
		r->end = WIRE_WORKER_SIGNALED;
		r->end_code = WTERMSIG(status);
	} else if (r->end != WIRE_WORKER_COMPLETED) {
		r->end = WIRE_WORKER_EXITED;
		r->end_code = status == REAP_STATUS_LOST ? -1 : WEXITSTATUS(status);
	}
}

/* Completes the report of a worker that no longer runs: its telemetry so far, and a gap that lasts until now. */
static void note_stuck(struct worker_set *c, size_t i)
{
	struct worker_slot *s = &c->slot[i];
	int64_t last = atomic_load(&s->last_check);
	s->report.end = WIRE_WORKER_TIMED_OUT;
	s->report.end_code = atomic_load(&s->child);
	s->report.state = state_of(c->member[i].pid);
	s->report.child_state = s->report.end_code ? state_of(s->report.end_code) : 0;
	note_late_start(c, i);
	if (!last)
		return;
	uint64_t gap_ns = ticks_ns(c->clock, ticks_now(c->clock) - last);
	s->report.max_delay_most_ns = MAX_OF(s->report.max_delay_most_ns, gap_ns); /* it may be waiting for a CPU */
	s->report.wall_ns = (uint64_t)(nsec_now() - s->began_ns);
	if (!atomic_load(&s->blocked) && gap_ns > s->report.max_gap_ns) {
		s->report.max_gap_ns = gap_ns;
		s->report.max_gap_at_ns = s->report.wall_ns;
		s->report.max_gap_cpu = cpu_of(c->member[i].pid);
	}
}

/* Notes the end of a process, or of all threads of a process. */
static void note_process(struct worker_set *c, size_t i, int status)
{
	pid_t leader = c->member[i].leader;
	for (size_t k = leader ? 0 : i; k < (leader ? c->count : i + 1); k++)
		if (k == i || c->member[k].leader == leader)
			note_end(c, k, status);
}

/* Waits for worker @i until @deadline of guest time. */
static bool await_end(struct worker_set *c, size_t i, nsec_t deadline)
{
	struct worker_process *m = &c->member[i];
	struct pollfd pfd = { .fd = m->pidfd, .events = POLLIN };
	for (;;) {
		int status;
		pid_t pid = m->leader ? m->leader : m->pid;
		if (reap(pid, &status)) {
			note_process(c, i, status);
			return true;
		}
		nsec_t left = deadline - nsec_now();
		if (left <= 0)
			return false;
		struct timespec ts = nsec_to_timespec(left);
		ppoll(&pfd, 1, &ts, NULL);
	}
}

static void wake_groups(struct worker_set *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct work_group *g = &c->group[i];
		if (c->member[i].member || c->member[i].pid <= 0)
			continue;
		wake_all(&g->lock);
		wake_all(&g->generation);
		wake_all(&g->items);
	}
}

/*
 * Lets the worker on the engine's own CPU run. EEVDF would not: it gives the share of a cgroup to each of its CPUs in
 * parts, so on one of 64 CPUs the worker weighs a 64th of the engine. Stopping 64 workers at once took 13 ms, which was
 * that worker's longest gap.
 */
static void make_room(unsigned *done)
{
	struct timespec ts = { .tv_nsec = STOP_BREAK };
	if (++*done % STOP_BATCH == 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

void worker_set_stop(struct worker_set *c, const char *cgroup)
{
	unsigned done = 0;
	/* Each worker must run once more to end: adds a time slice for each worker that shares a CPU. */
	unsigned cpus = c->topology && c->topology->cpus ? c->topology->cpus : 1;
	nsec_t turns = WORKER_TURN * (nsec_t)(worker_set_running(c) / cpus);
	nsec_t deadline = nsec_now() + WORKER_STOP_DEADLINE + turns;
	c->stopping = nsec_now();
	reap_keep_status();
	for (size_t i = 0; i < c->count; i++) {
		if (!lives_in(&c->member[i], cgroup))
			continue;
		interrupt_wait(c, i);
		make_room(&done);
	}
	wake_groups(c);
	for (size_t i = 0; i < c->count; i++) {
		make_room(&done);
		if (!lives_in(&c->member[i], cgroup) || await_end(c, i, deadline))
			continue;
		note_stuck(c, i);
		c->member[i].over = true;
		kill(-c->member[i].pid, SIGKILL);
		kill(c->member[i].pid, SIGKILL);
	}
}

uint64_t worker_set_iterations(const struct worker_set *c)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < c->count; i++)
		sum += c->slot[i].report.iterations;
	return sum;
}

unsigned worker_set_running(const struct worker_set *c)
{
	unsigned n = 0;
	for (size_t i = 0; i < c->count; i++)
		n += lives_in(&c->member[i], NULL);
	return n;
}
