/* SPDX-License-Identifier: GPL-2.0-only */
/* debug_gdb.h -- `ktstr debug --gdb`: the socket, and the gdb that uses it. */
#ifndef KTSTR_CLI_DEBUG_GDB_H
#define KTSTR_CLI_DEBUG_GDB_H

#include "run/debug.h"

/* -ENOENT: gdb is not installed. */
int debug_gdb_find(struct err **err);
/* @path: the socket at which another gdb will connect; NULL: starts gdb on this terminal. Returns when it has ended. */
int debug_gdb(struct rerun *r, const struct packed_run *p, const struct debug_config *first, const char *path,
	      struct err **err);

#endif
