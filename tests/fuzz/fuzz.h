/* SPDX-License-Identifier: GPL-2.0-only */
/* fuzz.h -- a fuzz target is one function that takes bytes and must neither crash nor leak. */
#ifndef KTSTR_TESTS_FUZZ_H
#define KTSTR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy with a NUL behind it, for parsers of strings. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
