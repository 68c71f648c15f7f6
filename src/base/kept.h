/* SPDX-License-Identifier: GPL-2.0-only */
/* kept.h -- directories of files that can always be made anew: only those that were used last stay there. */
#ifndef KTSTR_BASE_KEPT_H
#define KTSTR_BASE_KEPT_H

/* Notes that @fd's file is used now. */
void kept_use(int fd);
/*
 * Removes files of @dir whose names end in @suffix, the one that was not used for longest first, until @most are left.
 * Who has one open keeps it. Blocks; what cannot be removed stays.
 */
void kept_trim(const char *dir, const char *suffix, unsigned most);

#endif
