/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.c -- see devices.h. */
#include "run/devices.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/tool.h"

#define MKFS	   "mke2fs"
#define MKFS_FD	   3
#define INODES_MAX 65536u
#define INODE_STEP 16384 /* bytes of the disk an inode, as mke2fs has it */

struct vm_devices devices_of(const struct device_decl *d)
{
	_Static_assert(KTSTR_NETWORKS_MAX == VM_NETWORKS_MAX, "a device for each network");
	return (struct vm_devices){ .disk = d->disk_bytes != 0,
				    .disk_read_only = d->disk_ro,
				    .networks = d->networks,
				    .pci = d->pci,
				    .console_in = -1,
				    .console_out = -1,
				    .bulk_out = -1,
				    .disk_fd = -1 };
}

struct image_devices devices_in_guest(const struct device_decl *d, const char *names[KTSTR_NETWORKS_MAX + 1])
{
	for (unsigned i = 0; i < d->networks; i++)
		names[i] = d->network[i];
	names[d->networks] = NULL;
	return (struct image_devices){ .disk = d->disk_bytes ? d->fs ?: "raw" : NULL,
				       .mount = d->mount,
				       .read_only = d->disk_ro,
				       .networks = names };
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

/* Users without root often have no /usr/sbin in their PATH. */
static char *find_mkfs(void)
{
	static const char *const places[] = { MKFS, "/usr/sbin/" MKFS, "/sbin/" MKFS };
	char *found = NULL;
	for (size_t i = 0; !found && i < ARRAY_SIZE(places); i++)
		found = tool_find(places[i]);
	return found;
}

const char *devices_lack(const struct device_decl *d, const struct kernel *k, char *out, size_t size)
{
	const struct {
		bool wanted, lacking;
		const char *option;
	} drivers[] = {
		{ d->disk_bytes != 0, k && k->no_disk, "CONFIG_VIRTIO_BLK" },
		{ d->fs != NULL, k && k->no_ext4, "CONFIG_EXT4_FS" },
		{ d->networks != 0, k && k->no_network, "CONFIG_VIRTIO_NET" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (!drivers[i].wanted || !drivers[i].lacking)
			continue;
		snprintf(out, size, "kernel %s has no driver for a device of the test (%s is not set)", k->version,
			 drivers[i].option);
		return out;
	}
	_cleanup_free_ char *mkfs = d->fs ? find_mkfs() : NULL;
	return d->fs && !mkfs ? "the disk's file system needs mke2fs, which is not installed (Debian: e2fsprogs)"
			      : NULL;
}

/* --- the disk's file ---------------------------------------------------------------------------------------------- */

/* Its output goes nowhere; its exit status says whether it worked. */
static int run_mkfs(const char *program, const char *const *argv, int disk)
{
	/* No configuration of the host decides about the file system, and no clock. */
	static const char *const env[] = { "MKE2FS_CONFIG=/dev/null", "E2FSPROGS_FAKE_TIME=1767225600",
					   "MKE2FS_DEVICE_SECTSIZE=512", "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 0;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, disk, MKFS_FD);
	int r = -posix_spawn(&pid, program, &actions, NULL, (char **)(uintptr_t)argv, (char **)(uintptr_t)env);
	posix_spawn_file_actions_destroy(&actions);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return r < 0 ? r : status ? -EIO : 0;
}

/*
 * All features are named, and identifiers and times are fixed, so that the same size has the same bytes. Nothing is
 * left for the guest's kernel to initialise in the background.
 */
static int make_ext4(const struct device_decl *d, int disk, struct err **err)
{
	char inodes[16];
	const char *const argv[] = {
		MKFS,
		"-q",
		"-F",
		"-t",
		"ext4",
		"-b",
		"4096",
		"-I",
		"256",
		"-m",
		"0",
		"-N",
		inodes,
		"-U",
		"6b747374-7200-4000-8000-000000000000",
		"-E",
		"hash_seed=6b747374-7200-4000-8000-000000000001,lazy_itable_init=0,lazy_journal_init=0,nodiscard,"
		"root_owner=0:0",
		"-O",
		"has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,filetype,sparse_super,"
		"large_file,resize_inode,dir_index,ext_attr",
		"/proc/self/fd/3",
		NULL
	};
	snprintf(inodes, sizeof(inodes), "%lu", MIN_OF(d->disk_bytes / INODE_STEP, (uint64_t)INODES_MAX));
	_cleanup_free_ char *program = find_mkfs();
	int r = program ? run_mkfs(program, argv, disk) : -ENOENT;
	return r < 0 ? FAIL_SYS(err, r, "make the disk's file system with %s", program ?: MKFS) : 0;
}

int disk_file_open(uint64_t bytes, struct err **err)
{
	const char *said = environment_get(ENV_TMPDIR), *dir = said ? said : "/tmp";
	_cleanup_close_ int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		return FAIL_SYS(err, -errno, "make the file of the disk in '%s' (TMPDIR)", dir);
	return TAKE_FD(fd);
}

int devices_open(const struct plan_case *c, struct vm_devices *v, struct err **err)
{
	const struct device_decl *d = &c->test->devices;
	if (!v->disk)
		return 0;
	fd_close(v->disk_fd);
	v->disk_fd = disk_file_open(d->disk_bytes, err);
	int r = MIN_OF(v->disk_fd, 0);
	if (r == 0 && d->fs)
		r = make_ext4(d, v->disk_fd, err);
	return r < 0 ? err_wrap(err, r, "test '%s'", c->name) : 0;
}
