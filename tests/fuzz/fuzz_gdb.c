/* SPDX-License-Identifier: GPL-2.0-only */
/* What a gdb, or anybody else who connects to its socket, sends. */
#include <string.h>

#include "fuzz.h"
#include "run/gdb_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gdb_reader r = { 0 };
	char bytes[300];
	uint64_t number, sum = 0;
	for (size_t i = 0; i < size; i++) {
		if (gdb_read(&r, (char)data[i]) != GDB_PACKET)
			continue;
		const char *at = r.packet + (r.len > 0);
		if (gdb_number(&at, ',', &number) && gdb_number(&at, '\0', &number))
			sum += number;
		if (gdb_get_hex(r.packet, bytes, sizeof(bytes)) == 0)
			sum += strlen(bytes);
	}
	return (int)(sum & 0);
}
