/* SPDX-License-Identifier: GPL-2.0-only */
/* topic_profiles.h -- the help topic "profiles". */
#ifndef KTSTR_CLI_TOPIC_PROFILES_H
#define KTSTR_CLI_TOPIC_PROFILES_H

#include "base/buf.h"

void profiles_text(struct buf *out);
void profiles_roff(struct buf *out);
void profiles_markdown(struct buf *out);

#endif
