/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's event log, from memory to a verdict, with any content that a guest can write. */
#include "base/hash.h"
#include "fuzz.h"
#include "verdict/judge.h"
#include "vmm/wirelog.h"

/* Corrects checksums, so that damage reaches the parsers behind them; every other run leaves them wrong. */
static void mend(uint8_t *log, size_t size)
{
	struct wire_header h;
	memcpy(&h, log, sizeof(h));
	for (size_t at = sizeof(h); at + sizeof(struct wire_record) <= size && at - sizeof(h) < h.written;) {
		struct wire_record r;
		memcpy(&r, log + at, sizeof(r));
		if (r.length > size - at - sizeof(r))
			return;
		r.magic = WIRE_RECORD_MAGIC;
		r.type = (uint16_t)(1 + r.type % (WIRE_TYPE_MAX - 1));
		r.crc = crc32_update(0, &r.type, sizeof(r) - offsetof(struct wire_record, type));
		r.crc = crc32_update(r.crc, log + at + sizeof(r), r.length);
		memcpy(log + at, &r, sizeof(r));
		at += (sizeof(r) + r.length + 7) & ~(size_t)7;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < sizeof(struct wire_header) + 1)
		return 0;
	uint8_t *memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	memcpy(memory, data, size);
	if (data[size - 1] & 1)
		mend(memory, size);
	struct wirelog log;
	struct wire_item item;
	struct evidence e = { 0 };
	struct judgement j = { 0 };
	struct judge_facts facts = { .has_scheduler = true,
				     .scheduler = "x",
				     .limits = thresholds_merge(false, &(struct ktstr_checks){ 0 },
								&(struct ktstr_checks){ 0 }) };
	wirelog_init(&log, memory, size);
	while (wirelog_next(&log, &item, NULL) > 0)
		if (evidence_take(&e, item.type, item.time_ns, item.payload, item.length, NULL) < 0)
			break;
	judge(&e, &facts, &j);
	judgement_done(&j);
	evidence_done(&e);
	wirelog_done(&log);
	free(memory);
	return 0;
}
