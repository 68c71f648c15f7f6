/* SPDX-License-Identifier: GPL-2.0-only */
/* sysfs.c -- reads CPUs and nodes from sysfs below a root path. host.c resolves contradictions. */
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lock/host.h"

#define SYSFS_FILE_MAX	  65536
#define CACHE_INDEX_MAX	  10
#define CACHE_INDEX_USUAL 3
#define CPU_DIR		  "sys/devices/system/cpu"
#define NODE_DIR	  "sys/devices/system/node"

/* Reads the whole file at the path @fmt. False: it cannot be read. */
static bool read_file(const struct host_source *from, struct buf *ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
static bool read_file(const struct host_source *from, struct buf *ret, const char *fmt, ...)
{
	char path[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	buf_clear(ret);
	if (from->read(from->data, path, ret) < 0)
		return false;
	buf_append(ret, "", 0);
	return !ret->failed;
}

/* The same, cut after the first line. */
#define read_line(from, ret, ...) (read_file(from, ret, __VA_ARGS__) && cut_line(ret))
static bool cut_line(struct buf *text)
{
	text->data[strcspn(text->data, "\n")] = '\0';
	return true;
}

static uint64_t number_or(const struct buf *text, bool read, uint64_t otherwise)
{
	uint64_t value;
	return read && parse_u64(buf_str(text), &value) == 0 ? value : otherwise;
}

/* The list in file @leaf, else in @older; empty when both are missing or malformed. */
static void read_list(const struct host_source *from, unsigned cpu, const char *leaf, const char *older,
		      struct cpuset_bits *ret)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	bool read = read_line(from, &text, CPU_DIR "/cpu%u/%s", cpu, leaf) ||
		    (older && read_line(from, &text, CPU_DIR "/cpu%u/%s", cpu, older));
	if (!read || cpuset_parse(text.data, ret) < 0)
		*ret = (struct cpuset_bits){ 0 };
}

/* The highest level, instruction caches excluded. */
static void read_cache(const struct host_source *from, unsigned cpu, struct raw_cpu *c)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	for (unsigned index = 0; index < CACHE_INDEX_MAX; index++) {
		char leaf[64];
		struct cpuset_bits shared;
		bool read = read_line(from, &text, CPU_DIR "/cpu%u/cache/index%u/level", cpu, index);
		uint64_t level = number_or(&text, read, 0);
		if (!read && index >= CACHE_INDEX_USUAL)
			return;
		if (!read || level <= c->level || level > 16)
			continue;
		if (read_line(from, &text, CPU_DIR "/cpu%u/cache/index%u/type", cpu, index) &&
		    !strcmp(text.data, "Instruction"))
			continue;
		snprintf(leaf, sizeof(leaf), "cache/index%u/shared_cpu_list", index);
		read_list(from, cpu, leaf, NULL, &shared);
		if (set_empty(&shared))
			continue;
		c->level = (uint8_t)level;
		c->llc = shared;
	}
}

static void read_cpu(const struct host_source *from, unsigned cpu, struct raw_cpu *c)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	read_list(from, cpu, "topology/core_cpus_list", "topology/thread_siblings_list", &c->core);
	read_list(from, cpu, "topology/package_cpus_list", "topology/core_siblings_list", &c->package);
	read_cache(from, cpu, c);
	bool read = read_line(from, &text, CPU_DIR "/cpu%u/cpu_capacity", cpu);
	c->capacity = (uint16_t)MIN_OF(number_or(&text, read, 0), 1024);
}

/* Hybrid processors have one perf event source per kind of core; the small kind is "cpu_atom". */
static void read_hybrid(const struct host_source *from, struct host_raw *raw)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct cpuset_bits small;
	if (!read_line(from, &text, "sys/devices/cpu_atom/cpus") || cpuset_parse(text.data, &small) < 0)
		return;
	set_for_each(cpu, &small)
		if (!raw->cpu[cpu].capacity)
			raw->cpu[cpu].capacity = 512;
}

/* Without a cache directory: the CPUs of the same die, package or node. */
static void guess_llc(const struct host_source *from, unsigned cpu, const struct host_raw *raw, struct raw_cpu *c)
{
	read_list(from, cpu, "topology/die_cpus_list", NULL, &c->llc);
	if (set_empty(&c->llc))
		c->llc = c->package;
	for (unsigned n = 0; n < raw->nodes && set_empty(&c->llc); n++)
		if (cpuset_has(&raw->node[n].cpus, cpu))
			c->llc = raw->node[n].cpus;
	if (set_empty(&c->llc))
		c->llc = raw->online;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

int distances_parse(const char *text, uint16_t *ret, unsigned max)
{
	unsigned count = 0;
	for (const char *p = text; *(p += strspn(p, " \t\n"));) {
		char word[8];
		uint32_t value;
		size_t len = strcspn(p, " \t\n");
		if (len >= sizeof(word) || count == max)
			return -EINVAL;
		memcpy(word, p, len);
		word[len] = '\0';
		if (parse_u32_range(word, 1, UINT16_MAX, &value) < 0)
			return -EINVAL;
		ret[count++] = (uint16_t)value;
		p += len;
	}
	return (int)count;
}

/* "Node 0 MemTotal:  1234 kB", among other lines. */
static uint64_t read_memory(const struct host_source *from, unsigned id)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!read_file(from, &text, NODE_DIR "/node%u/meminfo", id))
		return 0;
	const char *at = strstr(buf_str(&text), "MemTotal:");
	return at ? strtoull(at + strlen("MemTotal:"), NULL, 10) : 0;
}

static void read_node(const struct host_source *from, struct raw_node *n, unsigned id)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	n->id = (uint16_t)id;
	n->memory_kib = read_memory(from, id);
	if (!read_line(from, &text, NODE_DIR "/node%u/cpulist", id) || cpuset_parse(text.data, &n->cpus) < 0)
		n->cpus = (struct cpuset_bits){ 0 };
	/* One number per online node, in the order of ids. */
	if (!read_line(from, &text, NODE_DIR "/node%u/distance", id) ||
	    distances_parse(text.data, n->distance, HOST_NODES_MAX) < 0)
		memset(n->distance, 0, sizeof(n->distance));
}

static void read_nodes(const struct host_source *from, struct host_raw *raw)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct cpuset_bits online;
	if (!read_line(from, &text, NODE_DIR "/online") || cpuset_parse(text.data, &online) < 0)
		return;
	set_for_each(id, &online)
		if (raw->nodes < HOST_NODES_MAX)
			read_node(from, &raw->node[raw->nodes++], id);
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static int read_set(const struct host_source *from, const char *leaf, struct cpuset_bits *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!read_line(from, &text, CPU_DIR "/%s", leaf))
		return FAIL(err, ERR_MISSING, -ENOENT, "cannot read /" CPU_DIR "/%s; is sysfs mounted on /sys?", leaf);
	if (cpuset_parse(text.data, ret) < 0)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "/" CPU_DIR "/%s is not a list of CPUs below %d: "
			    "'%.60s'",
			    leaf, HOST_CPUS_MAX, text.data);
	return 0;
}

int host_read_from(const struct host_source *from, struct host *ret, struct err **err)
{
	_cleanup_free_ struct host_raw *raw = calloc(1, sizeof(*raw));
	if (!raw)
		return -ENOMEM;
	int r = read_set(from, "online", &raw->online, err);
	if (r < 0)
		return r;
	if (read_set(from, "present", &raw->present, NULL) < 0)
		raw->present = raw->online;
	read_nodes(from, raw);
	set_for_each(cpu, &raw->online) {
		read_cpu(from, cpu, &raw->cpu[cpu]);
		if (set_empty(&raw->cpu[cpu].package))
			raw->cpu[cpu].package = raw->online;
		if (set_empty(&raw->cpu[cpu].llc))
			guess_llc(from, cpu, raw, &raw->cpu[cpu]);
	}
	read_hybrid(from, raw);
	return host_build(raw, ret, err);
}

static int read_below(void *root, const char *path, struct buf *ret)
{
	_cleanup_free_ char *full = path_join(root, path);
	return full ? file_read(full, SYSFS_FILE_MAX, ret, NULL) : -ENOMEM;
}

int host_read(const char *root, struct host *ret, struct err **err)
{
	struct host_source from = { read_below, (void *)(root[0] ? root : "/") };
	int r = host_read_from(&from, ret, err);
	return r < 0 && root[0] ? err_wrap(err, r, "below %s", root) : r;
}

static int allowed_by_status(struct cpuset_bits *ret)
{
	static const char key[] = "Cpus_allowed_list:";
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (file_read("/proc/self/status", SYSFS_FILE_MAX, &text, NULL) < 0)
		return -ENODATA;
	char *at = strstr(buf_str(&text), key);
	if (!at)
		return -ENODATA;
	at += strlen(key);
	at[strcspn(at, "\n")] = '\0';
	return cpuset_parse(at, ret);
}

int cpus_allowed(struct cpuset_bits *ret, struct err **err)
{
	struct cpuset_bits set = { 0 };
	/* EINVAL when the kernel supports more CPUs than the set can hold. */
	if (sched_getaffinity(0, sizeof(set.word), (cpu_set_t *)set.word) < 0 && allowed_by_status(&set) < 0)
		return FAIL(err, ERR_MISSING, -ENODATA, "cannot find out which CPUs this process may use");
	if (set_empty(&set))
		return FAIL(err, ERR_MISSING, -ENODATA, "this process is not allowed to use any CPU");
	*ret = set;
	return 0;
}
