/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * constant_file.h -- files in memory whose content is a part of this program: what machines execute and load. The
 * machines of a run share one copy. It is sealed, because guests may have taken over the processes that have it.
 * Reactor thread.
 */
#ifndef KTSTR_VMM_CONFINE_CONSTANT_FILE_H
#define KTSTR_VMM_CONFINE_CONSTANT_FILE_H

#include <stddef.h>

enum constant_file { CONSTANT_CONFINE, CONSTANT_QEMU_LIBRARY, CONSTANT_VMM, CONSTANT_FILES };

/* Made when they are needed first. */
struct constant_files {
	int fd[CONSTANT_FILES]; /* -1: not made so far */
};

#define CONSTANT_FILES_NULL ((struct constant_files){ .fd = { -1, -1, -1 } })

/*
 * Returns a descriptor of the file, which the caller closes, or a negative errno. @data: its content, always the same
 * for one @which. @shared: where the file is, or will be; NULL: it is made for this caller only.
 */
int constant_file_open(struct constant_files *shared, enum constant_file which, const char *data, size_t len);
void constant_files_done(struct constant_files *files);

#endif
