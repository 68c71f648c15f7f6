/* SPDX-License-Identifier: GPL-2.0-only */
/* payload_lines.c -- see payload_lines.h. */
#include "base/text.h"
#include "report/events.h"
#include "report/payload_lines.h"

#define METRICS_SHOWN 8 /* per payload; the sidecar has all */

static void put_metrics(const struct evidence *e, uint32_t payload, struct buf *out)
{
	unsigned shown = 0, more = 0;
	for (uint32_t i = 0; i < e->payload_metric_count; i++) {
		const struct wire_payload_metric *m = &e->payload_metric[i];
		if (m->payload != payload)
			continue;
		if (shown == METRICS_SHOWN) {
			more++;
			continue;
		}
		buf_appendf(out, "%s%s=%g%s%s", shown ? ", " : ": ", m->name, m->value, m->unit[0] ? " " : "", m->unit);
		shown++;
	}
	if (more)
		buf_appendf(out, " and %u more", more);
}

void payload_lines(const struct result *r, const struct term *t, struct buf *out)
{
	const struct evidence *e = r->evidence;
	for (uint32_t i = 0; i < e->payload_count; i++) {
		const struct wire_payload *p = &e->payload[i];
		_cleanup_buf_ struct buf line = BUF_NULL;
		char wall[TIME_TEXT_MAX];
		buf_appendf(&line, "payload %s%s%s: %s, %s", p->name, p->cgroup[0] ? " in " : "", p->cgroup,
			    verdict_name((enum ktstr_verdict)p->verdict), nsec_format((nsec_t)p->wall_ns, wall));
		put_metrics(e, p->index, &line);
		text_append_wrapped(out, buf_str(&line), t->tty ? t->columns : 0, EVENT_INDENT);
	}
}
