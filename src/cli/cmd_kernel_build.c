/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_kernel_build.c -- ktstr kernel build: builds kernels from any source into the cache. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "reactor/trace.h"

struct build_args {
	const char *source, *git, *ref, *extra_kconfig, *base_config, *llvm, *cc, *trace;
	bool force, clean, schedulers, selftests, no_ccache, skip_sha256, no_verify_signature, include_eol, json;
	const char *cpu_cap;
	unsigned arch;
	struct strings kernel, operands;
};

static const struct option_row build_options[] = {
	ROW_KERNELS(struct build_args),
	ROW_ARCH(struct build_args),
	OPT_ONCE(struct build_args, source, "source", 's', "DIR", "build this source tree in place"),
	OPT_STRING(struct build_args, git, "git", 0, "URL", "build --ref of this repository: as git+URL#REF"),
	OPT_STRING(struct build_args, ref, "ref", 0, "REF", "a tag, a branch or a commit"),
	OPT_FLAG(struct build_args, force, "force", 'f', "build even if the kernel is in the cache"),
	OPT_FLAG(struct build_args, clean, "clean", 0,
		 "run 'make mrproper' in the source tree first; this also removes its .config"),
	OPT_FLAG(struct build_args, schedulers, "schedulers", 0, "also build the tree's own sched_ext schedulers"),
	OPT_FLAG(struct build_args, selftests, "selftests", 0,
		 "also build the tree's own selftests of sched_ext, for tests that run them"),
	ROW_CPU_CAP(struct build_args,
		    "number of compilers at the same time, for all kernels together (default: 30 % of the CPUs)"),
	OPT_STRING(struct build_args, extra_kconfig, "extra-kconfig", 0, "FILE",
		   "configuration options that override the built-in ones"),
	OPT_STRING(struct build_args, base_config, "base-config", 0, "CONFIG",
		   "defconfig, or a file, instead of the lean configuration"),
	OPT_STRING(struct build_args, llvm, "llvm", 0, "WHICH",
		   "compile with LLVM: 1, a version (22), or its directory of programs"),
	OPT_STRING(struct build_args, cc, "cc", 0, "CC", "compile with this compiler (gcc-12)"),
	ROW_NO_CCACHE(struct build_args),
	ROW_SKIP_SHA256(struct build_args),
	ROW_NO_VERIFY_SIGNATURE(struct build_args),
	ROW_INCLUDE_EOL(struct build_args),
	ROW_TRACE(struct build_args),
	ROW_JSON(struct build_args, "print JSON, one object per line: stages, and the result"),
	OPT_END,
};

/* Collects all named kernels in one list. @made: storage for the name that --source or --git and --ref make. */
static int collect(const struct build_args *a, struct strings *ret, char **made, struct err **err)
{
	*ret = a->operands;
	if (!a->git != !a->ref)
		return FAIL(err, ERR_USAGE, -EINVAL, "--git and --ref go together");
	for (size_t i = 0; i < a->kernel.count && ret->count < STRINGS_MAX; i++)
		ret->item[ret->count++] = a->kernel.item[i];
	/*
	 * --source always names a directory. A value without a slash gets a leading "./", so that it is not taken for a
	 * version.
	 */
	int n = a->source && strchr(a->source, '/') ? asprintf(made, "%s", a->source)
		: a->source			    ? asprintf(made, "./%s", a->source)
		: a->git			    ? asprintf(made, "git+%s#%s", a->git, a->ref)
						    : 0;
	if (n < 0)
		return -ENOMEM;
	if (*made && ret->count < STRINGS_MAX)
		ret->item[ret->count++] = *made;
	return 0;
}

static int refuse_keys(const struct strings *texts, struct err **err)
{
	for (size_t i = 0; i < texts->count; i++) {
		struct kernel_ref ref;
		if (kernel_ref_parse(texts->item[i], &ref, NULL) < 0)
			continue;
		bool is_key = ref.kind == REF_KEY;
		kernel_ref_done(&ref);
		if (is_key)
			return FAIL(
				err, ERR_USAGE, -EINVAL,
				"kernel build: '%s' is a cache key; name a version, a range, a path or a git source",
				texts->item[i]);
	}
	return 0;
}

static void print_result(const struct cache *cache, const struct kernels_result *k, size_t i, bool json)
{
	const char *key = k->keys[i];
	if (json) {
		_cleanup_free_ char *path = key ? path_join(cache->root, key) : strdup(k->ids[i].path ?: "");
		json_auto_t *o = json_object();
		json_put_text(&o, "key", key ?: "");
		json_put_text(&o, "path", path);
		json_put_text(&o, "version", k->ids[i].version);
		out_json(o, false);
	} else if (k->ids[i].kind == KERNEL_ID_CACHED) {
		say_printf("cached kernel found: %s/%s; use --force to rebuild\n", cache->root, key);
	}
}

static int build_all(const struct build_args *a, const struct strings *texts, const struct cache *cache,
		     struct err **err)
{
	struct kernels_request q = {
		.texts = texts->item,
		.count = texts->count,
		.build = true,
		.force = a->force,
		.clean = a->clean,
		.schedulers = a->schedulers,
		.selftests = a->selftests,
		.no_ccache = a->no_ccache,
		.include_eol = a->include_eol,
		.skip_sha256 = a->skip_sha256,
		.no_verify_signature = a->no_verify_signature,
		.json = a->json,
		.cpu_cap = a->cpu_cap,
		.extra_kconfig = a->extra_kconfig,
		.base_config = a->base_config,
		.llvm = a->llvm,
		.cc = a->cc,
	};
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct trace *trace = NULL;
	int result = reactor_new(&r, err);
	if (result == 0 && a->trace)
		result = trace_open(&trace, r, a->trace, err);
	if (result == 0)
		result = kernels_get(r, cache, &q, &k, err);
	result = end_trace(trace, result, err);
	for (size_t i = 0; result == 0 && i < k.count; i++)
		if (k.built[i])
			print_result(cache, &k, i, a->json);
	cache_sweep(cache, false);
	if (result == 0 && k.failed)
		result = FAIL(err, ERR_DATA, -EIO, "kernel build: %zu of %zu failed: %s", k.failed, k.count,
			      k.failed_names ?: "");
	return result;
}

static int run_build(void *args, struct err **err)
{
	const struct build_args *a = args;
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_free_ char *made = NULL;
	struct strings texts;
	int r = collect(a, &texts, &made, err);
	if (r == 0)
		r = refuse_keys(&texts, err);
	if (r == 0 && (a->schedulers || a->selftests) && chosen_arch(a->arch) != arch_host())
		r = FAIL(err, ERR_USAGE, -ENOTSUP,
			 "--schedulers and --selftests build for this machine's architecture only, not for %s",
			 arch_names[chosen_arch(a->arch)].name);
	if (r == 0 && a->clean && !a->source)
		fputs("warning: --clean is for source trees; others are always unpacked anew\n", stderr);
	if (r == 0)
		r = cache_open(&cache, err);
	cache.arch = chosen_arch(a->arch);
	return r == 0 ? build_all(a, &texts, &cache, err) : r;
}

const struct command cmd_kernel_build = {
	.name = "kernel build",
	.former = "build-kernel",
	.group = GROUP_KERNELS,
	.summary = "Build kernels and keep them in the cache",
	.operands = "[KERNEL...]",
	.text = "A kernel is a version (6.12.3, 6.15-rc2), a series (6.12: its newest patch), a range "
		"(6.6..6.12: the newest of each series), a source directory, a tarball, git+URL#REF, "
		"\"distro\" (the distribution's own source package), or distro:VERSION and distro:newest (a "
		"source package of any Debian suite, downloaded by apt); without any of these, the newest stable "
		"release is built. Releases are downloaded and verified. Several kernels are built side by side and "
		"share one budget of compilers. A source tree is built in place, with a configuration in its "
		".config.ktstr: its own .config, where it has one, with what ktstr needs added. The result "
		"is kept only when the tree is a clean git checkout. Variables such as ARCH, LLVM or "
		"KBUILD_OUTPUT have no effect.",
	.option = build_options,
	.conflict = (const struct option_conflict[]){ { "source", "git" }, { NULL, NULL } },
	.example =
		(const struct example[]){
			{ "ktstr kernel build distro --schedulers",
			  "the distribution's kernel and its sched_ext schedulers" },
			{ "ktstr kernel build distro:newest", "the newest kernel that any Debian suite has" },
			{ "ktstr kernel build 6.12 6.14..6.17", "the newest patch of each series" },
			{ "ktstr kernel build --source ~/linux", "a source tree, in place" },
			{ "ktstr kernel build distro --arch aarch64", "for arm64 guests, built with cross tools" },
			{ "ktstr kernel build "
			  "git+https://git.kernel.org/pub/scm/linux/kernel/git/tj/sched_ext.git#branch=for-next",
			  "a branch of a git repository" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_LOCKS,
	OPERANDS(struct build_args, operands),
	.run = run_build,
};
