/* SPDX-License-Identifier: GPL-2.0-only */
/* host.c -- see host.h. */
#include <glob.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/parse.h"
#include "report/host.h"

/* The value after "@key:" in the text of a /proc file. */
static json_t *field(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, len) || !strchr("\t :", line[len]))
			continue;
		const char *value = line + strcspn(line, ":\n");
		value += strspn(value, ": \t");
		return json_text_n(value, strcspn(value, "\n"));
	}
	return json_null();
}

static json_t *field_number(const char *text, const char *key)
{
	json_t *s = field(text, key);
	const char *value = json_string_value(s);
	json_t *n = value ? json_integer(strtoll(value, NULL, 10)) : json_null();
	json_decref(s);
	return n;
}

static json_t *whole_file(const char *path)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (file_read(path, 65536, &text, NULL) < 0)
		return json_null();
	return json_text_n(buf_str(&text), strcspn(buf_str(&text), "\n"));
}

/* {NAME: content} of the files that match @pattern. NAME is the path component @part, counted from the end at 0. */
static json_t *files_by_name(const char *pattern, unsigned part)
{
	json_t *o = json_object();
	glob_t found;
	if (glob(pattern, 0, NULL, &found) != 0)
		return o;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_cleanup_free_ char *path = strdup(found.gl_pathv[i]);
		for (unsigned up = 0; path && up < part; up++)
			*strrchr(path, '/') = '\0';
		json_put(&o, path ? path_basename(path) : "", whole_file(found.gl_pathv[i]));
	}
	globfree(&found);
	return o;
}

/* The number of NUMA nodes with CPUs. */
static json_t *numa_nodes(void)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct cpuset_bits nodes;
	char list[CPUSET_TEXT_MAX];
	if (file_read("/sys/devices/system/node/has_cpu", sizeof(list) - 1, &text, NULL) < 0)
		return json_null();
	snprintf(list, sizeof(list), "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
	return cpuset_parse(list, &nodes) < 0 ? json_null() : json_integer(cpuset_count(&nodes));
}

json_t *host_context(void)
{
	_cleanup_buf_ struct buf cpuinfo = BUF_NULL, meminfo = BUF_NULL;
	struct utsname name = { 0 };
	file_read("/proc/cpuinfo", 16 << 20, &cpuinfo, NULL);
	file_read("/proc/meminfo", 65536, &meminfo, NULL);
	uname(&name);
	const char *cpu = buf_str(&cpuinfo), *memory = buf_str(&meminfo);
	json_t *o = json_object();
	json_put(&o, "cpu_model", field(cpu, "model name"));
	json_put(&o, "cpu_vendor", field(cpu, "vendor_id"));
	json_put(&o, "total_memory_kb", field_number(memory, "MemTotal"));
	json_put(&o, "hugepages_total", field_number(memory, "HugePages_Total"));
	json_put(&o, "hugepages_free", field_number(memory, "HugePages_Free"));
	json_put(&o, "hugepages_size_kb", field_number(memory, "Hugepagesize"));
	json_put(&o, "thp_enabled", whole_file("/sys/kernel/mm/transparent_hugepage/enabled"));
	json_put(&o, "thp_defrag", whole_file("/sys/kernel/mm/transparent_hugepage/defrag"));
	json_put_int(&o, "online_cpus", sysconf(_SC_NPROCESSORS_ONLN));
	json_put_text(&o, "kernel_name", name.sysname);
	json_put_text(&o, "kernel_release", name.release);
	json_put_text(&o, "arch", name.machine);
	json_put(&o, "kernel_cmdline", whole_file("/proc/cmdline"));
	json_put(&o, "numa_nodes", numa_nodes());
	json_put(&o, "cpufreq_governor", files_by_name("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", 2));
	json_put(&o, "sched_tunables", files_by_name("/proc/sys/kernel/sched_*", 0));
	json_put(&o, "heap_state", json_null());
	return o;
}
