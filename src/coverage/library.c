/* SPDX-License-Identifier: GPL-2.0-only */
/* library.c -- see library.h. */
#include "coverage/library.h"

extern char blob_counted_library_start[], blob_counted_library_end[];

struct buf coverage_library(void)
{
	return (struct buf){ .data = blob_counted_library_start,
			     .len = (size_t)(blob_counted_library_end - blob_counted_library_start) };
}
