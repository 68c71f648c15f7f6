/* SPDX-License-Identifier: GPL-2.0-only */
/* card.h -- the report card of `ktstr try`: what became of each question, its number, and EEVDF's number beside it. */
#ifndef KTSTR_CLI_CARD_H
#define KTSTR_CLI_CARD_H

#include "base/term.h"
#include "run/questions.h"

#define CARD_ROWS_MAX 64

struct card_row {
	const struct question *question;
	bool asked; /* of the scheduler that is tried */
	enum answer answer;
	double number; /* NaN: there is none */
	enum answer reference_answer;
	double reference; /* NaN: EEVDF has none */
	bool cached;	  /* EEVDF's answer is from the cache */
	char *cause;	  /* a clean line; NULL if there is none */
	char *replay;	  /* the command that asks again; NULL: passed */
};

struct card {
	const char *scheduler, *kernel, *backend;
	uint64_t seed;
	struct card_row row[CARD_ROWS_MAX];
	size_t count;
};

/* The row of a question, which is added if it is not there. NULL: no room. */
struct card_row *card_row(struct card *c, const struct question *q);
/* Takes what a sidecar says. -ENOMEM. */
int card_take(struct card_row *row, const json_t *sidecar, bool reference);
/* A test without a sidecar: why there is none. -ENOMEM. */
int card_take_none(struct card_row *row, const char *why, bool reference);
void card_done(struct card *c);

size_t card_count(const struct card *c, enum answer answer);
void card_render(const struct card *c, const struct term *t, struct buf *out);
/* NULL: out of memory. */
json_t *card_json(const struct card *c);

#endif
