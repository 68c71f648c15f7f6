/* SPDX-License-Identifier: GPL-2.0-only */
/* topic_metrics.h -- help on the registered metrics, in the three forms of a topic. */
#ifndef KTSTR_CLI_TOPIC_METRICS_H
#define KTSTR_CLI_TOPIC_METRICS_H

#include "base/buf.h"

void metrics_text(struct buf *out);
void metrics_roff(struct buf *out);
void metrics_markdown(struct buf *out);

#endif
