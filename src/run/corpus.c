/* SPDX-License-Identifier: GPL-2.0-only */
/* corpus.c -- see corpus.h. */
#include "run/corpus.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"

#define VERSION	   1
#define ORDER_BITS (64u * OBSERVE_ORDER_WORDS)

/* --- reading ------------------------------------------------------------------------------------------------------ */

static uint64_t number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n < 0 ? 0 : (uint64_t)n;
}

static bool has_order(const struct observe_orders *o, unsigned bit)
{
	return o->word[bit / 64] >> bit % 64 & 1;
}

static bool read_branches(const json_t *list, struct corpus_entry *e)
{
	if (json_array_size(list) > OBSERVE_BRANCHES_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		struct observe_branch b = { number(one, "event"), number(one, "seed") };
		if (i && e->branch[i - 1].hit >= b.hit)
			return false;
		e->branch[e->branches++] = b;
	}
	return true;
}

static void read_entries(struct corpus *c, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list) && c->entries < CORPUS_ENTRIES_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		struct corpus_entry e = { .seed = number(one, "seed"),
					  .events = number(one, "events"),
					  .added = (uint32_t)number(one, "added"),
					  .varied = (uint32_t)number(one, "varied") };
		if (read_branches(json_object_get(one, "branches"), &e))
			c->entry[c->entries++] = e;
	}
}

static void read_orders(struct corpus *c, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		json_int_t bit = json_is_integer(one) ? json_integer_value(one) : -1;
		if (bit < 0 || bit >= (json_int_t)ORDER_BITS || has_order(c->seen, (unsigned)bit))
			continue;
		c->seen->word[bit / 64] |= UINT64_C(1) << bit % 64;
		c->orders++;
	}
}

void corpus_take(struct corpus *c, const json_t *root)
{
	if (number(root, "corpus") != VERSION)
		return;
	c->next_seed = number(root, "next_seed") ?: 1;
	c->schedules = number(root, "schedules");
	c->varied = number(root, "varied");
	c->choices = number(root, "choices");
	read_entries(c, json_object_get(root, "entries"));
	read_orders(c, json_object_get(root, "orders"));
}

int corpus_open(struct corpus *c, const char *dir, uint64_t identity, struct err **err)
{
	*c = (struct corpus){ .next_seed = 1,
			      .seen = calloc(1, sizeof(*c->seen)),
			      .entry = calloc(CORPUS_ENTRIES_MAX, sizeof(*c->entry)) };
	if (!c->seen || !c->entry)
		return FAIL_SYS(err, -ENOMEM, "open the corpus");
	if (!dir)
		return 0;
	int fd = -1, r = dir_open(dir, true, "XDG_CACHE_HOME", &fd, err);
	fd_close(fd);
	if (r < 0)
		return r;
	if (asprintf(&c->path, "%s/%016lx.json", dir, identity) < 0)
		return c->path = NULL, FAIL_SYS(err, -ENOMEM, "open the corpus");
	json_auto_t *root = NULL;
	if (path_exists(c->path) && json_read_file(c->path, &root, NULL) == 0)
		corpus_take(c, root);
	return 0;
}

void corpus_done(struct corpus *c)
{
	free(c->path);
	free(c->seen);
	free(c->entry);
	*c = (struct corpus){ 0 };
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static json_t *entry_json(const struct corpus_entry *e)
{
	json_t *o = json_object(), *branches = json_array();
	for (uint32_t i = 0; i < e->branches; i++) {
		json_t *b = json_object();
		json_put_u64(&b, "event", e->branch[i].hit);
		json_put_u64(&b, "seed", e->branch[i].seed);
		json_add(&branches, b);
	}
	json_put_u64(&o, "seed", e->seed);
	json_put_u64(&o, "events", e->events);
	json_put(&o, "branches", branches);
	json_put_u64(&o, "added", e->added);
	json_put_u64(&o, "varied", e->varied);
	return o;
}

static json_t *corpus_json(const struct corpus *c)
{
	json_t *root = json_object(), *entries = json_array(), *orders = json_array();
	for (size_t i = 0; i < c->entries; i++)
		json_add(&entries, entry_json(&c->entry[i]));
	for (unsigned bit = 0; bit < ORDER_BITS; bit++)
		if (has_order(c->seen, bit))
			json_add(&orders, json_integer(bit));
	json_put_u64(&root, "corpus", VERSION);
	json_put_u64(&root, "next_seed", c->next_seed);
	json_put_u64(&root, "schedules", c->schedules);
	json_put_u64(&root, "varied", c->varied);
	json_put_u64(&root, "choices", c->choices);
	json_put(&root, "entries", entries);
	json_put(&root, "orders", orders);
	return root;
}

int corpus_save(const struct corpus *c, struct err **err)
{
	if (!c->path)
		return 0;
	json_auto_t *root = corpus_json(c);
	return root ? json_write_file(c->path, root, err) : FAIL_SYS(err, -ENOMEM, "keep the corpus");
}

/* --- which schedule is next --------------------------------------------------------------------------------------- */

/* The entry that was varied least; of equals, the latest, because it shows what is rare. */
static struct corpus_entry *least_varied(struct corpus *c)
{
	struct corpus_entry *found = NULL;
	for (size_t i = c->entries; i-- > 0;) {
		struct corpus_entry *e = &c->entry[i];
		if (e->branches < OBSERVE_BRANCHES_MAX && (!found || e->varied < found->varied))
			found = e;
	}
	return found;
}

/* Seeds of branches are below 2^53, so that every reader of JSON can read them. */
static bool vary_one(struct corpus *c, struct rng *rng, struct observe_perturb *p)
{
	struct corpus_entry *e = least_varied(c);
	uint64_t first = e && e->branches ? e->branch[e->branches - 1].hit + 1 : 0;
	if (!e || e->events <= first)
		return false;
	e->varied++;
	p->seed = e->seed;
	p->branches = e->branches;
	for (uint32_t i = 0; i < e->branches; i++)
		p->branch[i] = e->branch[i];
	p->branch[p->branches++] =
		(struct observe_branch){ first + rng_below(rng, e->events - first), rng_next(rng) >> 11 };
	return true;
}

void corpus_choose(struct corpus *c, unsigned vary, struct observe_perturb *p)
{
	struct rng rng = { c->choices++ };
	p->branches = 0;
	if (!p->depth && rng_below(&rng, 100) < vary && vary_one(c, &rng, p))
		return;
	p->seed = c->next_seed++;
}

static unsigned add_orders(struct corpus *c, const struct observe_orders *orders)
{
	unsigned added = 0;
	for (size_t i = 0; i < OBSERVE_ORDER_WORDS; i++) {
		uint64_t fresh = orders->word[i] & ~c->seen->word[i];
		added += (unsigned)__builtin_popcountll(fresh);
		c->seen->word[i] |= fresh;
	}
	c->orders += added;
	return added;
}

static size_t least_useful(const struct corpus *c)
{
	size_t least = 0;
	for (size_t i = 1; i < c->entries; i++)
		if (c->entry[i].added < c->entry[least].added)
			least = i;
	return least;
}

static void keep_entry(struct corpus *c, const struct corpus_entry *e)
{
	size_t at = c->entries < CORPUS_ENTRIES_MAX ? c->entries++ : least_useful(c);
	c->entry[at] = *e;
}

unsigned corpus_note(struct corpus *c, const struct observe_perturb *p, const struct observe_orders *orders,
		     uint64_t events)
{
	unsigned added = orders ? add_orders(c, orders) : 0;
	c->schedules++;
	c->varied += p->branches > 0;
	if (!added)
		return 0;
	struct corpus_entry e = { .seed = p->seed, .events = events, .branches = p->branches, .added = added };
	for (uint32_t i = 0; i < p->branches; i++)
		e.branch[i] = p->branch[i];
	keep_entry(c, &e);
	return added;
}
