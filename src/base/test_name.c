/* SPDX-License-Identifier: GPL-2.0-only */
/* test_name.c -- see test_name.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/test_name.h"

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ALLOWED	       LETTERS_DIGITS "_.+-"
#define CHECKSUM_BYTES 9 /* "-0123abcd" */

const char *test_name_problem(const char *name)
{
	size_t len = name ? strlen(name) : 0;
	if (!len)
		return "it has no name";
	if (len > TEST_NAME_MAX)
		return "its name has more than 200 bytes, and its result's file could not be named: shorten it";
	if (strspn(name, ALLOWED) != len || !strspn(name, LETTERS_DIGITS "_"))
		return "its name may have only letters, digits, '_', '.', '+' and '-', and must begin with a letter, a "
		       "digit or '_': rename it";
	return NULL;
}

void test_name_for_file(const char *name, char out[TEST_NAME_MAX + 1])
{
	bool valid = !test_name_problem(name);
	size_t max = valid ? TEST_NAME_MAX : TEST_NAME_MAX - CHECKSUM_BYTES;
	size_t len = strnlen(name, max);
	for (size_t i = 0; i < len; i++)
		out[i] = strchr(i ? ALLOWED : LETTERS_DIGITS "_", name[i]) ? name[i] : '_';
	out[len] = '\0';
	if (!valid)
		snprintf(out + len, CHECKSUM_BYTES + 1, "-%08x", crc32_update(0, name, strlen(name)));
}
