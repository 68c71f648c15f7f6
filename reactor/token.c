/* SPDX-License-Identifier: GPL-2.0-only */
/* token.c -- see token.h. */
#include <string.h>

#include "base/bug.h"
#include "reactor/token.h"

void tokens_init(struct tokens *t, const uint64_t capacity[TOKEN_KIND_MAX])
{
	memcpy(t->capacity, capacity, sizeof(t->capacity));
	memcpy(t->free, capacity, sizeof(t->free));
	list_init(&t->waiting);
}

static bool covers(const uint64_t have[TOKEN_KIND_MAX], const uint64_t want[TOKEN_KIND_MAX])
{
	for (unsigned k = 0; k < TOKEN_KIND_MAX; k++)
		if (want[k] > have[k])
			return false;
	return true;
}

bool tokens_fit(const struct tokens *t, const uint64_t want[TOKEN_KIND_MAX])
{
	return covers(t->capacity, want);
}

static void take(struct tokens *t, const uint64_t want[TOKEN_KIND_MAX])
{
	for (unsigned k = 0; k < TOKEN_KIND_MAX; k++)
		t->free[k] -= want[k];
}

bool tokens_try(struct tokens *t, const uint64_t want[TOKEN_KIND_MAX])
{
	REQUIRE(tokens_fit(t, want));
	if (!list_empty(&t->waiting) || !covers(t->free, want))
		return false;
	take(t, want);
	return true;
}

/* The head first, and only the head: see token.h on fairness. */
static void grant(struct tokens *t)
{
	while (!list_empty(&t->waiting)) {
		struct machine *m = list_entry(t->waiting.next, struct machine, token_node);
		if (!covers(t->free, m->token_want))
			return;
		take(t, m->token_want);
		list_remove(&m->token_node);
		machine_granted(m, t);
	}
}

void tokens_give(struct tokens *t, const uint64_t got[TOKEN_KIND_MAX])
{
	for (unsigned k = 0; k < TOKEN_KIND_MAX; k++) {
		t->free[k] += got[k];
		REQUIRE(t->free[k] <= t->capacity[k]);
	}
	grant(t);
}

void tokens_forget(struct tokens *t, struct machine *m)
{
	list_remove(&m->token_node);
	grant(t);
}

bool tokens_idle(const struct tokens *t)
{
	return list_empty(&t->waiting) && memcmp(t->free, t->capacity, sizeof(t->free)) == 0;
}
