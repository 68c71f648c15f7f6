/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * message.h -- messages to people, all of one form: "KIND: what failed, on what; what to do". The kind is coloured on
 * a terminal.
 */
#ifndef KTSTR_BASE_MESSAGE_H
#define KTSTR_BASE_MESSAGE_H

#include "base/output.h"
#include "base/term.h"

enum message_kind { MESSAGE_ERROR, MESSAGE_WARNING, MESSAGE_NOTE, MESSAGE_KIND_MAX };

/* One line; what it quotes is made printable (text.h). */
void message(struct output *o, const struct term *t, enum message_kind kind, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Appends clean lines; the kind at the start of each that has one gets its colour. */
void message_append(struct buf *out, const struct term *t, const char *lines);

#endif
