/* SPDX-License-Identifier: GPL-2.0-only */
/* index_match.c -- see index_match.h. */
#include <stdlib.h>
#include <string.h>

#include "stats/index_match.h"

/* FNV-1a */
static uint32_t hash_of(const char *directory)
{
	uint32_t h = 2166136261u;
	for (; *directory; directory++)
		h = (h ^ (unsigned char)*directory) * 16777619u;
	return h ^ h >> 15;
}

bool index_match_init(struct index_match *m, const struct scan *s)
{
	size_t room = 64;
	while (room < 2 * s->directories)
		room *= 2;
	*m = (struct index_match){ .scan = s, .bucket = calloc(room, sizeof(*m->bucket)), .mask = (uint32_t)room - 1 };
	for (size_t i = 0; m->bucket && i < s->directories; i++) {
		uint32_t at = hash_of(s->directory[i].path);
		while (m->bucket[at & m->mask])
			at++;
		m->bucket[at & m->mask] = (uint32_t)i + 1;
	}
	return m->bucket;
}

void index_match_done(struct index_match *m)
{
	free(m->bucket);
	m->bucket = NULL;
}

static const struct scan_directory *find_directory(const struct index_match *m, const char *path)
{
	for (uint32_t at = hash_of(path), i; (i = m->bucket[at & m->mask]); at++)
		if (!strcmp(m->scan->directory[i - 1].path, path))
			return &m->scan->directory[i - 1];
	return NULL;
}

static bool is_named(const struct scan *s, size_t file, const char *name)
{
	return !strcmp(scan_name(s, &s->file[file]), name);
}

/* The files of a directory are sorted by name. */
static size_t find_file(const struct scan *s, const struct scan_directory *d, const char *name)
{
	size_t low = d->first, high = d->first + d->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(scan_name(s, &s->file[middle]), name);
		if (!order)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

size_t index_match_find(struct index_match *m, const char *directory, const char *name)
{
	const struct scan_directory *d = m->last;
	if (!d || strcmp(d->path, directory) != 0)
		m->last = d = find_directory(m, directory);
	if (!d)
		return SIZE_MAX;
	if (m->next < d->first || m->next >= d->first + d->count || !is_named(m->scan, m->next, name)) {
		size_t found = find_file(m->scan, d, name);
		if (found == SIZE_MAX)
			return SIZE_MAX;
		m->next = found;
	}
	return m->next++;
}
