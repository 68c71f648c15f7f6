/* SPDX-License-Identifier: GPL-2.0-only */
/* attributes.c -- see attributes.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "guest/binary/attributes.h"
#include "guest/builtin.h"
#include "guest/checks.h"

#define CONFIG_BYTES_MAX     (64u << 10)
#define GUEST_PATH_MAX	     200
#define MAP_ITEMS_MAX	     64
#define DISK_UNIT	     4096u
#define DISK_MIN	     ((uint64_t)1 << 20)
#define DISK_MAX	     ((uint64_t)1 << 40)
#define EXT4_MIN	     ((uint64_t)8 << 20)
#define INTERFACE_NAME_MAX   15 /* IFNAMSIZ of the kernel, without the NUL */
#define LINES_MAX	     64 /* of sysctls and of kernel_builtin_*: the limit of PID 1, INIT_ARGS_MAX */
#define WATCHDOG_SECONDS_MAX 30 /* SCX_WATCHDOG_MAX_TIMEOUT of the kernel */
#define PARENT_OPTION	     "--cell-parent-cgroup"

/* The message is in a static buffer, which the next call overwrites. */
static const char *problem_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *problem_text(const char *fmt, ...)
{
	static char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text;
}

/* An absolute path other than "/", without empty parts and "..". */
static bool is_guest_path(const char *path)
{
	if (path[0] != '/' || !path[1] || strlen(path) > GUEST_PATH_MAX || !text_is_clean(path, strlen(path), true))
		return false;
	for (const char *part = path; part; part = strchr(part + 1, '/')) {
		size_t len = strcspn(part + 1, "/");
		if (!len || (len == 1 && part[1] == '.') || (len == 2 && !strncmp(part + 1, "..", 2)))
			return false;
	}
	return true;
}

static const char *check_cgroup_path(const char *key, const char *path)
{
	if (path && (!is_guest_path(path) || strstr(path, "/cgroup.")))
		return problem_text("%s '%s' is not a valid path of a control group; write it like '/a/b', not '/' and "
				    "without '..'",
				    key, path);
	return NULL;
}

/* Schedulers that take this option expect a path with the same rules. */
static const char *check_parent_option(const char *const *args)
{
	const size_t len = strlen(PARENT_OPTION);
	for (size_t i = 0; args && args[i]; i++) {
		const char *value = NULL;
		if (!strncmp(args[i], PARENT_OPTION "=", len + 1))
			value = args[i] + len + 1;
		else if (!strcmp(args[i], PARENT_OPTION))
			value = args[i + 1] ? args[i + 1] : "";
		const char *problem = check_cgroup_path(PARENT_OPTION, value);
		if (problem)
			return problem;
	}
	return NULL;
}

/* --- schedulers --------------------------------------------------------------------------------------------------- */

static const char *check_builtin_lines(const char *key, const char *const *lines)
{
	struct builtin_line parsed;
	size_t count = 0;
	for (; lines[count]; count++)
		if (!builtin_line_parse(lines[count], &parsed))
			return problem_text("its scheduler's %s: '%s' is not a valid line; write 'echo TEXT > /PATH', "
					    "without quotes and other words of a shell",
					    key, lines[count]);
	return !count || count > LINES_MAX
		       ? problem_text("its scheduler's %s has %zu lines; write 1 to %d", key, count, LINES_MAX)
		       : NULL;
}

static const char *check_builtin(const struct ktstr_scheduler *s)
{
	const char *const *enable = s->kernel_builtin_enable, *const *disable = s->kernel_builtin_disable;
	if (!enable && !disable)
		return s->binary && *s->binary ? NULL : "its scheduler names no binary";
	if (s->binary)
		return "its scheduler has a binary and kernel_builtin_*: leave one of them out";
	if (!enable || !disable)
		return "its scheduler's kernel_builtin_enable and kernel_builtin_disable belong together; write both";
	if (s->build || s->args || s->config_file || s->config_file_def.path || s->load_cpu || s->attach_timeout_s)
		return "its scheduler is built into the kernel, so there is no program for build, args, config_file, "
		       "config_file_def, load_cpu and attach_timeout_s; leave them out";
	const char *problem = check_builtin_lines("kernel_builtin_enable", enable);
	return problem ? problem : check_builtin_lines("kernel_builtin_disable", disable);
}

static const char *check_config_file(const struct ktstr_scheduler *s)
{
	const struct ktstr_config_file *def = &s->config_file_def;
	bool named = false;
	if (s->config_file && (def->path || def->args))
		return "its scheduler has config_file and config_file_def: leave one of them out";
	if (s->config_file && (!*s->config_file || s->config_file[strlen(s->config_file) - 1] == '/'))
		return "its scheduler's config_file does not name a file";
	if (!def->path && !def->args)
		return NULL;
	for (size_t i = 0; def->args && def->args[i]; i++)
		named |= strstr(def->args[i], KTSTR_CONFIG_PLACE) != NULL;
	if (!named)
		return "its scheduler's config_file_def has no argument with '" KTSTR_CONFIG_PLACE
		       "', which stands for the path";
	if (!def->path || !is_guest_path(def->path))
		return problem_text("its scheduler's config_file_def.path '%s' is not a valid path; write an absolute "
				    "one of a file in the guest, without '..'",
				    def->path ? def->path : "");
	return NULL;
}

static const char *check_sysctls(const struct ktstr_scheduler *s)
{
	size_t count = 0;
	for (; s->sysctls && s->sysctls[count]; count++) {
		const char *equals = strchr(s->sysctls[count], '=');
		if (!equals || equals == s->sysctls[count])
			return "a sysctl of its scheduler is not of the form NAME=VALUE";
	}
	return count > LINES_MAX ? "its scheduler has more than 64 sysctls" : NULL;
}

const char *scheduler_problem(const struct ktstr_scheduler *s)
{
	if (s->name && !text_is_clean(s->name, strlen(s->name), /* line= */ true))
		return "its scheduler's name is not printable UTF-8";
	if (s->build && !*s->build)
		return "its scheduler's build is an empty command; leave it out";
	const char *problem = check_builtin(s);
	if (!problem)
		problem = check_config_file(s);
	if (!problem)
		problem = check_cgroup_path("its scheduler's cgroup_parent", s->cgroup_parent);
	if (!problem)
		problem = check_parent_option(s->args);
	if (!problem)
		problem = check_sysctls(s);
	return problem ? problem : checks_problem(&s->checks);
}

/* --- what is seen from outside ------------------------------------------------------------------------------------ */

static const char *check_map_writes(const struct ktstr_test *t)
{
	size_t count = 0;
	for (; t->bpf_map_write && t->bpf_map_write[count].variable; count++)
		if (!text_is_clean(t->bpf_map_write[count].variable, strlen(t->bpf_map_write[count].variable), true) ||
		    !*t->bpf_map_write[count].variable)
			return "a variable of its bpf_map_write has no printable name";
	if (t->bpf_map_write && (!count || count > MAP_ITEMS_MAX))
		return problem_text("its bpf_map_write has %zu entries; write 1 to %d", count, MAP_ITEMS_MAX);
	return t->bpf_map_write && !t->scheduler ? "its bpf_map_write needs a scheduler, whose variables are meant"
						 : NULL;
}

static bool is_label(const char *text)
{
	return *text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(text);
}

static const char *check_map_watches(const struct ktstr_test *t)
{
	size_t count = 0;
	for (const struct ktstr_map_watch *w = t->watch_bpf_maps; w && w->label; w++, count++) {
		if (!is_label(w->label))
			return "a label of its watch_bpf_maps is not a name; use letters, digits, _ . and -";
		if (w->aggregation >= KTSTR_AGGREGATION_MAX)
			return problem_text("'%s' of its watch_bpf_maps has no known aggregation", w->label);
		if (!w->map && !(w->field && *w->field))
			return problem_text("'%s' of its watch_bpf_maps names neither a map nor a field", w->label);
	}
	if (t->watch_bpf_maps && (!count || count > MAP_ITEMS_MAX))
		return problem_text("its watch_bpf_maps has %zu entries; write 1 to %d", count, MAP_ITEMS_MAX);
	return t->watch_bpf_maps && !t->scheduler ? "its watch_bpf_maps needs a scheduler, whose maps are meant" : NULL;
}

/* The snapshots divide 80 % of the duration into parts of at least 100 ms. */
static const char *check_snapshots(const struct ktstr_test *t)
{
	unsigned duration_ms = (t->duration_s ? t->duration_s : 2) * 1000;
	if (t->num_snapshots > KTSTR_SNAPSHOTS_MAX)
		return problem_text("its num_snapshots is %u; write at most %d", t->num_snapshots, KTSTR_SNAPSHOTS_MAX);
	if (t->num_snapshots && duration_ms * 8 / 10 / (t->num_snapshots + 1) < 100)
		return problem_text(
			"its %u snapshots in %u ms would be less than 100 ms apart; take at most %u, or set "
			".duration_s",
			t->num_snapshots, duration_ms, duration_ms * 8 / 10 / 100 - 1);
	return NULL;
}

static const char *check_seen(const struct ktstr_test *t)
{
	if (t->host_only == KTSTR_ON && (t->num_snapshots || t->bpf_map_write || t->watch_bpf_maps || t->post_vm))
		return "host_only excludes num_snapshots, bpf_map_write, watch_bpf_maps and post_vm: there is no "
		       "machine";
	const char *problem = check_snapshots(t);
	if (!problem)
		problem = check_map_writes(t);
	return problem ? problem : check_map_watches(t);
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

/* A disk there would hide what the kernel, PID 1 or the programs of the guest need. */
static bool is_system_path(const char *path)
{
	static const char *const trees[] = { "/proc", "/sys", "/dev",	"/run", "/bin",	 "/sbin",
					     "/lib",  "/usr", "/lib32", "/etc", "/lib64" };
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		size_t len = strlen(trees[i]);
		if (!strncmp(path, trees[i], len) && (path[len] == '/' || !path[len]))
			return true;
	}
	return !strcmp(path, "/tmp");
}

static const char *check_disk(const struct ktstr_disk *d)
{
	if (d->bytes < DISK_MIN || d->bytes > DISK_MAX || d->bytes % DISK_UNIT)
		return problem_text("its disk has %lu bytes; write a multiple of %u from 1 MiB to 1 TiB", d->bytes,
				    DISK_UNIT);
	if (d->fs && strcmp(d->fs, "ext4"))
		return "its disk's fs is not known; write \"ext4\", or leave it out for a disk without a file system";
	if (d->fs && d->bytes < EXT4_MIN)
		return problem_text("its disk has %lu bytes, too few for ext4; write at least 8 MiB", d->bytes);
	if (d->mount && !d->fs)
		return "its disk has a mount and no fs: write .fs = \"ext4\", or leave the mount out";
	if (d->mount && !is_guest_path(d->mount))
		return problem_text("its disk's mount '%s' is not a valid path; write an absolute one, without '..'",
				    d->mount);
	if (d->mount && is_system_path(d->mount))
		return problem_text("its disk's mount '%s' hides a part of the guest's system; write another path, "
				    "such as \"/data\"",
				    d->mount);
	return NULL;
}

static bool is_interface_name(const char *name)
{
	size_t len = strlen(name);
	return len && len <= INTERFACE_NAME_MAX && strcmp(name, "lo") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static const char *check_networks(const struct ktstr_net *list)
{
	size_t count = 0;
	for (; list[count].name; count++) {
		if (!is_interface_name(list[count].name))
			return problem_text("its network %zu has no valid name; write 1 to %d letters, digits, or _ -, "
					    "and not 'lo'",
					    count + 1, INTERFACE_NAME_MAX);
		for (size_t i = 0; i < count; i++)
			if (!strcmp(list[i].name, list[count].name))
				return problem_text("two of its networks are called '%s'", list[i].name);
	}
	return !count || count > KTSTR_NETWORKS_MAX
		       ? problem_text("its networks has %zu entries; write 1 to %d", count, KTSTR_NETWORKS_MAX)
		       : NULL;
}

static const char *check_devices(const struct ktstr_test *t)
{
	if (t->host_only == KTSTR_ON && (t->disk || t->networks || t->pci == KTSTR_ON))
		return "host_only excludes disk, networks and pci: there is no machine";
	const char *problem = t->disk ? check_disk(t->disk) : NULL;
	return problem || !t->networks ? problem : check_networks(t->networks);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

const char *test_attributes_problem(const struct ktstr_test *t)
{
	const struct ktstr_scheduler *s = t->scheduler;
	if (t->performance_mode == KTSTR_ON && t->no_perf_mode == KTSTR_ON)
		return "performance_mode and no_perf_mode exclude each other";
	if (t->cpu_budget && t->no_perf_mode != KTSTR_ON)
		return "cpu_budget needs no_perf_mode: a machine with a budget reserves no CPUs";
	if (t->host_only == KTSTR_ON && (t->cleanup_budget_ms || t->cpu_budget || t->workload_root_cgroup))
		return "host_only excludes cleanup_budget_ms, cpu_budget and workload_root_cgroup: there is no machine";
	if (t->watchdog_timeout_s > WATCHDOG_SECONDS_MAX)
		return "its watchdog_timeout_s is more than the kernel's maximum of 30 seconds";
	if (t->watchdog_timeout_s && !s)
		return "watchdog_timeout_s needs a scheduler";
	if (t->survives_storm == KTSTR_ON && !s)
		return "survives_storm needs a scheduler";
	if (t->survives_storm == KTSTR_ON && t->expect_err == KTSTR_ON)
		return "survives_storm and expect_err exclude each other";
	if (t->expect_auto_repro == KTSTR_ON && !s)
		return "expect_auto_repro needs a scheduler";
	if (t->expect_auto_repro == KTSTR_ON && (t->expect_err == KTSTR_ON || t->survives_storm == KTSTR_ON))
		return "expect_auto_repro excludes expect_err and survives_storm";
	if (t->expect_auto_repro == KTSTR_ON && t->auto_repro == KTSTR_OFF)
		return "expect_auto_repro and auto_repro = KTSTR_OFF exclude each other";
	if (t->host_only == KTSTR_ON && (t->auto_repro == KTSTR_ON || t->expect_auto_repro == KTSTR_ON))
		return "host_only excludes auto_repro and expect_auto_repro: there is no machine";
	if (t->host_only == KTSTR_ON && t->kaslr == KTSTR_ON)
		return "host_only excludes kaslr: there is no machine";
	if (t->config && (!s || !s->config_file_def.path))
		return "its config needs a scheduler with config_file_def, which says where the file belongs";
	if (t->config && (strlen(t->config) > CONFIG_BYTES_MAX || !text_is_clean(t->config, strlen(t->config), false)))
		return "its config is larger than 64 KiB, or not text in UTF-8; bring it along as an include file";
	const char *problem = check_seen(t);
	problem = problem ? problem : check_devices(t);
	if (problem)
		return problem;
	problem = check_cgroup_path("its workload_root_cgroup", t->workload_root_cgroup);
	return problem ? problem : check_parent_option(t->sched_args);
}
