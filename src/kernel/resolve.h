/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resolve.h -- from what people wrote to kernels that can be made, all of them before any is begun:
 *
 *   FETCH_RELEASES > FETCH_CHECKSUMS > VERIFY_SIGNATURES > FIND_COMMITS > LOCK_APT > UPDATE_APT
 *     > LIST_PACKAGES > LIST_VERSIONS > PROBE_CANDIDATES > CHOOSE
 *
 * What the network is asked, each once a run: the list of current releases; a major version's list of checksums, which
 * is also the list of all releases that there ever were of it, so a series at its end of life needs no guessing of
 * names; what commit a git ref names; what Debian's suites offer; whether a release candidate is still there. What the
 * cache can answer is not asked.
 */
#ifndef KTSTR_KERNEL_RESOLVE_H
#define KTSTR_KERNEL_RESOLVE_H

#include "kernel/command.h"
#include "kernel/distro.h"
#include "kernel/kernel.h"
#include "kernel/mirror.h"
#include "kernel/signature.h"
#include "net/releases.h"

#define RESOLVE_MAJORS_MAX 8

struct resolve_config {
	const struct cache *cache;
	struct http *http;
	const struct kernel_ref *refs; /* borrowed */
	size_t count;
	bool build;		  /* REF_DEFAULT is the newest stable release; else the newest entry of the cache */
	bool ask;		  /* the cache does not answer for versions: they are to be built anew, or otherwise */
	bool include_eol;	  /* ranges also take series that are not maintained any more */
	bool skip_sha256;	  /* downloads need no checksum */
	bool no_verify_signature; /* lists of checksums need no signature */
	bool skip_absent;	  /* a package that nobody offers is a KERNEL_ID_ABSENT, not an error */
};

struct resolver {
	struct machine machine;
	struct resolve_config config;
	struct kernel_id *ids; /* the outcome, in the order of the refs, each kernel once */
	size_t id_count;
	struct buf notes; /* lines for people: what was expanded to what, what was skipped */
	struct err *err;
	int result;
	bool ended;
	/* its own */
	bool asking, offload_begun;
	int failed;
	struct fetch fetch;
	char **urls; /* of the fetch under way */
	struct releases releases;
	bool has_releases;
	char *releases_error; /* why there is no list, though it was asked for */
	struct {
		unsigned major;
		struct buf text; /* sha256sums.asc; empty: not to be had */
		struct buf why;	 /* and why not */
	} sums[RESOLVE_MAJORS_MAX];
	unsigned majors;
	struct keyring keyring;
	/* Of the list that gpgv verifies: the text, and what its signature covers; only while `verifying`. */
	int signed_fd, content_fd;
	bool verifying;
	bool signature_good;
	struct command_run run;
	int apt_lock_fd;
	char *packages[64]; /* names of source packages */
	size_t package_count;
	struct distro_offers *offers; /* what Debian's suites have; NULL: not asked */
	char *apt_error;	      /* what apt complained of while it updated its lists */
	size_t at;		      /* the ref, or major, that is being looked at */
	char (*hash)[41];	      /* a ref: the commit it names, REF_GIT */
	struct offload_job offload;
};

int resolver_start(struct reactor *r, struct resolver *v, const struct resolve_config *config);
void resolver_done(struct resolver *v);

#endif
