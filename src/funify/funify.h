/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * funify.h -- replaces what a JSON file says about people and machines by made-up names, so that it can be shown to
 * others. Measurements stay. The same value below the same key gets the same name, so structure and repetitions stay
 * visible.
 *
 * The text is read in pieces and written in pieces, with memory that does not depend on its length. Values:
 *
 *	strings    ADJECTIVE-ANIMAL      integers   other integers; 0 and the largest one stay
 *	others     stay                  keys       stay
 *
 * Values of keys that hold measurements, states and types stay (keys.h). Elements of an array belong to the array's
 * key.
 */
#ifndef KTSTR_FUNIFY_FUNIFY_H
#define KTSTR_FUNIFY_FUNIFY_H

#include "base/buf.h"
#include "base/err.h"

#define FUNIFY_DEPTH_MAX 512
#define FUNIFY_KEY_MAX	 65536 /* bytes of one key */
#define FUNIFY_KEY_BYTES 16

struct funify;

/* The key that belongs to a seed. */
void funify_key(const char *seed, uint8_t key[FUNIFY_KEY_BYTES]);
/* @pretty: one value a line, indented by two spaces; else without spaces. NULL: out of memory. */
struct funify *funify_new(const uint8_t key[FUNIFY_KEY_BYTES], bool pretty);
struct funify *funify_free(struct funify *f);
DEFINE_CLEANUP(struct funify *, funify_free)

/* Appends what is known of the result so far. -EBADMSG: the text is not JSON; the error has line and column. */
int funify_feed(struct funify *f, const char *data, size_t len, struct buf *out, struct err **err);
/* Ends the text; appends the rest and a newline. */
int funify_end(struct funify *f, struct buf *out, struct err **err);

#endif
