/* SPDX-License-Identifier: GPL-2.0-only */
/* cell.c -- the test of every cell of the verifier sweep: each CPU runs a task of the scheduler that is attached. */
#include <ktstr/ktstr.h>

KTSTR_TEST(verifier)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cell", .workers_share = 1, .policy = KTSTR_POLICY(EXT) }));
}
