/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * protocol.c -- a pass needs the complete protocol: the test's result, the end of its process as PID 1 saw it, PID 1's
 * last record, and the telemetry of every worker. A test runs as root in its guest, so it can end the machine early or
 * imitate other processes. Then some of these records are missing.
 */
#include <sys/wait.h>

#include "verdict/checks.h"

/* True if another finding already explains why records are missing. */
static bool end_is_explained(const struct evidence *e)
{
	return e->machine_died || e->machine_reset || e->interrupted || e->console_flooded || e->damage.len ||
	       e->late_in[0] || e->dropped || e->failure.len || e->contention.len;
}

static void check_last_records(const struct evidence *e, struct judgement *j)
{
	if (!e->has_test_exit)
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the machine ended while the test's process ran: something in the guest switched it off");
	else if (!e->has_exit || e->exit.reason != WIRE_EXIT_DONE)
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the machine ended after the test, but before PID 1 ended it: something in the guest "
			      "switched it off");
}

void check_protocol(const struct evidence *e, struct judgement *j)
{
	if (!e->has_result || end_is_explained(e))
		return;
	check_last_records(e, j);
	if (e->has_test_exit && WIFEXITED(e->test_exit.status) && WEXITSTATUS(e->test_exit.status))
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the test's process exited with status %d after it had told its result",
			      WEXITSTATUS(e->test_exit.status));
	if (e->result.workers != e->worker_count)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			      "the test reported %u workers, but telemetry came from %u", e->result.workers,
			      e->worker_count);
}
