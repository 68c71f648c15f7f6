/* SPDX-License-Identifier: GPL-2.0-only */
/* region.c -- see region.h. */
#include <string.h>

#include "coverage/region.h"

static bool fits(size_t size, uint32_t at, uint64_t count, size_t each)
{
	return at <= size && count <= (size - at) / each;
}

/* The work is limited by the size of the memory, whatever the guest wrote. */
static int check_layout(const struct wire_coverage_program *h, size_t size, struct err **err)
{
	if (h->counters && h->ranges && fits(size, h->ranges_at, h->ranges, sizeof(struct wire_coverage_range)) &&
	    fits(size, h->owners_at, h->slots_max, sizeof(uint32_t)) &&
	    fits(size, h->places_at, h->slots_max, sizeof(uint32_t)) &&
	    fits(size, h->sum_at, h->counters, sizeof(uint64_t)) &&
	    fits(h->slot_bytes, 0, h->counters, sizeof(uint64_t)) &&
	    fits(size, 0, MIN_OF(h->slots, h->slots_max), h->slot_bytes))
		return 0;
	return FAIL(err, ERR_DATA, -EBADMSG, "the guest's counters are damaged: they reach beyond their memory");
}

/* Checks that all ranges lie in their slot and that the sum has as many counters as they have. */
static int check_ranges(const struct wire_coverage_program *h, const struct wire_coverage_range *range,
			struct err **err)
{
	uint64_t counters = 0;
	for (uint32_t i = 0; i < h->ranges; i++) {
		if (!fits(h->slot_bytes, range[i].at, range[i].count, sizeof(uint64_t)))
			return FAIL(err, ERR_DATA, -EBADMSG, "the guest's counters are damaged: a range is too long");
		counters += range[i].count;
	}
	return counters == h->counters ? 0
				       : FAIL(err, ERR_DATA, -EBADMSG,
					      "the guest's counters are damaged: %lu of them, and %u were announced",
					      counters, h->counters);
}

static void add_slot(const struct wire_coverage_program *h, const struct wire_coverage_range *range,
		     const uint8_t *slot, uint64_t *to)
{
	for (uint32_t i = 0; i < h->ranges; i++)
		for (uint32_t k = 0; k < range[i].count; k++, to++) {
			uint64_t value;
			memcpy(&value, slot + range[i].at + k * sizeof(value), sizeof(value));
			*to += value;
		}
}

static uint32_t read_u32(const uint8_t *region, uint32_t at, uint32_t index)
{
	uint32_t value;
	memcpy(&value, region + at + (size_t)index * sizeof(value), sizeof(value));
	return value;
}

static int add_slots(const struct coverage_region *r, const struct wire_coverage_program *h,
		     const struct wire_coverage_range *range, uint64_t *to, struct err **err)
{
	uint32_t slots = MIN_OF(h->slots, h->slots_max);
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t place = read_u32(r->at, h->places_at, i);
		if (!place || read_u32(r->at, h->owners_at, i) == WIRE_COVERAGE_FREE)
			continue;
		if (!fits(r->size, place, 1, h->slot_bytes))
			return FAIL(err, ERR_DATA, -EBADMSG, "the guest's counters are damaged: a slot is nowhere");
		add_slot(h, range, r->at + place, to);
	}
	return 0;
}

static int add_up(const struct coverage_region *r, const struct wire_coverage_program *h,
		  const struct wire_coverage_range *range, struct coverage_counts *ret, struct err **err)
{
	ret->stamp = h->stamp;
	ret->counters = h->counters;
	ret->value = calloc(h->counters, sizeof(uint64_t));
	if (!ret->value)
		return -ENOMEM;
	memcpy(ret->value, r->at + h->sum_at, h->counters * sizeof(uint64_t));
	int result = add_slots(r, h, range, ret->value, err);
	if (result < 0)
		coverage_counts_done(ret);
	return result;
}

int coverage_region_open(const uint8_t *at, size_t size, struct coverage_region *ret, struct err **err)
{
	struct wire_coverage h;
	*ret = (struct coverage_region){ .at = at, .size = size };
	if (size < sizeof(h))
		return FAIL(err, ERR_DATA, -EBADMSG, "the guest has no memory for counters");
	memcpy(&h, at, sizeof(h));
	if (h.magic != WIRE_COVERAGE_MAGIC)
		return 0;
	ret->lost = h.lost;
	for (uint32_t i = 0; i < MIN_OF(h.programs, WIRE_COVERAGE_PROGRAMS_MAX); i++)
		if (h.program[i])
			ret->program[ret->programs++] = h.program[i];
	return 0;
}

/* Why the guest could not count the program. */
static int report_error(const struct wire_coverage_program *h, struct err **err)
{
	if (h->error == ENOTSUP)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "its compiler is a version of gcc whose counters are not known; "
			    "gcc 10 to 14 are");
	if (h->error == E2BIG)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "%u counters in %u KiB of memory are too many for two processes; "
			    "build fewer files with coverage",
			    h->counters, h->slot_bytes >> 10);
	return FAIL(err, ERR_DATA, -EBADMSG, "the guest could not count: %s", strerror((int)h->error));
}

static int sum_program(const struct coverage_region *r, const struct wire_coverage_program *h,
		       struct coverage_counts *ret, struct err **err)
{
	int result = check_layout(h, r->size, err);
	_cleanup_free_ struct wire_coverage_range *range = result == 0 ? malloc(h->ranges * sizeof(*range)) : NULL;
	if (!range)
		return result < 0 ? result : -ENOMEM;
	memcpy(range, r->at + h->ranges_at, h->ranges * sizeof(*range));
	result = check_ranges(h, range, err);
	return result == 0 ? add_up(r, h, range, ret, err) : result;
}

int coverage_sum(const struct coverage_region *r, uint32_t index, struct coverage_counts *ret, struct err **err)
{
	struct wire_coverage_program h;
	*ret = (struct coverage_counts){ 0 };
	if (!fits(r->size, r->program[index], 1, sizeof(h)))
		return FAIL(err, ERR_DATA, -EBADMSG, "the guest's counters are damaged: a program is nowhere");
	memcpy(&h, r->at + r->program[index], sizeof(h));
	memcpy(ret->path, h.path, strnlen(h.path, sizeof(h.path) - 1));
	return h.error ? report_error(&h, err) : sum_program(r, &h, ret, err);
}

void coverage_counts_done(struct coverage_counts *c)
{
	free(c->value);
	*c = (struct coverage_counts){ 0 };
}

void coverage_put_file(const struct coverage_counts *c, struct buf *out)
{
	const struct wire_coverage_file head = { WIRE_COVERAGE_MAGIC, c->stamp, c->counters };
	buf_append(out, &head, sizeof(head));
	buf_append(out, c->value, c->counters * sizeof(*c->value));
}
