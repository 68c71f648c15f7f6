/* SPDX-License-Identifier: GPL-2.0-only */
/* ref.h -- the grammar in which users name kernels. Pure: parses, and looks nothing up. */
#ifndef KTSTR_KERNEL_REF_H
#define KTSTR_KERNEL_REF_H

#include <stdbool.h>

#include "base/err.h"
#include "net/version.h"

/* Whether @v names exactly one kernel. 6.12.3 and 6.15-rc2 do; 6.12 names a series. */
static inline bool kversion_exact(const struct kversion *v)
{
	return !kversion_is_series(v);
}

enum kernel_ref_kind {
	REF_DEFAULT, /* no kernel was named */
	REF_DISTRO,  /* the distribution's source package */
	REF_PACKAGE, /* distro:VERSION, distro:newest: a source package of any Debian suite */
	REF_GIT,     /* git+URL#REF */
	REF_RANGE,   /* A..B: the newest patch of every series, ends included; neither end need exist */
	REF_PATH,    /* a directory or a tarball */
	REF_VERSION, /* exactly one release or release candidate */
	REF_SERIES,  /* the newest patch of 6.12, or of the newest 6.x */
	REF_KEY,     /* a cache key */
};

enum git_ref_kind { GIT_REF_ANY, GIT_REF_TAG, GIT_REF_BRANCH, GIT_REF_SHA };

struct kernel_ref {
	enum kernel_ref_kind kind;
	char *text;	  /* as written; NULL for REF_DEFAULT */
	char *url, *name; /* REF_GIT */
	enum git_ref_kind git;
	struct kversion from, to; /* REF_RANGE; `from`: REF_VERSION, REF_SERIES, REF_PACKAGE */
	bool newest;		  /* REF_PACKAGE: distro:newest */
};

/* @text NULL or "": REF_DEFAULT. Errors are usage errors. */
int kernel_ref_parse(const char *text, struct kernel_ref *ret, struct err **err);
void kernel_ref_done(struct kernel_ref *ref);
/* Whether @text is a name such as "linux-6.12.tar.xz". */
bool is_tarball_name(const char *text);

#endif
