/* SPDX-License-Identifier: GPL-2.0-only */
/* choose.h -- chooses the releases that references name. Pure decisions on lists that the resolver has fetched. */
#ifndef KTSTR_KERNEL_CHOOSE_H
#define KTSTR_KERNEL_CHOOSE_H

#include "kernel/resolve.h"

/* Whether any ref needs the list of current releases. */
bool choose_needs_releases(const struct resolver *v);
/* Whether apt must be asked: a source package is named that is not in the cache. */
bool choose_needs_packages(const struct resolver *v);
/* Whether the cache may answer and has exactly this version. */
bool choose_cached(const struct resolver *v, const struct kernel_ref *ref);
/* Determines the major versions whose lists of checksums are needed. Fills v->sums[].major and v->majors. */
void choose_majors(struct resolver *v);
/* Runs in the offload pool. Sets v->ids or v->err. @arg: the resolver. */
int choose_all(void *arg);

/* Calls @each for every version that a list of checksums has a tarball of. The text is untrusted. */
void sums_each(const struct buf *text, void (*each)(void *data, const struct kversion *v), void *data);

#endif
