/* SPDX-License-Identifier: GPL-2.0-only */
/* shrink_journal.c -- see shrink.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "cli/shrink.h"

#define KEY_BYTES 24

static void hash_json(struct siphash *h, const json_t *value)
{
	char *text = value ? json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	siphash_string(h, text ? text : "");
	free(text);
}

static void make_key(const struct shrink_run *r, char out[KEY_BYTES])
{
	struct siphash h;
	siphash_init(&h);
	hash_json(&h, r->scenario);
	hash_json(&h, r->points ? json_object_get(r->points, "points") : NULL);
	siphash_string(&h, r->wanted ? r->wanted : "");
	siphash_update(&h, &r->one_in, sizeof(r->one_in));
	snprintf(out, KEY_BYTES, "%016lx", siphash_final(&h));
}

int shrink_journal_open(struct shrink_journal *j, const char *dir, const json_t *identity, struct err **err)
{
	struct siphash h;
	siphash_init(&h);
	hash_json(&h, identity);
	if (asprintf(&j->path, "%s/%016lx.json", dir, siphash_final(&h)) < 0)
		return j->path = NULL, FAIL_SYS(err, -ENOMEM, "open the journal");
	/* A damaged journal is one that knows nothing. */
	if (!path_exists(j->path) || json_read_file(j->path, &j->known, NULL) < 0 || !json_is_object(j->known)) {
		json_decref(j->known);
		j->known = json_object();
	}
	return j->known ? mkdir_parents(dir, 0755, err) : FAIL_SYS(err, -ENOMEM, "open the journal");
}

void shrink_journal_done(struct shrink_journal *j)
{
	free(j->path);
	json_decref(j->known);
	*j = (struct shrink_journal){ 0 };
}

/* False also for a candidate that was rejected after fewer tries than are wanted now: more tries could accept it. */
bool shrink_journal_find(const struct shrink_journal *j, struct shrink_run *r)
{
	char key[KEY_BYTES];
	make_key(r, key);
	const json_t *one = json_object_get(j->known, key);
	bool accepted = json_is_true(json_object_get(one, "accepted"));
	unsigned tried = (unsigned)json_integer_value(json_object_get(one, "tried"));
	if (!one || (!accepted && tried < r->tries))
		return false;
	r->accepted = accepted;
	r->tried = tried;
	r->result = json_incref(json_object_get(one, "result"));
	r->taken = json_incref(json_object_get(one, "taken"));
	return true;
}

/* Of the sidecar, what is used of it. */
static json_t *brief_result(const json_t *result)
{
	static const char *const members[] = { "verdict", "details", "perturb_points", "seed", "name" };
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (json_object_get(result, members[i]))
			json_put(&o, members[i], json_incref(json_object_get(result, members[i])));
	return o;
}

int shrink_journal_add(struct shrink_journal *j, const struct shrink_run *r, struct err **err)
{
	char key[KEY_BYTES];
	json_t *one = json_object();
	/* The first run only tells what the failure is. */
	if (r->cut || (!r->wanted && !r->result))
		return json_decref(one), 0;
	make_key(r, key);
	json_put_bool(&one, "accepted", r->accepted);
	json_put_u64(&one, "tried", r->tried);
	if (r->accepted) {
		json_put(&one, "result", brief_result(r->result));
		if (r->taken && !r->points)
			json_put(&one, "taken", json_incref(r->taken));
	}
	json_put(&j->known, key, one);
	return j->known ? json_write_file(j->path, j->known, err) : FAIL_SYS(err, -ENOMEM, "keep a result");
}
