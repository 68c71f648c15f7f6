/* SPDX-License-Identifier: GPL-2.0-only */
/* kernels.h -- from --kernel on a command line to kernels in the cache: what `kernel build` and `test` share. */
#ifndef KTSTR_CLI_KERNELS_H
#define KTSTR_CLI_KERNELS_H

#include "kernel/batch.h"
#include "kernel/resolve.h"

struct kernels_result;

struct kernels_request {
	const char *const *texts; /* as written, @count of them; none: KTSTR_KERNEL, or what `build` says */
	size_t count;
	bool build; /* REF_DEFAULT is the newest stable release */
	bool force, clean, schedulers, selftests, no_ccache, include_eol, skip_sha256, no_verify_signature, json;
	bool stop_at_failure;
	bool skip_absent; /* a Debian package that nobody offers is no error: its tests are skipped */
	bool quiet;	  /* what a range came to is not told on standard error */
	/* Told of each kernel as soon as it can be booted, while others may still be on their way; NULL: nobody is. */
	int (*ready)(void *data, const struct kernels_result *k, size_t i, struct err **err);
	void *data;
	const char *cpu_cap;	   /* as it was said; NULL: not */
	const char *extra_kconfig; /* a file */
	const char *base_config;
	const char *llvm, *cc; /* as they were said; NULL: not */
};

/* Each kernel once, in the order in which they were named. */
struct kernels_result {
	struct kernel_id *ids;
	char **keys; /* in the cache; NULL: a tree that was built where it is, or a failure */
	bool *built; /* built, now or before */
	size_t count, failed;
	char *failed_names; /* "6.12.3, 6.13.1" */
};

/*
 * All are resolved before any is built; then those that have to be are built, side by side. Fails when one of them
 * cannot be resolved, when somebody interrupted, or with the first error of a build where failures end the run; else
 * each failed build has been told about on standard error, and is counted.
 */
int kernels_get(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		struct kernels_result *ret, struct err **err);
/* Only what they are: for previews. */
int kernels_resolve(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		    struct kernels_result *ret, struct err **err);
void kernels_result_done(struct kernels_result *k);
/* The kernel that number @i can be booted as. */
int kernels_load(const struct cache *cache, const struct kernels_result *k, size_t i, struct kernel *ret,
		 struct err **err);

/*
 * After kernels_resolve(): number @i as a plan needs it. One that is not built has a name and a version, and nothing to
 * boot.
 */
int kernels_preview(const struct cache *cache, struct kernels_result *k, size_t i, struct kernel *ret,
		    struct err **err);

/* The list of current releases, with a reactor of its own. */
int kernels_releases(struct releases *ret, struct err **err);

/* Kernel builds get 30 % of the CPUs we may use (at least one), unless told otherwise. */
int build_budget(const char *cpu_cap, unsigned *ret, bool *ret_said, struct err **err);

#endif
