/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/dump.h"

void dump_text(const json_t *dump, const struct dump_view *view, struct buf *out)
{
	(void)view;
	json_print(dump, true, out);
}
