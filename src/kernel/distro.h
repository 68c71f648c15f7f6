/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * distro.h -- Debian's kernel source packages of any suite, by apt.
 *
 * apt works on lists, caches and sources of our own below {cache}/.apt, with the mirrors that the system's sources name
 * and Debian's archive keyring; nothing of the system's own apt is changed. KTSTR_APT_SOURCES names another list of
 * sources, taken as it is.
 */
#ifndef KTSTR_KERNEL_DISTRO_H
#define KTSTR_KERNEL_DISTRO_H

#include "base/buf.h"
#include "base/err.h"
#include "kernel/ref.h"

#define DISTRO_OFFERS_MAX 256
#define DISTRO_WORDS_MAX  96 /* of a command line: apt's directories, and every series' package */

/* One version of one package that a mirror offers. */
struct distro_offer {
	char package[64];	  /* "linux-source-7.3" */
	char version[64];	  /* Debian's: "7.3.4-1~bpo13+1" */
	struct kversion upstream; /* 7.3.4 */
};

struct distro_offers {
	struct distro_offer item[DISTRO_OFFERS_MAX];
	size_t count;
};

/* Appends to @out the sources of the one-line format or, @deb822, of the other, that are Debian's, with more suites. */
void distro_convert_sources(const char *text, bool deb822, struct buf *out);
/* Makes {root}/.apt with its list of sources. Blocks. */
int distro_prepare(const char *root, struct err **err);

/* A command line of apt's: @program with our directories, then @words; the texts live in @text. */
struct distro_command {
	const char *argv[DISTRO_WORDS_MAX];
	char *text[8];
};
int distro_command(struct distro_command *c, const char *root, const char *program, const char *const *words);
void distro_command_done(struct distro_command *c);

/* "linux-source-7.3", but not "linux-source-7.3-rt" and not "linux-source". */
bool distro_is_source_package(const char *name);
/* A line of `apt-cache madison`; others are ignored. */
void distro_take_offer(struct distro_offers *offers, const char *line);
/* The newest offer that @ref means, or NULL. */
const struct distro_offer *distro_choose(const struct distro_offers *offers, const struct kernel_ref *ref);
/* "6.1.170, 6.12.117, 7.3.4": each version once. */
void distro_list(const struct distro_offers *offers, struct buf *out);

#endif
