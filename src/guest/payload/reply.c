/* SPDX-License-Identifier: GPL-2.0-only */
/* reply.c -- see reply.h. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "guest/channel.h"
#include "guest/payload/judge.h"
#include "guest/payload/metrics.h"
#include "guest/payload/reply.h"

#define AS_TEXT(n)	#n
#define FD_PATH(n)	"/proc/self/fd/" AS_TEXT(n)
#define REPLY_PATH	FD_PATH(REPLY_FD)
#define REPLY_BYTES_MAX ((size_t)1 << 20)

static const struct ktstr_payload *find_declaration(const struct ktstr_test *test, const char *name)
{
	if (test->payload && !strcmp(test->payload->name, name))
		return test->payload;
	for (size_t i = 0; test->workloads && test->workloads[i]; i++)
		if (!strcmp(test->workloads[i]->name, name))
			return test->workloads[i];
	return NULL;
}

static int send_findings(struct channel *to, const struct payload *p, char *why)
{
	const struct wire_detail head = { .verdict = (uint32_t)p->verdict };
	const struct wire_result result = { .verdict = (uint32_t)p->verdict };
	char *save = NULL;
	int r = 0;
	for (char *line = why ? strtok_r(why, "\n", &save) : NULL; line && r == 0; line = strtok_r(NULL, "\n", &save))
		r = channel_detail(to, &head, line);
	return r < 0 ? r : channel_send(to, WIRE_RESULT, &result, sizeof(result), NULL, 0);
}

int payload_reply_judge(const struct payload_reply *how, int channel)
{
	struct channel to = { channel };
	_cleanup_buf_ struct buf why = BUF_NULL;
	struct payload p = { .decl = find_declaration(how->test, how->payload),
			     .index = how->index,
			     .killed = how->killed };
	if (!p.decl)
		return -ENOENT;
	int r = file_read(REPLY_PATH, REPLY_BYTES_MAX, &p.text[PAYLOAD_STDOUT], NULL);
	if (r == 0) {
		payload_weigh_reply(&p, &why);
		p.stream = (enum wire_metric_stream)how->stream;
		payload_send(&to, &p);
		r = send_findings(&to, &p, why.data);
	}
	payload_free_metrics(&p);
	buf_done(&p.text[PAYLOAD_STDOUT]);
	return r;
}
