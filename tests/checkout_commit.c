/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkout_commit.c -- prints the name that a run gives to the checkout of the working directory. For cli/checkout.py.
 */
#include <stdio.h>

#include "run/checkout.h"

int main(void)
{
	struct reactor *r = NULL;
	char commit[COMMIT_TEXT_MAX];
	if (reactor_new(&r, NULL) < 0 || checkout_commit(r, commit) < 0)
		return 1;
	puts(commit);
	reactor_free(r);
	return 0;
}
