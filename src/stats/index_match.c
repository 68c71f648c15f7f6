/* SPDX-License-Identifier: GPL-2.0-only */
/* index_match.c -- see index_match.h. */
#include <string.h>

#include "stats/index_match.h"

/* FNV-1a over the directory, a zero, and the name. */
static uint32_t hash_on(uint32_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * 16777619u;
	while (*text++);
	return h;
}

static uint32_t hash_of(const char *directory, const char *name)
{
	uint32_t h = hash_on(hash_on(2166136261u, directory), name);
	return h ^ h >> 15;
}

bool index_match_init(struct index_match *m, const struct scan *s)
{
	size_t room = 64;
	while (room < 2 * s->files)
		room *= 2;
	*m = (struct index_match){ .scan = s, .bucket = calloc(room, sizeof(*m->bucket)), .mask = (uint32_t)room - 1 };
	for (size_t i = 0; m->bucket && i < s->files; i++) {
		uint32_t at = hash_of(s->directory[s->file[i].directory].path, scan_name(s, &s->file[i]));
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

size_t index_match_find(const struct index_match *m, const char *directory, const char *name)
{
	const struct scan *s = m->scan;
	for (uint32_t at = hash_of(directory, name), i; (i = m->bucket[at & m->mask]); at++) {
		const struct scan_file *f = &s->file[i - 1];
		if (!strcmp(scan_name(s, f), name) && !strcmp(s->directory[f->directory].path, directory))
			return i - 1;
	}
	return SIZE_MAX;
}
