/* SPDX-License-Identifier: GPL-2.0-only */
/* sample_psi.c -- pressure (PSI) of the system or of a control group in a sample. */
#include "monitor/sampler.h"

#define PSI_FIXED_1 2048.0 /* averages are fixed-point numbers with 11 bits, of percent */

static const char *const psi_rows[] = {
#define X(name, enumerator) enumerator,
	PSI_VALUES(X)
#undef X
};

void sampler_find_psi(struct sampler *s)
{
	const struct types *t = s->image->types;
	s->psi_total = types_field(t, "psi_group", "total");
	s->psi_average = types_field(t, "psi_group", "avg");
	for (unsigned i = 0; i < PSI_VALUE_COUNT; i++)
		if (!types_enumerator(t, NULL, psi_rows[i], &s->psi_place[i]))
			s->psi_place[i] = -1;
}

static double percent(uint64_t raw)
{
	double value = (double)raw / PSI_FIXED_1;
	return value > 100 ? 100 : value; /* a copy that was changed meanwhile may say more */
}

/* Both arrays begin with what is for averages; the second half of `total` is for pollers. */
void sampler_read_psi(const struct sampler *s, struct view *v, uint64_t group, struct psi_sample *ret)
{
	uint64_t total[32], average[64];
	ret->has = 0;
	if (!group || !s->psi_total.size || s->psi_total.size > sizeof(total) || !s->psi_average.size ||
	    s->psi_average.size > sizeof(average) ||
	    !view_read(v, group + s->psi_total.offset, total, s->psi_total.size) ||
	    !view_read(v, group + s->psi_average.offset, average, s->psi_average.size))
		return;
	unsigned states = s->psi_average.size / sizeof(average[0]) / 3;
	for (unsigned i = 0; i < PSI_VALUE_COUNT; i++) {
		int64_t place = s->psi_place[i];
		if (place < 0 || place >= states || place * sizeof(total[0]) >= s->psi_total.size)
			continue;
		ret->has |= 1ull << i;
		ret->total_ns[i] = total[place];
		for (unsigned w = 0; w < 3; w++)
			ret->average[i][w] = percent(average[place * 3 + w]);
	}
}
