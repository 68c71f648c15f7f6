/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crash.c -- tests that crash the guest's kernel while a scheduler starves a worker. Just before, the guest notes what
 * it knows of its tasks and its scheduler, so that tests/vm/dump.py can compare a dump of its memory with it. And one
 * whose scheduler ends itself when all its maps hold known patterns.
 */
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(stall, .binary = "scx_misbehave", .args = KTSTR_ARGS("stall", "200"));
KTSTR_SCHEDULER(patterns, .binary = "scx_patterns");
KTSTR_SCHEDULER(patterns_stay, .binary = "scx_patterns", .args = KTSTR_ARGS("stay"));
KTSTR_SCHEDULER(starve, .binary = "scx_misbehave", .args = KTSTR_ARGS("starve"));

/* They are found in the guest's memory, so none lies in two pages. */
#define FACT_BYTES 512
static char fact[4096][FACT_BYTES] __attribute__((aligned(4096)));
static unsigned facts;

/* Notes the lines of a file that begin with @only, each behind the same words. */
static void note_file(const char *path, const char *words, const char *only)
{
	char line[512];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, only, strlen(only)) != 0)
			continue;
		if (facts < sizeof(fact) / sizeof(fact[0]))
			snprintf(fact[facts], FACT_BYTES, "fact: %04u %s %.400s$", facts, words, line);
		facts++;
	}
	if (f)
		fclose(f);
}

static void note_task(const char *pid)
{
	static const struct {
		const char *file, *only;
	} parts[] = { { "status", "Name:" },
		      { "status", "State:" },
		      { "status", "voluntary_ctxt_switches:" },
		      { "status", "nonvoluntary_ctxt_switches:" },
		      { "status", "Cpus_allowed_list:" },
		      { "stat", "" },
		      { "schedstat", "" },
		      { "sched", "se.nr_migrations" },
		      { "sched", "ext.enabled" },
		      { "io", "rchar:" },
		      { "io", "syscr:" },
		      { "cgroup", "0::" },
		      { "stack", "" } };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[600], words[300];
		/* Of the first thread: /proc/PID itself has sums over all threads, and one of them writes this. */
		snprintf(path, sizeof(path), "/proc/%s/task/%s/%s", pid, pid, parts[i].file);
		snprintf(words, sizeof(words), "%s %s", parts[i].file, pid);
		note_file(path, words, parts[i].only);
	}
}

static void note_facts(void)
{
	static const char *const attributes[] = { "state", "root/ops", "nr_rejected", "enable_seq", "switch_all" };
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit((unsigned char)e->d_name[0]))
			note_task(e->d_name);
	if (d)
		closedir(d);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		char path[300];
		snprintf(path, sizeof(path), "/sys/kernel/sched_ext/%s", attributes[i]);
		note_file(path, attributes[i], "");
	}
}

/* At real-time priority: under the scheduler of the test, this thread would be one of those that are never run. */
static void *crash_later(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 };
	(void)arg;
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		perror("sched_setscheduler");
	usleep(2500000);
	note_facts();
	FILE *f = fopen("/proc/sysrq-trigger", "we");
	if (f) {
		fputs("c", f);
		fclose(f);
	}
	return NULL;
}

static enum ktstr_verdict crowd(struct ktstr_ctx *t)
{
	pthread_t thread;
	pthread_create(&thread, NULL, crash_later, NULL);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "crowd", .workers = 4 }));
}

/* A process that sleeps in the kernel until its child ends, which it does not. */
static void block_one(void)
{
	if (fork())
		return;
	if (!vfork())
		pause();
	_exit(0);
}

/* With memory on both sides of the gap below 4 GiB. */
KTSTR_TEST(stalled, .scheduler = &stall, .cores = 2, .memory_mib = 3072, .duration_s = 8, .auto_repro = KTSTR_OFF)
{
	block_one();
	return crowd(t);
}

KTSTR_TEST(starved, .scheduler = &starve, .cores = 2, .duration_s = 8, .auto_repro = KTSTR_OFF)
{
	return crowd(t);
}

/* All maps are there when it crashes: for damaged images. */
KTSTR_TEST(patterns_crashed, .scheduler = &patterns_stay, .cores = 2, .duration_s = 8, .auto_repro = KTSTR_OFF)
{
	return crowd(t);
}

KTSTR_TEST(patterns_shown, .scheduler = &patterns, .cores = 2, .duration_s = 5, .auto_repro = KTSTR_OFF)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 3 }));
}
