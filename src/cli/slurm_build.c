/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_build.c -- kernels that are missing when a run is submitted: which they are, and the job that builds them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/test_session.h"
#include "kernel/key.h"
#include "slurm/built.h"

/* --- on the submitting machine ------------------------------------------------------------------------------------ */

/* A source tree is built in place, which only this machine may do. */
static bool has_tree(const struct kernels_result *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->ids[i].kind == KERNEL_ID_TREE)
			return true;
	return false;
}

int slurm_get_kernels(struct session *s, const struct kernels_request *q, struct kernels_result *k, struct err **err)
{
	int r = kernels_resolve(s->reactor, &s->cache, q, k, err);
	if (r == 0 && has_tree(k)) {
		kernels_result_done(k);
		return kernels_get(s->reactor, &s->cache, q, k, err);
	}
	for (size_t i = 0; r == 0 && i < k->count; i++) {
		r = kernel_id_look_up(&s->cache, &k->ids[i], q->schedulers, err);
		if (r < 0 || kernel_id_is_ready(&k->ids[i]))
			continue;
		s->source[i] = kernels_source(&k->ids[i]);
		r = s->source[i] ? 0 : -ENOMEM;
	}
	return r;
}

/* A kernel that is not built yet has no more than names. */
int slurm_load_kernel(struct session *s, struct kernels_result *k, size_t i, struct kernel *ret, struct err **err)
{
	int r = kernels_preview(&s->cache, k, i, ret, err);
	if (r == 0 && s->source[i])
		ret->arch = s->arch;
	return r;
}

/* --- in the job --------------------------------------------------------------------------------------------------- */

struct build_job {
	struct slurm_record record;
	struct cache cache;
	struct reactor *reactor;
	const char *cpus;
	json_t *built;
};

static void build_job_done(struct build_job *b)
{
	json_decref(b->built);
	reactor_free(b->reactor);
	cache_done(&b->cache);
	slurm_record_done(&b->record);
}

static int build_kernel(struct build_job *b, size_t i, const char *source, struct err **err)
{
	const json_t *how = json_object_get(b->record.manifest, "build");
	const struct kernels_request q = {
		.texts = &source,
		.count = 1,
		.build = true,
		.schedulers = json_is_true(json_object_get(how, "schedulers")),
		.no_ccache = json_is_true(json_object_get(how, "no_ccache")),
		.skip_sha256 = json_is_true(json_object_get(how, "skip_sha256")),
		.no_verify_signature = json_is_true(json_object_get(how, "no_verify_signature")),
		.cpu_cap = b->cpus,
	};
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	int r = kernels_get(b->reactor, &b->cache, &q, &k, err);
	if (r == 0 && (k.count != 1 || !k.keys[0]))
		r = FAIL(err, ERR_DATA, -EBADMSG, "kernel '%s' is not one that is kept in the cache", source);
	return r == 0 ? slurm_built_store(&b->record, &b->cache, i, k.keys[0], &b->built, err) : r;
}

static int build_kernels(struct build_job *b, struct err **err)
{
	int r = reactor_new(&b->reactor, err);
	if (r == 0)
		r = cache_open(&b->cache, err);
	for (size_t i = 0; r == 0 && i < json_array_size(json_object_get(b->record.manifest, "kernels")); i++) {
		_cleanup_free_ char *source = slurm_build_source(&b->record, i);
		if (source)
			r = build_kernel(b, i, source, err);
	}
	return r;
}

int slurm_build_main(char **argv, struct err **err)
{
	_cleanup_(build_job_done) struct build_job b = { .built = json_array() };
	_cleanup_err_ struct err *why = NULL;
	if (!argv[0] || !argv[1])
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "slurm build: the directory of a run and a number of CPUs are needed");
	b.cpus = argv[1];
	int r = slurm_record_open(&b.record, argv[0], err);
	/* Slurm started the job again after it had ended. */
	if (r < 0 || slurm_built_read(&b.record, NULL) != 0)
		return r;
	r = build_kernels(&b, &why);
	/* An interrupted job is started again, by Slurm or by the user. */
	if (r == -ECANCELED || (r < 0 && !why)) {
		if (err)
			*err = TAKE_PTR(why);
		return r;
	}
	int written = slurm_built_write(&b.record, json_incref(b.built), why, err);
	if (written == 0 && why && err)
		*err = TAKE_PTR(why);
	return written < 0 ? written : r;
}
