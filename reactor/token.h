/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * token.h -- admission: CPUs and memory are tokens handed out in the order in which they were asked for. The head of
 * the queue is never overtaken, so a large request is not starved by small ones; what is given back is used at once.
 */
#ifndef KTSTR_REACTOR_TOKEN_H
#define KTSTR_REACTOR_TOKEN_H

#include "reactor/machine.h"

enum token_kind { TOKEN_CPU, TOKEN_MEMORY_MIB, TOKEN_KIND_MAX };

struct tokens {
	uint64_t capacity[TOKEN_KIND_MAX];
	uint64_t free[TOKEN_KIND_MAX];
	struct list waiting;	/* machines, oldest first */
};

void tokens_init(struct tokens *t, const uint64_t capacity[TOKEN_KIND_MAX]);
/* True when @want could ever be had. */
bool tokens_fit(const struct tokens *t, const uint64_t want[TOKEN_KIND_MAX]);
/* Gives back what machine_take() got, and wakes whoever fits now. */
void tokens_give(struct tokens *t, const uint64_t got[TOKEN_KIND_MAX]);
/* True when nothing is out and nobody waits. */
bool tokens_idle(const struct tokens *t);

/* For machine.c. */
bool tokens_try(struct tokens *t, const uint64_t want[TOKEN_KIND_MAX]);
void tokens_forget(struct tokens *t, struct machine *m);

#endif
