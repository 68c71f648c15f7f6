/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.c -- a program that runs in a virtual machine's place: it tries to escape from its confinement, and prints
 * the result of each attempt, a line "refused NAME" or "SUCCEEDED NAME", and at the end "tried N".
 *
 * If FILES_FD and REPORT_FD are open, the first lists what to try ("file PATH", "pid NUMBER", "setuid PATH"), and the
 * lines go to the second. Otherwise the program tries what every machine has, and the lines go to standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_FD  7
#define REPORT_FD 8

static int report_fd = STDERR_FILENO;
static unsigned tried;

static void say(bool succeeded, const char *name, const char *detail)
{
	dprintf(report_fd, "%s %s%s%s\n", succeeded ? "SUCCEEDED" : "refused", name, *detail ? " " : "", detail);
	tried++;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool can_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;
	bool ok = fd >= 0 && (read(fd, &byte, 1) >= 0 || errno == EISDIR);
	if (fd >= 0)
		close(fd);
	return ok;
}

static void try_file(const char *path)
{
	static const char *const ways[] = {
		"", "/..", "/proc/self/root", "/proc/self/cwd/..", "/proc/1/root", "/old", "/proc/self/root/../.."
	};
	char text[1024];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", ways[i], path);
		say(can_open(text), "open", text);
	}
}

static void try_writing(void)
{
	static const char *const paths[] = { "/hostile",	   "/tmp/hostile", "/usr/lib/hostile",
					     "/etc/hostile",	   "/dev/hostile", "/proc/sys/kernel/core_pattern",
					     "/proc/sysrq-trigger" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		say(fd >= 0, "write", paths[i]);
		if (fd >= 0)
			close(fd);
		if (fd >= 0 && strncmp(paths[i], "/proc", 5))
			unlink(paths[i]);
	}
	say(mknod("/dev/hostile", S_IFBLK | 0600, 1 << 8) == 0, "mknod", "");
}

/* --- processes ---------------------------------------------------------------------------------------------------- */

static void try_process(pid_t pid)
{
	char text[32], byte;
	if (pid == getpid()) /* process 1, if there is a PID namespace */
		return;
	struct iovec here = { &byte, 1 }, there = { (void *)0x1000, 1 };
	siginfo_t info = { .si_signo = SIGCONT, .si_code = SI_QUEUE };
	snprintf(text, sizeof(text), "%d", pid);
	say(kill(pid, SIGCONT) == 0, "kill", text);
	say(kill(-pid, SIGCONT) == 0, "kill-group", text);
	say(syscall(SYS_tgkill, pid, pid, SIGCONT) == 0, "tgkill", text);
	say(syscall(SYS_tkill, pid, SIGCONT) == 0, "tkill", text);
	say(syscall(SYS_rt_sigqueueinfo, pid, SIGCONT, &info) == 0, "sigqueue", text);
	say(syscall(SYS_pidfd_open, pid, 0) >= 0, "pidfd_open", text);
	say(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, "ptrace", text);
	errno = 0;
	process_vm_readv(pid, &here, 1, &there, 1, 0);
	say(errno == EFAULT, "process_vm_readv", text);
	say(fcntl(STDIN_FILENO, F_SETOWN, pid) == 0 && fcntl(STDIN_FILENO, F_GETOWN) == pid, "F_SETOWN", text);
	snprintf(text, sizeof(text), "/proc/%d/mem", pid);
	say(can_open(text), "open", text);
}

/* --- privileges --------------------------------------------------------------------------------------------------- */

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	syscall(SYS_capget, &header, data);
	return data[0].permitted || data[1].permitted || data[0].inheritable || data[1].inheritable;
}

static bool can_raise(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	data[capability / 32].permitted = data[capability / 32].effective = 1u << capability % 32;
	return syscall(SYS_capset, &header, data) == 0;
}

static bool bounding_set_is_left(void)
{
	bool left = false;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		left |= prctl(PR_CAPBSET_READ, cap) == 1;
	return left;
}

/* The program at @path is this one, set-user-ID root: run from there, it reports whether that gave it any privilege. */
static void try_setuid(const char *path)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		execl(path, path, "gained", NULL);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	say(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 42, "setuid", path);
}

static void try_privileges(void)
{
	say(has_capabilities(), "has-capabilities", "");
	say(can_raise(CAP_SYS_ADMIN) || can_raise(CAP_KILL) || can_raise(CAP_DAC_OVERRIDE), "capset", "");
	say(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0) == 0, "ambient", "");
	say(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1, "new-privileges", "");
	say(syscall(SYS_unshare, CLONE_NEWUSER) == 0, "unshare-user", "");
	say(syscall(SYS_unshare, CLONE_NEWNS) == 0, "unshare-mount", "");
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	say(pid > 0, "clone-user", "");
	say(setresuid(0, 0, 0) == 0 && getuid() != 0, "setresuid", "");
	say(setgroups(0, NULL) == 0, "setgroups", "");
}

/* --- the kernel --------------------------------------------------------------------------------------------------- */

static void try_kernel(void)
{
	say(mount("hostile", "/usr", "tmpfs", 0, NULL) == 0, "mount", "");
	say(umount2("/proc", MNT_DETACH) == 0, "umount", "");
	say(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0, "remount", "");
	say(chroot("/") == 0, "chroot", "");
	say(socket(AF_INET, SOCK_STREAM, 0) >= 0, "socket-inet", "");
	say(socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "socket-unix", "");
	say(socket(AF_NETLINK, SOCK_RAW, 0) >= 0, "socket-netlink", "");
	say(syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno == EFAULT, "io_uring", "");
	say(syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno == EFAULT || errno == EINVAL, "bpf", "");
	say(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) >= 0 || errno == EFAULT, "perf", "");
	say(syscall(SYS_keyctl, 0, -3, 1) >= 0, "keyctl", "");
	say(syscall(SYS_userfaultfd, 0) >= 0, "userfaultfd", "");
	say(sethostname("hostile", 7) == 0, "sethostname", "");
	say(getenv("HOSTILE_SECRET") != NULL, "environment", "");
}

static void try_listed(void)
{
	static char text[8192];
	ssize_t n = pread(FILES_FD, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "file ", 5))
			try_file(line + 5);
		else if (!strncmp(line, "pid ", 4))
			try_process((pid_t)strtol(line + 4, NULL, 10));
		else if (!strncmp(line, "setuid ", 7))
			try_setuid(line + 7);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "gained"))
		return (geteuid() == 0 && getuid() != 0) || has_capabilities() ? 42 : 0;
	if (fcntl(REPORT_FD, F_GETFD) >= 0 && fcntl(FILES_FD, F_GETFD) >= 0)
		report_fd = REPORT_FD;
	if (report_fd == REPORT_FD)
		try_listed();
	else
		try_file("/etc/shadow");
	try_file("/etc/passwd");
	try_file("/sys/kernel/uevent_seqnum");
	try_writing();
	try_process(getppid());
	try_privileges();
	try_kernel();
	say(geteuid() == 0 && bounding_set_is_left(), "bounding-set", ""); /* other users cannot empty it */
	dprintf(report_fd, "tried %u\n", tried);
	return 3;
}
