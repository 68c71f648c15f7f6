/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring_threads.c -- event rings between threads of one process, for ThreadSanitizer, which does not see other
 * processes.
 *
 * Two writers with rings that are far too small share a doorbell; one waits for room, one drops records. The reader
 * sleeps on the doorbell. Every record is checked, and the missing ones must match the counted drops.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "base/rng.h"
#include "reactor/shmring.h"

#define RECORDS 60000u

struct writer {
	pthread_t thread;
	struct shmring_area *area;
	uint32_t ring;
	bool waits;
};

static uint16_t length_of(uint64_t number)
{
	struct rng rng = { number };
	return (uint16_t)(8 + rng_below(&rng, 200));
}

static void *write_all(void *arg)
{
	const struct writer *me = arg;
	struct shmring_writer w;
	uint64_t payload[32];
	shmring_writer_init(&w, me->area, me->ring);
	for (uint64_t n = 0; n < RECORDS; n++) {
		for (unsigned i = 0; i < 32; i++)
			payload[i] = n;
		while (me->waits && !shmring_has_room(&w, length_of(n)))
			sched_yield();
		shmring_put(&w, 1, payload, length_of(n));
	}
	while (!shmring_has_room(&w, 0))
		sched_yield();
	shmring_put(&w, 2, NULL, 0);
	return NULL;
}

struct seen {
	uint64_t next, records;
	bool wrong, ended;
};

static void look(struct seen *s, const struct shmring_item *item)
{
	if (item->type == 2) {
		s->ended = true;
		s->wrong |= s->next + item->lost != RECORDS;
		return;
	}
	const uint64_t *payload = item->payload;
	uint64_t n = payload[0];
	s->wrong |= n != s->next + item->lost || item->length != length_of(n);
	for (unsigned i = 0; i < item->length / 8u; i++)
		s->wrong |= payload[i] != n;
	s->next = n + 1;
	s->records++;
}

static bool read_all(struct shmring_area *area, struct seen *seen)
{
	static struct shmring_batch batch;
	struct shmring_reader r[2];
	for (uint32_t i = 0; i < 2; i++)
		shmring_reader_init(&r[i], area, i);
	while (!seen[0].ended || !seen[1].ended) {
		int taken = 0;
		for (uint32_t i = 0; i < 2; i++) {
			int n = shmring_pop(&r[i], &batch, NULL);
			struct shmring_item item;
			if (n < 0)
				return false;
			taken += n;
			for (size_t at = 0; shmring_next(&batch, &at, &item);)
				look(&seen[i], &item);
		}
		uint64_t count;
		if (!taken && !(seen[0].ended && seen[1].ended) && shmring_arm(area, r, 2) &&
		    read(area->doorbell, &count, sizeof(count)) < 0)
			return false;
	}
	return !seen[0].wrong && !seen[1].wrong && r[0].dropped == 0 && seen[0].records == RECORDS &&
	       seen[1].records + r[1].dropped == RECORDS;
}

int main(void)
{
	struct shmring_area area;
	struct seen seen[2] = { 0 };
	if (shmring_area_new(2, SHMRING_CAPACITY_MIN, &area, NULL) < 0)
		return 1;
	struct writer writer[2] = { { .area = &area, .waits = true }, { .area = &area, .ring = 1 } };
	for (int i = 0; i < 2; i++)
		if (pthread_create(&writer[i].thread, NULL, write_all, &writer[i]) != 0)
			return 1;
	bool ok = read_all(&area, seen);
	for (int i = 0; i < 2; i++)
		pthread_join(writer[i].thread, NULL);
	shmring_area_done(&area);
	printf("%lu and %lu records of %u each\n", seen[0].records, seen[1].records, RECORDS);
	return ok ? 0 : 1;
}
