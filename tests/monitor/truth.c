/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * truth.c -- tests that note what the guest says of itself, let it be looked at from outside, and note it again. A
 * number that only grows must lie between both; one that is the same both times must be that. tests/vm/truth.py
 * compares.
 */
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>
#include <ktstr/wire.h>

#define GROUP	  "/sys/fs/cgroup/truth"
#define STOPS	  20 /* tests/vm/truth.py knows it, too */
#define BUSY	  3
#define MAPS_MAX  64
#define TYPES_MAX 65536
#define VALUE_MAX 4096
#define KEYS_MAX  16
#define CHILDREN  5

KTSTR_SCHEDULER(simple, .binary = "scx_simple");
KTSTR_SCHEDULER(qmap, .binary = "scx_qmap");

static FILE *notes; /* kept in memory until the last stop, because printing is work for the guest */
static pid_t child[CHILDREN];

/* --- the load ----------------------------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	if (f)
		fputs(text, f);
	if (!f || fclose(f))
		printf("TRUTH-ERROR %s\n", path);
}

/* Some children are always busy, the others run for a millisecond now and then. */
static void work(unsigned number)
{
	const struct timespec pause = { .tv_nsec = 3000000 };
	for (;;) {
		for (unsigned long n = 0; n < 100000; n++)
			__asm__ volatile("");
		if (number >= BUSY)
			nanosleep(&pause, NULL);
	}
}

static void start_load(void)
{
	put("/proc/sys/kernel/bpf_stats_enabled", "1");
	put("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	mkdir(GROUP, 0755);
	for (unsigned i = 0; i < CHILDREN; i++) {
		char pid[16];
		child[i] = fork();
		if (child[i] == 0)
			work(i);
		snprintf(pid, sizeof(pid), "%d", (int)child[i]);
		put(GROUP "/cgroup.procs", pid);
	}
}

static void end_load(void)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		kill(child[i], SIGKILL);
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

static void note_stream(const char *key, FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	while (f && getline(&line, &room, f) > 0)
		fprintf(notes, "TRUTH %s %s%s", key, line, strchr(line, '\n') ? "" : "\n");
	free(line);
}

static void note_file(const char *key, const char *path)
{
	FILE *f = fopen(path, "re");
	note_stream(key, f);
	if (f)
		fclose(f);
}

/* Only these lines: all of them would be more than a test may print. */
static void note_status(pid_t pid)
{
	static const char *const wanted[] = { "Tgid:", "PPid:", "voluntary_ctxt_switches:",
					      "nonvoluntary_ctxt_switches:" };
	char path[64], *line = NULL;
	size_t room = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && getline(&line, &room, f) > 0)
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])))
				fprintf(notes, "TRUTH task-status %d %s", (int)pid, line);
	free(line);
	if (f)
		fclose(f);
}

/* The same: only what stands first for each CPU, up to the empty line. */
static void note_debug(void)
{
	FILE *f = fopen("/sys/kernel/debug/sched/debug", "re");
	char *line = NULL;
	size_t room = 0;
	bool wanted = false;
	while (f && getline(&line, &room, f) > 0) {
		wanted |= !strncmp(line, "cpu#", 4);
		if (wanted)
			fprintf(notes, "TRUTH debug %s", line);
		wanted &= *line != '\n';
	}
	free(line);
	if (f)
		fclose(f);
}

static void note_tasks(void)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		char path[64], key[64];
		snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)child[i]);
		snprintf(key, sizeof(key), "task-schedstat %d", (int)child[i]);
		note_file(key, path);
		note_status(child[i]);
	}
}

static void note_all(void)
{
	static const struct {
		const char *key, *path;
	} files[] = { { "schedstat", "/proc/schedstat" },
		      { "stat", "/proc/stat" },
		      { "softirqs", "/proc/softirqs" },
		      { "usage", GROUP "/cpu.stat" },
		      { "scx-state", "/sys/kernel/sched_ext/state" },
		      { "scx-switch_all", "/sys/kernel/sched_ext/switch_all" },
		      { "scx-nr_rejected", "/sys/kernel/sched_ext/nr_rejected" },
		      { "scx-enable_seq", "/sys/kernel/sched_ext/enable_seq" },
		      { "scx-hotplug_seq", "/sys/kernel/sched_ext/hotplug_seq" },
		      { "scx-ops", "/sys/kernel/sched_ext/root/ops" },
		      { "scx-events", "/sys/kernel/sched_ext/root/events" } };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		note_file(files[i].key, files[i].path);
	note_debug();
	note_tasks();
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Information about a program, a map or types. False: it is gone. */
static bool ask(int fd, void *info, unsigned size)
{
	union bpf_attr attr = { .info = { .bpf_fd = (unsigned)fd, .info_len = size, .info = (__u64)info } };
	return fd >= 0 && bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0;
}

static void note_programs(void)
{
	union bpf_attr next = { 0 };
	for (; bpf(BPF_PROG_GET_NEXT_ID, &next) == 0; next = (union bpf_attr){ .start_id = next.next_id }) {
		union bpf_attr by_id = { .prog_id = next.next_id };
		__u32 map[MAPS_MAX] = { 0 };
		struct bpf_prog_info p = { .nr_map_ids = MAPS_MAX, .map_ids = (__u64)map };
		int fd = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
		if (ask(fd, &p, sizeof(p)) && p.type == BPF_PROG_TYPE_STRUCT_OPS) {
			fprintf(notes, "TRUTH program %u %s %u %u %llu %llu", p.id, p.name, p.jited_prog_len,
				p.verified_insns, p.run_cnt, p.run_time_ns);
			for (unsigned i = 0; i < p.nr_map_ids && i < MAPS_MAX; i++)
				fprintf(notes, " %u", map[i]);
			fputs("\n", notes);
		}
		close(fd);
	}
}

static void note_bytes(const uint8_t *data, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		fprintf(notes, "%02x", data[i]);
	fputs("\n", notes);
}

/* The types of a map's values: they do not change, so each is noted once. */
static void note_types(unsigned id)
{
	static bool known[1024];
	static uint8_t blob[TYPES_MAX];
	union bpf_attr by_id = { .btf_id = id };
	struct bpf_btf_info info = { .btf = (__u64)blob, .btf_size = sizeof(blob) };
	if (id >= sizeof(known) || known[id])
		return;
	known[id] = true;
	int fd = bpf(BPF_BTF_GET_FD_BY_ID, &by_id);
	if (ask(fd, &info, sizeof(info))) {
		fprintf(notes, "TRUTH types %u ", id);
		note_bytes(blob, info.btf_size);
	}
	close(fd);
}

/* Each CPU's value has a multiple of 8 bytes. */
static void note_values(int fd, const struct bpf_map_info *m, unsigned cpus)
{
	static uint8_t value[VALUE_MAX];
	unsigned size = m->type == BPF_MAP_TYPE_PERCPU_ARRAY ? (m->value_size + 7) / 8 * 8 * cpus : m->value_size;
	for (__u32 key = 0; key < m->max_entries && key < KEYS_MAX && size <= sizeof(value); key++) {
		union bpf_attr attr = { .map_fd = (unsigned)fd, .key = (__u64)&key, .value = (__u64)value };
		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr) < 0)
			return;
		fprintf(notes, "TRUTH value %u %u %u %u %u ", m->id, key, m->btf_id, m->btf_value_type_id,
			m->type == BPF_MAP_TYPE_PERCPU_ARRAY ? cpus : 0);
		note_bytes(value, size);
	}
}

static void note_maps(void)
{
	union bpf_attr next = { 0 };
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_CONF);
	for (; bpf(BPF_MAP_GET_NEXT_ID, &next) == 0; next = (union bpf_attr){ .start_id = next.next_id }) {
		union bpf_attr by_id = { .map_id = next.next_id };
		struct bpf_map_info m = { 0 };
		int fd = bpf(BPF_MAP_GET_FD_BY_ID, &by_id);
		if (ask(fd, &m, sizeof(m)) && (m.type == BPF_MAP_TYPE_ARRAY || m.type == BPF_MAP_TYPE_PERCPU_ARRAY)) {
			note_types(m.btf_id);
			note_values(fd, &m, cpus);
		}
		close(fd);
	}
}

static void stop(struct ktstr_ctx *t, unsigned number)
{
	char name[16];
	snprintf(name, sizeof(name), "stop_%02u", number);
	fprintf(notes, "TRUTH stop %u\n", number);
	note_programs();
	note_maps();
	note_all();
	fprintf(notes, "TRUTH look\n");
	ktstr_capture(t, name);
	note_all();
	note_maps();
	note_programs();
}

/* --- the tests ---------------------------------------------------------------------------------------------------- */

static enum ktstr_verdict tell(struct ktstr_ctx *t)
{
	char *text = NULL;
	size_t len = 0;
	notes = open_memstream(&text, &len);
	if (!notes)
		return KTSTR_FAIL;
	start_load();
	/* The load does not slow us down. */
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 }) < 0)
		printf("TRUTH-ERROR priority\n");
	for (unsigned i = 0; i < STOPS; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 37000000 }, NULL);
		stop(t, i);
	}
	end_load();
	fclose(notes);
	fwrite(text, 1, len, stdout);
	printf("TRUTH end\n");
	free(text);
	return KTSTR_PASS;
}

#define TRUTH(name, ...)                                 \
	KTSTR_TEST(name, .duration_s = 4, ##__VA_ARGS__) \
	{                                                \
		return tell(t);                          \
	}

TRUTH(truth_eevdf, .llcs = 2, .cores = 1, .threads = 2)
TRUTH(truth_simple, .scheduler = &simple, .cores = 2)
TRUTH(truth_qmap, .scheduler = &qmap, .cores = 2)
