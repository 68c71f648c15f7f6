/* SPDX-License-Identifier: GPL-2.0-only */
/* siphash128.h -- SipHash-2-4 with 128 bits of output (Aumasson, Bernstein), keyed, streaming. */
#ifndef KTSTR_FUNIFY_SIPHASH128_H
#define KTSTR_FUNIFY_SIPHASH128_H

#include <stddef.h>
#include <stdint.h>

struct siphash128 {
	uint64_t v[4];
	uint64_t tail; /* bytes that do not make a word yet */
	uint64_t len;
};

void siphash128_init(struct siphash128 *s, const uint8_t key[16]);
void siphash128_update(struct siphash128 *s, const void *data, size_t len);
void siphash128_final(struct siphash128 *s, uint8_t out[16]);

#endif
