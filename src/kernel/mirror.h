/* SPDX-License-Identifier: GPL-2.0-only */
/* mirror.h -- addresses of kernel.org's files: on its own hosts, or on mirrors that the user named. */
#ifndef KTSTR_KERNEL_MIRROR_H
#define KTSTR_KERNEL_MIRROR_H

#include "net/fetch.h"
#include "net/version.h"

#define MIRRORS_MAX 8

/*
 * The addresses of a file in the order in which they are tried, NULL-terminated; free with mirror_urls_free(). They are
 * "/@path" below each address of KTSTR_KERNEL_MIRROR (separated by commas), which replaces every host of kernel.org. If
 * the variable is unset: @path at @host. NULL: out of memory.
 */
char **mirror_urls(const char *host, const char *path);
void mirror_urls_free(char **urls);

char **mirror_releases_json(void);
/* The list of checksums of a major version. It also lists all releases of that version. */
char **mirror_sums(unsigned major);
/* The tarball of a release, or of a release candidate, which is on another host. */
char **mirror_tarball(const struct kversion *v);

/* For small files that the user waits for: gives up sooner. */
extern const struct fetch_tuning MIRROR_LISTS;

#endif
