/* SPDX-License-Identifier: GPL-2.0-only */
/* journal.c -- the journal of a bisection; see bisect.h. */
#include <stdio.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "bisect/bisect.h"
#include "kernel/cache.h"

static void hash_texts(struct siphash *h, const char *const *list)
{
	for (; list && *list; list++)
		siphash_string(h, *list);
	siphash_string(h, "");
}

/* Two bisections are the same if they look for the same failure of the same test in the same history. */
static uint64_t identity(const struct bisect_settings *s, const struct bisect_points *p)
{
	const char *const texts[] = { s->build,
				      s->kernel,
				      s->filter,
				      s->wanted,
				      s->perturb,
				      p->tree,
				      p->project ? project_common(p->project) : NULL };
	const uint64_t numbers[] = { s->kind, s->seed, s->perturb_seed, p->history.count };
	struct siphash h;
	char *scenario = s->scenario ? json_dumps(s->scenario, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	siphash_init(&h);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		siphash_string(&h, texts[i] ?: "");
	siphash_update(&h, numbers, sizeof(numbers));
	hash_texts(&h, s->environment);
	hash_texts(&h, s->options);
	hash_texts(&h, s->paths);
	for (size_t i = 0; i < p->history.count; i++)
		siphash_string(&h, p->point[i].key);
	siphash_string(&h, scenario ?: "");
	free(scenario);
	return siphash_final(&h);
}

int bisect_journal_open(struct bisect_journal *j, const struct bisect_settings *s, const struct bisect_points *points,
			struct err **err)
{
	_cleanup_free_ char *dir = NULL;
	int r = cache_sibling_find("bisect", &dir, err);
	if (r < 0)
		return r;
	if (asprintf(&j->path, "%s/%016lx.json", dir, identity(s, points)) < 0)
		return j->path = NULL, FAIL_SYS(err, -ENOMEM, "open the journal");
	/* A damaged journal is one that knows nothing. */
	if (!path_exists(j->path) || json_read_file(j->path, &j->root, NULL) < 0 ||
	    !json_is_object(json_object_get(j->root, "points"))) {
		json_decref(j->root);
		j->root = json_object();
		json_put(&j->root, "points", json_object());
	}
	if (!j->root)
		return FAIL_SYS(err, -ENOMEM, "open the journal");
	r = mkdir_parents(dir, 0755, err);
	return r < 0 ? err_wrap(err, r, BISECT_NEEDS_CACHE) : 0;
}

void bisect_journal_done(struct bisect_journal *j)
{
	free(j->path);
	json_decref(j->root);
	*j = (struct bisect_journal){ 0 };
}

const json_t *bisect_journal_find(const struct bisect_journal *j, const char *key)
{
	return json_object_get(json_object_get(j->root, "points"), key);
}

int bisect_journal_save(struct bisect_journal *j, struct err **err)
{
	return j->root ? json_write_file(j->path, j->root, err) : FAIL_SYS(err, -ENOMEM, "keep a result");
}
