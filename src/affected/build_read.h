/* SPDX-License-Identifier: GPL-2.0-only */
/* build_read.h -- reads one build directory into a graph. */
#ifndef KTSTR_AFFECTED_BUILD_READ_H
#define KTSTR_AFFECTED_BUILD_READ_H

#include "affected/build.h"

/* Reads what is known of all outputs. A build that cannot be read has no edges. -ENOMEM. */
int build_read(struct build *b);
/* Adds to @found all that @program is made from. Asks ninja and make for their rules of it. */
int build_close(struct build *b, const char *program, json_t **found);

#endif
