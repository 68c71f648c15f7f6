/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.c -- see steps.h. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
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
#include "kernel/steps.h"

#define LEAN_OBJECTS	 1400		     /* for the percentage of a first build; an entry records the true number */
#define BUILD_DISK_BYTES ((uint64_t)4 << 30) /* an unpacked tree with its objects, and room to breathe */

static const struct tool build_tools[] = {
	{ "make", "make" },   { "gcc", "gcc" }, { "ld", "binutils" },	{ "objcopy", "binutils" }, { "flex", "flex" },
	{ "bison", "bison" }, { "bc", "bc" },	{ "pahole", "pahole" }, { "lz4", "lz4" },	   { 0 },
};

static bool tree_has(const struct kernel_job *job, const char *file)
{
	_cleanup_free_ char *path = path_join(job->tree, file);
	return path && path_exists(path);
}

/* Beside a clang of any version. */
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
		       : FAIL(err, EXIT_CONTENTION, -ENOSPC,
			      "building a kernel needs about %lu GiB below '%s', which has %lu MiB left; "
			      "free some, or set KTSTR_CACHE_DIR",
			      (unsigned long)(BUILD_DISK_BYTES >> 30), where, room >> 20);
}

static int check_tools(struct kernel_job *job)
{
	static const struct tool git_tools[] = { { "git", "git" }, { 0 } };
	int r = tools_require(build_tools, "building a kernel", &job->err);
	if (r == 0 && job->config.id->kind == KERNEL_ID_GIT)
		r = tools_require(git_tools, "fetching from git", &job->err);
	if (r < 0 || !(job->config.schedulers || job->config.selftests))
		return r;
	_cleanup_free_ char *clang = tool_clang();
	r = tools_require(scheduler_tools, "building BPF schedulers", &job->err);
	if (r == 0 && !clang)
		r = FAIL(&job->err, EXIT_NO_BACKEND, -ENOENT,
			 "building BPF schedulers needs clang; install it (Debian: clang-16)");
	return r;
}

/* Behind the key's identity: what of the configuration is not the lean one (own: a tree's .config). */
static int config_suffix(struct kernel_job *job, char *out, size_t size)
{
	const char *base = job->config.base_config, *extra = job->config.extra_kconfig;
	_cleanup_buf_ struct buf text = BUF_NULL;
	size_t n = 0;
	out[0] = '\0';
	if (base && strcmp(base, "defconfig")) {
		int r = file_read(base, 16 << 20, &text, &job->err);
		if (r < 0)
			return r;
		n += (size_t)snprintf(out, size, "-base%08x", crc32_update(0, buf_str(&text), text.len));
	} else if (base) {
		n += (size_t)snprintf(out, size, "-defconfig");
	}
	if (extra)
		snprintf(out + n, size - n, "-x%08x", crc32_update(0, extra, strlen(extra)));
	return 0;
}

static void own_config_suffix(const struct kernel_job *job, char *out, size_t size)
{
	_cleanup_free_ char *path = path_join(job->config.id->path, ".config");
	_cleanup_buf_ struct buf text = BUF_NULL;
	out[0] = '\0';
	if (path && !job->config.base_config && file_read(path, 16 << 20, &text, NULL) == 0 &&
	    kconfig_has(buf_str(&text), "CONFIG_SCHED_CLASS_EXT"))
		snprintf(out, size, "-cfg%08x", crc32_update(0, buf_str(&text), text.len));
}

static int make_key(struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	uint32_t kc = kconfig_lean_hash();
	char variant[48], own[24], ref[64];
	int r = config_suffix(job, variant, sizeof(variant));
	job->key[0] = '\0';
	switch (id->kind) {
	case KERNEL_ID_TARBALL:
	case KERNEL_ID_RELEASE:
		snprintf(job->key, sizeof(job->key), "%s-tarball-" KERNEL_ARCH "-kc%08x%s", job->version, kc, variant);
		break;
	case KERNEL_ID_GIT:
		snprintf(ref, sizeof(ref), "%s", id->ref);
		for (char *p = ref; *p; p++)
			*p = isalnum((unsigned char)*p) || strchr("._-", *p) ? *p : '_';
		snprintf(job->key, sizeof(job->key), "%s-git-%.7s-" KERNEL_ARCH "-kc%08x%s", ref, id->hash, kc,
			 variant);
		break;
	default:
		own_config_suffix(job, own, sizeof(own));
		if (job->clean_tree)
			snprintf(job->key, sizeof(job->key), "local-%.7s-" KERNEL_ARCH "%s-kc%08x%s", job->git_hash,
				 own, kc, variant);
	}
	return r;
}

/* How many there will be: as many as in the last build of this configuration, else as in the one measured for 6.12. */
static void recall_objects(struct kernel_job *job)
{
	struct cache_entry *list = NULL;
	size_t count = 0;
	if (cache_list(job->config.cache, &list, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < count && !job->objects_expected; i++)
		if (!list[i].error_kind && list[i].status == KCONFIG_MATCHES)
			job->objects_expected = list[i].objects;
	entries_free(list, count);
	if (!job->objects_expected && job->config.id->kind != KERNEL_ID_TREE)
		job->objects_expected = LEAN_OBJECTS;
}

/* A git tree's version is known only when it is here; until then it goes by its ref. */
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

static bool tree_knows_scx(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, "kernel/Kconfig.preempt");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return path && file_read(path, 1 << 20, &text, NULL) == 0 && strstr(buf_str(&text), "config SCHED_CLASS_EXT");
}

/* What the stage that was cut short had begun is removed: make and the archive reader do not know what is whole. */
static int drop_half(struct kernel_job *job)
{
	_cleanup_free_ char *half = path_join(job->work, "src");
	_cleanup_free_ char *schedulers = path_join(job->work, "src/tools/sched_ext/build");
	_cleanup_free_ char *selftests = path_join(job->work, "src/" SELFTESTS_DIR "/build");
	if (!half || !schedulers || !selftests)
		return -ENOMEM;
	if (job->reached == WORK_FETCHED)
		return remove_tree(half, &job->err);
	int r = job->reached == WORK_BUILT ? remove_tree(schedulers, &job->err) : 0;
	return r == 0 && job->reached == WORK_BUILT ? remove_tree(selftests, &job->err) : r;
}

int step_prepare(void *arg)
{
	struct kernel_job *job = arg;
	const char *path = job->config.id->path;
	char name[32];
	snprintf(name, sizeof(name), "source-%08x", path ? crc32_update(0, path, strlen(path)) : 0);
	int r = cache_workdir(job->config.cache, job->key[0] ? job->key : name, &job->work, &job->reached, &job->err);
	/* Only now: what this job could go on with has our name by now. */
	cache_sweep(job->config.cache, false);
	if (r == 0)
		r = orphans_variable(job->work, job->token, &job->err);
	if (r == 0)
		r = drop_half(job);
	if (r < 0)
		return r;
	job->tree = path && job->config.id->kind == KERNEL_ID_TREE ? strdup(path) : path_join(job->work, "src");
	job->log_path = path_join(job->work, "build.log");
	if (!job->tarball && job->config.id->kind == KERNEL_ID_RELEASE)
		job->tarball = path_join(job->work, "source.tar");
	if (!job->tree || !job->log_path)
		return -ENOMEM;
	if (job->reached >= WORK_UNPACKED)
		job->has_scx = tree_knows_scx(job);
	job->run.log_fd = open(job->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return job->run.log_fd < 0 ? FAIL_SYS(&job->err, -errno, "create '%s'", job->log_path) : 0;
}

/* A checkout is what was asked for only if its HEAD is the commit that the ref named when the key was made. */
static int check_commit(struct kernel_job *job)
{
	struct git_state git;
	int r = git_read_state(job->tree, &job->offload.cancelled, &git, &job->err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0)
		return FAIL(&job->err, EXIT_BAD_DATA, r, "git fetch of %s left no commit in %s", job->config.id->ref,
			    job->tree);
	if (strcmp(git.hash, job->git_hash))
		return FAIL(&job->err, EXIT_CONTENTION, -EAGAIN,
			    "%s of %s moved from %.7s to %.7s while it was fetched; try again", job->config.id->ref,
			    job->config.id->url, job->git_hash, git.hash);
	return kernel_tree_version(job->tree, job->version, &job->err);
}

int step_fetched(void *arg)
{
	struct kernel_job *job = arg;
	bool git = job->config.id->kind == KERNEL_ID_GIT;
	int r = git ? check_commit(job) : 0;
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
	if (r == 0 && job->config.id->kind == KERNEL_ID_RELEASE)
		unlink(job->tarball);
	return r;
}

/* --- CONFIGURE ---------------------------------------------------------------------------------------------------- */

static int copy_file(struct kernel_job *job, const char *from, const char *to, mode_t mode)
{
	struct err **err = &job->err;
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return FAIL_SYS(err, -errno, "open '%s'", from);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out < 0)
		return FAIL_SYS(err, -errno, "create '%s'", to);
	int r = fd_copy(in, out, &job->offload.cancelled, err);
	if (r == 0 && fsync(out) < 0)
		r = FAIL_SYS(err, -errno, "write '%s'", to);
	return r;
}

/* Kprobes needed modules until Linux 6.10 (its arch/Kconfig says so); where they do, modules it is. */
static bool kprobes_need_modules(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, "arch/Kconfig");
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!path || file_read(path, 1 << 20, &text, NULL) < 0)
		return false;
	const char *kprobes = strstr(buf_str(&text), "\nconfig KPROBES\n");
	const char *next = kprobes ? strstr(kprobes + 1, "\nconfig ") : NULL;
	const char *modules = kprobes ? strstr(kprobes, "depends on MODULES") : NULL;
	return modules && (!next || modules < next);
}

/* The lean fragment and, behind it, what the person adds: the last line about an option wins. */
int step_config_input(void *arg)
{
	struct kernel_job *job = arg;
	size_t len;
	const char *lean = kconfig_lean(&len), *extra = job->config.extra_kconfig;
	const char *base = job->config.base_config;
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = path_join(job->work, "lean.config"), *dot = path_join(job->tree, ".config");
	job->has_scx = tree_knows_scx(job);
	buf_append(&text, lean, len);
	if (kprobes_need_modules(job))
		buf_puts(&text, "\nCONFIG_MODULES=y\n");
	if (extra)
		buf_appendf(&text, "\n%s\n", extra);
	if (!path || !dot || text.failed)
		return -ENOMEM;
	int r = file_write_atomic(path, text.data, text.len, 0644, &job->err);
	return r == 0 && base && strcmp(base, "defconfig") ? copy_file(job, base, dot, 0644) : r;
}

int step_append_config(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_free_ char *from = path_join(job->work, "lean.config"), *to = path_join(job->tree, ".config");
	_cleanup_buf_ struct buf text = BUF_NULL;
	bool wanted = job->config.base_config || (job->own_config && job->config.extra_kconfig);
	if (!wanted)
		return 0;
	if (!from || !to)
		return -ENOMEM;
	int r = file_read(to, 16 << 20, &text, &job->err);
	buf_puts(&text, "\n");
	if (r == 0 && job->own_config)
		buf_puts(&text, job->config.extra_kconfig);
	else if (r == 0)
		r = file_read(from, 16 << 20, &text, &job->err);
	return r == 0 ? file_write_atomic(to, text.data, text.len, 0644, &job->err) : r;
}

/* --- VALIDATE ----------------------------------------------------------------------------------------------------- */

static int read_dot_config(struct kernel_job *job, struct buf *ret)
{
	_cleanup_free_ char *path = path_join(job->tree, ".config");
	return path ? file_read(path, 16 << 20, ret, &job->err) : -ENOMEM;
}

int step_validate_config(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = read_dot_config(job, &text);
	return r == 0 ? kconfig_validate(buf_str(&text), job->has_scx, &job->err) : r;
}

int step_validate(void *arg)
{
	struct kernel_job *job = arg;
	int r = step_validate_config(job);
	if (r == 0 && !tree_has(job, "arch/x86/boot/bzImage"))
		r = FAIL(&job->err, EXIT_BAD_DATA, -ENOENT, "the build left no arch/x86/boot/bzImage");
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
	return r == 0 ? copy_file(job, source, target, mode) : r;
}

/* The regular files of one directory, not of those below it. */
static int copy_dir(struct kernel_job *job, const char *entry, const char *from, const char *to)
{
	_cleanup_free_ char *path = path_join(job->tree, from);
	DIR *dir = path ? opendir(path) : NULL;
	int r = 0;
	for (struct dirent *e; dir && r == 0 && (e = readdir(dir));) {
		_cleanup_free_ char *source = path_join(from, e->d_name), *target = path_join(to, e->d_name);
		if (!source || !target)
			r = -ENOMEM;
		else if (e->d_type == DT_REG)
			r = copy_into(job, entry, source, target, 0644);
	}
	if (dir)
		closedir(dir);
	return r;
}

/* The four schedulers, and what compiles further ones against this very kernel: libbpf, bpftool, vmlinux.h, scx
 * headers. */
static int copy_schedulers(struct kernel_job *job, const char *entry)
{
	static const struct {
		const char *from, *to;
		mode_t mode;
	} files[] = {
		{ "tools/sched_ext/build/bin/scx_simple", "sched_ext/bin/scx_simple", 0755 },
		{ "tools/sched_ext/build/bin/scx_qmap", "sched_ext/bin/scx_qmap", 0755 },
		{ "tools/sched_ext/build/bin/scx_central", "sched_ext/bin/scx_central", 0755 },
		{ "tools/sched_ext/build/bin/scx_flatcg", "sched_ext/bin/scx_flatcg", 0755 },
		{ "tools/sched_ext/build/sbin/bpftool", "sched_ext/sbin/bpftool", 0755 },
		{ "tools/sched_ext/build/obj/libbpf/libbpf.a", "sched_ext/lib/libbpf.a", 0644 },
		{ "tools/sched_ext/build/include/vmlinux.h", "sched_ext/include/vmlinux.h", 0644 },
	};
	static const char *const dirs[][2] = {
		{ "tools/sched_ext/build/include/bpf", "sched_ext/include/bpf" },
		{ "tools/sched_ext/include/scx", "sched_ext/include/scx" },
		{ "tools/sched_ext/include/bpf-compat/gnu", "sched_ext/include/bpf-compat/gnu" },
		{ "tools/include/uapi/linux", "sched_ext/include/uapi/linux" },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		r = copy_into(job, entry, files[i].from, files[i].to, files[i].mode);
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = copy_dir(job, entry, dirs[i][0], dirs[i][1]);
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
	char built_at[TIME_TEXT_MAX], config_hash[16], kconfig_hash[16];
	json_t *o = json_object();
	snprintf(config_hash, sizeof(config_hash), "%08x", crc32_update(0, buf_str(config), config->len));
	snprintf(kconfig_hash, sizeof(kconfig_hash), "%08x", kconfig_lean_hash());
	json_put_text(&o, "version", job->version);
	json_put(&o, "source", source_of(job));
	json_put_text(&o, "arch", KERNEL_ARCH);
	json_put_text(&o, "image_name", KERNEL_IMAGE_NAME);
	json_put_text(&o, "config_hash", config_hash);
	json_put_text(&o, "built_at", time_rfc3339(time(NULL), built_at));
	json_put_text(&o, "ktstr_kconfig_hash", kconfig_hash);
	json_put_bool(&o, "has_vmlinux", true);
	json_put_bool(&o, "vmlinux_stripped", true);
	json_put_bool(&o, "has_schedulers", job->schedulers_built);
	json_put_bool(&o, "has_selftests", job->selftests_built);
	json_put_bool(&o, "variant", job->config.base_config || job->config.extra_kconfig);
	json_put_u64(&o, "objects", job->objects);
	json_put_u64(&o, "source_vmlinux_size", vmlinux_size);
	return o;
}

static int write_metadata(struct kernel_job *job, const char *entry, uint64_t vmlinux_size)
{
	_cleanup_buf_ struct buf config = BUF_NULL;
	_cleanup_free_ char *path = path_join(entry, "metadata.json");
	int r = path ? read_dot_config(job, &config) : -ENOMEM;
	if (r < 0)
		return r;
	json_auto_t *meta = metadata(job, &config, vmlinux_size);
	return json_write_file(path, meta, &job->err);
}

/* What was built from another commit, or from changed files, is not what the key says. */
static bool changed_meanwhile(struct kernel_job *job)
{
	struct git_state git;
	if (job->config.id->kind != KERNEL_ID_TREE)
		return false;
	bool same = git_read_state(job->tree, &job->offload.cancelled, &git, NULL) == 0 && !git.dirty &&
		    !strcmp(git.hash, job->git_hash);
	if (!same)
		snprintf(job->note, sizeof(job->note), "source tree changed during the build; not cached");
	return !same;
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
	int r = copy_into(job, entry, "arch/x86/boot/bzImage", KERNEL_IMAGE_NAME, 0644);
	if (r == 0)
		r = copy_file(job, stripped, target, 0755);
	if (r == 0)
		r = copy_into(job, entry, ".config", "config", 0644);
	if (r == 0 && job->schedulers_built)
		r = copy_schedulers(job, entry);
	if (r == 0 && job->selftests_built)
		r = copy_into(job, entry, SELFTESTS_DIR "/runner", "selftests/sched_ext/runner", 0755);
	if (r == 0)
		r = write_metadata(job, entry, (uint64_t)st.st_size);
	return r == 0 ? cache_publish(job->config.cache, job->key, entry, &job->err) : r;
}

int step_cleanup(void *arg)
{
	struct kernel_job *job = arg;
	return cache_work_remove(job->work, job->err ? NULL : &job->err);
}
