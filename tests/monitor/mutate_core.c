/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mutate_core VMLINUX CORE COUNT SEED -- takes dumps of a core whose memory is damaged each time in another way, near
 * the objects that a dump reads. There must be no fault and no hang.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/time.h"
#include "monitor/core_file.h"
#include "monitor/dump.h"

#define ADDRESSES_MAX 65536
#define DAMAGES_MAX   32
#define NEAR	      2048
#define SECONDS_MAX   60 /* of one dump, also with sanitizers */

struct damage {
	uint8_t *at;
	uint64_t old;
};

static struct view view;
static uint64_t address[ADDRESSES_MAX];
static unsigned addresses;

/* Each "0x..." in the dump is an object of the guest. */
static void collect(const json_t *value)
{
	const char *key;
	json_t *inner;
	size_t i;
	json_object_foreach((json_t *)value, key, inner)
		collect(inner);
	json_array_foreach((json_t *)value, i, inner)
		collect(inner);
	const char *text = json_string_value(value);
	uint64_t at = text && strncmp(text, "0x", 2) == 0 ? strtoull(text, NULL, 16) : 0;
	if (at >> 63 && addresses < ADDRESSES_MAX)
		address[addresses++] = at;
}

static uint64_t any_value(struct rng *rng)
{
	switch (rng_below(rng, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return address[rng_below(rng, addresses)];
	case 3:
		return address[rng_below(rng, addresses)] + rng_below(rng, NEAR);
	case 4:
		return rng_below(rng, 1u << 16);
	default:
		return rng_next(rng);
	}
}

static unsigned damage(struct damage *d, const uint8_t *map, uint64_t size, struct rng *rng)
{
	unsigned count = 0;
	for (uint64_t n = 1 + rng_below(rng, DAMAGES_MAX); n--;) {
		uint64_t at = address[rng_below(rng, addresses)] - 256 + rng_below(rng, NEAR), physical;
		if (!view_translate(&view, at & ~7ull, &physical) || physical + 8 > size)
			continue;
		d[count].at = (uint8_t *)map + physical;
		memcpy(&d[count].old, d[count].at, 8);
		uint64_t value = any_value(rng);
		memcpy(d[count++].at, &value, 8);
	}
	return count;
}

static void repair(const struct damage *d, unsigned count)
{
	while (count--)
		memcpy(d[count].at, &d[count].old, 8);
}

static void take(const struct dump_config *config)
{
	const struct dump_view all = { .parts = DUMP_ALL, .cpu = -1 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	alarm(SECONDS_MAX);
	view_refresh(&view);
	json_t *dump = dump_take(config);
	dump_text(dump, &all, &text);
	if (!addresses)
		collect(dump);
	json_decref(dump);
	alarm(0);
}

/* A copy of the memory that may be written. */
static void copy_memory(struct guestmem *m)
{
	for (unsigned i = 0; i < m->nodes; i++) {
		uint8_t *copy = malloc(m->node[i].size);
		if (!copy)
			abort();
		memcpy(copy, m->node[i].map, m->node[i].size);
		m->node[i].map = copy;
	}
}

int main(int argc, char **argv)
{
	struct guestmem memory;
	struct kernel_image image = { 0 };
	struct layout layout;
	struct orc *orc = NULL;
	struct damage done[DAMAGES_MAX];
	if (argc < 5 || core_open(argv[2], &memory, NULL) < 0 || symbols_open(argv[1], &image.symbols, NULL) < 0 ||
	    types_open(argv[1], &image.types, NULL) < 0 || orc_open(argv[1], &orc, NULL) < 0)
		return 64;
	struct rng rng = { strtoull(argv[4], NULL, 0) };
	copy_memory(&memory);
	layout_init(&layout, image.types);
	view_init(&view, &image, &memory, 0);
	view_find_slides(&view, 0, 0);
	const struct dump_config config = { .inspect = { .view = &view, .layout = &layout, .orc = orc },
					    .all_tasks = true };
	take(&config);
	nsec_t longest = 0;
	unsigned long count = strtoul(argv[3], NULL, 0), slowest = 0;
	for (unsigned long i = 0; i < count; i++) {
		unsigned damages = damage(done, memory.node[0].map, memory.node[0].size, &rng);
		nsec_t took = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
		take(&config);
		took = nsec_clock(CLOCK_THREAD_CPUTIME_ID) - took;
		slowest = took > longest ? i : slowest;
		longest = MAX_OF(longest, took);
		repair(done, damages);
	}
	printf("%lu damaged images near %u objects, the longest dump, number %lu, took %.0f ms of CPU time\n", count,
	       addresses, slowest, (double)longest / 1e6);
	orc_close(orc);
	types_close(image.types);
	symbols_close(image.symbols);
	for (unsigned i = 0; i < memory.nodes; i++)
		free((void *)memory.node[i].map);
	return 0;
}
