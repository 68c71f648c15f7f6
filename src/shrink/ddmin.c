/* SPDX-License-Identifier: GPL-2.0-only */
/* ddmin.c -- see ddmin.h. */
#include "shrink/ddmin.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"

int ddmin_init(struct ddmin *d, size_t items)
{
	*d = (struct ddmin){ .kept = malloc(items + 1), .items = items, .count = items };
	if (!d->kept)
		return -ENOMEM;
	memset(d->kept, true, items);
	return 0;
}

void ddmin_done(struct ddmin *d)
{
	free(d->kept);
	*d = (struct ddmin){ 0 };
}

/* Where the search goes when the candidate at its place was rejected. False: the search is over. */
static bool step_on(const struct ddmin *d, size_t *parts, size_t *at)
{
	if (*parts == 0) {
		*parts = MIN_OF((size_t)2, d->count);
		*at = 0;
		return d->count > 1; /* of one item, leaving it out was leaving out all */
	}
	if (++*at < *parts)
		return true;
	if (*parts >= d->count)
		return false;
	*parts = MIN_OF(2 * *parts, d->count);
	*at = 0;
	return true;
}

static void leave_out(const struct ddmin *d, size_t parts, size_t at, bool *keep)
{
	size_t first = parts ? at * d->count / parts : 0;
	size_t end = parts ? (at + 1) * d->count / parts : d->count;
	size_t number = 0;
	memcpy(keep, d->kept, d->items);
	for (size_t i = 0; i < d->items; i++) {
		if (!d->kept[i])
			continue;
		keep[i] = number < first || number >= end;
		number++;
	}
}

bool ddmin_candidate(const struct ddmin *d, size_t ahead, bool *keep)
{
	size_t parts = d->parts, at = d->at;
	if (!d->count || at >= MAX_OF(parts, (size_t)1))
		return false;
	for (; ahead; ahead--)
		if (!step_on(d, &parts, &at))
			return false;
	leave_out(d, parts, at, keep);
	return true;
}

static void accept(struct ddmin *d)
{
	size_t kept = 0, number = 0;
	size_t first = d->parts ? d->at * d->count / d->parts : 0;
	size_t end = d->parts ? (d->at + 1) * d->count / d->parts : d->count;
	for (size_t i = 0; i < d->items; i++) {
		if (!d->kept[i])
			continue;
		d->kept[i] = number < first || number >= end;
		kept += d->kept[i];
		number++;
	}
	d->count = kept;
	d->parts = MIN_OF(MAX_OF(d->parts - 1, (size_t)2), MAX_OF(kept, (size_t)1));
	if (d->at >= d->parts)
		d->at = 0;
}

void ddmin_tell(struct ddmin *d, bool accepted)
{
	if (accepted)
		accept(d);
	else if (!step_on(d, &d->parts, &d->at))
		d->at = MAX_OF(d->parts, (size_t)1); /* over */
}

unsigned ddmin_tries(double rate, double error, unsigned most)
{
	if (!(rate > 0))
		return most;
	if (rate >= 1)
		return 1;
	double tries = ceil(log(error) / log1p(-rate));
	return tries < 1 ? 1 : tries > most ? most : (unsigned)tries;
}
