/* SPDX-License-Identifier: GPL-2.0-only */
/* keys.c -- see keys.h. */
#include <string.h>

#include "shell/keys.h"

#define CTRL_A '\001'

bool keys_filter(struct keys *k, const char *typed, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (k->prefix && (typed[i] == 'x' || typed[i] == 'X'))
			return true;
		if (k->prefix)
			buf_append(out, "\001", 1);
		k->prefix = !k->prefix && typed[i] == CTRL_A;
		if (!k->prefix)
			buf_append(out, typed + i, 1);
	}
	return false;
}
