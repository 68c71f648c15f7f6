/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * truth.c -- tests that note what the guest says of itself, let it be looked at from outside, and note it again. A
 * number that only grows must lie between both; one that is the same both times must be that. tests/vm/truth.py
 * compares.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>
#include <ktstr/wire.h>

#define GROUP	       "/sys/fs/cgroup/truth"
#define STOPS_A_SECOND 5
#define BUSY	       3
#define TOOL	       "/include-files/bpftool"
#define CHILDREN       5

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
	char line[8192];
	while (f && fgets(line, sizeof(line), f))
		fprintf(notes, "TRUTH %s %s%s", key, line, strchr(line, '\n') ? "" : "\n");
}

static void note_file(const char *key, const char *path)
{
	FILE *f = fopen(path, "re");
	note_stream(key, f);
	if (f)
		fclose(f);
}

static void note_tool(const char *key, const char *command)
{
	FILE *f = access(TOOL, X_OK) ? NULL : popen(command, "re");
	note_stream(key, f);
	if (f)
		pclose(f);
}

static void note_tasks(void)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		char path[64], key[64];
		snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)child[i]);
		snprintf(key, sizeof(key), "task-schedstat %d", (int)child[i]);
		note_file(key, path);
		snprintf(path, sizeof(path), "/proc/%d/status", (int)child[i]);
		snprintf(key, sizeof(key), "task-status %d", (int)child[i]);
		note_file(key, path);
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
		      { "scx-events", "/sys/kernel/sched_ext/root/events" },
		      { "debug", "/sys/kernel/debug/sched/debug" } };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		note_file(files[i].key, files[i].path);
	note_tasks();
}

/* What bpftool says of programs and maps, as JSON. It makes no BPF objects itself. */
static void note_bpf(void)
{
	note_tool("programs", TOOL " -j prog show");
	note_tool("maps", "for id in $(" TOOL " map show | sed -n 's/^\\([0-9]*\\):.*/\\1/p'); do "
			  "echo \"$id $(" TOOL " -j map dump id $id 2>/dev/null)\"; done");
}

static void stop(unsigned number)
{
	char name[WIRE_MARK_NAME_MAX] = "";
	uint64_t word[WIRE_MARK_NAME_MAX / 8];
	snprintf(name, sizeof(name), "stop_%02u", number);
	memcpy(word, name, sizeof(word));
	fprintf(notes, "TRUTH stop %u\n", number);
	note_bpf();
	note_all();
	fprintf(notes, "TRUTH look\n");
	syscall(SYS_sched_rr_get_interval, WIRE_MARK + WIRE_MARK_CAPTURE, word[0], word[1], word[2], word[3],
		UINT64_C(0));
	note_all();
	note_bpf();
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
	for (unsigned i = 0; i < STOPS_A_SECOND * (unsigned)(ktstr_ctx_duration_ns(t) / 1000000000); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 37000000 }, NULL);
		stop(i);
	}
	end_load();
	fclose(notes);
	fwrite(text, 1, len, stdout);
	printf("TRUTH end\n");
	free(text);
	return KTSTR_PASS;
}

/* Each with a few stops for `make check`, and with twenty for `make soak`. */
#define TRUTH(name, ...)                                                                                     \
	KTSTR_TEST(name, .include_files = KTSTR_ARGS("bpftool"), .duration_s = 1, ##__VA_ARGS__)             \
	{                                                                                                    \
		return tell(t);                                                                              \
	}                                                                                                    \
	KTSTR_TEST(demo_long_##name, .include_files = KTSTR_ARGS("bpftool"), .duration_s = 4, ##__VA_ARGS__) \
	{                                                                                                    \
		return tell(t);                                                                              \
	}

TRUTH(truth_eevdf, .llcs = 2, .cores = 1, .threads = 2)
TRUTH(truth_simple, .scheduler = &simple, .cores = 2)
TRUTH(truth_qmap, .scheduler = &qmap, .cores = 2)
