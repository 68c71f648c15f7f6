/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * releases.h -- the two lists that kernel.org publishes: releases.json (what is current) and sha256sums.asc (what each
 * tarball must be). Bytes in, facts out; both may come from anywhere, and everything in them is checked.
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
	char source[RELEASE_SOURCE_MAX]; /* the tarball's URL, "" when it is not said or not HTTP(S) */
	char date[RELEASE_DATE_MAX];	 /* "2026-11-20", "" when it is not said */
};

/* Newest first, each version once. linux-next, and entries whose version is none, are left out. */
struct releases {
	struct release *list;
	size_t count;
};

/* -EBADMSG when it is not such a list, or a list of nothing. @name is for the error: the URL. */
int releases_parse(const char *json, size_t len, const char *name, struct releases *ret, struct err **err);
void releases_done(struct releases *r);

/* The newest stable or longterm release whose third number is at least @least_patch; NULL when there is none. */
const struct release *releases_newest(const struct releases *r, uint32_t least_patch);
/* The newest stable or longterm release of a series ("6.12", "6"); NULL: the series is not there, so it is over. */
const struct release *releases_of_series(const struct releases *r, const struct kversion *series);

/*
 * The SHA-256 of @name in a list as sha256sum(1) writes it, clear-signed or plain; of a clear-signed text only what the
 * signature covers is read. The signature itself is not verified here. -ENOENT: not listed; -EBADMSG: no such list,
 * cut short, or @name listed twice with different sums.
 */
int sha256sums_find(const char *text, size_t len, const char *name, char ret[SHA256_TEXT_MAX], struct err **err);

#endif
