/* SPDX-License-Identifier: GPL-2.0-only */
/* log.c -- see log.h. */
#include "schedule/log.h"

#include <string.h>

#define HEADER	  8   /* of a block */
#define EVENT_MAX 192 /* bytes of an event; the largest have all words, clocks and new tasks */

struct block {
	uint32_t bytes, events; /* the header */
	uint8_t data[SCHEDULE_LOG_BLOCK - HEADER];
};
_Static_assert(sizeof(struct block) == SCHEDULE_LOG_BLOCK, "a block is its header and its events");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers and keys are written as they are in memory");

struct schedule_log {
	struct block **block; /* a ring; NULL: not used so far */
	size_t blocks, first, count;
	uint64_t events, dropped;
	struct block *current; /* NULL: there was no memory for it */
	uint64_t time_ns;      /* of the last event in it */
	struct schedule_log_slot slot[SCHEDULE_LOG_SLOTS];
};

struct schedule_log *schedule_log_new(size_t bytes_max)
{
	struct schedule_log *l = calloc(1, sizeof(*l));
	size_t bytes = bytes_max ? bytes_max : SCHEDULE_LOG_BYTES_MAX;
	if (!l)
		return NULL;
	l->blocks = MAX_OF(bytes / SCHEDULE_LOG_BLOCK, (size_t)2);
	l->block = calloc(l->blocks, sizeof(struct block *));
	if (!l->block) {
		free(l);
		return NULL;
	}
	return l;
}

void schedule_log_free(struct schedule_log *l)
{
	for (size_t i = 0; l && i < l->blocks; i++)
		free(l->block[i]);
	if (l)
		free(l->block);
	free(l);
}

uint64_t schedule_log_events(const struct schedule_log *l)
{
	return l->events;
}

uint64_t schedule_log_dropped(const struct schedule_log *l)
{
	return l->dropped;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static void drop_oldest(struct schedule_log *l)
{
	const struct block *oldest = l->block[l->first];
	l->events -= oldest->events;
	l->dropped += oldest->events;
	l->first = (l->first + 1) % l->blocks;
	l->count--;
}

/* The next block, empty: an unused one, or the oldest one. */
static void begin_block(struct schedule_log *l)
{
	if (l->count == l->blocks)
		drop_oldest(l);
	size_t at = (l->first + l->count) % l->blocks;
	if (!l->block[at])
		l->block[at] = malloc(sizeof(struct block));
	l->current = l->block[at];
	if (!l->current)
		return;
	l->current->bytes = l->current->events = 0;
	l->count++;
	l->time_ns = 0;
	memset(l->slot, 0, sizeof(l->slot));
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static uint8_t *put_number(uint8_t *at, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		*at++ = (uint8_t)(n | 0x80);
	*at++ = (uint8_t)n;
	return at;
}

static unsigned slot_of(uint64_t key)
{
	return (unsigned)((key * 0x9e3779b97f4a7c15u >> 32) % (SCHEDULE_LOG_SLOTS - 1)) + 1;
}

static uint8_t *put_task(struct schedule_log *l, uint8_t *at, uint64_t key, int32_t pid)
{
	if (!key) {
		*at++ = 0;
		return at;
	}
	unsigned n = slot_of(key);
	struct schedule_log_slot *s = &l->slot[n];
	if (s->key == key && s->pid == pid) {
		*at++ = (uint8_t)n;
		return at;
	}
	*s = (struct schedule_log_slot){ .key = key, .pid = pid };
	*at++ = (uint8_t)(0x80 | n);
	memcpy(at, &key, sizeof(key));
	return put_number(at + sizeof(key), schedule_log_zigzag(pid));
}

static uint8_t *put_allowed(struct schedule_log_slot *s, uint8_t *at, uint8_t *flags, const struct schedule_event *e)
{
	unsigned words = MIN_OF(e->allowed_words, SCHEDULE_WORDS);
	if (!words)
		return at;
	*flags |= LOG_HAS_ALLOWED;
	if (s->words == words && !memcmp(s->allowed, e->allowed, words * sizeof(*e->allowed)))
		return at;
	*flags |= LOG_NEW_ALLOWED;
	s->words = (uint8_t)words;
	memcpy(s->allowed, e->allowed, words * sizeof(*e->allowed));
	*at++ = (uint8_t)words;
	for (unsigned i = 0; i < words; i++)
		at = put_number(at, e->allowed[i]);
	return at;
}

static uint8_t *put_group(struct schedule_log_slot *s, uint8_t *at, uint8_t *flags, uint64_t group)
{
	if (!group)
		return at;
	*flags |= LOG_HAS_GROUP;
	if (s->group == group)
		return at;
	*flags |= LOG_NEW_GROUP;
	s->group = group;
	return put_number(at, group);
}

static uint8_t *put_clocks(uint8_t *at, uint8_t *flags, const struct schedule_event *e)
{
	if (!e->clock_ns && !e->task_clock_ns && !e->charged_ns)
		return at;
	*flags |= LOG_HAS_CLOCKS;
	at = put_number(at, e->clock_ns);
	at = put_number(at, e->task_clock_ns);
	return put_number(at, e->charged_ns);
}

static uint8_t *put_event(struct schedule_log *l, uint8_t *at, const struct schedule_event *e)
{
	*at++ = (uint8_t)(e->kind | (unsigned)e->reason << 4 | (unsigned)e->leaving << 6);
	uint8_t *flags = at++;
	*flags = e->task_class & LOG_CLASS;
	at = put_number(at, e->cpu);
	at = put_number(at, schedule_log_zigzag((int64_t)(e->time_ns - l->time_ns)));
	l->time_ns = e->time_ns;
	at = put_task(l, at, e->task, e->pid);
	/* The next task may take the slot of this one, whose group and mask follow. */
	struct schedule_log_slot none, *s = e->task ? &l->slot[slot_of(e->task)] : &none;
	none.group = none.words = 0; /* nothing else of it is read, and it is large */
	at = put_group(s, at, flags, e->group);
	at = put_allowed(s, at, flags, e);
	at = put_clocks(at, flags, e);
	return e->kind == SCHEDULE_SWITCH ? put_task(l, at, e->next, e->next_pid) : at;
}

void schedule_log_add(struct schedule_log *l, const struct schedule_event *e)
{
	if (e->kind >= SCHEDULE_KIND_COUNT || e->reason >= SCHEDULE_REASON_COUNT || e->leaving > SCHEDULE_DEAD ||
	    e->task_class >= SCHEDULE_CLASS_COUNT)
		return;
	if (!l->current || l->current->bytes + EVENT_MAX > sizeof(l->current->data))
		begin_block(l);
	struct block *b = l->current;
	if (!b) {
		l->dropped++;
		return;
	}
	b->bytes = (uint32_t)(put_event(l, b->data + b->bytes, e) - b->data);
	b->events++;
	l->events++;
}

/* --- the content of a file ---------------------------------------------------------------------------------------- */

size_t schedule_log_piece(const struct schedule_log *l, const char *about, size_t index, struct buf *head,
			  const void **ret)
{
	static const uint32_t end[2] = { 0 };
	const uint32_t numbers[2] = { SCHEDULE_LOG_VERSION, (uint32_t)strlen(about) };
	if (index > l->count + 1)
		return 0;
	*ret = end;
	if (index == l->count + 1)
		return sizeof(end);
	if (index) {
		const struct block *b = l->block[(l->first + index - 1) % l->blocks];
		*ret = b;
		return HEADER + b->bytes;
	}
	buf_clear(head);
	buf_puts(head, SCHEDULE_LOG_MAGIC);
	buf_append(head, numbers, sizeof(numbers));
	buf_puts(head, about);
	*ret = head->data;
	return head->failed ? 0 : head->len;
}
