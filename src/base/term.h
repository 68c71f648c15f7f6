/* SPDX-License-Identifier: GPL-2.0-only */
/* term.h -- properties of an output: whether it is a terminal, its width, and colours for five styles of text. */
#ifndef KTSTR_BASE_TERM_H
#define KTSTR_BASE_TERM_H

#include <stdbool.h>

enum term_style { TERM_GOOD, TERM_BAD, TERM_WARN, TERM_DIM, TERM_NAME, TERM_STYLE_MAX };

struct term {
	int fd;
	bool tty;    /* a terminal, and TERM is not dumb: cursor movement is possible */
	bool colour; /* tty, and NO_COLOR is unset or empty */
	unsigned columns;
};

/* Probes @fd; call again after SIGWINCH. */
struct term term_probe(int fd);
/* The escape sequence that begins @style, or "" without colour. That of term_plain() ends the style. */
const char *term_style(const struct term *t, enum term_style style);
const char *term_plain(const struct term *t);

#endif
