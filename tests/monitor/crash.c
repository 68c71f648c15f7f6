/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crash.c -- tests that crash the guest's kernel while a scheduler starves a worker. Just before, the guest prints what
 * it knows of its tasks and its scheduler, so that tests/vm/dump.py can compare a dump of its memory with it. It prints into the
 * kernel's log, which is in that memory, too.
 */
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(stall, .binary = "scx_misbehave", .args = KTSTR_ARGS("stall", "200"));
KTSTR_SCHEDULER(starve, .binary = "scx_misbehave", .args = KTSTR_ARGS("starve"));

/* Prints the lines of a file that begin with @only, each behind the same words, into the kernel's log. */
static void print_file(FILE *log, const char *path, const char *words, const char *only)
{
	char line[512];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, only, strlen(only)) != 0)
			continue;
		fprintf(log, "<7>fact %s %s$\n", words, line);
		fflush(log); /* one record of the log a write */
	}
	if (f)
		fclose(f);
}

static void print_task(FILE *log, const char *pid)
{
	static const struct {
		const char *file, *only;
	} parts[] = { { "status", "Name:" },
		      { "status", "State:" },
		      { "status", "voluntary_ctxt_switches:" },
		      { "status", "Cpus_allowed_list:" },
		      { "cgroup", "0::" },
		      { "stack", "" } };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[300], words[300];
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, parts[i].file);
		snprintf(words, sizeof(words), "%s %s", parts[i].file, pid);
		print_file(log, path, words, parts[i].only);
	}
}

static void print_facts(FILE *log)
{
	static const char *const attributes[] = { "state", "root/ops", "nr_rejected", "enable_seq", "switch_all" };
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit((unsigned char)e->d_name[0]))
			print_task(log, e->d_name);
	if (d)
		closedir(d);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		char path[300];
		snprintf(path, sizeof(path), "/sys/kernel/sched_ext/%s", attributes[i]);
		print_file(log, path, attributes[i], "");
	}
}

static void write_to(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void *crash_later(void *arg)
{
	(void)arg;
	usleep(2500000);
	write_to("/proc/sys/kernel/printk_devkmsg", "on"); /* no limit on the number of records */
	FILE *log = fopen("/dev/kmsg", "we");
	if (log) {
		print_facts(log);
		fclose(log);
	}
	write_to("/proc/sysrq-trigger", "c");
	return NULL;
}

static enum ktstr_verdict crowd(struct ktstr_ctx *t)
{
	pthread_t thread;
	pthread_create(&thread, NULL, crash_later, NULL);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "crowd", .workers = 4 }));
}

KTSTR_TEST(stalled, .scheduler = &stall, .cores = 2, .duration_s = 8)
{
	return crowd(t);
}

KTSTR_TEST(starved, .scheduler = &starve, .cores = 2, .duration_s = 8)
{
	return crowd(t);
}
