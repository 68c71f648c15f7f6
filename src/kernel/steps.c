/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.c -- see steps.h. */
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

#define LEAN_OBJECTS	 1400	/* for the percentage of a first build; an entry records the true number */
#define BUILD_DISK_BYTES ((uint64_t)4 << 30)	/* an unpacked tree with its objects, and room to breathe */

static const struct tool build_tools[] = {
	{ "make", "make" }, { "gcc", "gcc" }, { "ld", "binutils" }, { "objcopy", "binutils" }, { "flex", "flex" },
	{ "bison", "bison" }, { "bc", "bc" }, { "pahole", "pahole" }, { "lz4", "lz4" }, { 0 },
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
	if (job->config.id.kind != KERNEL_ID_TARBALL || statvfs(where, &fs) < 0)
		return 0;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	return room >= BUILD_DISK_BYTES
		       ? 0
		       : FAIL(err, EXIT_CONTENTION, -ENOSPC,
			      "building a kernel needs about %lu GiB below '%s', which has %lu MiB left; "
			      "free some, or set KTSTR_CACHE_DIR",
			      (unsigned long)(BUILD_DISK_BYTES >> 30), where, room >> 20);
}

static void make_key(struct kernel_job *job)
{
	uint32_t kc = kconfig_lean_hash();
	if (job->config.id.kind == KERNEL_ID_TARBALL)
		snprintf(job->key, sizeof(job->key), "%s-tarball-" KERNEL_ARCH "-kc%08x", job->version, kc);
	else if (job->clean_tree)
		snprintf(job->key, sizeof(job->key), "local-%.7s-" KERNEL_ARCH "-kc%08x", job->git_hash, kc);
	else
		job->key[0] = '\0';
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
	if (!job->objects_expected && job->config.id.kind == KERNEL_ID_TARBALL)
		job->objects_expected = LEAN_OBJECTS;
}

int step_resolve(void *arg)
{
	struct kernel_job *job = arg;
	const char *path = job->config.id.path;
	struct stat st;
	int r = tools_require(build_tools, "building a kernel", &job->err);
	_cleanup_free_ char *clang = tool_clang();
	if (r == 0 && job->config.schedulers)
		r = tools_require(scheduler_tools, "building BPF schedulers", &job->err);
	if (r == 0 && job->config.schedulers && !clang)
		r = FAIL(&job->err, EXIT_NO_BACKEND, -ENOENT,
			 "building BPF schedulers needs clang; install it (Debian: "
			 "clang-16)");
	if (r == 0 && job->config.id.kind == KERNEL_ID_TARBALL)
		r = unpack_peek_version(path, job->version, &job->err);
	else if (r == 0)
		r = kernel_tree_version(path, job->version, &job->err);
	if (r == 0)
		r = mkdir_parents(job->config.cache->root, 0755, &job->err);
	if (r == 0)
		r = check_disk(job, job->config.cache->root, &job->err);
	if (r < 0)
		return r;
	struct git_state git;
	if (job->config.id.kind == KERNEL_ID_TREE && git_read_state(path, false, &git) == 0 && !git.dirty) {
		job->clean_tree = true;
		snprintf(job->git_hash, sizeof(job->git_hash), "%s", git.hash);
	}
	job->tarball_bytes = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	make_key(job);
	recall_objects(job);
	return 0;
}

/* --- UNPACK, CONFIGURE -------------------------------------------------------------------------------------------- */

int step_unpack(void *arg)
{
	struct kernel_job *job = arg;
	int r = mkdir_parents(job->tree, 0755, &job->err);
	return r == 0 ? unpack_tarball(job->config.id.path, job->tree, &job->unpack, &job->err) : r;
}

static bool tree_knows_scx(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, "kernel/Kconfig.preempt");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return path && file_read(path, 1 << 20, &text, NULL) == 0 && strstr(buf_str(&text), "config SCHED_CLASS_EXT");
}

int step_config_input(void *arg)
{
	struct kernel_job *job = arg;
	size_t len;
	const char *text = kconfig_lean(&len);
	_cleanup_free_ char *path = path_join(job->work, "lean.config");
	job->has_scx = tree_knows_scx(job);
	return path ? file_write_atomic(path, text, len, 0644, &job->err) : -ENOMEM;
}

/* --- VALIDATE ----------------------------------------------------------------------------------------------------- */

static int read_dot_config(struct kernel_job *job, struct buf *ret)
{
	_cleanup_free_ char *path = path_join(job->tree, ".config");
	return path ? file_read(path, 16 << 20, ret, &job->err) : -ENOMEM;
}

int step_validate(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = read_dot_config(job, &text);
	if (r == 0)
		r = kconfig_validate(buf_str(&text), job->has_scx, &job->err);
	if (r == 0 && !tree_has(job, "arch/x86/boot/bzImage"))
		r = FAIL(&job->err, EXIT_BAD_DATA, -ENOENT, "the build left no arch/x86/boot/bzImage");
	return r;
}

/* --- STORE -------------------------------------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, mode_t mode, struct err **err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return FAIL_SYS(err, -errno, "open '%s'", from);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out < 0)
		return FAIL_SYS(err, -errno, "create '%s'", to);
	int r = fd_copy(in, out, err);
	if (r == 0 && fsync(out) < 0)
		r = FAIL_SYS(err, -errno, "write '%s'", to);
	return r;
}

static int copy_into(struct kernel_job *job, const char *entry, const char *from, const char *to, mode_t mode)
{
	_cleanup_free_ char *source = path_join(job->tree, from), *target = path_join(entry, to);
	_cleanup_free_ char *dir = target ? path_dirname(target) : NULL;
	if (!source || !dir)
		return -ENOMEM;
	int r = mkdir_parents(dir, 0755, &job->err);
	return r == 0 ? copy_file(source, target, mode, &job->err) : r;
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
	if (job->config.id.kind == KERNEL_ID_TARBALL)
		return json_pack("{s:s}", "type", "tarball");
	return json_pack("{s:s, s:s, s:s}", "type", "local", "source_tree_path", job->tree, "git_hash", job->git_hash);
}

static int write_metadata(struct kernel_job *job, const char *entry, uint64_t vmlinux_size)
{
	_cleanup_buf_ struct buf config = BUF_NULL;
	char built_at[TIME_TEXT_MAX], config_hash[16], kconfig_hash[16];
	_cleanup_free_ char *path = path_join(entry, "metadata.json");
	int r = path ? read_dot_config(job, &config) : -ENOMEM;
	if (r < 0)
		return r;
	snprintf(config_hash, sizeof(config_hash), "%08x", crc32_update(0, buf_str(&config), config.len));
	snprintf(kconfig_hash, sizeof(kconfig_hash), "%08x", kconfig_lean_hash());
	json_auto_t *meta = json_pack(
		"{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I}", "version", job->version, "source",
		source_of(job), "arch", KERNEL_ARCH, "image_name", KERNEL_IMAGE_NAME, "config_hash", config_hash,
		"built_at", time_rfc3339(time(NULL), built_at), "ktstr_kconfig_hash", kconfig_hash, "has_vmlinux", true,
		"vmlinux_stripped", true, "has_schedulers", job->schedulers_built, "objects", (json_int_t)job->objects,
		"source_vmlinux_size", (json_int_t)vmlinux_size);
	return meta ? json_write_file(path, meta, &job->err) : -ENOMEM;
}

int step_store(void *arg)
{
	struct kernel_job *job = arg;
	struct stat st = { 0 };
	_cleanup_free_ char *entry = path_join(job->work, "entry"), *vmlinux = path_join(job->tree, "vmlinux");
	_cleanup_free_ char *stripped = path_join(job->work, "vmlinux"),
			    *target = entry ? path_join(entry, "vmlinux") : NULL;
	if (!vmlinux || !stripped || !target)
		return -ENOMEM;
	stat(vmlinux, &st);
	int r = copy_into(job, entry, "arch/x86/boot/bzImage", KERNEL_IMAGE_NAME, 0644);
	if (r == 0)
		r = copy_file(stripped, target, 0755, &job->err);
	if (r == 0)
		r = copy_into(job, entry, ".config", "config", 0644);
	if (r == 0 && job->schedulers_built)
		r = copy_schedulers(job, entry);
	if (r == 0)
		r = write_metadata(job, entry, (uint64_t)st.st_size);
	return r == 0 ? cache_publish(job->config.cache, job->key, entry, &job->err) : r;
}

int step_cleanup(void *arg)
{
	struct kernel_job *job = arg;
	return job->work ? remove_tree(job->work, job->err ? NULL : &job->err) : 0;
}
