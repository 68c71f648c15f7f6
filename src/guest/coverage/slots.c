/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.c -- see slots.h. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ktstr/wire.h>

#include "base/file.h"
#include "guest/coverage/counters.h"
#include "guest/coverage/slots.h"

#define PAGE	   ((size_t)4096)
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
	uint64_t address;
	uint8_t *memory;	    /* what is before the slots */
	struct wire_coverage *head; /* the begin of `memory`; NULL: nothing is counted */
	uint32_t *owner;
	uint64_t *sum;
} state;

/* Of the process that this thread is about to fork. */
static __thread uint32_t next_slot = NO_SLOT;

/* --- places ------------------------------------------------------------------------------------------------------- */

static size_t page_up(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

/* Finds the pages. Returns the bytes of a slot. */
static size_t find_pages(struct coverage *s)
{
	size_t bytes = 0;
	for (size_t i = 0; i < s->counters.ranges; i++) {
		const struct counter_range *c = &s->counters.range[i];
		uint8_t *from = (uint8_t *)((uintptr_t)c->at & ~(PAGE - 1));
		uint8_t *to = (uint8_t *)page_up((uintptr_t)(c->at + c->count));
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

/* Computes where everything lies in the region. -E2BIG: it has no room for two slots. */
static int lay_out(const struct coverage *s, size_t slot_bytes, struct wire_coverage *h)
{
	*h = (struct wire_coverage){ .stamp = s->counters.stamp,
				     .counters = (uint32_t)s->counters.total,
				     .ranges = (uint32_t)s->counters.ranges,
				     .slot_bytes = (uint32_t)slot_bytes,
				     .ranges_at = sizeof(*h) };
	size_t at = sizeof(*h) + s->counters.ranges * sizeof(struct wire_coverage_range);
	h->owners_at = (uint32_t)at;
	at += SLOTS_MAX * sizeof(uint32_t);
	at = (at + 7) & ~(size_t)7;
	h->sum_at = (uint32_t)at;
	at = page_up(at + s->counters.total * sizeof(uint64_t));
	h->slots_at = (uint32_t)at;
	if (at + 2 * slot_bytes > WIRE_COVERAGE_BYTES)
		return -E2BIG;
	size_t slots = (WIRE_COVERAGE_BYTES - at) / slot_bytes;
	h->slots = (uint32_t)(slots < SLOTS_MAX ? slots : SLOTS_MAX);
	return 0;
}

/* NULL with errno. */
static void *map_memory(const struct coverage *s, uint64_t offset, size_t bytes)
{
	_cleanup_close_ int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(s->address + offset));
	return p == MAP_FAILED ? NULL : p;
}

static void fill_head(struct coverage *s, const struct wire_coverage *h)
{
	*s->head = *h;
	s->owner = (uint32_t *)(void *)(s->memory + h->owners_at);
	s->sum = (uint64_t *)(void *)(s->memory + h->sum_at);
	struct wire_coverage_range *range = (void *)(s->memory + h->ranges_at);
	for (size_t i = 0; i < s->counters.ranges; i++)
		range[i] = (struct wire_coverage_range){ offset_of(s, s->counters.range[i].at),
							 (uint32_t)s->counters.range[i].count };
}

/*
 * Slots are mapped only while they are looked at: the kernel copies the page tables of such memory for each process
 * that is forked. NULL with errno.
 */
static uint8_t *open_slot(const struct coverage *s, uint32_t slot)
{
	return map_memory(s, s->head->slots_at + (uint64_t)slot * s->head->slot_bytes, s->head->slot_bytes);
}

static void close_slot(const struct coverage *s, uint8_t *at)
{
	munmap(at, s->head->slot_bytes);
}

/* --- slots -------------------------------------------------------------------------------------------------------- */

static bool change_owner(struct coverage *s, uint32_t slot, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&s->owner[slot], &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* A counter at a time, so that at most one is lost if this process is killed meanwhile. */
static void fold(struct coverage *s, uint8_t *slot)
{
	const struct wire_coverage_range *range = (const void *)(s->memory + s->head->ranges_at);
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
	for (uint32_t i = 0; i < s->head->slots; i++) {
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
	for (uint32_t i = 0; i < s->head->slots; i++)
		if (change_owner(s, i, WIRE_COVERAGE_FREE, WIRE_COVERAGE_FOLDING))
			return i;
	return NO_SLOT;
}

static uint32_t claim(struct coverage *s)
{
	uint32_t slot = claim_free(s);
	if (slot != NO_SLOT)
		return slot;
	fold_ended(s);
	return claim_free(s);
}

static void clear_counters(const struct coverage *s, uint8_t *slot)
{
	const struct wire_coverage_range *range = (const void *)(s->memory + s->head->ranges_at);
	for (uint32_t i = 0; i < s->head->ranges; i++)
		memset(slot + range[i].at, 0, range[i].count * sizeof(uint64_t));
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
	off_t at = (off_t)(s->address + s->head->slots_at + (uint64_t)slot * s->head->slot_bytes);
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC), r = fd < 0 ? -1 : 0;
	for (size_t i = 0; i < s->runs && r == 0; i++)
		if (mmap(s->run[i].at, s->run[i].bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 at + (off_t)s->run[i].offset) == MAP_FAILED)
			r = -1;
	fd_close(fd);
	return r;
}

/* The pages are still those of the parent, and must not be. Nothing of this process is counted. */
static void leave(struct coverage *s)
{
	__atomic_fetch_add(&s->head->lost, 1, __ATOMIC_RELAXED);
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
	if (next_slot == NO_SLOT || !change_owner(&state, next_slot, WIRE_COVERAGE_FOLDING, (uint32_t)getpid()) ||
	    map_slot(&state, next_slot) < 0)
		leave(&state);
	errno = saved;
}

/* Finds the counters, and opens as much of the memory as that takes. */
static int begin(struct coverage *s)
{
	struct wire_coverage h = { 0 };
	int r = counters_find(&s->counters);
	if (r == 0)
		r = (s->run = calloc(s->counters.ranges, sizeof(*s->run))) ? 0 : -ENOMEM;
	if (r == 0)
		r = lay_out(s, find_pages(s), &h);
	s->memory = map_memory(s, 0, r == 0 ? h.slots_at : PAGE);
	if (!s->memory)
		return -errno;
	s->head = (struct wire_coverage *)(void *)s->memory;
	if (r == 0)
		fill_head(s, &h);
	else
		*s->head = h;
	return r;
}

void coverage_start(uint64_t address)
{
	struct coverage *s = &state;
	s->address = address;
	int r = begin(s);
	struct wire_coverage *head = s->head;
	if (!head)
		return;
	if (r == 0) {
		counters_detach();
		uint32_t own = claim(s);
		change_owner(s, own, WIRE_COVERAGE_FOLDING, (uint32_t)getpid());
		r = fill_slot(s, own, false) < 0 || map_slot(s, own) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = -pthread_atfork(coverage_before_fork, NULL, coverage_in_child);
	head->error = (uint32_t)-r;
	if (r < 0)
		state.head = NULL;
	__atomic_store_n(&head->magic, WIRE_COVERAGE_MAGIC, __ATOMIC_RELEASE);
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
