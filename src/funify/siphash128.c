/* SPDX-License-Identifier: GPL-2.0-only */
/* siphash128.c -- see siphash128.h. */
#include <endian.h>
#include <string.h>

#include "funify/siphash128.h"

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static void sip_rounds(uint64_t v[4], unsigned count)
{
	while (count--) {
		v[0] += v[1];
		v[1] = ROTL(v[1], 13) ^ v[0];
		v[0] = ROTL(v[0], 32);
		v[2] += v[3];
		v[3] = ROTL(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = ROTL(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = ROTL(v[1], 17) ^ v[2];
		v[2] = ROTL(v[2], 32);
	}
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

static void store_le64(uint8_t *p, uint64_t word)
{
	word = htole64(word);
	memcpy(p, &word, sizeof(word));
}

static void add_word(struct siphash128 *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_rounds(s->v, 2);
	s->v[0] ^= word;
}

void siphash128_init(struct siphash128 *s, const uint8_t key[16])
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	*s = (struct siphash128){ .v = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee,
					 k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u } };
}

void siphash128_update(struct siphash128 *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (; len && s->len % 8; len--, p++) {
		s->tail |= (uint64_t)*p << s->len % 8 * 8;
		if (++s->len % 8)
			continue;
		add_word(s, s->tail);
		s->tail = 0;
	}
	for (; len >= 8; len -= 8, p += 8, s->len += 8)
		add_word(s, load_le64(p));
	for (; len; len--, p++, s->len++)
		s->tail |= (uint64_t)*p << s->len % 8 * 8;
}

void siphash128_final(struct siphash128 *s, uint8_t out[16])
{
	add_word(s, s->tail | s->len << 56);
	s->v[2] ^= 0xee;
	sip_rounds(s->v, 4);
	store_le64(out, s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3]);
	s->v[1] ^= 0xdd;
	sip_rounds(s->v, 4);
	store_le64(out + 8, s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3]);
}
