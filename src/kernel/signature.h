/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * signature.h -- checks the signature of a list of checksums. gpgv(1) verifies it; this file chooses the keys and
 * interprets gpgv's output.
 *
 * kernel.org signs its lists with one key, whose fingerprint is fixed here. ktstr does not contain the key; users fetch
 * it once (docs/KERNELS.md). KTSTR_KERNEL_KEYRING names another keyring, for example of a company's mirror; a signature
 * by any key in it is accepted.
 */
#ifndef KTSTR_KERNEL_SIGNATURE_H
#define KTSTR_KERNEL_SIGNATURE_H

#include <stdbool.h>

#include "base/err.h"

/* "Kernel.org checksum autosigner <autosigner@kernel.org>" */
#define SIGNATURE_KERNEL_ORG "B8868C80BA62A1FFFAF5FDA9632D3A06589DA6B1"
#define SIGNATURE_FD_TEXT    3 /* in gpgv: the signed text is read here */
#define SIGNATURE_FD_CONTENT 4 /* in gpgv: the text that the signature covers is written here */

struct keyring {
	char *path; /* NULL: there is no keyring; `why` has the reason */
	bool said;  /* named by KTSTR_KERNEL_KEYRING: any key in it is accepted, and verification is mandatory */
	const char *why;
};

/* Finds the keyring. -ENOENT: KTSTR_KERNEL_KEYRING is set, but its file or gpgv is missing. */
int keyring_find(struct keyring *ret, struct err **err);
void keyring_done(struct keyring *k);

/* Whether the line of gpgv's output says that an accepted key made the signature. The line is untrusted. */
bool signature_line_is_good(const char *line, bool any_key);

#endif
