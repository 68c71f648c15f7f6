/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_name.h -- which names a test may have. Names are written in filters, in shells' commands and in file names, so
 * they have only characters that mean nothing there.
 */
#ifndef KTSTR_BASE_TEST_NAME_H
#define KTSTR_BASE_TEST_NAME_H

#define TEST_NAME_MAX 200 /* bytes; a file name may have 255, and endings follow the test's name */

/* What is wrong with @name, as a sentence of a constant string; NULL: nothing. */
const char *test_name_problem(const char *name);
/*
 * Writes @name for use in file names. A name that is not valid (its test is reported and not run) gets '_' for each
 * forbidden byte, is cut, and ends with its checksum, so that two such names stay different.
 */
void test_name_for_file(const char *name, char out[TEST_NAME_MAX + 1]);

#endif
