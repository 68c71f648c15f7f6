/* SPDX-License-Identifier: GPL-2.0-only */
/* kernels.h -- turns --kernel options into kernels in the cache. Shared by `kernel build` and `test`. */
#ifndef KTSTR_CLI_KERNELS_H
#define KTSTR_CLI_KERNELS_H

#include "kernel/batch.h"
#include "kernel/resolve.h"

struct kernels_result;

struct kernels_request {
	const char *const *texts; /* @count arguments as written; none: REF_DEFAULT, or KTSTR_KERNEL unless `build` */
	size_t count;
	bool build; /* REF_DEFAULT means the newest stable release */
	bool force, clean, schedulers, selftests, no_ccache, include_eol, skip_sha256, no_verify_signature, json;
	bool stop_at_failure;
	bool skip_absent; /* if no suite offers a Debian package, skip its tests instead of failing */
	bool quiet;	  /* do not print the expansion of ranges on standard error */
	/* Called for each kernel as soon as it is bootable, while others may still be building. May be NULL. */
	int (*ready)(void *data, struct kernels_result *k, size_t i, struct err **err);
	void *data;
	const char *cpu_cap;	   /* argument as written; NULL: not set */
	const char *extra_kconfig; /* path of a file */
	const char *base_config;
	const char *llvm, *cc; /* arguments as written; NULL: not set */
};

/* Each kernel once, in the order in which they were named. */
struct kernels_result {
	struct kernel_id *ids;
	char **keys; /* keys in the cache; NULL: a tree that was built in place, or a failure */
	bool *built; /* built now or before */
	size_t count, failed;
	char *failed_names; /* "6.12.3, 6.13.1" */
};

/*
 * Resolves all kernels first. Then builds those that are not cached, in parallel. Fails if one cannot be resolved or on
 * an interrupt. With stop_at_failure, or for a single kernel, a failed build fails the call. Other failed builds are
 * printed on standard error and counted.
 */
int kernels_get(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		struct kernels_result *ret, struct err **err);
/* Resolves without building, for previews. */
int kernels_resolve(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		    struct kernels_result *ret, struct err **err);
void kernels_result_done(struct kernels_result *k);
/* Loads kernel @i for booting. */
int kernels_load(const struct cache *cache, const struct kernels_result *k, size_t i, struct kernel *ret,
		 struct err **err);

/*
 * An argument of --kernel that names exactly this kernel, which is not built yet, on any machine that has its files.
 * NULL: out of memory. The caller frees.
 */
char *kernels_source(const struct kernel_id *id);
/*
 * After kernels_resolve(): describes kernel @i for a plan. A kernel that is not built has only a name and a version,
 * and nothing to boot.
 */
int kernels_preview(const struct cache *cache, struct kernels_result *k, size_t i, struct kernel *ret,
		    struct err **err);

/* Fetches the list of current releases. Uses its own reactor. */
int kernels_releases(struct releases *ret, struct err **err);

/* The number of CPUs for kernel builds: 30 % of the allowed CPUs (at least one), unless the user set a number. */
int build_budget(const char *cpu_cap, unsigned *ret, bool *ret_said, struct err **err);

#endif
