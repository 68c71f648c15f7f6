/* SPDX-License-Identifier: GPL-2.0-only */
/* words.h -- 256 adjectives and 256 animals, for made-up names. */
#ifndef KTSTR_FUNIFY_WORDS_H
#define KTSTR_FUNIFY_WORDS_H

extern const char *const funify_adjectives[256];
extern const char *const funify_animals[256];

#endif
