/* SPDX-License-Identifier: GPL-2.0-only */
/* describe.c -- see describe.h. */
#include "guest/scenario/describe.h"

#include <unistd.h>

#include "declare/write.h"

static void send_text(struct ktstr_ctx *t, struct wire_scenario *head, const struct buf *text)
{
	const size_t most = WIRE_PAYLOAD_MAX - sizeof(*head);
	for (size_t at = 0; at < text->len; at += most)
		channel_send(&t->channel, WIRE_SCENARIO, head, sizeof(*head), text->data + at,
			     MIN_OF(most, text->len - at));
}

void scenario_describe(struct ktstr_ctx *t, const struct ktstr_scenario *scenario)
{
	struct wire_scenario head = { .number = t->described };
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_err_ struct err *err = NULL;
	if (access(WIRE_DESCRIBE, F_OK) < 0)
		return;
	t->described++;
	if (declare_write(t->test, scenario, &text, &err) < 0) {
		head.refused = 1;
		buf_clear(&text);
		err_format(err, &text);
	}
	send_text(t, &head, &text);
}
