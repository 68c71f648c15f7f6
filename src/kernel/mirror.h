/* SPDX-License-Identifier: GPL-2.0-only */
/* mirror.h -- where kernel.org's files are fetched from: its own hosts, or the mirrors that a person named. */
#ifndef KTSTR_KERNEL_MIRROR_H
#define KTSTR_KERNEL_MIRROR_H

#include "net/fetch.h"
#include "net/version.h"

#define MIRRORS_MAX 8

/*
 * The addresses of a file in the order in which they are tried, NULL-terminated, for mirror_urls_free(): "/@path" below
 * each of KTSTR_KERNEL_MIRROR (addresses with commas between them), which stand in for every host of kernel.org; where
 * the variable is unset, @path at @host. NULL: no memory.
 */
char **mirror_urls(const char *host, const char *path);
void mirror_urls_free(char **urls);

char **mirror_releases_json(void);
/* The list of checksums of a major version, which is also the list of its releases. */
char **mirror_sums(unsigned major);
/* A release's tarball, or a candidate's, which another host has. */
char **mirror_tarball(const struct kversion *v);

/* For small files that a person waits for: gives up sooner. */
extern const struct fetch_tuning MIRROR_LISTS;

#endif
