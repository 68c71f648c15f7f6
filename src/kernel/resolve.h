/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resolve.h -- from references to kernels that can be built. All are resolved before the first build starts:
 *
 *   FETCH_RELEASES > READ_RELEASES > (FETCH_CHECKSUMS > READ_CHECKSUMS)... > VERIFY_SIGNATURES > FIND_COMMITS
 *     > LOCK_APT > UPDATE_APT > LIST_PACKAGES > LIST_VERSIONS > (PROBE_CANDIDATE > JUDGE_CANDIDATE)... > CHOOSE
 *     > FINISH
 *
 * Each of the following is fetched at most once per run: the list of current releases; the list of checksums of a major
 * version; the commits that git refs name; the offers of Debian's suites; whether a release candidate still exists. A
 * list of checksums covers every release of its major version, so the last release of an unmaintained series is known
 * from it. Nothing is fetched that the cache can answer.
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
	bool build;		  /* REF_DEFAULT means the newest stable release; else the newest entry of the cache */
	bool ask;		  /* do not use cached versions: they are to be built again, or with other options */
	bool include_eol;	  /* ranges include series that are no longer maintained */
	bool skip_sha256;	  /* download without a checksum */
	bool no_verify_signature; /* accept lists of checksums without a signature */
	bool skip_absent;	  /* a package that no suite offers becomes a KERNEL_ID_ABSENT, not an error */
};

struct resolver {
	struct machine machine;
	struct resolve_config config;
	struct kernel_id *ids; /* the result, in the order of the refs, each kernel once */
	size_t id_count;
	struct buf notes; /* messages: expansions of references, and what was skipped */
	struct err *err;
	int result;
	bool ended;
	/* private to the resolver */
	int failed;
	struct fetch fetch;
	char **urls; /* addresses of the fetch under way */
	struct releases releases;
	bool has_releases;
	char *releases_error; /* why the list could not be fetched; NULL: it was fetched or not needed */
	struct {
		unsigned major;
		struct buf text; /* sha256sums.asc; empty: not available */
		struct buf why;	 /* why it is not available */
	} sums[RESOLVE_MAJORS_MAX];
	unsigned majors;
	struct keyring keyring;
	/* The list that gpgv verifies, and the part that its signature covers. Open only while `verifying`. */
	int signed_fd, content_fd;
	bool verifying;
	bool signature_good;
	struct command_run run;
	int apt_lock_fd;
	char *packages[64]; /* names of source packages */
	size_t package_count;
	struct distro_offers *offers; /* offers of Debian's suites; NULL: not asked */
	char *apt_error;	      /* apt's errors while it updated its lists */
	size_t at;		      /* index of the ref or major version that is processed */
	char (*hash)[41];	      /* per ref: the commit that a REF_GIT names */
	struct offload_job offload;
};

int resolver_start(struct reactor *r, struct resolver *v, const struct resolve_config *config);
void resolver_done(struct resolver *v);

#endif
