/* SPDX-License-Identifier: GPL-2.0-only */
/* pairing.c -- see pairing.h. */
#include <errno.h>
#include <string.h>

#include "stats/pairing.h"
#include "stats/results.h"

void pairing_done(struct pairing *g)
{
	free(g->group);
	free(g->rows);
	memset(g, 0, sizeof(*g));
}

static void choose_key(const struct filter side[SIDE_MAX], struct pairing *g)
{
	for (int d = 0; d < DIMENSION_MAX; d++) {
		g->slices[d] = !filter_same(&side[SIDE_A], &side[SIDE_B], (enum dimension)d);
		g->slicing += g->slices[d];
		g->keyed[d] = dimensions[d].pairs && !g->slices[d];
	}
}

/* By number of a text: that of the commit without "-dirty". Commits are few, so all are looked up once. */
static uint32_t *clean_commits(struct pool *p)
{
	uint32_t *clean = calloc(p->texts + 1, sizeof(*clean)), texts = p->texts;
	for (uint32_t i = 0; clean && i < texts; i++) {
		const char *text = p->text && i ? p->text[i] : NULL;
		clean[i] = commit_is_dirty(text) ? pool_text(p, text, strlen(text) - strlen("-dirty")) : i;
	}
	return clean;
}

/* One selected row, with the group that it belongs to. */
struct member {
	const struct row *row;
	uint32_t group;
	uint8_t side;
};

struct selecting {
	struct pool *pool;
	struct pairing *pairing;
	const uint32_t *clean;
	uint32_t *bucket, mask;
	struct member *member;
	size_t members;
};

static void make_key(const struct selecting *s, const struct row *row, struct group *key)
{
	memset(key, 0, sizeof(*key));
	key->test = row->test;
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (s->pairing->keyed[d])
			key->of[d] = d == DIMENSION_COMMIT || d == DIMENSION_KERNEL_COMMIT ? s->clean[row->of[d]]
											   : row->of[d];
}

static bool same_key(const struct group *a, const struct group *b)
{
	return a->test == b->test && !memcmp(a->of, b->of, sizeof(a->of));
}

static uint32_t hash_key(const struct group *key)
{
	uint32_t h = key->test * 2654435761u;
	for (int d = 0; d < DIMENSION_MAX; d++)
		h = (h ^ key->of[d]) * 16777619u + (h >> 13);
	return h ^ h >> 15;
}

static bool widen(struct selecting *s)
{
	struct pairing *g = s->pairing;
	size_t room = g->room ? 2 * g->room : 64;
	struct group *larger = realloc(g->group, room * sizeof(*larger));
	uint32_t *bucket = calloc(4 * room, sizeof(*bucket));
	if (larger)
		g->group = larger;
	if (!larger || !bucket) {
		free(bucket);
		return false;
	}
	free(s->bucket);
	s->bucket = bucket;
	s->mask = (uint32_t)(4 * room - 1);
	g->room = room;
	for (size_t i = 0; i < g->groups; i++) {
		uint32_t at = hash_key(&g->group[i]);
		while (bucket[at & s->mask])
			at++;
		bucket[at & s->mask] = (uint32_t)i + 1;
	}
	return true;
}

/* The number of the group, which is made if it is new; UINT32_MAX: no memory. */
static uint32_t find_group(struct selecting *s, const struct group *key)
{
	struct pairing *g = s->pairing;
	if (g->groups == g->room && !widen(s))
		return UINT32_MAX;
	uint32_t at = hash_key(key);
	for (uint32_t i; (i = s->bucket[at & s->mask]); at++)
		if (same_key(&g->group[i - 1], key))
			return i - 1;
	g->group[g->groups++] = *key;
	s->bucket[at & s->mask] = (uint32_t)g->groups;
	return (uint32_t)g->groups - 1;
}

static bool add_member(struct selecting *s, const struct row *row, enum side side)
{
	struct group key;
	make_key(s, row, &key);
	uint32_t group = find_group(s, &key);
	if (group == UINT32_MAX)
		return false;
	struct contributors *c = &s->pairing->group[group].side[side];
	uint32_t commit = row->of[DIMENSION_COMMIT];
	bool dirty = commit && s->clean[commit] != commit;
	c->verdict = c->count ? MAX_OF(c->verdict, row->verdict) : row->verdict;
	c->count++;
	c->passed += row->verdict == RESULT_PASS;
	c->dirty |= dirty;
	c->clean |= !dirty;
	s->pairing->selected[side]++;
	s->pairing->dirty[side] += dirty;
	s->member[s->members++] = (struct member){ row, group, (uint8_t)side };
	return true;
}

static bool select_side(struct selecting *s, const struct filter *f, enum side side)
{
	struct row_filter rf;
	bool done = row_filter_init(&rf, s->pool, f);
	for (size_t i = 0; done && i < s->pool->rows; i++) {
		const struct row *row = &s->pool->row[i];
		if (result_is_valid(row) && row_filter_accepts(&rf, row))
			done = add_member(s, row, side);
	}
	row_filter_done(&rf);
	return done;
}

/* Gives each group its rows, one list behind the other. */
static bool distribute(struct selecting *s)
{
	struct pairing *g = s->pairing;
	g->rows = calloc(s->members + 1, sizeof(*g->rows));
	if (!g->rows)
		return false;
	size_t at = 0;
	for (size_t i = 0; i < g->groups; i++)
		for (int side = 0; side < SIDE_MAX; side++) {
			g->group[i].side[side].row = g->rows + at;
			at += g->group[i].side[side].count;
			g->group[i].side[side].count = 0;
		}
	for (size_t i = 0; i < s->members; i++) {
		struct contributors *c = &g->group[s->member[i].group].side[s->member[i].side];
		c->row[c->count++] = s->member[i].row;
	}
	return true;
}

static int compare_texts(const struct pool *p, uint32_t a, uint32_t b)
{
	return a == b ? 0 : strcmp(a ? p->text[a] : "", b ? p->text[b] : "");
}

static int compare_groups(const void *a, const void *b, void *pool)
{
	const struct group *x = a, *y = b;
	int order = compare_texts(pool, x->test, y->test);
	for (int d = 0; !order && d < DIMENSION_MAX; d++)
		order = compare_texts(pool, x->of[d], y->of[d]);
	return order;
}

static void note_varying(struct pairing *g)
{
	for (size_t i = 1; i < g->groups; i++)
		for (int d = 0; d < DIMENSION_MAX; d++)
			g->varies[d] |= g->group[i].of[d] != g->group[0].of[d];
}

int pair_rows(struct pool *p, const struct filter side[SIDE_MAX], struct pairing *ret)
{
	memset(ret, 0, sizeof(*ret));
	choose_key(side, ret);
	_cleanup_free_ uint32_t *clean = clean_commits(p);
	_cleanup_free_ struct member *member = calloc(SIDE_MAX * p->rows + 1, sizeof(*member));
	struct selecting s = { .pool = p, .pairing = ret, .clean = clean, .member = member };
	bool done = clean && member && select_side(&s, &side[SIDE_A], SIDE_A) &&
		    select_side(&s, &side[SIDE_B], SIDE_B) && distribute(&s);
	free(s.bucket);
	if (!done) {
		pairing_done(ret);
		return -ENOMEM;
	}
	if (ret->groups)
		qsort_r(ret->group, ret->groups, sizeof(*ret->group), compare_groups, p);
	note_varying(ret);
	return 0;
}
