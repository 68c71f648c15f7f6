/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * says.c -- tests that print what the guest says of itself, and then crash the kernel, so that its memory is that of
 * this moment. tests/vm/monitor.py compares both.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define GROUPS "/sys/fs/cgroup/said"

KTSTR_SCHEDULER(simple, .binary = "scx_simple");

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("SAID error %s\n", path);
	close(fd);
}

/* Prints a file, each line behind @key. */
static void say_file(const char *key, const char *path)
{
	char line[1024];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		printf("SAID %s %s%s", key, line, strchr(line, '\n') ? "" : "\n");
	if (f)
		fclose(f);
}

static void say_tasks(void)
{
	DIR *processes = opendir("/proc");
	for (struct dirent *p; processes && (p = readdir(processes));) {
		char path[600];
		snprintf(path, sizeof(path), "/proc/%s/task", p->d_name);
		DIR *threads = atoi(p->d_name) ? opendir(path) : NULL;
		for (struct dirent *t; threads && (t = readdir(threads));) {
			if (!atoi(t->d_name))
				continue;
			snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/comm", p->d_name, t->d_name);
			printf("SAID task %s ", t->d_name);
			say_file("comm", path);
		}
		if (threads)
			closedir(threads);
	}
	if (processes)
		closedir(processes);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void say_program(int fd)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = (unsigned)fd, .info_len = sizeof(info), .info = (__u64)&info } };
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && info.type == BPF_PROG_TYPE_STRUCT_OPS)
		printf("SAID program %u %s %u %llu %llu\n", info.id, info.name, info.verified_insns, info.run_cnt,
		       info.run_time_ns);
}

static void say_programs(void)
{
	union bpf_attr next = { 0 };
	while (bpf(BPF_PROG_GET_NEXT_ID, &next) == 0) {
		union bpf_attr open_by_id = { .prog_id = next.next_id };
		int fd = bpf(BPF_PROG_GET_FD_BY_ID, &open_by_id);
		if (fd >= 0)
			say_program(fd);
		close(fd);
		next = (union bpf_attr){ .start_id = next.next_id };
	}
}

static void make_groups(void)
{
	put("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	mkdir(GROUPS, 0755);
	put(GROUPS "/cgroup.subtree_control", "+cpu");
	mkdir(GROUPS "/busy", 0755);
	mkdir(GROUPS "/idle", 0755);
	put(GROUPS "/busy/cpu.weight", "250");
	for (unsigned i = 0; i < 3; i++) {
		char pid[16];
		pid_t child = fork();
		if (child == 0) {
			for (unsigned long n = 0; i == 0 && n < 300000000; n++)
				__asm__ volatile("");
			for (;;)
				pause();
		}
		snprintf(pid, sizeof(pid), "%d", (int)child);
		put(GROUPS "/busy/cgroup.procs", pid);
	}
}

static enum ktstr_verdict say_and_crash(void)
{
	put("/proc/sys/kernel/bpf_stats_enabled", "1");
	make_groups();
	nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	say_file("version", "/proc/version");
	say_tasks();
	say_file("weight", GROUPS "/busy/cpu.weight");
	say_file("procs", GROUPS "/busy/cgroup.procs");
	say_file("usage", GROUPS "/busy/cpu.stat");
	say_file("pressure", "/proc/pressure/cpu");
	say_file("scx_state", "/sys/kernel/sched_ext/state");
	say_file("scx_ops", "/sys/kernel/sched_ext/root/ops");
	say_file("scx_nr_rejected", "/sys/kernel/sched_ext/nr_rejected");
	say_file("scx_enable_seq", "/sys/kernel/sched_ext/enable_seq");
	say_file("scx_switch_all", "/sys/kernel/sched_ext/switch_all");
	say_file("scx_events", "/sys/kernel/sched_ext/root/events");
	say_programs();
	say_file("stat", "/proc/stat");
	say_file("softirqs", "/proc/softirqs");
	say_file("schedstat", "/proc/schedstat");
	printf("SAID end\n");
	fflush(stdout);
	/* Until PID 1 has read all of it. */
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	put("/proc/sysrq-trigger", "c");
	return KTSTR_PASS;
}

KTSTR_TEST(says_eevdf, .llcs = 2, .cores = 1, .threads = 2)
{
	(void)t;
	return say_and_crash();
}

KTSTR_TEST(says_scx, .scheduler = &simple, .cores = 2)
{
	(void)t;
	return say_and_crash();
}
