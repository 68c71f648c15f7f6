/* SPDX-License-Identifier: GPL-2.0-only */
/* losses.c -- tests whose results are easily lost: cut text, no text at all, no result. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

/*
 * The last line of output is 800 bytes of two-byte characters: a limit in bytes can cut the cause inside a character.
 */
KTSTR_TEST(last_line, .cores = 1, .duration_s = 1)
{
	for (int i = 0; i < 400; i++)
		printf("\xc3\xa9");
	printf("\n");
	fflush(stdout);
	_exit(3);
}

KTSTR_TEST(silent, .cores = 1, .duration_s = 1)
{
	return KTSTR_FAIL;
}

KTSTR_TEST(crashing, .cores = 1, .duration_s = 1)
{
	raise(SIGSEGV);
	return KTSTR_PASS;
}
