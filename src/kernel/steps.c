/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.c -- see steps.h. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/tool.h"
#include "kernel/config.h"
#include "kernel/git.h"
#include "kernel/source_lines.h"
#include "kernel/steps.h"
#include "kernel/target.h"
#include "kernel/trash.h"

#define LEAN_OBJECTS	 1400 /* compiled objects that a first build expects; an entry records the true number */
#define CONFIG_BYTES_MAX (16 << 20)
#define BUILD_DISK_BYTES ((uint64_t)4 << 30) /* an unpacked tree with its objects, and some reserve */

static const struct tool build_tools[] = {
	{ "make", "make" },   { "gcc", "gcc" }, { "ld", "binutils" },	{ "objcopy", "binutils" }, { "flex", "flex" },
	{ "bison", "bison" }, { "bc", "bc" },	{ "pahole", "pahole" }, { "lz4", "lz4" },	   { 0 },
};

static bool tree_has(const struct kernel_job *job, const char *file)
{
	_cleanup_free_ char *path = path_join(job->tree, file);
	return path && path_exists(path);
}

static const char *const llvm_tools[] = { "clang", "ld.lld", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-strip" };

/* Needed in addition to a clang of any version. */
static const struct tool scheduler_tools[] = { { "llvm-strip", "llvm" }, { 0 } };

/* --- RESOLVE ------------------------------------------------------------------------------------------------------ */

static int check_disk(const struct kernel_job *job, const char *where, struct err **err)
{
	struct statvfs fs;
	if (job->config.id->kind == KERNEL_ID_TREE || statvfs(where, &fs) < 0)
		return 0;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	return room >= BUILD_DISK_BYTES
		       ? 0
		       : FAIL(err, ERR_BUSY, -ENOSPC,
			      "building a kernel needs about %lu GiB below '%s', which has %lu MiB left; "
			      "free some, or set KTSTR_CACHE_DIR",
			      (unsigned long)(BUILD_DISK_BYTES >> 30), where, room >> 20);
}

/* The tools that build for another architecture than this machine's. */
static int check_cross_tools(struct kernel_job *job)
{
	enum arch arch = job->config.cache->arch;
	char gcc[64], ld[64], package[64];
	if (arch == arch_host())
		return 0;
	snprintf(gcc, sizeof(gcc), "%sgcc", kernel_tool_prefix(arch));
	snprintf(ld, sizeof(ld), "%sld", kernel_tool_prefix(arch));
	snprintf(package, sizeof(package), "gcc-%s", arch_names[arch].triple);
	const struct tool tools[] = { { gcc, package }, { ld, package }, { 0 } };
	return tools_require(tools, "building a kernel for another architecture", &job->err);
}

/* Checks the compiler that --cc names and the tools that LLVM= selects. */
static int check_compiler(struct kernel_job *job)
{
	const char *llvm = job->config.llvm, *cc = job->config.cc;
	char name[PATH_MAX];
	bool in_dir = llvm && strchr(llvm, '/');
	for (size_t i = 0; llvm && i < ARRAY_SIZE(llvm_tools); i++) {
		snprintf(name, sizeof(name), "%s%s%s", in_dir ? llvm : "", llvm_tools[i], *llvm == '-' ? llvm : "");
		_cleanup_free_ char *path = tool_find(name);
		if (!path)
			return FAIL(&job->err, ERR_MISSING, -ENOENT,
				    "--llvm needs '%s', which is not installed (Debian: clang and lld of that version)",
				    name);
	}
	_cleanup_free_ char *path = cc ? tool_find(cc) : NULL;
	return !cc || path ? 0 : FAIL(&job->err, ERR_MISSING, -ENOENT, "--cc: there is no compiler '%s'", cc);
}

static int check_tools(struct kernel_job *job)
{
	static const struct tool git_tools[] = { { "git", "git" }, { 0 } };
	static const struct tool package_tools[] = { { "apt-get", "apt" }, { "dpkg-deb", "dpkg" }, { 0 } };
	int r = tools_require(build_tools, "building a kernel", &job->err);
	if (r == 0)
		r = check_cross_tools(job);
	if (r == 0)
		r = check_compiler(job);
	if (r == 0 && job->config.id->kind == KERNEL_ID_GIT)
		r = tools_require(git_tools, "fetching from git", &job->err);
	if (r == 0 && job->config.id->kind == KERNEL_ID_PACKAGE)
		r = tools_require(package_tools, "a source package", &job->err);
	if (r < 0 || !(job->config.schedulers || job->config.selftests))
		return r;
	_cleanup_free_ char *clang = tool_clang();
	r = tools_require(scheduler_tools, "building BPF schedulers", &job->err);
	if (r == 0 && !clang)
		r = FAIL(&job->err, ERR_MISSING, -ENOENT,
			 "building BPF schedulers needs clang; install it (Debian: clang-22, or the newest)");
	return r;
}

/* The end of the key: marks the parts of the configuration and compiler that are not the defaults. */
static int config_suffix(struct kernel_job *job, char *out, size_t size)
{
	const char *base = job->config.base_config, *extra = job->config.extra_kconfig;
	_cleanup_buf_ struct buf text = BUF_NULL;
	size_t n = 0;
	out[0] = '\0';
	if (base && strcmp(base, "defconfig")) {
		int r = file_read(base, CONFIG_BYTES_MAX, &text, &job->err);
		if (r < 0)
			return r;
		n += (size_t)snprintf(out, size, "-base%08x", crc32_update(0, buf_str(&text), text.len));
	} else if (base) {
		n += (size_t)snprintf(out, size, "-defconfig");
	}
	if (extra)
		n += (size_t)snprintf(out + n, size - n, "-x%08x", crc32_update(0, extra, strlen(extra)));
	if (job->config.llvm)
		n += (size_t)snprintf(out + n, size - n, "-llvm%08x",
				      crc32_update(0, job->config.llvm, strlen(job->config.llvm)));
	if (job->config.cc)
		snprintf(out + n, size - n, "-cc%08x", crc32_update(0, job->config.cc, strlen(job->config.cc)));
	return 0;
}

static void own_config_suffix(const struct kernel_job *job, char *out, size_t size)
{
	_cleanup_free_ char *path = path_join(job->config.id->path, ".config");
	_cleanup_buf_ struct buf text = BUF_NULL;
	out[0] = '\0';
	if (path && !job->config.base_config && file_read(path, CONFIG_BYTES_MAX, &text, NULL) == 0)
		snprintf(out, size, "-cfg%08x", crc32_update(0, buf_str(&text), text.len));
}

static int make_key(struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	const char *arch = arch_names[job->config.cache->arch].name;
	uint32_t kc = kconfig_lean_hash(job->config.cache->arch);
	char variant[80], own[24];
	int r = config_suffix(job, variant, sizeof(variant));
	job->key[0] = '\0';
	switch (id->kind) {
	case KERNEL_ID_TARBALL:
	case KERNEL_ID_RELEASE:
	case KERNEL_ID_PACKAGE:
	case KERNEL_ID_GIT:
		kernel_key_format(id, job->version, job->config.cache->arch, variant, job->key);
		break;
	default:
		own_config_suffix(job, own, sizeof(own));
		if (job->clean_tree)
			snprintf(job->key, sizeof(job->key), "local-%.7s-%s%s-kc%08x%s", job->git_hash, arch, own, kc,
				 variant);
	}
	return r;
}

/* The number of objects to compile: that of the newest build of this configuration, else the one measured for 6.12. */
static void recall_objects(struct kernel_job *job)
{
	struct cache_entry *list = NULL;
	size_t count = 0;
	if (cache_list(job->config.cache, &list, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < count && !job->objects_expected; i++)
		if (!list[i].error_kind && list[i].status == KCONFIG_MATCHES &&
		    !strcmp(list[i].arch, arch_names[job->config.cache->arch].name))
			job->objects_expected = list[i].objects;
	entries_free(list, count);
	if (!job->objects_expected && job->config.id->kind != KERNEL_ID_TREE)
		job->objects_expected = LEAN_OBJECTS;
}

/* The version of a git commit is known only after the fetch. Until then its ref is used. */
static int find_version(struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	struct git_state git;
	struct stat st;
	int r;
	switch (id->kind) {
	case KERNEL_ID_TARBALL:
		job->tarball_bytes = stat(id->path, &st) == 0 ? (uint64_t)st.st_size : 0;
		job->tarball = strdup(id->path);
		if (!job->tarball)
			return -ENOMEM;
		return unpack_peek_version(id->path, &job->offload.cancelled, job->version, &job->err);
	case KERNEL_ID_RELEASE:
	case KERNEL_ID_PACKAGE:
		snprintf(job->version, sizeof(job->version), "%s", id->version);
		return 0;
	case KERNEL_ID_TREE:
		r = git_read_state(id->path, &job->offload.cancelled, &git, &job->err);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && !git.dirty) {
			job->clean_tree = true;
			snprintf(job->git_hash, sizeof(job->git_hash), "%s", git.hash);
		}
		return kernel_tree_version(id->path, job->version, &job->err);
	default:
		snprintf(job->git_hash, sizeof(job->git_hash), "%s", id->hash);
		return 0;
	}
}

int step_resolve(void *arg)
{
	struct kernel_job *job = arg;
	int r = check_tools(job);
	if (r == 0)
		r = find_version(job);
	if (r == 0)
		r = mkdir_parents(job->config.cache->root, 0755, &job->err);
	if (r == 0)
		r = check_disk(job, job->config.cache->root, &job->err);
	if (r == 0)
		r = make_key(job);
	if (r == 0)
		recall_objects(job);
	return r;
}

/* --- PREPARE, FETCH, UNPACK --------------------------------------------------------------------------------------- */

/* Removes output of the interrupted stage: make and the unpacker cannot tell which files are complete. */
static int drop_half(struct kernel_job *job)
{
	_cleanup_free_ char *half = path_join(job->work, CACHE_WORK_TREE);
	_cleanup_free_ char *schedulers = path_join(job->work, CACHE_WORK_TREE "/tools/sched_ext/build");
	_cleanup_free_ char *selftests = path_join(job->work, CACHE_WORK_TREE "/" SELFTESTS_DIR "/build");
	if (!half || !schedulers || !selftests)
		return -ENOMEM;
	if (job->reached == WORK_FETCHED)
		return remove_tree(half, &job->err);
	int r = job->reached == WORK_BUILT ? remove_tree(schedulers, &job->err) : 0;
	return r == 0 && job->reached == WORK_BUILT ? remove_tree(selftests, &job->err) : r;
}

/* Whether the tarball is downloaded into the work directory. */
static bool is_fetched(const struct kernel_job *job)
{
	return job->config.id->kind == KERNEL_ID_RELEASE || job->config.id->kind == KERNEL_ID_PACKAGE;
}

/*
 * make(1) splits words at spaces and rules at colons, expands '$', and has no quoting. The shell treats the others
 * specially.
 */
static int check_build_path(struct kernel_job *job)
{
	bool in_place = job->config.id->kind == KERNEL_ID_TREE;
	const char *path = in_place ? job->config.id->path : job->config.cache->root;
	const char *bad = strpbrk(path, " \t\n:$#%*?[]\\'\"`;&|<>()");
	if (!bad)
		return 0;
	return FAIL(&job->err, ERR_USAGE, -EINVAL,
		    in_place ? "a kernel cannot be built in '%s': make cannot work below a path with '%c'; rename the "
			       "directory"
			     : "a kernel cannot be built below '%s': make cannot work below a path with '%c'; set "
			       "KTSTR_CACHE_DIR to a directory without it",
		    path, *bad);
}

int step_prepare(void *arg)
{
	struct kernel_job *job = arg;
	const char *path = job->config.id->path;
	char name[32];
	int r = check_build_path(job);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "source-%08x", path ? crc32_update(0, path, strlen(path)) : 0);
	r = cache_workdir(job->config.cache, job->key[0] ? job->key : name, &job->work, &job->reached, &job->err);
	/* Sweep only now: a work directory that this job takes over has been renamed by now. */
	cache_sweep(job->config.cache, false);
	trash_empty(job->config.cache->root, false);
	if (r == 0)
		r = orphans_variable(job->work, job->token, &job->err);
	if (r == 0)
		r = drop_half(job);
	if (r < 0)
		return r;
	job->tree =
		path && job->config.id->kind == KERNEL_ID_TREE ? strdup(path) : path_join(job->work, CACHE_WORK_TREE);
	job->log_path = path_join(job->work, "build.log");
	if (!job->tarball && is_fetched(job))
		job->tarball = path_join(job->work, "source.tar");
	if (!job->tree || !job->log_path)
		return -ENOMEM;
	if (job->reached >= WORK_UNPACKED)
		job->has_scx = kernel_job_tree_knows_scx(job);
	job->run.log_fd = open(job->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return job->run.log_fd < 0 ? FAIL_SYS(&job->err, -errno, "create '%s'", job->log_path) : 0;
}

/* Checks that HEAD is the commit that the ref named when the key was made. */
static int check_commit(struct kernel_job *job)
{
	struct git_state git;
	int r = git_read_state(job->tree, &job->offload.cancelled, &git, &job->err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0)
		return FAIL(&job->err, ERR_DATA, r, "git fetch of %s left no commit in %s", job->config.id->ref,
			    job->tree);
	if (strcmp(git.hash, job->git_hash))
		return FAIL(&job->err, ERR_BUSY, -EAGAIN,
			    "%s of %s moved from %.7s to %.7s while it was fetched; try again", job->config.id->ref,
			    job->config.id->url, job->git_hash, git.hash);
	return kernel_tree_version(job->tree, job->version, &job->err);
}

/* Moves the tarball that the package contains to job->tarball. */
static int take_package(struct kernel_job *job)
{
	_cleanup_free_ char *dir = path_join(job->work, "deb/usr/src"), *found = NULL;
	int r = dir ? kernel_distro_tarball(dir, &found, NULL) : -ENOMEM;
	if (r < 0)
		return FAIL(&job->err, ERR_DATA, r, "package %s holds no linux-source-*.tar.xz",
			    job->config.id->package);
	r = rename_durable(-1, AT_FDCWD, found, job->tarball, 0);
	return r < 0 ? FAIL_SYS(&job->err, r, "rename '%s'", found) : 0;
}

int step_fetched(void *arg)
{
	struct kernel_job *job = arg;
	bool git = job->config.id->kind == KERNEL_ID_GIT;
	int r = git ? check_commit(job) : job->config.id->kind == KERNEL_ID_PACKAGE ? take_package(job) : 0;
	return r == 0 ? cache_work_mark(job->work, git ? WORK_UNPACKED : WORK_FETCHED, &job->err) : r;
}

int step_unpack(void *arg)
{
	struct kernel_job *job = arg;
	struct stat st;
	job->tarball_bytes = stat(job->tarball, &st) == 0 ? (uint64_t)st.st_size : 0;
	int r = mkdir_parents(job->tree, 0755, &job->err);
	if (r == 0)
		r = unpack_tarball(job->tarball, job->tree, &job->offload.cancelled, &job->unpack, &job->err);
	if (r == 0)
		r = cache_work_mark(job->work, WORK_UNPACKED, &job->err);
	if (r == 0 && is_fetched(job))
		unlink(job->tarball);
	return r;
}

/* --- VALIDATE ----------------------------------------------------------------------------------------------------- */

int step_validate(void *arg)
{
	struct kernel_job *job = arg;
	int r = step_validate_config(job);
	const char *image = kernel_targets[job->config.cache->arch].image_path;
	if (r == 0 && !tree_has(job, image))
		r = FAIL(&job->err, ERR_DATA, -ENOENT, "the build left no %s", image);
	if (r == 0 && job->config.id->kind != KERNEL_ID_TREE)
		r = cache_work_mark(job->work, WORK_BUILT, &job->err);
	return r;
}

/* --- STORE -------------------------------------------------------------------------------------------------------- */

static int copy_into(struct kernel_job *job, const char *entry, const char *from, const char *to, mode_t mode)
{
	_cleanup_free_ char *source = path_join(job->tree, from), *target = path_join(entry, to);
	_cleanup_free_ char *dir = target ? path_dirname(target) : NULL;
	if (!source || !dir)
		return -ENOMEM;
	int r = mkdir_parents(dir, 0755, &job->err);
	return r == 0 ? file_copy(source, target, mode, &job->offload.cancelled, &job->err) : r;
}

/* Copies the regular files of one directory, without its subdirectories. */
static int copy_dir(struct kernel_job *job, const char *entry, const char *from, const char *to, mode_t mode)
{
	_cleanup_free_ char *path = path_join(job->tree, from);
	DIR *dir = path ? opendir(path) : NULL;
	int r = 0;
	for (struct dirent *e; dir && r == 0 && (e = readdir(dir));) {
		_cleanup_free_ char *source = path_join(from, e->d_name), *target = path_join(to, e->d_name);
		if (!source || !target)
			r = -ENOMEM;
		else if (e->d_type == DT_REG)
			r = copy_into(job, entry, source, target, mode);
	}
	if (dir)
		closedir(dir);
	return r;
}

/*
 * Copies all schedulers of the tree, and the files that compile further ones for this kernel: libbpf, bpftool,
 * vmlinux.h, scx headers.
 */
static int copy_schedulers(struct kernel_job *job, const char *entry)
{
	static const struct {
		const char *from, *to;
		mode_t mode;
	} files[] = {
		{ "tools/sched_ext/build/sbin/bpftool", "sched_ext/sbin/bpftool", 0755 },
		{ "tools/sched_ext/build/obj/libbpf/libbpf.a", "sched_ext/lib/libbpf.a", 0644 },
		{ "tools/sched_ext/build/include/vmlinux.h", "sched_ext/include/vmlinux.h", 0644 },
	}, dirs[] = {
		{ "tools/sched_ext/build/bin", "sched_ext/bin", 0755 },
		{ "tools/sched_ext/build/include/bpf", "sched_ext/include/bpf", 0644 },
		{ "tools/sched_ext/include/scx", "sched_ext/include/scx", 0644 },
		{ "tools/sched_ext/include/bpf-compat/gnu", "sched_ext/include/bpf-compat/gnu", 0644 },
		{ "tools/include/uapi/linux", "sched_ext/include/uapi/linux", 0644 },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		r = copy_into(job, entry, files[i].from, files[i].to, files[i].mode);
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = copy_dir(job, entry, dirs[i].from, dirs[i].to, dirs[i].mode);
	return r;
}

static json_t *source_of(const struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	bool git = id->kind == KERNEL_ID_GIT, tree = id->kind == KERNEL_ID_TREE;
	json_t *o = json_object();
	json_put_text(&o, "type", git ? "git" : tree ? "local" : "tarball");
	if (git || tree)
		json_put_text(&o, "git_hash", job->git_hash);
	if (git) {
		json_put_text(&o, "ref", id->ref);
		json_put_text(&o, "url", id->url);
	}
	if (tree)
		json_put_text(&o, "source_tree_path", job->tree);
	return o;
}

static json_t *metadata(const struct kernel_job *job, const struct buf *config, uint64_t vmlinux_size)
{
	char built_at[TIME_TEXT_MAX], config_hash[16], kconfig_hash[16], compiler[120];
	json_t *o = json_object();
	kconfig_compiler(buf_str(config), compiler, sizeof(compiler));
	snprintf(config_hash, sizeof(config_hash), "%08x", crc32_update(0, buf_str(config), config->len));
	snprintf(kconfig_hash, sizeof(kconfig_hash), "%08x", kconfig_lean_hash(job->config.cache->arch));
	json_put_text(&o, "version", job->version);
	json_put(&o, "source", source_of(job));
	json_put_text(&o, "arch", arch_names[job->config.cache->arch].name);
	json_put_text(&o, "image_name", kernel_targets[job->config.cache->arch].image);
	json_put_text(&o, "config_hash", config_hash);
	json_put_text(&o, "built_at", time_rfc3339(time(NULL), built_at));
	json_put_text(&o, "ktstr_kconfig_hash", kconfig_hash);
	json_put_bool(&o, "has_vmlinux", true);
	json_put_bool(&o, "vmlinux_stripped", true);
	json_put_bool(&o, "has_schedulers", job->schedulers_built);
	json_put_bool(&o, "has_selftests", job->selftests_built);
	json_put_text(&o, "compiler", compiler);
	json_put_text(&o, "ktstr_version", KTSTR_VERSION);
	json_put_bool(&o, "variant",
		      job->config.base_config || job->config.extra_kconfig || job->config.llvm || job->config.cc);
	json_put_u64(&o, "objects", job->objects);
	json_put_u64(&o, "source_vmlinux_size", vmlinux_size);
	return o;
}

static int write_metadata(struct kernel_job *job, const char *entry, uint64_t vmlinux_size)
{
	_cleanup_buf_ struct buf config = BUF_NULL;
	_cleanup_free_ char *path = path_join(entry, "metadata.json");
	int r = path ? kernel_job_config_text(job, &config) : -ENOMEM;
	if (r < 0)
		return r;
	json_auto_t *meta = metadata(job, &config, vmlinux_size);
	return json_write_file(path, meta, &job->err);
}

/* Whether the tree's commit or files changed during the build, so that the result does not match the key. */
static bool changed_meanwhile(struct kernel_job *job)
{
	struct git_state git;
	if (job->config.id->kind != KERNEL_ID_TREE)
		return false;
	int r = git_read_state(job->tree, &job->offload.cancelled, &git, NULL);
	bool same = r == 0 && !git.dirty && !strcmp(git.hash, job->git_hash);
	if (!same)
		snprintf(job->note, sizeof(job->note), "source tree changed during the build; not cached");
	return !same;
}

/* Configurations without debug information have no lines. */
static int write_lines(struct kernel_job *job, const char *vmlinux, const char *entry)
{
	_cleanup_(code_lines_done) struct code_lines lines = { 0 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = path_join(entry, KERNEL_LINES_NAME);
	int r = path ? source_lines_from_debug(vmlinux, &lines, &job->err) : -ENOMEM;
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	source_lines_put(&lines, &text);
	return text.failed ? -ENOMEM : file_write_atomic(path, text.data, text.len, 0644, &job->err);
}

int step_store(void *arg)
{
	struct kernel_job *job = arg;
	struct stat st = { 0 };
	if (changed_meanwhile(job)) {
		job->key[0] = '\0';
		return 0;
	}
	_cleanup_free_ char *entry = path_join(job->work, "entry"), *vmlinux = path_join(job->tree, "vmlinux");
	_cleanup_free_ char *stripped = path_join(job->work, "vmlinux"),
			    *target = entry ? path_join(entry, "vmlinux") : NULL;
	if (!vmlinux || !stripped || !target)
		return -ENOMEM;
	stat(vmlinux, &st);
	const struct kernel_target *kind = &kernel_targets[job->config.cache->arch];
	int r = copy_into(job, entry, kind->image_path, kind->image, 0644);
	if (r == 0)
		r = file_copy(stripped, target, 0755, &job->offload.cancelled, &job->err);
	if (r == 0)
		r = copy_into(job, entry, kernel_job_dot_config(job), "config", 0644);
	if (r == 0 && job->schedulers_built)
		r = copy_schedulers(job, entry);
	if (r == 0 && job->selftests_built)
		r = copy_into(job, entry, SELFTESTS_DIR "/runner", "selftests/sched_ext/runner", 0755);
	if (r == 0)
		r = write_lines(job, vmlinux, entry);
	if (r == 0)
		r = write_metadata(job, entry, (uint64_t)st.st_size);
	return r == 0 ? cache_publish(job->config.cache, job->key, entry, &job->err) : r;
}

int step_cleanup(void *arg)
{
	struct kernel_job *job = arg;
	return trash_put(job->config.cache->root, job->work, job->err ? NULL : &job->err);
}
