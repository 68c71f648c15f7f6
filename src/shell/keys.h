/* SPDX-License-Identifier: GPL-2.0-only */
/* keys.h -- finds Ctrl-A X, which stops the guest, among the keys that are typed for it. */
#ifndef KTSTR_SHELL_KEYS_H
#define KTSTR_SHELL_KEYS_H

#include "base/buf.h"

struct keys {
	bool prefix; /* the last key was Ctrl-A and was not passed on yet */
};

/* Appends to @out the keys that are meant for the guest. Returns true at Ctrl-A X; the keys after it are dropped. */
bool keys_filter(struct keys *k, const char *typed, size_t len, struct buf *out);

#endif
