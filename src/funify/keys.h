/* SPDX-License-Identifier: GPL-2.0-only */
/* keys.h -- which keys of a JSON file have values that say nothing about whose they are. */
#ifndef KTSTR_FUNIFY_KEYS_H
#define KTSTR_FUNIFY_KEYS_H

#include <stdbool.h>

enum key_kind {
	KEY_REPLACED, /* values are replaced */
	KEY_NARROW,   /* as above; integers are 32 bits wide */
	KEY_KEPT,     /* measurements, states, types */
};

/* Upper and lower case are the same. */
enum key_kind key_classify(const char *key);

#endif
