/* SPDX-License-Identifier: GPL-2.0-only */
/* hash.c -- see hash.h. */
#include <string.h>

#include "base/hash.h"

/* Four bits per step: a table of 16 words instead of 256. Fast enough for records of a few hundred bytes. */
static const uint32_t crc_nibble[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32_update(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
	}
	return ~crc;
}

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13);
	v[1] ^= v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16);
	v[3] ^= v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21);
	v[3] ^= v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17);
	v[1] ^= v[2];
	v[2] = ROTL(v[2], 32);
}

static void sip_word(struct siphash *s, uint64_t m)
{
	s->v[3] ^= m;
	sip_round(s->v);
	s->v[0] ^= m;
}

void siphash_init(struct siphash *s)
{
	*s = (struct siphash){ .v = { 0x736f6d6570736575u, 0x646f72616e646f6du, 0x6c7967656e657261u,
				      0x7465646279746573u } };
}

void siphash_update(struct siphash *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	while (len && s->len % 8) {
		s->tail |= (uint64_t)*p++ << 8 * (s->len++ % 8);
		len--;
		if (s->len % 8 == 0) {
			sip_word(s, s->tail);
			s->tail = 0;
		}
	}
	for (; len >= 8; len -= 8, p += 8, s->len += 8) {
		uint64_t m;
		memcpy(&m, p, 8);
		sip_word(s, m);
	}
	while (len--)
		s->tail |= (uint64_t)*p++ << 8 * (s->len++ % 8);
}

void siphash_string(struct siphash *s, const char *text)
{
	siphash_update(s, text, strlen(text) + 1);
}

uint64_t siphash_final(struct siphash *s)
{
	sip_word(s, s->tail | s->len << 56);
	s->v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(s->v);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}
