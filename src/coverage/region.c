/* SPDX-License-Identifier: GPL-2.0-only */
/* region.c -- see region.h. */
#include <string.h>

#include <ktstr/wire.h>

#include "coverage/region.h"

static bool fits(size_t size, uint32_t at, uint64_t count, size_t each)
{
	return at <= size && count <= (size - at) / each;
}

static int check_layout(const struct wire_coverage *h, size_t size, struct err **err)
{
	if (h->counters && h->ranges && fits(size, h->ranges_at, h->ranges, sizeof(struct wire_coverage_range)) &&
	    fits(size, h->owners_at, h->slots, sizeof(uint32_t)) &&
	    fits(size, h->sum_at, h->counters, sizeof(uint64_t)) && h->slot_bytes &&
	    fits(size, h->slots_at, h->slots, h->slot_bytes))
		return 0;
	return FAIL(err, ERR_DATA, -EBADMSG, "the guest's counters are damaged: they reach beyond their memory");
}

/* Checks that all ranges lie in their slot and that the sum has as many counters as they have. */
static int check_ranges(const struct wire_coverage *h, const struct wire_coverage_range *range, struct err **err)
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

static void add_slot(const struct wire_coverage *h, const struct wire_coverage_range *range, const uint8_t *slot,
		     uint64_t *to)
{
	for (uint32_t i = 0; i < h->ranges; i++)
		for (uint32_t k = 0; k < range[i].count; k++, to++) {
			uint64_t value;
			memcpy(&value, slot + range[i].at + k * sizeof(value), sizeof(value));
			*to += value;
		}
}

static int add_up(const uint8_t *region, const struct wire_coverage *h, const struct wire_coverage_range *range,
		  struct coverage_counts *ret)
{
	*ret = (struct coverage_counts){ .stamp = h->stamp, .lost = h->lost, .counters = h->counters };
	ret->value = calloc(h->counters, sizeof(uint64_t));
	if (!ret->value)
		return -ENOMEM;
	memcpy(ret->value, region + h->sum_at, h->counters * sizeof(uint64_t));
	for (uint32_t i = 0; i < h->slots; i++) {
		uint32_t owner;
		memcpy(&owner, region + h->owners_at + i * sizeof(owner), sizeof(owner));
		if (owner != WIRE_COVERAGE_FREE)
			add_slot(h, range, region + h->slots_at + (size_t)i * h->slot_bytes, ret->value);
	}
	return 0;
}

int coverage_sum(const uint8_t *region, size_t size, struct coverage_counts *ret, struct err **err)
{
	struct wire_coverage h;
	*ret = (struct coverage_counts){ 0 };
	if (size < sizeof(h))
		return FAIL(err, ERR_DATA, -EBADMSG, "the guest has no memory for counters");
	memcpy(&h, region, sizeof(h));
	if (h.magic != WIRE_COVERAGE_MAGIC || h.error == ENODATA)
		return -ENODATA;
	if (h.error == ENOTSUP)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "its compiler is a version of gcc whose counters are not known; "
			    "gcc 10 to 14 are");
	if (h.error == E2BIG)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "%u counters in %u KiB of memory are too many for two processes; "
			    "build fewer files with coverage",
			    h.counters, h.slot_bytes >> 10);
	if (h.error)
		return FAIL(err, ERR_DATA, -EBADMSG, "the guest could not count: %s", strerror((int)h.error));
	int r = check_layout(&h, size, err);
	if (r < 0)
		return r;
	_cleanup_free_ struct wire_coverage_range *range = malloc(h.ranges * sizeof(*range));
	if (!range)
		return -ENOMEM;
	memcpy(range, region + h.ranges_at, h.ranges * sizeof(*range));
	r = check_ranges(&h, range, err);
	return r == 0 ? add_up(region, &h, range, ret) : r;
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
