/* SPDX-License-Identifier: GPL-2.0-only */
/* orphans.c -- see orphans.h. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/time.h"
#include "kernel/orphans.h"

#define KILL_TIMEOUT	(10 * NSEC_PER_SEC)
#define TOKEN_FILE	"token"
#define TOKEN_BYTES	16
#define TOKEN_DIGITS	32
#define VARIABLE	"KTSTR_BUILD_TOKEN="
#define ENVIRONMENT_MAX ((size_t)2 << 20) /* the default limit of execve(2) is as large */
_Static_assert(sizeof(VARIABLE) + TOKEN_DIGITS <= ORPHANS_VARIABLE_MAX, "room for the variable");

/* Opens the work directory itself: not through a symbolic link, and only if it belongs to our user. */
static int open_ours(const char *dir, struct err **err)
{
	struct stat st;
	_cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : FAIL_SYS(err, -errno, "open work directory '%s'", dir);
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at work directory '%s'", dir);
	if (st.st_uid != geteuid())
		return FAIL(err, ERR_BUSY, -EPERM,
			    "work directory '%s' belongs to another user (uid %u); "
			    "remove it",
			    dir, st.st_uid);
	return TAKE_FD(fd);
}

int orphans_mark(const char *dir, struct err **err)
{
	uint8_t bytes[TOKEN_BYTES];
	char token[TOKEN_DIGITS + 1];
	_cleanup_close_ int fd = open_ours(dir, err);
	if (fd < 0)
		return fd;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return FAIL_SYS(err, -EIO, "get random bytes");
	for (size_t i = 0; i < TOKEN_BYTES; i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return file_write_atomic_at(fd, TOKEN_FILE, token, TOKEN_DIGITS, 0600, err);
}

int orphans_variable(const char *dir, char ret[ORPHANS_VARIABLE_MAX], struct err **err)
{
	char token[TOKEN_DIGITS + 1] = "";
	_cleanup_close_ int fd = open_ours(dir, err);
	if (fd < 0)
		return fd;
	_cleanup_close_ int file = open_beneath(fd, TOKEN_FILE, O_RDONLY | O_NONBLOCK, 0);
	if (file < 0 || fd_read_full(file, token, TOKEN_DIGITS) < 0 ||
	    strspn(token, "0123456789abcdef") != TOKEN_DIGITS)
		return -ENOENT;
	snprintf(ret, ORPHANS_VARIABLE_MAX, VARIABLE "%s", token);
	return 0;
}

/* Environments of other users' processes cannot be read; those processes do not matter. */
static bool has_variable(pid_t pid, const char *variable)
{
	char path[64];
	_cleanup_buf_ struct buf text = BUF_NULL;
	size_t len = strlen(variable) + 1;
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0 || st.st_uid != geteuid())
		return false;
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (file_read(path, ENVIRONMENT_MAX, &text, NULL) < 0)
		return false;
	for (size_t at = 0; at + len <= text.len; at += strnlen(text.data + at, text.len - at) + 1)
		if (!memcmp(text.data + at, variable, len))
			return true;
	return false;
}

/* Signals through a pidfd, so that a process that reused the number is not killed. */
static bool kill_if_ours(pid_t pid, const char *variable)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 || !has_variable(pid, variable))
		return false;
	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	return true;
}

/* Sends SIGKILL to each process with @variable. Returns their number. */
static unsigned kill_all(const char *variable)
{
	unsigned found = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *e; proc && (e = readdir(proc));) {
		uint64_t pid;
		if (parse_u64(e->d_name, &pid) == 0 && pid <= INT_MAX && (pid_t)pid != getpid())
			found += kill_if_ours((pid_t)pid, variable);
	}
	if (proc)
		closedir(proc);
	return found;
}

int orphans_kill(const char *dir, struct err **err)
{
	char variable[ORPHANS_VARIABLE_MAX];
	nsec_t began = nsec_now();
	unsigned left;
	int r = orphans_variable(dir, variable, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((left = kill_all(variable)) && nsec_now() - began < KILL_TIMEOUT)
		nanosleep(&(struct timespec){ .tv_nsec = 20 * NSEC_PER_MSEC }, NULL);
	if (!left)
		return 0;
	return FAIL(err, ERR_BUSY, -EBUSY,
		    "%u processes of a killed build still run in '%s'; "
		    "end them and try again",
		    left, dir);
}
