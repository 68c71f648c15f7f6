/* SPDX-License-Identifier: GPL-2.0-only */
/* check_run.c -- see check_run.h. */
#include <stdarg.h>
#include <stdio.h>

#include "verdict/check_run.h"

void cannot_judge(struct check_run *run, const struct checked_load *l, enum threshold which, const char *fmt, ...)
{
	const struct threshold_row *row = &threshold_rows[which];
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (l->t.limit[which].origin == FROM_DEFAULT)
		judgement_unjudged(run->j, row->name, "%s: %s", l->name, why);
	else
		judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE, "%s: %s cannot be judged: %s", l->name,
			      row->name, why);
}
