/* SPDX-License-Identifier: GPL-2.0-only */
/* places.c -- see places.h. */
#include <string.h>

#include <ktstr/wire.h>

#include "base/elf_view.h"
#include "coverage/places.h"

void coverage_put_place(const char *program, const char *in_guest, struct buf *out)
{
	struct elf_view e;
	uint64_t gcov = 0, begin = 0, bytes = 0;
	if (strchr(in_guest, '\n') || elf_view_open(&e, program) < 0)
		return;
	bool counts = elf_view_symbol(&e, WIRE_COVERAGE_GCC, &gcov);
	counts |= elf_view_section(&e, WIRE_COVERAGE_CLANG, &begin, &bytes);
	if (counts)
		buf_appendf(out, "%lx %lx %lx %s\n", gcov, begin, bytes, in_guest);
	elf_view_close(&e);
}
