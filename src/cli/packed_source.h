/* SPDX-License-Identifier: GPL-2.0-only */
/* packed_source.h -- REPLAY on a command line as a run that can be made again in this process: a pack is read, the test
 * of a result or of a replay line is run once more, with all that decides it kept. */
#ifndef KTSTR_CLI_PACKED_SOURCE_H
#define KTSTR_CLI_PACKED_SOURCE_H

#include "cli/options.h"
#include "reactor/reactor.h"
#include "run/packed_run.h"

#define PACKED_OPERANDS "PACK | RESULT | -- test ARGUMENT..."

/*
 * -EBADMSG: a pack that is damaged; a result whose run cannot be repeated, because something has changed since. The
 * caller calls packed_run_done().
 */
int packed_source_read(const struct strings *operands, struct packed_run *ret, struct err **err);
/* Where this process would make a run. */
int packed_origin_here(struct reactor *r, struct packed_origin *ret, struct err **err);

#endif
