/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notation.h -- how values of fields are written. One function knows which value a field of each kind has; a notation,
 * JSON or C, has the words and brackets around it.
 */
#ifndef KTSTR_DECLARE_NOTATION_H
#define KTSTR_DECLARE_NOTATION_H

#include "base/buf.h"
#include "declare/fields.h"

struct brackets {
	const char *open, *close;
};

struct notation {
	const char *comma;
	const char *on, *off;		    /* of a switch */
	const char *limit_off, *limit_zero; /* of a limit */
	const char *u64_max;
	struct brackets texts, schedulers, bytes, set_number;
	void (*text)(const char *text, struct buf *out);
	void (*word)(const struct field *f, const char *word, struct buf *out); /* of a choice */
	void (*scheduler)(const char *name, struct buf *out);
	/* An object of its own, or one that the field points to. */
	void (*object)(const struct field *f, const void *object, unsigned depth, struct buf *out);
	/* The entries of a list, or of an array of @count. */
	void (*items)(const struct field *f, const char *first, unsigned count, unsigned depth, struct buf *out);
};

/* Appends the value of a field that is set. @depth is handed on: how deep it is inside other objects. */
void notation_put(const struct notation *n, const struct field *f, const void *object, unsigned depth, struct buf *out);

#endif
