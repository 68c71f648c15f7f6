/* SPDX-License-Identifier: GPL-2.0-only */
/* metrics.h -- the metrics in a payload's output. */
#ifndef KTSTR_GUEST_PAYLOAD_METRICS_H
#define KTSTR_GUEST_PAYLOAD_METRICS_H

#include "guest/payload/run.h"

/*
 * Read the metrics of standard output; those of standard error only if standard output has none. @bad: the name of a
 * metric whose match is not a number.
 */
int payload_read_json(struct payload *p);
int payload_read_text(struct payload *p, const char **bad);
/* False: there is no room for it. */
bool payload_add_metric(struct payload *p, const char *name, double value);
/* NULL: it has no such metric. */
const struct ktstr_metric *payload_find_metric(const struct payload *p, const char *name);
/* False if another metric has the same name: {"a.b": 1, "a": {"b": 2}} has two numbers with the path "a.b". */
bool payload_metric_is_unique(const struct payload *p, const struct ktstr_metric *m);
void payload_free_metrics(struct payload *p);

#endif
