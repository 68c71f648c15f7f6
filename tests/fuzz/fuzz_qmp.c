/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages from QEMU's monitor. */
#include "fuzz.h"
#include "vmm/qemu/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp q = { 0 };
	for (size_t at = 0; at < size; at += 7) {
		if (qmp_feed(&q, (const char *)data + at, size - at < 7 ? size - at : 7) < 0)
			break;
		while (qmp_next(&q) != QMP_NONE)
			;
	}
	qmp_done(&q);
	return 0;
}
