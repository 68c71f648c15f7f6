/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs_init.c -- PID 1 of a guest that prints the topology in its kernel's sysfs on the console, and powers off.
 *
 * With an argument ("maxcpus=1 -- topology" on the kernel's command line) it first brings the other CPUs online, and
 * then prints only the topology: this is faster if one CPU emulates them all.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const char *const patterns[] = {
	"/sys/devices/system/cpu/online",
	"/sys/devices/system/cpu/cpu[0-9]*/topology/package_cpus_list",
	"/sys/devices/system/cpu/cpu[0-9]*/topology/core_cpus_list",
	"/sys/devices/system/cpu/cpu[0-9]*/cache/index3/shared_cpu_list",
	"/sys/devices/system/node/node[0-9]*/cpulist",
	"/sys/devices/system/node/node[0-9]*/distance",
	"",
	"/sys/bus/platform/devices/LNRO0005:*/uevent",
	"/proc/meminfo",
	"/proc/iomem",
	"/proc/interrupts",
};

/* Prints "PATH|LINE" for each line. */
static void show(const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		printf("%s|%s", path, line);
	if (f)
		fclose(f);
}

/* While a kernel boots, each online CPU takes a thousand timer interrupts per second; later, idle CPUs take none. */
static void bring_up_all(void)
{
	char path[64];
	for (unsigned cpu = 1;; cpu++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (write(fd, "1", 1) != 1)
			printf("cpu%u does not come up\n", cpu);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	mkdir("/sys", 0755);
	mkdir("/proc", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
		perror("mount");
	if (argc > 1)
		bring_up_all();
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found;
		if (!*patterns[i] && argc > 1)
			break;
		if (glob(patterns[i], 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				show(found.gl_pathv[k]);
	}
	printf("end|\n");
	fflush(stdout);
	tcdrain(1);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
