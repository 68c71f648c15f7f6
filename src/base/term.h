/* SPDX-License-Identifier: GPL-2.0-only */
/* term.h -- properties of an output: whether it is a terminal, its width, and colours for five styles of text. */
#ifndef KTSTR_BASE_TERM_H
#define KTSTR_BASE_TERM_H

#include <stdbool.h>

#include "base/buf.h"

enum term_style { TERM_GOOD, TERM_BAD, TERM_WARN, TERM_DIM, TERM_NAME, TERM_STYLE_MAX };

struct term {
	int fd;
	bool tty;    /* cursor movement is possible: a terminal that is not TERM=dumb */
	bool colour; /* no NO_COLOR, and a tty or CLICOLOR_FORCE */
	unsigned columns, rows;
};

/* Probes @fd; call again after SIGWINCH. */
struct term term_probe(int fd);
/* The escape sequence that begins @style, or "" without colour. That of term_plain() ends the style. */
const char *term_style(const struct term *t, enum term_style style);
const char *term_plain(const struct term *t);

/*
 * The last lines of a terminal, drawn again and again. After each drawing the cursor rests at the first column of the
 * first line. So nothing has to count lines to erase them, and erasing stays right when the terminal was resized and
 * has broken the lines in other places.
 */
struct term_frame {
	bool drawn;
};
/* Appends what draws @lines (each ends with a line feed) in place of the former ones, as many as the terminal holds. */
void term_frame_draw(struct term_frame *frame, const struct term *t, const struct buf *lines, struct buf *out);
/* Appends what removes the frame, if there is one. Everything else is written only after this. */
void term_frame_erase(struct term_frame *frame, struct buf *out);

#endif
