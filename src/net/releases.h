/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * releases.h -- parses two lists of kernel.org: releases.json (current releases) and sha256sums.asc (checksums of
 * tarballs). A mirror may have changed them, so every value is checked.
 */
#ifndef KTSTR_NET_RELEASES_H
#define KTSTR_NET_RELEASES_H

#include "base/err.h"
#include "net/version.h"

#define RELEASES_MAX	   1024
#define RELEASE_SOURCE_MAX 256
#define RELEASE_DATE_MAX   16
#define SHA256_TEXT_MAX	   65

enum moniker { MONIKER_MAINLINE, MONIKER_STABLE, MONIKER_LONGTERM };

struct release {
	struct kversion version;
	enum moniker moniker;
	bool eol;
	char source[RELEASE_SOURCE_MAX]; /* the tarball's URL; "" when missing or not HTTP(S) */
	char date[RELEASE_DATE_MAX];	 /* "2026-11-20"; "" when missing */
};

/* Newest first, each version once. Without linux-next and entries with malformed versions. */
struct releases {
	struct release *list;
	size_t count;
};

/* -EBADMSG when it is not such a list, or has no valid entry. @name: the URL, for the error. */
int releases_parse(const char *json, size_t len, const char *name, struct releases *ret, struct err **err);
void releases_done(struct releases *r);

/* The newest stable or longterm release whose third number is at least @least_patch, or NULL. */
const struct release *releases_newest(const struct releases *r, uint32_t least_patch);
/* The newest stable or longterm release of a series ("6.12", "6"); NULL: not in the list, so it has ended. */
const struct release *releases_of_series(const struct releases *r, const struct kversion *series);

/*
 * The SHA-256 of @name in a list of sha256sum(1), clear-signed or plain. In a clear-signed text, only the signed part
 * is read, but the signature is not verified. -ENOENT: not listed; -EBADMSG: not such a list, truncated, or @name is
 * listed with two different sums.
 */
int sha256sums_find(const char *text, size_t len, const char *name, char ret[SHA256_TEXT_MAX], struct err **err);

#endif
