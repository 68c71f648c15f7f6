/* SPDX-License-Identifier: GPL-2.0-only */
/* capture_system.c -- see capture_system.h. */
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctprof/capture_system.h"
#include "ctprof/proc_text.h"

#define TEXT_MAX_BYTES ((size_t)64 << 10)

/* The content of @dir/@name without the last newline; NULL: it cannot be read. The caller frees. */
static char *read_text(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!path || file_read(path, TEXT_MAX_BYTES, &text, NULL) < 0)
		return NULL;
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (!text.data)
		return strdup("");
	return buf_steal(&text);
}

/* A number; "max" is a text, because it is known and not a number. */
static json_t *number_or_max(const char *text)
{
	uint64_t value;
	if (text && !strcmp(text, "max"))
		return json_text(text);
	return text && parse_u64(text, &value) == 0 ? json_u64(value) : json_null();
}

static void put_number_file(json_t **o, const char *key, const char *dir, const char *name)
{
	_cleanup_free_ char *text = read_text(dir, name);
	char *minus = text && *text == '-' ? text : NULL;
	json_put(o, key, minus ? json_integer(strtoll(minus, NULL, 10)) : number_or_max(text));
}

static void put_parsed(json_t **o, const char *key, const char *dir, const char *name, json_t *parse(char *text))
{
	_cleanup_free_ char *text = read_text(dir, name);
	json_t *value = text ? parse(text) : NULL;
	json_put(o, key, value ? value : json_null());
}

/* --- pressure ----------------------------------------------------------------------------------------------------- */

static const char *const resources[] = { "cpu", "memory", "io", "irq" };

/* The names of files are those of the resources, with @suffix. NULL: there are none. */
static json_t *pressure_of(const char *dir, const char *suffix)
{
	json_t *o = json_object();
	bool any = false;
	for (unsigned i = 0; i < ARRAY_SIZE(resources); i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s%s", resources[i], suffix);
		put_parsed(&o, resources[i], dir, name, text_parse_pressure);
		any |= !json_is_null(json_object_get(o, resources[i]));
	}
	if (any)
		return o;
	json_decref(o);
	return NULL;
}

json_t *capture_pressure(const char *root)
{
	_cleanup_free_ char *dir = path_join(root, "proc/pressure");
	return dir ? pressure_of(dir, "") : NULL;
}

/* --- sched_ext ---------------------------------------------------------------------------------------------------- */

json_t *capture_sched_ext(const char *root)
{
	static const char *const numbers[] = { "switch_all", "nr_rejected", "hotplug_seq", "enable_seq" };
	_cleanup_free_ char *dir = path_join(root, "sys/kernel/sched_ext"), *state = NULL, *ops = NULL;
	if (!dir || !path_is_dir(dir))
		return NULL;
	json_t *o = json_object();
	state = read_text(dir, "state");
	ops = read_text(dir, "root/ops");
	json_put_text(&o, "state", state);
	json_put_text(&o, "ops", ops);
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		put_number_file(&o, numbers[i], dir, numbers[i]);
	return o;
}

/* --- control groups ----------------------------------------------------------------------------------------------- */

/* The mount point of the hierarchy of version 2 below @root, or NULL. */
static char *cgroup_mount(const char *root)
{
	static const char *const places[] = { "sys/fs/cgroup", "sys/fs/cgroup/unified" };
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *dir = path_join(root, places[i]);
		_cleanup_free_ char *mark = dir ? path_join(dir, "cgroup.controllers") : NULL;
		if (mark && path_exists(mark))
			return TAKE_PTR(dir);
	}
	return NULL;
}

/* cpu.max is "QUOTA PERIOD". */
static void put_quota(json_t **o, const char *dir)
{
	_cleanup_free_ char *text = read_text(dir, "cpu.max");
	char *period = text ? strchr(text, ' ') : NULL;
	if (period)
		*period++ = '\0';
	json_put(o, "max_quota_us", number_or_max(text));
	json_put(o, "max_period_us", number_or_max(period));
}

static json_t *cpu_of(const char *dir)
{
	static const char *const keys[] = { "usage_usec", "nr_throttled", "throttled_usec" };
	_cleanup_free_ char *text = read_text(dir, "cpu.stat");
	json_auto_t *stat = text ? text_parse_flat(text) : NULL;
	json_t *o = json_object();
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(stat, keys[i]);
		json_put(&o, keys[i], value ? json_incref(value) : json_null());
	}
	put_quota(&o, dir);
	put_number_file(&o, "weight", dir, "cpu.weight");
	put_number_file(&o, "weight_nice", dir, "cpu.weight.nice");
	return o;
}

static json_t *memory_of(const char *dir)
{
	static const char *const numbers[] = { "current", "max", "high", "low", "min" };
	json_t *o = json_object();
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		char name[32];
		snprintf(name, sizeof(name), "memory.%s", numbers[i]);
		put_number_file(&o, numbers[i], dir, name);
	}
	put_parsed(&o, "stat", dir, "memory.stat", text_parse_flat);
	put_parsed(&o, "events", dir, "memory.events", text_parse_flat);
	return o;
}

static json_t *cgroup_of(const char *dir)
{
	json_t *o = json_object(), *pids = json_object(), *psi = pressure_of(dir, ".pressure");
	put_number_file(&pids, "current", dir, "pids.current");
	put_number_file(&pids, "max", dir, "pids.max");
	json_put(&o, "cpu", cpu_of(dir));
	json_put(&o, "memory", memory_of(dir));
	json_put(&o, "pids", pids);
	json_put(&o, "psi", psi ? psi : json_null());
	return o;
}

json_t *capture_cgroups(const char *root, const struct profile *s)
{
	_cleanup_free_ char *mount = cgroup_mount(root);
	if (!mount)
		return NULL;
	json_t *all = json_object();
	for (size_t i = 0; i < s->count; i++) {
		const char *path = s->thread[i].cgroup;
		if (!path || *path != '/' || strstr(path, "..") || json_object_get(all, path))
			continue;
		_cleanup_free_ char *dir = path_join(mount, path + 1);
		if (!dir || !path_is_dir(dir))
			continue;
		json_put(&all, path, cgroup_of(dir));
	}
	return all;
}
