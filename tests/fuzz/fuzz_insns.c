/* SPDX-License-Identifier: GPL-2.0-only */
/* A profile of instructions from anybody, in every view. */
#include "base/text.h"
#include "fuzz.h"
#include "insns/insns.h"

static void show(const struct insns *p, enum insns_phase phase)
{
	_cleanup_buf_ struct buf table = BUF_NULL, stacks = BUF_NULL;
	struct insns_sums s;
	if (insns_sum_up(p, phase, &s) < 0)
		return;
	insns_table(p, &s, 10, &table);
	json_decref(insns_sums_json(p, &s));
	insns_sums_done(&s);
	insns_collapsed(p, phase, &stacks);
	if (!text_is_clean(buf_str(&table), table.len, /* line= */ false) ||
	    !text_is_clean(buf_str(&stacks), stacks.len, /* line= */ false))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *o = json_loadb((const char *)data, size, 0, NULL);
	struct insns p;
	if (insns_parse(o, &p, NULL) < 0)
		return 0;
	for (enum insns_phase phase = INSNS_HOLD; phase < INSNS_PHASES; phase++)
		show(&p, phase);
	json_decref(insns_metrics(&p));
	insns_done(&p);
	return 0;
}
