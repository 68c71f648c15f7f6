/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario_file.h -- scenario files (declare/read.h) as suites of one test. */
#ifndef KTSTR_RUN_SCENARIO_FILE_H
#define KTSTR_RUN_SCENARIO_FILE_H

#include "run/suite.h"

/* Is it the name of a scenario file? It ends with ".json". */
bool is_scenario_file(const char *path);
/*
 * Reads and checks a file. @program: what lists its test on the host and runs it in the guest; borrowed by the suite.
 * NULL: the caller takes no such files.
 */
int scenario_file_load(struct reactor *r, const char *path, const char *program, struct suite *ret, struct err **err);

/*
 * The text of a file from what a guest sent (@text: JSON as declare_write() writes it; the guest is not trusted),
 * indented. @scheduler: the path of the test's scheduler where its name alone does not find it again; or NULL.
 */
int scenario_file_text(const char *text, size_t len, const char *scheduler, struct buf *ret, struct err **err);

#endif
