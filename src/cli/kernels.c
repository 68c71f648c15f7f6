/* SPDX-License-Identifier: GPL-2.0-only */
/* kernels.c -- see kernels.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "cli/cpus.h"
#include "reactor/interrupt.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/stages.h"
#include "kernel/config.h"
#include "kernel/tool_env.h"
#include "reactor/trace.h"

#define CONFIG_BYTES_MAX (16 << 20)

int build_budget(const char *cpu_cap, unsigned *ret, bool *ret_said, struct err **err)
{
	struct cpu_budget_words words = cpu_budget_environment(cpu_cap);
	struct cpuset_bits allowed;
	struct cpu_budget budget;
	int r = cpus_allowed(&allowed, err);
	if (r == 0)
		r = cpu_budget_resolve(&words, cpuset_count(&allowed), /* vcpus= */ 0, &budget, err);
	if (r == 0) {
		*ret = MIN_OF(budget.cpus, JOBSERVER_MAX);
		*ret_said = budget.said;
	}
	return r;
}

static int parallel_kernels(unsigned *ret, struct err **err)
{
	const char *env = environment_get(ENV_KERNEL_PARALLELISM);
	uint32_t n = 0;
	if (env && parse_u32_range(env, 1, KERNELS_MAX, &n) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "KTSTR_KERNEL_PARALLELISM: '%s' is not a number from 1 to %d", env,
			    KERNELS_MAX);
	*ret = n;
	return 0;
}

static int lock_timeout(nsec_t *ret, struct err **err)
{
	const char *env = environment_get(ENV_CACHE_STORE_LOCK_TIMEOUT);
	*ret = 0;
	if (env && parse_duration(env, ret) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "KTSTR_CACHE_STORE_LOCK_TIMEOUT: '%s' is not a valid "
			    "duration; "
			    "write it like 60s or 5m",
			    env);
	return 0;
}

/* --- interruptible runs of the reactor ---------------------------------------------------------------------------- */

static int interrupted(struct err **err)
{
	return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted; nothing of the build was kept");
}

static int run_reactor(struct reactor *r, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	if (result == 0)
		result = reactor_run(r);
	signals_done(&signals);
	/* The signal may have come when all was done. */
	return result == 0 && signals.caught ? interrupted(err) : result;
}

int end_trace(struct trace *trace, int result, struct err **err)
{
	_cleanup_err_ struct err *failure = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = trace_close(trace, &failure);
	if (r < 0 && result == 0) {
		if (err)
			*err = TAKE_PTR(failure);
		return r;
	}
	if (r < 0) {
		err_format(failure, &text);
		say_printf("error: %s\n", buf_str(&text));
		status_note(EXIT_NO_OUTPUT);
	}
	return result;
}

/* --- resolving ---------------------------------------------------------------------------------------------------- */

static int parse_refs(const struct kernels_request *q, struct kernel_ref *refs, size_t *ret_count, struct err **err)
{
	const char *none = q->build || environment_get(ENV_TEST_KERNEL) ? NULL : environment_get(ENV_KERNEL);
	int r = 0;
	size_t n = 0;
	if (q->count > KERNELS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "more than %d kernels", KERNELS_MAX);
	for (; n < MAX_OF(q->count, 1) && r == 0; n += r == 0)
		r = kernel_ref_parse(q->count ? q->texts[n] : none, &refs[n], err);
	*ret_count = n;
	return r;
}

static int take_ids(struct resolver *v, bool quiet, struct kernels_result *ret, struct err **err)
{
	if (v->result < 0) {
		if (v->result == -ECANCELED)
			return interrupted(err);
		*err = TAKE_PTR(v->err);
		return v->result;
	}
	if (v->id_count > KERNELS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "more than %d kernels", KERNELS_MAX);
	if (!quiet)
		say_printf("%s", buf_str(&v->notes));
	ret->count = v->id_count;
	ret->ids = TAKE_PTR(v->ids);
	v->id_count = 0;
	ret->keys = calloc(ret->count + 1, sizeof(*ret->keys));
	ret->built = calloc(ret->count + 1, sizeof(*ret->built));
	return ret->keys && ret->built ? 0 : -ENOMEM;
}

static bool may_download(const struct kernel_ref *refs, size_t count, bool is_build)
{
	for (size_t i = 0; i < count; i++) {
		enum kernel_ref_kind k = refs[i].kind;
		if (k == REF_VERSION || k == REF_SERIES || k == REF_RANGE || (k == REF_DEFAULT && is_build))
			return true;
	}
	return false;
}

static bool has_remote_cache(void)
{
	return environment_get(ENV_KERNEL_STORE) || environment_is_on(ENV_GHA_CACHE);
}

static int resolve_refs(struct reactor *r, const struct resolve_config *config, bool quiet, struct kernels_result *ret,
			struct err **err)
{
	struct resolver resolver = { 0 };
	int result = resolver_start(r, &resolver, config);
	if (result == 0)
		result = run_reactor(r, err);
	if (result == 0)
		result = take_ids(&resolver, quiet, ret, err);
	resolver_done(&resolver);
	return result;
}

static int resolve(struct reactor *r, struct http **http, const struct cache *cache, const struct kernels_request *q,
		   struct kernels_result *ret, struct err **err)
{
	struct kernel_ref refs[KERNELS_MAX] = { 0 };
	/* .ask: a cached entry may lack the selftests. The job for the version checks that. */
	struct resolve_config config = { .cache = cache,
					 .refs = refs,
					 .build = q->build,
					 .ask = q->force || q->extra_kconfig || q->base_config || q->selftests ||
						q->llvm || q->cc,
					 .skip_absent = q->skip_absent,
					 .include_eol = q->include_eol,
					 .skip_sha256 = q->skip_sha256,
					 .no_verify_signature = q->no_verify_signature };
	int result = parse_refs(q, refs, &config.count, err);
	if (result == 0 && may_download(refs, config.count, q->build))
		result = http_new(r, NULL, http, err);
	config.http = *http;
	if (result == 0)
		result = resolve_refs(r, &config, q->quiet, ret, err);
	for (size_t i = 0; i < KERNELS_MAX; i++)
		kernel_ref_done(&refs[i]);
	return result;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static bool wants_ccache(const struct kernels_request *q)
{
	_cleanup_free_ char *path = q->no_ccache ? NULL : tool_find("ccache");
	return path != NULL;
}

/* Reads a configuration, or a part of one, that an option names. */
static int read_config(const char *option, const char *path, struct buf *text, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf said = BUF_NULL;
	int r = file_read(path, CONFIG_BYTES_MAX, text, &why);
	if (r < 0) {
		err_format(why, &said);
		return FAIL(err, ERR_USAGE, r, "%s: cannot read the file: %s", option, buf_str(&said));
	}
	return kconfig_check(option, path, buf_str(text), text->len, err);
}

/* Runs before anything is resolved or downloaded, so that bad files are reported at once. */
static int read_configs(const struct kernels_request *q, struct buf *extra, struct err **err)
{
	_cleanup_buf_ struct buf base = BUF_NULL;
	int r = q->extra_kconfig ? read_config("--extra-kconfig", q->extra_kconfig, extra, err) : 0;
	if (r == 0 && q->base_config && strcmp(q->base_config, "defconfig"))
		r = read_config("--base-config", q->base_config, &base, err);
	return r;
}

/* Converts the argument to make's LLVM= syntax, where version 22 is "-22". */
static int parse_llvm(const char *text, char *ret, size_t size, struct err **err)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_+-";
	bool number = *text && strspn(text, "0123456789") == strlen(text);
	bool ending = text[0] == '-' && text[1] && !strchr(text, '/');
	bool dir = text[0] == '/';
	if (!(number || ending || dir) || text[strspn(text, harmless)] || strlen(text) + 2 > size)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--llvm: '%s' is not 1, a version (22), or a directory of programs (/usr/lib/llvm-22/bin/)",
			    text);
	bool bare = !strcmp(text, "1") || ending;
	int n = snprintf(ret, size, "%s%s%s", number && !bare ? "-" : "", text,
			 dir && text[strlen(text) - 1] != '/' ? "/" : "");
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

/* The argument becomes a word of make's command line, so special characters are refused. */
static int check_cc(const char *cc, struct err **err)
{
	if (*cc && !cc[strcspn(cc, " \t\n'\"$\\;&|<>()`#*?")])
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL, "--cc: '%s' is not the name of a compiler", cc);
}

static void tell_ignored_environment(void)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	tool_environment_ignored(&names);
	if (names.len)
		fprintf(stderr,
			"note: %s in the environment %s no effect on kernel builds; see --llvm, --cc and "
			"--extra-kconfig of 'ktstr kernel build'\n",
			buf_str(&names), strchr(buf_str(&names), ',') ? "have" : "has");
}

/* Adds the kernel to the list of failed ones. */
static void take_failure(const struct kernel_job *job, struct kernels_result *ret)
{
	char *names = NULL;
	if (asprintf(&names, "%s%s%s", ret->failed_names ?: "", ret->failed ? ", " : "", kernel_job_title(job)) >= 0) {
		free(ret->failed_names);
		ret->failed_names = names;
	}
	ret->failed++;
}

static int take_outcomes(struct kernel_batch *b, const struct kernels_request *q, struct kernels_result *ret,
			 struct err **err)
{
	bool cancelled = b->machine.cancelled;
	int result = 0;
	for (size_t i = 0; i < ret->count; i++) {
		struct kernel_job *job = b->job[i];
		const char *key = kernel_batch_key(b, i);
		free(ret->keys[i]);
		ret->keys[i] = *key ? strdup(key) : NULL;
		ret->built[i] = *key || (job && job->result == 0);
		if (!job || job->result == 0 || job->result == -ECANCELED)
			continue;
		take_failure(job, ret);
		if (result == 0 && (q->stop_at_failure || ret->count == 1)) {
			result = job->result;
			*err = TAKE_PTR(job->err);
			continue;
		}
		_cleanup_buf_ struct buf text = BUF_NULL;
		err_format(job->err, &text);
		say_printf("error: kernel %s: %s\n", kernel_job_title(job), buf_str(&text));
	}
	return result < 0 ? result : cancelled ? interrupted(err) : 0;
}

static bool all_cached(const struct kernels_result *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (!kernel_id_is_ready(&k->ids[i]))
			return false;
	return true;
}

/* The next kernel that is bootable and has not been reported; -1: none yet. */
static int next_ready(const struct kernel_batch *b, const struct kernels_result *k, const bool *told)
{
	for (size_t i = 0; i < k->count; i++) {
		const struct kernel_job *job = b->job[i];
		bool ready = job ? job->ended && job->result == 0 : kernel_id_is_ready(&k->ids[i]);
		if (!told[i] && ready)
			return (int)i;
	}
	return -1;
}

/* Runs the reactor until a kernel is ready or the batch has ended. */
static int await_ready(struct reactor *r, const struct kernel_batch *b, const struct kernels_result *k,
		       const bool *told, int *ret, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	while (result == 0 && (*ret = next_ready(b, k, told)) < 0 && !b->ended)
		result = reactor_turn(r, NSEC_NEVER);
	signals_done(&signals);
	return result;
}

/* Runs each kernel's tests while other kernels are still being built, on the same reactor. */
static int run_eagerly(struct reactor *r, struct kernel_batch *b, const struct kernels_request *q,
		       struct kernels_result *ret, struct err **err)
{
	bool told[KERNELS_MAX] = { false };
	int i = -1, result = 0;
	while ((result = await_ready(r, b, ret, told, &i, err)) == 0 && i >= 0 && !b->machine.cancelled) {
		const char *key = kernel_batch_key(b, (size_t)i);
		told[i] = true;
		ret->keys[i] = *key ? strdup(key) : NULL;
		result = q->ready(q->data, ret, (size_t)i, err);
		if (result < 0)
			break;
	}
	machine_cancel(&b->machine);
	int rest = run_reactor(r, result == 0 ? err : NULL);
	return result < 0 ? result : rest;
}

static int take_cached(struct kernels_result *ret)
{
	for (size_t i = 0; i < ret->count; i++) {
		ret->built[i] = ret->ids[i].kind != KERNEL_ID_ABSENT;
		ret->keys[i] = ret->ids[i].key ? strdup(ret->ids[i].key) : NULL;
		if (ret->ids[i].key && !ret->keys[i])
			return -ENOMEM;
	}
	return 0;
}

static int build_batch(struct reactor *r, const struct kernel_batch_config *config, const struct kernels_request *q,
		       struct kernels_result *ret, struct err **err)
{
	struct kernel_batch *batch = calloc(1, sizeof(*batch));
	struct stages stages = { 0 };
	if (!batch)
		return -ENOMEM;
	int result = kernel_batch_start(r, batch, config, err);
	if (result == 0) {
		stages_start(r, &stages, batch, q->json, q->ready != NULL);
		result = q->ready ? run_eagerly(r, batch, q, ret, err) : run_reactor(r, err);
	}
	if (result == 0)
		result = take_outcomes(batch, q, ret, err);
	kernel_batch_done(batch);
	free(batch);
	return result;
}

/* The checked values of the request's options. */
struct build_words {
	struct buf extra;
	char llvm[PATH_MAX];
};

static int check_words(const struct kernels_request *q, struct build_words *ret, struct err **err)
{
	int r = read_configs(q, &ret->extra, err);
	if (r == 0 && q->llvm)
		r = parse_llvm(q->llvm, ret->llvm, sizeof(ret->llvm), err);
	return r == 0 && q->cc ? check_cc(q->cc, err) : r;
}

static int build(struct reactor *r, struct http *http, const struct cache *cache, const struct kernels_request *q,
		 const struct build_words *words, struct kernels_result *ret, struct err **err)
{
	struct kernel_batch_config config = { .cache = cache,
					      .ids = ret->ids,
					      .count = ret->count,
					      .http = http,
					      .stop_at_failure = q->stop_at_failure };
	if (all_cached(ret) && !q->ready)
		return take_cached(ret);
	bool said = false;
	int result = build_budget(q->cpu_cap, &config.budget, &said, err);
	if (result == 0)
		result = parallel_kernels(&config.parallel, err);
	nsec_t timeout = 0;
	if (result == 0)
		result = lock_timeout(&timeout, err);
	if (result == 0 && !all_cached(ret))
		tell_ignored_environment();
	config.job = (struct kernel_job_config){
		.lock_timeout = timeout,
		.base_config = q->base_config,
		.extra_kconfig = words->extra.len ? buf_str(&words->extra) : NULL,
		.llvm = q->llvm ? words->llvm : NULL,
		.cc = q->cc,
		.force = q->force,
		.clean = q->clean,
		/* Their makefiles build for this machine only. */
		.schedulers = q->schedulers && cache->arch == arch_host(),
		.selftests = q->selftests && cache->arch == arch_host(),
		.ccache = wants_ccache(q),
	};
	struct cpu_hold hold = CPU_HOLD_NULL;
	/* Held until the last build has ended, and with --eager also the tests that ran meanwhile. */
	if (result == 0 && !all_cached(ret))
		result = cpu_hold_take(r, config.budget, said, &hold, err);
	if (result == -ECANCELED)
		result = interrupted(err);
	if (result == 0) {
		config.job.cgroup = &hold.sandbox.procs;
		config.job.affinity = set_empty(&hold.plan.cpus) ? NULL : hold.plan.cpus.word;
		result = build_batch(r, &config, q, ret, err);
	}
	cpu_hold_release(&hold);
	return result;
}

/* --- functions for commands --------------------------------------------------------------------------------------- */

int kernels_resolve(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		    struct kernels_result *ret, struct err **err)
{
	_cleanup_(http_free_p) struct http *http = NULL;
	*ret = (struct kernels_result){ 0 };
	return resolve(r, &http, cache, q, ret, err);
}

int kernels_get(struct reactor *r, const struct cache *cache, const struct kernels_request *q,
		struct kernels_result *ret, struct err **err)
{
	_cleanup_(http_free_p) struct http *http = NULL;
	struct build_words words = { .extra = BUF_NULL };
	*ret = (struct kernels_result){ 0 };
	int result = check_words(q, &words, err);
	if (result == 0)
		result = resolve(r, &http, cache, q, ret, err);
	/* A store may also have kernels whose sources need no download: of the distribution, of a tarball. */
	if (result == 0 && !http && has_remote_cache())
		result = http_new(r, NULL, &http, err);
	if (result == 0)
		result = build(r, http, cache, q, &words, ret, err);
	buf_done(&words.extra);
	return result;
}

int kernels_releases(struct releases *ret, struct err **err)
{
	_cleanup_(http_free_p) struct http *http = NULL;
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct fetch fetch = { 0 };
	char **urls = mirror_releases_json();
	struct fetch_request q = { .urls = (const char *const *)urls, .fd = -1, .tuning = &MIRROR_LISTS };
	int result = urls ? reactor_new(&r, err) : -ENOMEM;
	if (result == 0)
		result = http_new(r, NULL, &http, err);
	if (result == 0) {
		fetch_start(&fetch, http, r, &q, NULL, NULL);
		result = run_reactor(r, err);
	}
	if (result == 0 && fetch.machine.result < 0) {
		result = fetch.machine.result;
		*err = TAKE_PTR(fetch.err);
	}
	if (result == 0)
		result = releases_parse(fetch.body.data, fetch.body.len, urls[0], ret, err);
	fetch_done(&fetch);
	mirror_urls_free(urls);
	return result;
}

void kernels_result_done(struct kernels_result *k)
{
	for (size_t i = 0; i < k->count; i++) {
		kernel_id_done(&k->ids[i]);
		free(k->keys ? k->keys[i] : NULL);
	}
	free(k->ids);
	free(k->keys);
	free(k->built);
	free(k->failed_names);
	*k = (struct kernels_result){ 0 };
}

int kernels_load(const struct cache *cache, const struct kernels_result *k, size_t i, struct kernel *ret,
		 struct err **err)
{
	const struct kernel_id *id = &k->ids[i];
	if (id->kind == KERNEL_ID_IMAGE && !path_is_dir(id->path))
		return kernel_from_image(id->path, ret, err);
	if (id->kind == KERNEL_ID_ABSENT)
		return kernel_from_absent(id, ret);
	int r = k->keys[i] ? kernel_from_cache(cache, k->keys[i], ret, err) : kernel_from_tree(id->path, ret, err);
	if (r < 0 || id->kind != KERNEL_ID_TREE)
		return r;
	free(ret->label);
	ret->label = kernel_tree_label(id->path, !k->keys[i]);
	return ret->label ? 0 : -ENOMEM;
}

/* The label of a kernel that is not built yet. */
static char *future_label(const struct kernel_id *id)
{
	if (id->kind == KERNEL_ID_TREE)
		return kernel_tree_label(id->path, /* dirty= */ false);
	const char *text = id->version ? id->version
			   : id->ref   ? id->ref
			   : id->path  ? path_basename(id->path)
				       : "unknown";
	return kernel_label("kernel_", text);
}

char *kernels_source(const struct kernel_id *id)
{
	char *text = NULL;
	int n = -1;
	if (id->kind == KERNEL_ID_TARBALL || id->kind == KERNEL_ID_TREE)
		return realpath(id->path, NULL);
	if (id->kind == KERNEL_ID_RELEASE)
		n = asprintf(&text, "%s", id->version);
	else if (id->kind == KERNEL_ID_PACKAGE)
		n = asprintf(&text, "distro:%s", id->version);
	else if (id->kind == KERNEL_ID_GIT)
		n = asprintf(&text, "git+%s#%s", id->url, id->ref);
	return n < 0 ? NULL : text;
}

int kernels_preview(const struct cache *cache, struct kernels_result *k, size_t i, struct kernel *ret, struct err **err)
{
	const struct kernel_id *id = &k->ids[i];
	if (id->kind == KERNEL_ID_CACHED && !(k->keys[i] = strdup(id->key)))
		return -ENOMEM;
	if (kernel_id_is_ready(id))
		return kernels_load(cache, k, i, ret, err);
	*ret = (struct kernel){ .label = future_label(id),
				.version = strdup(id->version ?: "unknown"),
				.name = kernels_source(id) };
	return ret->label && ret->version && ret->name ? 0 : -ENOMEM;
}
