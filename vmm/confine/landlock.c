/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * landlock.c -- restricts file access without a file system view of our own, where the kernel refuses user namespaces.
 * See setup.h and the kernel's Documentation/userspace-api/landlock.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/confine/setup.h"

/* Newer than the headers of Debian 12. */
#define FS_REFER    (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define NET_TCP	    3ULL /* bind, connect */
#define SCOPE_ALL   3ULL /* abstract sockets, signals */

struct ruleset {
	uint64_t files, network, scoped;
};

#define READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE)

static int allow_fd(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int allow_path(int ruleset, const char *path)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		r = allow_fd(ruleset, fd,
			     READ | (S_ISDIR(st.st_mode)   ? LANDLOCK_ACCESS_FS_READ_DIR
				     : S_ISCHR(st.st_mode) ? WRITE
							   : 0));
	close(fd);
	return r;
}

/* Lets our descriptors be reopened through /proc/self/fd. Files in memory need no rule, and accept none. */
static void allow_descriptors(int ruleset)
{
	for (int fd = 0; fd < CONFINE_FD_PROGRAM; fd++) {
		int flags = fcntl(fd, F_GETFL);
		struct stat st;
		if (flags >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			allow_fd(ruleset, fd, READ | ((flags & O_ACCMODE) == O_RDONLY ? 0 : WRITE));
	}
}

int setup_landlock(const struct confine_request *q)
{
	struct ruleset rules = { .files = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0)
		return -errno;
	rules.files |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0);
	rules.network = abi >= 4 ? NET_TCP : 0;
	rules.scoped = abi >= 6 ? SCOPE_ALL : 0;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0);
	if (fd < 0)
		return -errno;
	int r = 0;
	for (uint32_t i = 0; i < q->paths && r == 0; i++)
		r = allow_path(fd, q->path[i]);
	allow_descriptors(fd);
	if (r == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0))
		r = -errno;
	close(fd);
	return r;
}
