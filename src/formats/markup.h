/* SPDX-License-Identifier: GPL-2.0-only */
/* markup.h -- text inside XML and HTML. */
#ifndef KTSTR_FORMATS_MARKUP_H
#define KTSTR_FORMATS_MARKUP_H

#include "base/buf.h"

/*
 * Appends clean text (text.h) for the inside of an element or of an attribute in double quotes. '&', '<', '>' and both
 * quotes become references; U+FFFE and U+FFFF, which XML does not allow, become '?'.
 */
void markup_text(struct buf *out, const char *text);
void markup_text_n(struct buf *out, const char *text, size_t len);
/* Appends ` NAME="VALUE"`. */
void markup_attribute(struct buf *out, const char *name, const char *value);

#endif
