/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counted.h -- what a guest needs in which programs count the code that they execute, and which file of the host such a
 * program is, so that it can write its counters.
 */
#ifndef KTSTR_RUN_COUNTED_H
#define KTSTR_RUN_COUNTED_H

#include "image/image.h"
#include "run/includes.h"
#include "run/plan.h"

#define COUNTED_FILES 2

/*
 * Files for the guest; @places becomes the content of one of them. @staged: paths of the test's staged schedulers, up
 * to a NULL. Reads the disk.
 */
void counted_files(const struct plan_case *c, char *const *staged, const struct includes *includes, struct buf *places,
		   struct image_made ret[COUNTED_FILES + 1]);

/*
 * @attempt: struct attempt. Only files that were put into the guest: the path comes from its memory, and the file is
 * executed. NULL: it is none of them, or it is no longer there. The caller frees. Reads the disk.
 */
char *counted_program(const void *attempt, const char *guest_path);

#endif
