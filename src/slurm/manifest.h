/* SPDX-License-Identifier: GPL-2.0-only */
/* manifest.h -- writes down what is run on Slurm, and copies the files that nodes may lack to the run's directory. */
#ifndef KTSTR_SLURM_MANIFEST_H
#define KTSTR_SLURM_MANIFEST_H

#include "run/plan.h"
#include "slurm/record.h"

struct manifest_request {
	const struct plan *plan;
	const struct kernel *kernel;
	char *const *source; /* of each kernel: what a job of the run builds it from; NULL: it is there */
	size_t kernels;
	char *const *binary;	      /* of tests; NULL-terminated, or NULL */
	const char *const *scheduler; /* programs of schedulers that were named; NULL-terminated, or NULL */
	const char *cache_root;	      /* of kernels */
	bool threads;		      /* each CPU of a guest is a thread of the host */
};

/* A name for a run that begins with the time. */
void manifest_name(char *out, size_t size);
/*
 * Fills the directory @dir, which slurm_record_create() has made: program, kernels, test binaries, manifest. @asked:
 * what else the manifest says, taken over; NULL: out of memory.
 */
int manifest_write(const struct manifest_request *q, const char *dir, json_t *asked, struct slurm_record *ret,
		   struct err **err);

#endif
