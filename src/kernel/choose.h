/* SPDX-License-Identifier: GPL-2.0-only */
/* choose.h -- which releases are meant, given the lists: the resolver's decisions, apart from how it got to know. */
#ifndef KTSTR_KERNEL_CHOOSE_H
#define KTSTR_KERNEL_CHOOSE_H

#include "kernel/resolve.h"

/* Whether any ref needs the list of current releases. */
bool choose_needs_releases(const struct resolver *v);
/* Whether apt has to be asked: a source package is meant that the cache has not. */
bool choose_needs_packages(const struct resolver *v);
/* Whether the cache has exactly this version, and may answer. */
bool choose_cached(const struct resolver *v, const struct kernel_ref *ref);
/* Which major versions' lists of checksums are needed: fills v->sums[].major and v->majors. */
void choose_majors(struct resolver *v);
/* For the offload pool: makes v->ids, or v->err. @arg: the resolver. */
int choose_all(void *arg);

/* Versions that a list of checksums has tarballs of. Calls @each for every one; the text is hostile. */
void sums_each(const struct buf *text, void (*each)(void *data, const struct kversion *v), void *data);

#endif
