/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reply.h -- what a language model said about a payload's output: its metrics and their checks. On the host, after the
 * machine has ended, in a process of the test binary, which has the declarations.
 */
#ifndef KTSTR_GUEST_PAYLOAD_REPLY_H
#define KTSTR_GUEST_PAYLOAD_REPLY_H

#include <ktstr/test.h>

#define REPLY_FD 4 /* the reply: JSON */

struct payload_reply {
	const struct ktstr_test *test;
	const char *payload; /* name */
	uint32_t index;	     /* of its run */
	uint32_t stream;     /* enum wire_metric_stream: what the model was shown */
	bool killed;	     /* the test ended the payload */
};

/*
 * Reads the reply, and sends to the channel a record of the run with the verdict of its checks, its metrics, findings
 * and the result. -ENOENT: the test has no such payload.
 */
int payload_reply_judge(const struct payload_reply *r, int channel);

#endif
