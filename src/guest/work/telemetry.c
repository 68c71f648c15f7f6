/* SPDX-License-Identifier: GPL-2.0-only */
/* telemetry.c -- the measurements that a worker takes of itself while it works. */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "guest/arch.h"
#include "guest/place.h"
#include "guest/work/own_delay.h"
#include "guest/work/work.h"

#define EPOCH_UNKNOWN UINT32_MAX

static inline bool stopped(const struct ktstr_worker *w)
{
	return atomic_load_explicit(&w->slot->stop, memory_order_relaxed);
}

bool ktstr_worker_stopped(const struct ktstr_worker *w)
{
	return stopped(w);
}

/*
 * QEMU's TCG leaves its execution loop at every PAUSE, which costs the host about fifty times the guest time charged
 * for it. A scheduler sees no difference between spinning with and without PAUSE.
 */
static bool pause_is_dear(void)
{
	return arch_is_tcg();
}

void ktstr_worker_spin(struct ktstr_worker *w, unsigned iterations)
{
	if (w->dear_pause) {
		for (unsigned i = 0; i < iterations; i++)
			__asm__ volatile("" : : "r"(i) : "memory");
		return;
	}
	for (unsigned i = 0; i < iterations; i++)
		arch_pause();
}

/*
 * glibc registers the kernel's restartable-sequence area, which holds the CPU number: one load instead of a call. Uses
 * the calling thread's area, because a test's own work function may have several threads. On x86-64 the thread pointer
 * is the base of a segment, so that the load needs no addition.
 */
static inline unsigned rseq_cpu(const struct ktstr_worker *w)
{
#ifdef __SEG_FS
	return *(const volatile uint32_t __seg_fs *)w->rseq_at;
#else
	return *(const volatile uint32_t *)((const char *)__builtin_thread_pointer() + w->rseq_at);
#endif
}

static unsigned current_cpu(const struct ktstr_worker *w)
{
	return w->quick ? rseq_cpu(w) : (unsigned)sched_getcpu();
}

/*
 * A CPU counts for an epoch only if the epoch was the same before and after the CPU was read: the engine increments the
 * epoch after the kernel has moved the task.
 */
static void note_cpu(struct ktstr_worker *w)
{
	uint32_t before = atomic_load_explicit(&w->slot->epoch, memory_order_acquire);
	unsigned cpu = current_cpu(w);
	atomic_thread_fence(memory_order_acquire);
	uint32_t after = atomic_load_explicit(&w->slot->epoch, memory_order_acquire);
	if (cpu >= WIRE_CPUS_MAX)
		return;
	w->noted_epoch = before == after && w->quick ? after : EPOCH_UNKNOWN;
	struct wire_worker *r = &w->slot->report;
	uint64_t bit = (uint64_t)1 << cpu % 64;
	if (before == after && before < WORKER_EPOCHS)
		w->slot->used[before][cpu / 64] |= bit;
	r->cpus_used[cpu / 64] |= bit;
	r->migrations += cpu != w->cpu;
	w->cpu = cpu;
}

static void note_gap(struct ktstr_worker *w, int64_t last, int64_t now)
{
	struct wire_worker *r = &w->slot->report;
	if (now - last <= w->max_gap || atomic_load(&w->slot->gap_exempt) >= last)
		return;
	w->max_gap = now - last;
	r->max_gap_ns = ticks_ns(&w->clock, w->max_gap);
	r->max_gap_cpu = w->cpu;
	r->max_gap_at_ns = ticks_ns(&w->clock, now - w->slot->began);
}

/* The worker wanted to run since the last look at the clock, so that time is a gap. */
static void checkpoint(struct ktstr_worker *w)
{
	int64_t now = ticks_now(&w->clock);
	int64_t last = atomic_load_explicit(&w->slot->last_check, memory_order_relaxed);
	note_cpu(w);
	note_gap(w, last, now);
	atomic_store_explicit(&w->slot->last_check, now, memory_order_relaxed);
	if (now >= w->delay_due)
		worker_read_delays(w, last);
}

/*
 * The functions below have a short and a thorough form. The short form, without a call, is for the usual case that
 * nothing is new. The thorough form handles all other cases, and workers that need a call to read clock or CPU. Nothing
 * is new if epoch and CPU are the last noted pair. A change after this check is found by the next one.
 */
static inline bool nothing_new(const struct ktstr_worker *w)
{
	return atomic_load_explicit(&w->slot->epoch, memory_order_relaxed) == w->noted_epoch && rseq_cpu(w) == w->cpu;
}

/* Returns false if this gap is the longest, or if the worker's waits for a CPU are to be read. */
static inline bool short_checkpoint(const struct ktstr_worker *w, struct worker_slot *s, int64_t now)
{
	if (now - atomic_load_explicit(&s->last_check, memory_order_relaxed) > w->max_gap || now >= w->delay_due)
		return false;
	atomic_store_explicit(&s->last_check, now, memory_order_relaxed);
	return true;
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

static inline void count(struct ktstr_worker *w, uint64_t units)
{
	struct wire_worker *r = &w->slot->report;
	r->work_units += units;
	r->iterations++;
	r->counts_progress = 1;
}

void worker_count(struct ktstr_worker *w, uint64_t units)
{
	count(w, units);
}

void worker_progress(struct ktstr_worker *w, uint64_t units)
{
	w->slot->report.work_units += units;
	w->slot->report.counts_progress = 1;
}

static void __attribute__((noinline)) look_thoroughly(struct ktstr_worker *w, bool at_clock)
{
	if (at_clock)
		checkpoint(w);
	else
		note_cpu(w);
}

void ktstr_worker_turn(struct ktstr_worker *w, uint64_t units)
{
	count(w, units);
	w->undone -= (int64_t)units + WORKER_LOOK_UNITS / WORKER_LOOK_TURNS;
	if (w->undone > 0)
		return;
	w->undone = WORKER_LOOK_UNITS;
	bool at_clock = ++w->looks % WORKER_CLOCK_EVERY == 0;
	if (!nothing_new(w) || (at_clock && !short_checkpoint(w, w->slot, ticks_counter())))
		look_thoroughly(w, at_clock);
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

static void __attribute__((noinline)) block_thoroughly(struct ktstr_worker *w)
{
	if (w->quiet)
		return;
	checkpoint(w);
	atomic_store_explicit(&w->slot->blocked, 1, memory_order_relaxed);
}

/* Returns false like short_checkpoint(). */
static inline bool short_block(struct ktstr_worker *w, int64_t now)
{
	struct worker_slot *s = w->slot;
	if (!short_checkpoint(w, s, now))
		return false;
	atomic_store_explicit(&s->blocked, 1, memory_order_relaxed);
	return true;
}

void ktstr_worker_block(struct ktstr_worker *w)
{
	if (!nothing_new(w) || !short_block(w, ticks_counter()))
		block_thoroughly(w);
}

void worker_block_at(struct ktstr_worker *w, int64_t now)
{
	if (!nothing_new(w) || !short_block(w, now))
		block_thoroughly(w);
}

/* Algorithm R (Vitter, 1985): keeps every sample with the same probability. */
static void keep_some(struct ktstr_worker *w, uint64_t n, uint32_t ns)
{
	uint64_t at = rng_below(&w->rng, n + 1);
	if (at < WORKER_SAMPLES_MAX)
		w->slot->sample[at] = ns;
}

static void note_longest_wake(struct ktstr_worker *w, uint32_t ns)
{
	struct wire_worker *r = &w->slot->report;
	r->max_wake_ns = ns;
	r->max_wake_cpu = w->cpu;
	r->max_wake_at_ns = (uint64_t)w->slot->began_ns + ticks_ns(&w->clock, ticks_now(&w->clock) - w->slot->began);
}

static void __attribute__((noinline)) sample_thoroughly(struct ktstr_worker *w, uint64_t ns)
{
	struct worker_slot *s = w->slot;
	uint64_t n = s->report.wake_samples++;
	if (ns > s->report.max_wake_ns)
		note_longest_wake(w, ns);
	if (n < WORKER_SAMPLES_MAX)
		s->sample[n] = (uint32_t)ns;
	else
		keep_some(w, n, (uint32_t)ns);
}

/*
 * Calls come last in the short form, so that it saves no registers. @ns beyond the largest is handled thoroughly: it
 * may be a negative number.
 */
static inline void short_sample(struct ktstr_worker *w, struct worker_slot *s, uint64_t ns,
				void (*thorough)(struct ktstr_worker *, uint64_t))
{
	uint64_t n = s->report.wake_samples;
	if (n >= WORKER_SAMPLES_MAX || ns > s->report.max_wake_ns) {
		thorough(w, ns);
		return;
	}
	s->sample[n] = (uint32_t)ns;
	s->report.wake_samples = n + 1;
}

/* A worker that is woken to stop was woken by the engine, not by another worker. */
static inline void sample(struct ktstr_worker *w, uint32_t ns)
{
	if (!stopped(w))
		short_sample(w, w->slot, ns, sample_thoroughly);
}

/* Nanoseconds from @since to @now, minus @after; clamped to 0..UINT32_MAX. */
static uint32_t latency(const struct ktstr_worker *w, int64_t since, int64_t now, nsec_t after)
{
	nsec_t late = (nsec_t)ticks_ns(&w->clock, now - since) - after;
	return late < 0 ? 0 : late > UINT32_MAX ? UINT32_MAX : (uint32_t)late;
}

static inline void go_on(struct worker_slot *s, int64_t now)
{
	atomic_store_explicit(&s->last_check, now, memory_order_relaxed);
	atomic_store_explicit(&s->blocked, 0, memory_order_relaxed);
}

static int64_t go_on_thoroughly(struct ktstr_worker *w)
{
	int64_t now = ticks_now(&w->clock);
	int64_t last = atomic_load_explicit(&w->slot->last_check, memory_order_relaxed);
	go_on(w->slot, now);
	note_cpu(w);
	if (now >= w->delay_due)
		worker_read_delays(w, last);
	return now;
}

void ktstr_worker_woken(struct ktstr_worker *w, uint64_t latency_ns)
{
	if (w->quiet)
		return;
	go_on_thoroughly(w);
	sample(w, latency_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)latency_ns);
}

static void __attribute__((noinline)) woken_thoroughly(struct ktstr_worker *w, int64_t since, nsec_t after)
{
	if (!w->quiet)
		sample(w, latency(w, since, go_on_thoroughly(w), after));
}

/* Returns false if the worker's waits for a CPU are to be read. */
static inline bool short_go_on(const struct ktstr_worker *w, struct worker_slot *s, int64_t now)
{
	if (now >= w->delay_due)
		return false;
	go_on(s, now);
	return true;
}

/* The time from @since until now in @ticks, or false if anything is new. */
static inline bool short_woken(struct ktstr_worker *w, struct worker_slot *s, int64_t since, int64_t *ticks)
{
	if (!nothing_new(w))
		return false;
	int64_t now = ticks_counter();
	*ticks = now - since;
	return ticks_short(*ticks) && short_go_on(w, s, now);
}

static void __attribute__((noinline)) resume_thoroughly(struct ktstr_worker *w)
{
	if (!w->quiet)
		go_on_thoroughly(w);
}

void ktstr_worker_resume(struct ktstr_worker *w)
{
	if (!nothing_new(w) || !short_go_on(w, w->slot, ticks_counter()))
		resume_thoroughly(w);
}

void worker_woken_since(struct ktstr_worker *w, const _Atomic int64_t *when)
{
	struct worker_slot *s = w->slot;
	int64_t ticks, since = atomic_load_explicit(when, memory_order_acquire);
	if (short_woken(w, s, since, &ticks))
		sample(w, (uint32_t)ticks_short_ns(&w->clock, ticks));
	else
		woken_thoroughly(w, since, 0);
}

static void __attribute__((noinline)) sample_late_thoroughly(struct ktstr_worker *w, uint64_t ns)
{
	if (!stopped(w))
		sample_thoroughly(w, ns > UINT32_MAX ? 0 : ns);
}

/* It is woken by the clock, and so late by its scheduler's choice. Only a signal wakes it early. */
void worker_woken_late(struct ktstr_worker *w, int64_t since, nsec_t after)
{
	struct worker_slot *s = w->slot;
	int64_t ticks;
	if (short_woken(w, s, since, &ticks))
		short_sample(w, s, (uint64_t)(ticks_short_ns(&w->clock, ticks) - after), sample_late_thoroughly);
	else
		woken_thoroughly(w, since, after);
}

static void __attribute__((noinline)) sample_by_any_clock(struct ktstr_worker *w, int64_t since)
{
	if (!w->quiet)
		sample(w, latency(w, since, ticks_now(&w->clock), 0));
}

void worker_sample_since(struct ktstr_worker *w, int64_t since)
{
	int64_t ticks = ticks_counter() - since;
	if (w->quick && ticks_short(ticks))
		sample(w, (uint32_t)ticks_short_ns(&w->clock, ticks));
	else
		sample_by_any_clock(w, since);
}

void worker_metric(struct ktstr_worker *w, const char *name, double value)
{
	if (w->slot->metrics == WORKER_METRICS_MAX)
		return;
	struct wire_metric *m = &w->slot->metric[w->slot->metrics++];
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->value = value;
}

/* --- the worker's process ----------------------------------------------------------------------------------------- */

/* Opens the file anew: the work may have closed all descriptors. Returns zeros if the kernel has no such file. */
static struct schedstat own_schedstat(void)
{
	struct schedstat sum;
	_cleanup_close_ int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && schedstat_read(fd, &sum) ? sum : (struct schedstat){ 0 };
}

static uint64_t pages_migrated(void)
{
	static const char key[] = "\nnuma_pages_migrated ";
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (file_read("/proc/vmstat", 65536, &text, NULL) < 0)
		return 0;
	const char *at = strstr(buf_str(&text), key);
	return at ? strtoull(at + sizeof(key) - 1, NULL, 10) : 0;
}

/* Sums up " N0=12 N1=3" at the end of each mapping's line. */
static void count_pages(struct wire_worker *r)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (file_read("/proc/self/numa_maps", 1 << 20, &text, NULL) < 0)
		return;
	for (const char *at = buf_str(&text); (at = strstr(at, " N")); at += 2) {
		unsigned node;
		unsigned long pages;
		if (sscanf(at, " N%u=%lu", &node, &pages) == 2 && node < WIRE_NODES_MAX)
			r->numa_pages[node] += (uint32_t)pages;
	}
}

static void await_batch(struct ktstr_worker *w, uint32_t batch)
{
	for (uint32_t now; (now = atomic_load(&w->shared->started)) < batch;)
		syscall(SYS_futex, &w->shared->started, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void await_offset(nsec_t offset)
{
	struct timespec ts = nsec_to_timespec(offset);
	if (offset)
		nanosleep(&ts, NULL);
}

/*
 * Ends only the calling thread if it is one of several. pthread_exit(3) would load libgcc_s, which a guest does not
 * have.
 */
static void __attribute__((noreturn)) leave(const struct ktstr_worker *w)
{
	if (w->thread)
		syscall(SYS_exit, 0);
	_exit(0);
}

void worker_refuse(struct ktstr_worker *w, enum worker_trouble trouble, int code, const char *what)
{
	w->slot->trouble = trouble;
	w->slot->trouble_code = code;
	snprintf(w->slot->trouble_text, sizeof(w->slot->trouble_text), "%s", what);
	/* Only the trouble is reported, not the lack of progress that follows from it. */
	w->slot->report.counts_progress = 0;
	w->slot->report.end = WIRE_WORKER_COMPLETED;
	leave(w);
}

/* Settings that only the worker itself can apply. */
static void settle_in(struct ktstr_worker *w, const struct ktstr_load *load)
{
	if (load->comm)
		prctl(PR_SET_NAME, load->comm);
	int r = place_memory(load);
	if (r == -ENOSYS || r == -EINVAL)
		worker_refuse(w, TROUBLE_UNSUPPORTED, r, "a kernel and nodes fit for its memory policy");
	if (r < 0)
		worker_refuse(w, TROUBLE_MEM_POLICY, r, "memory policy");
	if ((load->gid && setresgid(load->gid, load->gid, load->gid) < 0) ||
	    (load->uid && setresuid(load->uid, load->uid, load->uid) < 0))
		worker_refuse(w, TROUBLE_USER, -errno, "user and group");
}

static void work(struct ktstr_worker *w)
{
	if (!w->type->turn) {
		w->work->fn(w, w->work->arg);
		return;
	}
	if (w->type->begin)
		w->type->begin(w);
	atomic_store(&w->slot->last_check, ticks_now(&w->clock));
	while (!ktstr_worker_stopped(w))
		w->type->turn(w);
	if (w->type->end)
		w->type->end(w);
}

void worker_begin(struct ktstr_worker *w)
{
	w->quiet = w->work->quiet;
	w->rseq_at = __rseq_offset + (ptrdiff_t)offsetof(struct rseq, cpu_id);
	w->quick = !w->quiet && w->clock.counter && __rseq_size && rseq_cpu(w) < WIRE_CPUS_MAX;
	w->undone = w->quiet ? INT64_MAX : 0;
	w->delay_due = INT64_MAX;
	w->cpu = (unsigned)sched_getcpu();
	w->noted_epoch = EPOCH_UNKNOWN;
	w->slot->began_ns = nsec_now();
	w->slot->began = ticks_now(&w->clock);
	atomic_store(&w->slot->last_check, w->slot->began);
	w->slot->report.counts_progress = w->type->turn != NULL;
}

void worker_run_load(struct ktstr_worker *w, const struct ktstr_load *load, uint32_t batch, nsec_t start_offset)
{
	struct wire_worker *r = &w->slot->report;
	struct schedstat before, after;
	uint64_t migrated;
	w->dear_pause = pause_is_dear();
	worker_read_delays(w, 0);
	await_batch(w, batch);
	worker_read_delays(w, w->delays.read_at);
	await_offset(start_offset);
	worker_read_delays(w, w->delays.read_at);
	settle_in(w, load);
	before = own_schedstat();
	migrated = pages_migrated();
	nsec_t cpu_before = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	worker_begin(w);
	worker_read_delays(w, w->slot->began);
	work(w);
	w->delay_due = 0;
	checkpoint(w);
	r->wall_ns = (uint64_t)(nsec_now() - w->slot->began_ns);
	r->cpu_ns = (uint64_t)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
	after = own_schedstat();
	r->run_ns = after.ran - before.ran;
	r->run_delay_ns = after.waited - before.waited;
	r->run_count = after.runs - before.runs;
	w->slot->delay_sum = after.waited;
	w->slot->ended_ns = nsec_now();
	r->pages_migrated = pages_migrated() - migrated;
	if (w->topology->cpus && w->topology->nodes > 1)
		count_pages(r);
	r->end = WIRE_WORKER_COMPLETED;
	leave(w);
}
