/* SPDX-License-Identifier: GPL-2.0-only */
/* rootfs.c -- see rootfs.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/rootfs.h"

const struct rootfs_entry rootfs_entries[] = {
	{ ROOTFS_DIR, "dev", NULL },
	{ ROOTFS_DIR, "proc", NULL },
	{ ROOTFS_DIR, "sys", NULL },
	{ ROOTFS_DIR, "tmp", NULL },
	{ ROOTFS_DIR, "run", NULL },
	{ ROOTFS_DIR, "root", NULL },
	{ ROOTFS_DIR, "include-files", NULL },
	{ ROOTFS_DIR, "var/log", NULL },
	{ ROOTFS_LINK, "var/run", "/run" },
	{ ROOTFS_LINK, "var/tmp", "/tmp" },
	{ ROOTFS_LINK, "etc/mtab", "/proc/self/mounts" },
	{ ROOTFS_FILE, "etc/passwd",
	  "root:x:0:0:root:/root:/bin/sh\n"
	  "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" },
	{ ROOTFS_FILE, "etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
	{ ROOTFS_FILE, "etc/hostname", "ktstr\n" },
	{ ROOTFS_FILE, "etc/hosts", "127.0.0.1\tlocalhost ktstr\n::1\tlocalhost\n" },
	/* Only services that are part of glibc itself, so that the guest needs no further library. */
	{ ROOTFS_FILE, "etc/nsswitch.conf",
	  "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"
	  "services: files\nprotocols: files\n" },
	{ ROOTFS_FILE, "etc/shells", "/bin/sh\n" },
};
const size_t rootfs_entry_count = ARRAY_SIZE(rootfs_entries);

const char *const rootfs_applets[] = {
	"[",	   "[[",       "ash",	    "awk",	 "base64", "basename", "bc",	    "bunzip2",	"bzcat",
	"cat",	   "chgrp",    "chmod",	    "chown",	 "chroot", "clear",    "cmp",	    "cp",	"cpio",
	"cut",	   "date",     "dc",	    "dd",	 "df",	   "diff",     "dirname",   "dmesg",	"du",
	"echo",	   "egrep",    "env",	    "expand",	 "expr",   "factor",   "fallocate", "false",	"fgrep",
	"find",	   "fold",     "free",	    "getopt",	 "grep",   "groups",   "gunzip",    "gzip",	"head",
	"hexdump", "hostname", "id",	    "ifconfig",	 "ionice", "ip",       "kill",	    "killall",	"less",
	"link",	   "ln",       "logname",   "losetup",	 "ls",	   "md5sum",   "mkdir",	    "mkfifo",	"mknod",
	"mktemp",  "more",     "mount",	    "mv",	 "nc",	   "netstat",  "nl",	    "nproc",	"nsenter",
	"od",	   "paste",    "pidof",	    "ping",	 "printf", "ps",       "pwd",	    "readlink", "realpath",
	"renice",  "reset",    "rev",	    "rm",	 "rmdir",  "sed",      "seq",	    "setpriv",	"setsid",
	"sh",	   "sha1sum",  "sha256sum", "sha512sum", "shuf",   "sleep",    "sort",	    "stat",	"strings",
	"stty",	   "sync",     "sysctl",    "tac",	 "tail",   "tar",      "taskset",   "tee",	"test",
	"time",	   "timeout",  "top",	    "touch",	 "tr",	   "true",     "truncate",  "tty",	"umount",
	"uname",   "uniq",     "unlink",    "unshare",	 "unxz",   "uptime",   "usleep",    "vi",	"watch",
	"wc",	   "which",    "who",	    "whoami",	 "xargs",  "xxd",      "xz",	    "xzcat",	"yes",
	"zcat",	   NULL
};

bool rootfs_is_in_path(const char *dir)
{
	/* The directories of the PATH that PID 1 sets (guest/init/main.c). */
	static const char *const dirs[] = { "/bin", "/usr/bin", "/sbin", "/usr/sbin" };
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (!strcmp(dirs[i], dir))
			return true;
	return false;
}

char *rootfs_place(const char *path)
{
	/* The directories on which PID 1 mounts, and the archive's own top-level names. */
	static const char *const taken[] = {
		"dev", "proc", "run", "sys", "tmp", "var", "include-files", "init", "scheduler", "test", ROOTFS_MOVED,
	};
	char *place = NULL;
	size_t len = strcspn(path + 1, "/");
	bool moved = !strncmp(path + 1, "staged.", 7) || !strncmp(path + 1, "ktstr.", 6);
	for (size_t i = 0; i < ARRAY_SIZE(taken) && !moved; i++)
		moved = strlen(taken[i]) == len && !strncmp(path + 1, taken[i], len);
	return asprintf(&place, "%s%s", moved ? ROOTFS_MOVED "/" : "", path + 1) < 0 ? NULL : place;
}
