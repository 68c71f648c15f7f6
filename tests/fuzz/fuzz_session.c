/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest of a `ktstr shell` sends. */
#include "base/session_frame.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_reader r = { 0 };
	struct session_frame f;
	unsigned sum = 0;
	int result = 0;
	for (size_t at = 0; at < size && result >= 0; at += 11) {
		session_reader_feed(&r, data + at, size - at < 11 ? size - at : 11);
		while ((result = session_reader_next(&r, size & 1, &f)) > 0)
			for (uint32_t i = 0; i < f.len; i++)
				sum += (unsigned char)f.data[i];
	}
	session_reader_done(&r);
	return (int)(sum & 0);
}
