/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * distro.h -- finds and downloads Debian's kernel source packages of any suite with apt.
 *
 * apt uses our own lists, caches and sources below {cache}/.apt. The sources name the mirrors of the system's sources
 * and Debian's archive keyring. The system's apt is not changed. KTSTR_APT_SOURCES names another list of sources, which
 * is used unchanged.
 */
#ifndef KTSTR_KERNEL_DISTRO_H
#define KTSTR_KERNEL_DISTRO_H

#include "base/buf.h"
#include "base/err.h"
#include "kernel/ref.h"

#define DISTRO_OFFERS_MAX 256
#define DISTRO_WORDS_MAX  96 /* words of a command line: options for apt's directories, and one package per series */

/* One version of one package that a mirror offers. */
struct distro_offer {
	char package[64];	  /* "linux-source-7.3" */
	char version[64];	  /* Debian's version: "7.3.4-1~bpo13+1" */
	struct kversion upstream; /* 7.3.4 */
};

struct distro_offers {
	struct distro_offer item[DISTRO_OFFERS_MAX];
	size_t count;
};

/*
 * Appends Debian's sources among those of @text, with more suites, to @out. @deb822: @text is in deb822 format, else in
 * one-line format.
 */
void distro_convert_sources(const char *text, bool deb822, struct buf *out);
/* Creates {root}/.apt and its list of sources. Blocks. */
int distro_prepare(const char *root, struct err **err);

/* An apt command line: @program, options for our directories, then @words. Strings that were built are in @text. */
struct distro_command {
	const char *argv[DISTRO_WORDS_MAX];
	char *text[8];
};
int distro_command(struct distro_command *c, const char *root, const char *program, const char *const *words);
void distro_command_done(struct distro_command *c);

/* Accepts "linux-source-7.3", but not "linux-source-7.3-rt" and not "linux-source". */
bool distro_is_source_package(const char *name);
/* Parses one line of `apt-cache madison`. Lines in another format are ignored. */
void distro_take_offer(struct distro_offers *offers, const char *line);
/* The newest offer that matches @ref, or NULL. */
const struct distro_offer *distro_choose(const struct distro_offers *offers, const struct kernel_ref *ref);
/* Appends "6.1.170, 6.12.117, 7.3.4": each version once. */
void distro_list(const struct distro_offers *offers, struct buf *out);

#endif
