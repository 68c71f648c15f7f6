/* SPDX-License-Identifier: GPL-2.0-only */
/* topic_metrics.c -- help on the registered metrics. */
#include <stdio.h>

#include "cli/options.h"
#include "cli/topic_metrics.h"
#include "stats/metrics.h"

static const char meaning[] =
	"A change of a metric counts if it is at least MIN and at least SHARE of the former value. The polarity says "
	"which direction is good; informational metrics are shown and never judged.";

/* Appends how parts become a value: the kind, and the counters of a rate. */
static void put_kind(const struct metric *m, struct buf *out)
{
	buf_puts(out, metric_kind_name(m->kind));
	if (m->kind == METRIC_RATE)
		buf_appendf(out, ": %s / %s", m->num, m->den);
}

void metrics_text(struct buf *out)
{
	buf_appendf(out, "\nMetrics. %s\n\n %-40s %-13s %7s %5s  %s\n", meaning, "NAME", "POLARITY", "MIN", "SHARE",
		    "MEANING");
	for (const struct metric *m = metrics; m->name; m++)
		if (!m->hidden)
			buf_appendf(out, " %-40s %-13s %7g %5g  %s%s%s\n", m->name, metric_polarity_name(m->polarity),
				    m->least, m->share, m->description, *m->unit ? ", in " : "", m->unit);
}

void metrics_roff(struct buf *out)
{
	roff_text(out, meaning);
	buf_puts(out, "\n");
	for (const struct metric *m = metrics; m->name; m++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		if (m->hidden)
			continue;
		buf_appendf(&text, "%s%s%s. Polarity %s, MIN %g, SHARE %g. ", m->description, *m->unit ? ", in " : "",
			    m->unit, metric_polarity_name(m->polarity), m->least, m->share);
		put_kind(m, &text);
		roff_item(out, m->name, buf_str(&text));
	}
}

void metrics_markdown(struct buf *out)
{
	buf_appendf(out,
		    "# Metrics\n\n%s\nThe kind says how the values of a run's parts become one value. Over several "
		    "runs, rates are the quotient of\nthe sums, worst values of distributions are the maximum, and all "
		    "others are averaged. The tests of\n'ktstr stats compare --test' compare "
		    "means or medians, also of worst values.\n"
		    "This page is what `ktstr help metrics --markdown` prints.\n\n"
		    "| metric | polarity | min | share | unit | kind | meaning |\n|---|---|---|---|---|---|---|\n",
		    meaning);
	for (const struct metric *m = metrics; m->name; m++) {
		buf_appendf(out, "| `%s` | %s | %g | %g | %s | ", m->name, metric_polarity_name(m->polarity), m->least,
			    m->share, m->unit);
		put_kind(m, out);
		buf_appendf(out, " | %s%s |\n", m->description, m->hidden ? " (only a part of a rate; not shown)" : "");
	}
}
