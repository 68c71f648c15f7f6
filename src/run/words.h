/* SPDX-License-Identifier: GPL-2.0-only */
/* words.h -- a command line as words, as a shell would split it. */
#ifndef KTSTR_RUN_WORDS_H
#define KTSTR_RUN_WORDS_H

#include "base/err.h"

#define WORDS_MAX 4096

/*
 * Splits @text at spaces into a NULL-terminated list, which the caller frees with strings_free(). It understands what
 * text_append_quoted() writes ('...', $'...' with octal numbers) and "..." and a backslash; nothing is expanded.
 * -EINVAL: a quote is not closed, or there are more than WORDS_MAX words.
 */
int words_split(const char *text, char ***ret, struct err **err);

#endif
