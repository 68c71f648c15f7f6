/* SPDX-License-Identifier: GPL-2.0-only */
/* replay_pack.h -- `ktstr replay PACK`. */
#ifndef KTSTR_CLI_REPLAY_PACK_H
#define KTSTR_CLI_REPLAY_PACK_H

#include "base/err.h"

/* Makes the run of a pack again. 0: it is the same; EXIT_FAILED: it is not, and what differs was said. */
int replay_pack(const char *path, bool json, struct err **err);

#endif
