/* SPDX-License-Identifier: GPL-2.0-only */
/* steps_config.c -- makes and checks the configuration of a kernel; see steps.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "kernel/config.h"
#include "kernel/steps.h"

#define CONFIG_BYTES_MAX (16 << 20)

bool kernel_job_tree_knows_scx(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, "kernel/Kconfig.preempt");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return path && file_read(path, 1 << 20, &text, NULL) == 0 && strstr(buf_str(&text), "config SCHED_CLASS_EXT");
}

/* Until Linux 6.10 kprobes depended on modules (arch/Kconfig). For such trees modules are enabled. */
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

static int read_config(const struct kernel_job *job, const char *name, struct buf *ret, struct err **err)
{
	_cleanup_free_ char *path = path_join(job->tree, name);
	return path ? file_read(path, CONFIG_BYTES_MAX, ret, err) : -ENOMEM;
}

static enum config_source find_source(const struct kernel_job *job)
{
	const char *base = job->config.base_config;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (base)
		return strcmp(base, "defconfig") ? CONFIG_FROM_FILE : CONFIG_FROM_DEFCONFIG;
	if (job->config.id->kind != KERNEL_ID_TREE || read_config(job, ".config", &text, NULL) < 0)
		return CONFIG_FROM_LEAN;
	return kconfig_has(buf_str(&text), "CONFIG_SCHED_CLASS_EXT") ? CONFIG_OF_TREE : CONFIG_FROM_TREE;
}

/* The lean fragment, followed by the user's additions. The last line about an option wins. */
static int compose_fragment(const struct kernel_job *job, struct buf *out)
{
	size_t len;
	const char *lean = kconfig_lean(job->config.cache->arch, &len), *extra = job->config.extra_kconfig;
	if (job->config_source == CONFIG_FROM_LEAN)
		buf_append(out, lean, len);
	else if (job->config_source != CONFIG_OF_TREE)
		kconfig_fragment_for_others(lean, len, out);
	/* Linux 7.3 offers this option, and NUMA_BALANCING depends on it. Older trees ignore it. */
	if (job->config_source != CONFIG_OF_TREE)
		buf_puts(out, "\nCONFIG_NUMA_MIGRATION=y\n");
	if (job->config_source != CONFIG_OF_TREE && kprobes_need_modules(job))
		buf_puts(out, "\nCONFIG_MODULES=y\n");
	if (extra)
		buf_appendf(out, "\n%s\n", extra);
	return out->failed ? -ENOMEM : 0;
}

int step_write_fragment(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = path_join(job->work, "lean.config");
	_cleanup_free_ char *dot = path_join(job->tree, kernel_job_dot_config(job));
	_cleanup_free_ char *own = path_join(job->tree, ".config");
	if (!path || !dot || !own)
		return -ENOMEM;
	job->has_scx = kernel_job_tree_knows_scx(job);
	job->config_source = find_source(job);
	int r = compose_fragment(job, &text);
	if (r == 0)
		r = file_write_atomic(path, text.data, text.len, 0644, &job->err);
	if (r == 0 && job->config_source == CONFIG_FROM_FILE)
		r = file_copy(job->config.base_config, dot, 0644, &job->offload.cancelled, &job->err);
	if (r == 0 && (job->config_source == CONFIG_FROM_TREE || job->config_source == CONFIG_OF_TREE))
		r = file_copy(own, dot, 0644, &job->offload.cancelled, &job->err);
	return r;
}

int step_merge_config(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_free_ char *from = path_join(job->work, "lean.config");
	_cleanup_free_ char *to = path_join(job->tree, kernel_job_dot_config(job));
	_cleanup_buf_ struct buf text = BUF_NULL, fragment = BUF_NULL;
	if (job->config_source == CONFIG_FROM_LEAN)
		return 0;
	if (!from || !to)
		return -ENOMEM;
	int r = file_read(to, CONFIG_BYTES_MAX, &text, &job->err);
	if (r == 0)
		r = file_read(from, CONFIG_BYTES_MAX, &fragment, &job->err);
	if (r == 0)
		buf_appendf(&text, "\n%s", buf_str(&fragment));
	if (text.failed)
		return -ENOMEM;
	return r == 0 ? file_write_atomic(to, text.data, text.len, 0644, &job->err) : r;
}

void step_touch_own_config(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, ".config");
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	/*
	 * Set the time explicitly, to the nanosecond. The kernel would use the time of the last tick, which the other
	 * file may have too.
	 */
	clock_gettime(CLOCK_REALTIME, &times[1]);
	if (path)
		utimensat(AT_FDCWD, path, times, 0);
}

int kernel_job_config_text(struct kernel_job *job, struct buf *ret)
{
	return read_config(job, kernel_job_dot_config(job), ret, &job->err);
}

int step_validate_config(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = kernel_job_config_text(job, &text);
	return r == 0 ? kconfig_validate(job->config.cache->arch, buf_str(&text), job->has_scx, &job->err) : r;
}
