/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.c -- see slots.h. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "guest/coverage/counters.h"
#include "guest/coverage/pool.h"
#include "guest/coverage/slots.h"

#define SLOTS_MAX  4096u
#define NO_SLOT	   UINT32_MAX
#define FILE_BYTES ((size_t)64 << 20)

/* Neighbouring pages with counters. */
struct page_run {
	uint8_t *at;
	size_t bytes, offset; /* in a slot */
};

/* One for the process, because fork() gives its handlers no argument. */
static struct coverage {
	struct counters counters;
	struct page_run *run;
	size_t runs;
	struct pool pool;
	bool foreign;			    /* this process has a PID namespace of its own */
	struct wire_coverage_program *head; /* NULL: nothing is counted */
	const struct wire_coverage_range *range;
	uint32_t *owner, *place;
	uint64_t *sum;
} state;

/* Of the process that this thread is about to fork. */
static __thread uint32_t next_slot = NO_SLOT;

/* --- places ------------------------------------------------------------------------------------------------------- */

/* Finds the pages. Returns the bytes of a slot. */
static size_t find_pages(struct coverage *s)
{
	size_t bytes = 0;
	for (size_t i = 0; i < s->counters.ranges; i++) {
		const struct counter_range *c = &s->counters.range[i];
		uint8_t *from = (uint8_t *)((uintptr_t)c->at & ~(POOL_PAGE - 1));
		uint8_t *to = (uint8_t *)pool_page_up((uintptr_t)(c->at + c->count));
		struct page_run *last = s->runs ? &s->run[s->runs - 1] : NULL;
		if (!last || from > last->at + last->bytes) {
			s->run[s->runs++] = (struct page_run){ .at = from, .offset = bytes };
			last = &s->run[s->runs - 1];
		}
		if (to > last->at + last->bytes) {
			bytes += (size_t)(to - last->at) - last->bytes;
			last->bytes = (size_t)(to - last->at);
		}
	}
	return bytes;
}

static uint32_t offset_of(const struct coverage *s, const uint64_t *counter)
{
	const uint8_t *at = (const uint8_t *)counter;
	size_t k = 0;
	while (at >= s->run[k].at + s->run[k].bytes)
		k++;
	return (uint32_t)(s->run[k].offset + (size_t)(at - s->run[k].at));
}

/*
 * Computes where everything lies in memory that begins with @h. Returns its bytes; 0: with two slots, it is more than
 * there is for all programs.
 */
static size_t lay_out(const struct coverage *s, size_t slot_bytes, struct wire_coverage_program *h)
{
	if (s->counters.total > WIRE_COVERAGE_BYTES / sizeof(uint64_t) || slot_bytes > WIRE_COVERAGE_BYTES)
		return 0;
	*h = (struct wire_coverage_program){ .stamp = s->counters.stamp,
					     .counters = (uint32_t)s->counters.total,
					     .ranges = (uint32_t)s->counters.ranges,
					     .slot_bytes = (uint32_t)slot_bytes,
					     .ranges_at = sizeof(*h) };
	h->slots_max = MIN_OF(SLOTS_MAX, WIRE_COVERAGE_BYTES / h->slot_bytes);
	h->sum_at = h->ranges_at + h->ranges * (uint32_t)sizeof(struct wire_coverage_range);
	h->owners_at = h->sum_at + h->counters * (uint32_t)sizeof(uint64_t);
	h->places_at = h->owners_at + h->slots_max * (uint32_t)sizeof(uint32_t);
	size_t bytes = h->places_at + h->slots_max * sizeof(uint32_t);
	return bytes + 2 * slot_bytes + 2 * POOL_PAGE > WIRE_COVERAGE_BYTES ? 0 : bytes;
}

static void note_path(struct wire_coverage_program *h)
{
	if (readlink("/proc/self/exe", h->path, sizeof(h->path) - 1) < 0)
		h->path[0] = '\0';
}

/* @memory: mapped, begins with the description at the offset @at of the pool. */
static void use_memory(struct coverage *s, const struct wire_coverage_program *h, uint32_t at, uint8_t *memory)
{
	s->head = (void *)memory;
	s->range = (const void *)(memory + (h->ranges_at - at));
	s->sum = (void *)(memory + (h->sum_at - at));
	s->owner = (void *)(memory + (h->owners_at - at));
	s->place = (void *)(memory + (h->places_at - at));
}

static void move_by(struct wire_coverage_program *h, uint32_t at)
{
	h->ranges_at += at;
	h->sum_at += at;
	h->owners_at += at;
	h->places_at += at;
}

/* Is the memory at @at that of another process of this program, which runs or has run? */
static bool is_same(const struct coverage *s, const struct wire_coverage_program *h, uint32_t at)
{
	const struct wire_coverage_program *other = at ? pool_map(&s->pool, at, POOL_PAGE) : NULL;
	if (!other)
		return false;
	bool same = other->error == h->error && other->stamp == h->stamp && other->counters == h->counters &&
		    other->ranges == h->ranges && other->slot_bytes == h->slot_bytes && !strcmp(other->path, h->path);
	munmap((void *)(uintptr_t)other, POOL_PAGE);
	return same;
}

static uint32_t find_same(const struct coverage *s, const struct wire_coverage_program *h)
{
	uint32_t count = MIN_OF(__atomic_load_n(&s->pool.head->programs, __ATOMIC_RELAXED), WIRE_COVERAGE_PROGRAMS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = __atomic_load_n(&s->pool.head->program[i], __ATOMIC_ACQUIRE);
		if (is_same(s, h, at))
			return at;
	}
	return 0;
}

/*
 * Two processes that begin at the same time may both make memory for their program; the host adds up both.
 * @h: offsets from its begin.
 */
static int make_memory(struct coverage *s, struct wire_coverage_program *h, size_t bytes)
{
	uint32_t at = pool_take(&s->pool, bytes);
	uint8_t *memory = at ? pool_map(&s->pool, at, bytes) : NULL;
	if (!memory)
		return at ? -errno : -ENOSPC;
	move_by(h, at);
	memcpy(memory, h, sizeof(*h));
	use_memory(s, h, at, memory);
	struct wire_coverage_range *range = (void *)(memory + (h->ranges_at - at));
	for (size_t i = 0; i < s->counters.ranges; i++)
		range[i] = (struct wire_coverage_range){ offset_of(s, s->counters.range[i].at),
							 (uint32_t)s->counters.range[i].count };
	return pool_publish(&s->pool, at) < 0 ? -ENOSPC : 0;
}

static int find_memory(struct coverage *s, struct wire_coverage_program *h, size_t bytes)
{
	uint32_t at = find_same(s, h);
	if (!at)
		return make_memory(s, h, bytes);
	uint8_t *memory = pool_map(&s->pool, at, bytes);
	if (!memory)
		return -errno;
	move_by(h, at);
	use_memory(s, h, at, memory);
	return 0;
}

/*
 * Slots are mapped only while they are looked at: the kernel copies the page tables of such memory for each process
 * that is forked. NULL with errno.
 */
static uint8_t *open_slot(const struct coverage *s, uint32_t slot)
{
	return pool_map(&s->pool, s->place[slot], s->head->slot_bytes);
}

static void close_slot(const struct coverage *s, uint8_t *at)
{
	munmap(at, s->head->slot_bytes);
}

static uint32_t slots_taken(const struct coverage *s)
{
	return MIN_OF(__atomic_load_n(&s->head->slots, __ATOMIC_RELAXED), s->head->slots_max);
}

/* --- slots -------------------------------------------------------------------------------------------------------- */

static bool change_owner(struct coverage *s, uint32_t slot, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&s->owner[slot], &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* A counter at a time, so that at most one is lost if this process is killed meanwhile. */
static void fold(struct coverage *s, uint8_t *slot)
{
	const struct wire_coverage_range *range = s->range;
	uint64_t *sum = s->sum;
	for (uint32_t i = 0; i < s->head->ranges; i++) {
		uint64_t *from = (uint64_t *)(void *)(slot + range[i].at);
		for (uint32_t k = 0; k < range[i].count; k++, sum++)
			if (from[k])
				__atomic_fetch_add(sum, __atomic_exchange_n(&from[k], 0, __ATOMIC_RELAXED),
						   __ATOMIC_RELAXED);
	}
}

static bool has_ended(uint32_t owner)
{
	return owner != WIRE_COVERAGE_FREE && owner != WIRE_COVERAGE_FOLDING && kill((pid_t)owner, 0) < 0 &&
	       errno == ESRCH;
}

static void fold_ended(struct coverage *s)
{
	if (s->foreign)
		return;
	for (uint32_t i = 0; i < slots_taken(s); i++) {
		uint32_t owner = __atomic_load_n(&s->owner[i], __ATOMIC_ACQUIRE);
		if (!has_ended(owner) || !change_owner(s, i, owner, WIRE_COVERAGE_FOLDING))
			continue;
		uint8_t *slot = open_slot(s, i);
		/* One that cannot be opened keeps its counts, and is not used again. */
		if (!slot)
			continue;
		fold(s, slot);
		close_slot(s, slot);
		__atomic_store_n(&s->owner[i], WIRE_COVERAGE_FREE, __ATOMIC_RELEASE);
	}
}

/* Nobody folds it until it has an owner: the parent may have ended before the child takes it. */
static uint32_t claim_free(struct coverage *s)
{
	for (uint32_t i = 0; i < slots_taken(s); i++)
		if (__atomic_load_n(&s->place[i], __ATOMIC_ACQUIRE) &&
		    change_owner(s, i, WIRE_COVERAGE_FREE, WIRE_COVERAGE_FOLDING))
			return i;
	return NO_SLOT;
}

/* Others use it only after its place is known, when it has an owner. */
static uint32_t make_slot(struct coverage *s)
{
	uint32_t at = slots_taken(s) < s->head->slots_max ? pool_take(&s->pool, s->head->slot_bytes) : 0;
	if (!at)
		return NO_SLOT;
	uint32_t slot = __atomic_fetch_add(&s->head->slots, 1, __ATOMIC_RELAXED);
	if (slot >= s->head->slots_max)
		return NO_SLOT;
	__atomic_store_n(&s->owner[slot], WIRE_COVERAGE_FOLDING, __ATOMIC_RELAXED);
	__atomic_store_n(&s->place[slot], at, __ATOMIC_RELEASE);
	return slot;
}

/*
 * Looking which processes have ended takes a system call each. So that is done when the number of slots would reach the
 * next power of two, and when there is no memory for more.
 */
static uint32_t claim(struct coverage *s)
{
	uint32_t slot = claim_free(s), taken = slots_taken(s);
	if (slot == NO_SLOT && !(taken & (taken - 1))) {
		fold_ended(s);
		slot = claim_free(s);
	}
	if (slot == NO_SLOT)
		slot = make_slot(s);
	if (slot != NO_SLOT)
		return slot;
	fold_ended(s);
	return claim_free(s);
}

static void clear_counters(const struct coverage *s, uint8_t *slot)
{
	for (uint32_t i = 0; i < s->head->ranges; i++)
		memset(slot + s->range[i].at, 0, s->range[i].count * sizeof(uint64_t));
}

/* Copies this process's pages. @clear: with counters of zero. -1 with errno. */
static int fill_slot(const struct coverage *s, uint32_t slot, bool clear)
{
	uint8_t *to = open_slot(s, slot);
	if (!to)
		return -1;
	for (size_t i = 0; i < s->runs; i++)
		memcpy(to + s->run[i].offset, s->run[i].at, s->run[i].bytes);
	if (clear)
		clear_counters(s, to);
	close_slot(s, to);
	return 0;
}

/* Replaces this process's pages by those of the slot. -1 with errno; then some are replaced. */
static int map_slot(const struct coverage *s, uint32_t slot)
{
	int r = 0;
	for (size_t i = 0; i < s->runs && r == 0; i++)
		r = pool_map_over(&s->pool, s->run[i].at, s->place[slot] + s->run[i].offset, s->run[i].bytes);
	return r;
}

/* The pages are still those of the parent, and must not be. Nothing of this process is counted. */
static void leave(struct coverage *s)
{
	pool_note_lost(&s->pool);
	for (size_t i = 0; i < s->runs; i++) {
		struct page_run run = s->run[i];
		void *copy = mmap(NULL, run.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (copy == MAP_FAILED)
			_exit(WIRE_TEST_UNHEARD);
		memcpy(copy, run.at, run.bytes);
		if (mremap(copy, run.bytes, run.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, run.at) == MAP_FAILED)
			_exit(WIRE_TEST_UNHEARD);
	}
	s->head = NULL;
}

/*
 * The number of a process in a PID namespace of its own says nothing to others, and theirs nothing to it. So its slot
 * gets no owner: it is counted, and never used again.
 */
static bool is_foreign(void)
{
	static const char initial[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO of the kernel */
	char name[sizeof(initial)] = { 0 };
	if (readlink("/proc/self/ns/pid", name, sizeof(name)) > 0)
		return memcmp(name, initial, sizeof(initial)) != 0;
	return !path_exists("/proc/self/stat"); /* a kernel may have no such namespaces */
}

/* -1: it was not this process's. */
static int own_slot(struct coverage *s, uint32_t slot)
{
	s->foreign = is_foreign();
	return s->foreign || change_owner(s, slot, WIRE_COVERAGE_FOLDING, (uint32_t)getpid()) ? 0 : -1;
}

/* --- processes ---------------------------------------------------------------------------------------------------- */

/* The copy is made here, because afterwards the parent may change what it shares with the child. */
void coverage_before_fork(void)
{
	if (!state.head)
		return;
	int saved = errno;
	next_slot = claim(&state);
	if (next_slot != NO_SLOT && fill_slot(&state, next_slot, true) < 0)
		next_slot = NO_SLOT;
	errno = saved;
}

void coverage_in_child(void)
{
	int saved = errno;
	if (!state.head)
		return;
	if (next_slot == NO_SLOT || own_slot(&state, next_slot) < 0 || map_slot(&state, next_slot) < 0)
		leave(&state);
	errno = saved;
}

/* Finds the counters, and memory for them. -ENODATA: the program has none. */
static int begin(struct coverage *s, struct wire_coverage_program *h)
{
	int r = counters_find(&s->counters);
	if (r < 0)
		return r;
	s->run = calloc(s->counters.ranges, sizeof(*s->run));
	size_t bytes = s->run ? lay_out(s, find_pages(s), h) : 0;
	note_path(h);
	if (!bytes)
		return s->run ? -E2BIG : -ENOMEM;
	return find_memory(s, h, bytes);
}

static int take_own_slot(struct coverage *s)
{
	s->foreign = is_foreign();
	uint32_t own = claim(s);
	if (own == NO_SLOT)
		return -ENOSPC;
	if (own_slot(s, own) < 0 || fill_slot(s, own, false) < 0 || map_slot(s, own) < 0)
		return -errno;
	counters_detach();
	return -pthread_atfork(coverage_before_fork, NULL, coverage_in_child);
}

/* Tells the host of a program that cannot be counted, once. */
static void publish_error(struct coverage *s, struct wire_coverage_program *h, int error)
{
	h->error = (uint32_t)error;
	note_path(h);
	if (error != ENOSPC && find_same(s, h))
		return;
	uint32_t at = error == ENOSPC ? 0 : pool_take(&s->pool, sizeof(*h));
	struct wire_coverage_program *to = at ? pool_map(&s->pool, at, sizeof(*h)) : NULL;
	if (to) {
		*to = *h;
		munmap(to, sizeof(*h));
	}
	if (!to || pool_publish(&s->pool, at) < 0)
		pool_note_lost(&s->pool);
}

void coverage_start(uint64_t address)
{
	struct coverage *s = &state;
	struct wire_coverage_program h = { 0 };
	if (pool_open(&s->pool, address) < 0)
		return;
	int r = begin(s, &h);
	if (r == 0)
		r = take_own_slot(s);
	if (r == 0)
		return;
	s->head = NULL;
	if (r != -ENODATA)
		publish_error(s, &h, -r);
}

/* --- on the host -------------------------------------------------------------------------------------------------- */

int coverage_load(const char *path)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_(counters_done) struct counters c = { 0 };
	struct wire_coverage_file head;
	int r = file_read(path, FILE_BYTES, &text, NULL);
	if (r == 0)
		r = counters_find(&c);
	if (r < 0)
		return r;
	if (text.len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, text.data, sizeof(head));
	if (head.magic != WIRE_COVERAGE_MAGIC || head.stamp != c.stamp || head.counters != c.total ||
	    text.len != sizeof(head) + c.total * sizeof(uint64_t))
		return -EBADMSG;
	const char *from = text.data + sizeof(head);
	for (size_t i = 0; i < c.ranges; i++) {
		memcpy(c.range[i].at, from, c.range[i].count * sizeof(uint64_t));
		from += c.range[i].count * sizeof(uint64_t);
	}
	return 0;
}
