/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ninja_deps.c -- reads .ninja_deps (versions 3 and 4).
 *
 * After a line of text and the version there are records, each with a size of four bytes (little-endian). Without its
 * top bit, it is a path: text, padded with up to three NULs, and the complement of the path's number. With it, these
 * are the dependencies of an output: its number, its time (4 bytes in version 3, 8 in version 4), and the numbers of
 * the inputs. A later record of an output replaces an earlier one.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "affected/graph.h"

#define SIGNATURE  "# ninjadeps\n"
#define RECORD_MAX ((1u << 19) - 1)
#define IS_DEPS	   0x80000000u

struct deps_reader {
	const uint8_t *at, *end;
	uint32_t version;
	char **path;
	const uint8_t **deps; /* by number of the output: its newest record, at its size; NULL: none */
	size_t paths, room;
};

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static bool make_room(struct deps_reader *d)
{
	if (d->paths < d->room)
		return true;
	size_t room = d->room ? 2 * d->room : 256;
	char **path = reallocarray(d->path, room, sizeof(*path));
	if (!path)
		return false;
	d->path = path;
	const uint8_t **deps = reallocarray(d->deps, room, sizeof(*deps));
	if (!deps)
		return false;
	d->deps = deps;
	d->room = room;
	return true;
}

static bool read_path(struct deps_reader *d, const uint8_t *record, uint32_t size)
{
	if (size < 8 || get32(record + size - 4) != ~(uint32_t)d->paths || !make_room(d))
		return false;
	size_t len = size - 4;
	while (len > size - 7 && !record[len - 1])
		len--;
	/* A NUL within the path: strndup() would shorten it. */
	char *path = memchr(record, 0, len) ? NULL : strndup((const char *)record, len);
	if (!path)
		return false;
	d->path[d->paths] = path;
	d->deps[d->paths++] = NULL;
	return true;
}

static uint32_t deps_head(const struct deps_reader *d)
{
	return d->version == 4 ? 12 : 8;
}

static bool read_deps(struct deps_reader *d, const uint8_t *record, uint32_t size)
{
	uint32_t head = deps_head(d);
	if (size < head || size % 4 || get32(record) >= d->paths)
		return false;
	for (uint32_t at = head; at < size; at += 4)
		if (get32(record + at) >= d->paths)
			return false;
	d->deps[get32(record)] = record - 4;
	return true;
}

/* False: the rest is damaged, or there is none. */
static bool read_record(struct deps_reader *d)
{
	if (d->end - d->at < 4)
		return false;
	uint32_t word = get32(d->at), size = word & ~IS_DEPS;
	const uint8_t *record = d->at + 4;
	if (size > RECORD_MAX || size > (size_t)(d->end - record))
		return false;
	d->at = record + size;
	return word & IS_DEPS ? read_deps(d, record, size) : read_path(d, record, size);
}

bool ninja_deps_parse(const void *data, size_t len, void (*dep)(void *data, const char *output, const char *input),
		      void *arg)
{
	static const size_t head = sizeof(SIGNATURE) - 1;
	struct deps_reader d = { .end = (const uint8_t *)data + len };
	if (len < head + 4 || memcmp(data, SIGNATURE, head) != 0)
		return false;
	d.version = get32((const uint8_t *)data + head);
	d.at = (const uint8_t *)data + head + 4;
	bool known = d.version == 3 || d.version == 4;
	while (known && read_record(&d))
		;
	for (size_t i = 0; i < d.paths; i++) {
		uint32_t size = d.deps[i] ? get32(d.deps[i]) & ~IS_DEPS : 0;
		for (uint32_t at = deps_head(&d); at < size; at += 4)
			dep(arg, d.path[i], d.path[get32(d.deps[i] + 4 + at)]);
	}
	for (size_t i = 0; i < d.paths; i++)
		free(d.path[i]);
	free(d.path);
	free(d.deps);
	return known;
}
