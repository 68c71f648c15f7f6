/* SPDX-License-Identifier: GPL-2.0-only */
/* hash.h -- CRC-32 for records and cache keys, SipHash-1-3 for content addresses and variant hashes. */
#ifndef KTSTR_BASE_HASH_H
#define KTSTR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of IEEE 802.3 (polynomial 0xedb88320 reflected), as zlib's crc32(); chain by passing the last result. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

/* SipHash-1-3 with zero keys (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), streaming. */
struct siphash {
	uint64_t v[4];
	uint64_t tail;
	uint64_t len;
};

void siphash_init(struct siphash *s);
void siphash_update(struct siphash *s, const void *data, size_t len);
/* Hashes a string and a terminating zero, so that ("ab","c") and ("a","bc") differ. */
void siphash_string(struct siphash *s, const char *text);
uint64_t siphash_final(struct siphash *s);

#endif
