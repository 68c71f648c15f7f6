/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * signature.h -- who signed a list of checksums: gpgv(1) verifies, this says with which keys and what its answer means.
 *
 * kernel.org's lists are signed by one key of its own, whose fingerprint is fixed here. The key itself does not come
 * with ktstr: people fetch it once (docs/KERNELS.md). With KTSTR_KERNEL_KEYRING the person vouches for another keyring,
 * say of a company's mirror, and every key in it is accepted.
 */
#ifndef KTSTR_KERNEL_SIGNATURE_H
#define KTSTR_KERNEL_SIGNATURE_H

#include <stdbool.h>

#include "base/err.h"

/* "Kernel.org checksum autosigner <autosigner@kernel.org>" */
#define SIGNATURE_KERNEL_ORG "B8868C80BA62A1FFFAF5FDA9632D3A06589DA6B1"
#define SIGNATURE_FD_TEXT    3 /* in gpgv: the signed text */
#define SIGNATURE_FD_CONTENT 4 /* in gpgv: what the signature covers is written here */

struct keyring {
	char *path; /* NULL: there is none, and `why` says so */
	bool said;  /* by KTSTR_KERNEL_KEYRING: any key in it will do; it must be used */
	const char *why;
};

/* Where the keys are. -ENOENT: KTSTR_KERNEL_KEYRING names what is not there, or gpgv is missing and it was said. */
int keyring_find(struct keyring *ret, struct err **err);
void keyring_done(struct keyring *k);

/* A line of gpgv's output, which is hostile: does it say that a key that counts has made the signature? */
bool signature_line_is_good(const char *line, bool any_key);

#endif
