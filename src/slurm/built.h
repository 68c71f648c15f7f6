/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * built.h -- kernels that no cache had when a run was submitted: one job of the run builds them, and all arrays wait
 * for it. The manifest says what such a kernel is built from ("source"); built.json, which the job writes last, says
 * what became of them:
 *
 *   { "kernels": [ { "index": 0, "key": ..., "version": ..., "digest": ... } ], "node": ...,
 *     "error": { "kind": ..., "text": ... } }          "error" only if a build failed
 */
#ifndef KTSTR_SLURM_BUILT_H
#define KTSTR_SLURM_BUILT_H

#include "kernel/cache.h"
#include "slurm/record.h"

#define BUILT_FILE     "built.json"
#define BUILD_LOG_FILE "logs/build.log"

/* Adds what the job wrote to the manifest in memory. 1: all kernels are there; 0: not yet; negative: it failed. */
int slurm_built_read(struct slurm_record *r, struct err **err);
/* The name of the job that builds. */
void slurm_build_job_name(const struct slurm_record *r, char *out, size_t size);

/* --- in the job --------------------------------------------------------------------------------------------------- */

/* What kernel @i is built from, as an argument of --kernel. NULL: it need not be built. The caller frees. */
char *slurm_build_source(const struct slurm_record *r, size_t i);
/* Copies the entry @key of the cache to the run's directory, and notes it in *@list. */
int slurm_built_store(const struct slurm_record *r, const struct cache *cache, size_t i, const char *key, json_t **list,
		      struct err **err);
/* The job's last file. @failure: why a kernel could not be built; NULL: all were. Takes over @list. */
int slurm_built_write(const struct slurm_record *r, json_t *list, const struct err *failure, struct err **err);

#endif
