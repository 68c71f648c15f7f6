/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox_init.c -- PID 1 of a guest with cgroup v2: src/lock/sandbox.h on a real kernel. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "lock/sandbox.h"

/* The CPUs that a child in the group runs on after it asked for every CPU. */
static void show_child(const char *what, const struct sandbox *b)
{
	cpu_set_t all;
	memset(&all, 0xff, sizeof(all));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		cpu_set_t set;
		int r = b->procs >= 0 && write(b->procs, "0", 1) == 1;
		sched_setaffinity(0, sizeof(all), &all);
		sched_getaffinity(0, sizeof(set), &set);
		printf("%s|entered %d, CPUs", what, r);
		for (int i = 0; i < 8; i++)
			if (CPU_ISSET(i, &set))
				printf(" %d", i);
		printf("\n");
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static struct cpu_plan plan_of(unsigned first, unsigned last)
{
	struct cpu_plan plan = { 0 };
	for (unsigned i = first; i <= last; i++)
		cpuset_add(&plan.cpus, i);
	cpuset_add(&plan.mems, 0);
	return plan;
}

static void try_group(const char *what, const struct cpu_plan *plan, bool said)
{
	struct sandboxes s;
	struct sandbox b;
	struct err *err = NULL;
	struct buf text = BUF_NULL;
	if (sandboxes_open("", NULL, &s) < 0)
		return;
	int r = sandbox_make(&s, plan, said, &b, &err);
	if (err)
		err_format(err, &text);
	printf("%s|result %d, group %d, note '%s', error '%s'\n", what, r, b.path != NULL, b.note, buf_str(&text));
	if (b.path)
		show_child(what, &b);
	sandbox_remove(&s, &b);
	struct stat st;
	char left[300];
	snprintf(left, sizeof(left), "%s", s.parent ? s.parent : "/nowhere");
	printf("%s|links %d\n", what, stat(left, &st) == 0 ? (int)st.st_nlink : -1);
	sandboxes_close(&s);
	err_free(err);
	buf_done(&text);
}

static void enter(const char *group)
{
	char path[300];
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", group);
	if (file_write(path, "0") < 0)
		perror(path);
}

int main(void)
{
	struct cpu_plan both = plan_of(2, 3), one = plan_of(1, 1);
	mkdir("/sys", 0755);
	mkdir("/proc", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		perror("mount");
	try_group("root", &both, true);
	/* As in a service or a container: groups are to be made in a group that has processes. */
	mkdir("/sys/fs/cgroup/service", 0755);
	enter("/service");
	try_group("service", &both, true);
	file_write("/sys/fs/cgroup/service/cpuset.cpus", "0-2");
	try_group("narrow", &both, false);
	try_group("promised", &both, true);
	try_group("outside", &one, true);
	/* The group of a process that died. */
	mkdir("/sys/fs/cgroup/service/ktstr-1-1-0", 0755);
	try_group("orphan", &one, true);
	printf("orphan|left %d\n", access("/sys/fs/cgroup/service/ktstr-1-1-0", F_OK) == 0);
	mkdir("/sys/fs/cgroup/plain", 0755);
	enter("/plain");
	file_write("/sys/fs/cgroup/service/cgroup.subtree_control", "-cpuset");
	file_write("/sys/fs/cgroup/cgroup.subtree_control", "-cpuset");
	try_group("undelegated", &one, true);
	printf("end|\n");
	fflush(stdout);
	tcdrain(1);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
