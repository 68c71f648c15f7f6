/* SPDX-License-Identifier: GPL-2.0-only */
/* term.h -- what is known of an output: is it a terminal, how wide, may it have colour. Five meanings, no more. */
#ifndef KTSTR_BASE_TERM_H
#define KTSTR_BASE_TERM_H

#include <stdbool.h>

enum term_style { TERM_GOOD, TERM_BAD, TERM_WARN, TERM_DIM, TERM_NAME, TERM_STYLE_MAX };

struct term {
	int fd;
	bool tty;    /* cursor movement is possible: a terminal that is not TERM=dumb */
	bool colour; /* tty and NO_COLOR unset or empty */
	unsigned columns;
};

/* Probes @fd; call again after SIGWINCH. */
struct term term_probe(int fd);
/* The escape sequence that begins @style, "" without colour. term_plain() ends it. */
const char *term_style(const struct term *t, enum term_style style);
const char *term_plain(const struct term *t);

#endif
