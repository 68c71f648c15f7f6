/* SPDX-License-Identifier: GPL-2.0-only */
/* How much memory a process may use, on machines that are simulated by directories. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "t.h"

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT                                                      \
	"31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" \
	"32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

static void put(const char *root, const char *path, const char *text)
{
	char full[600];
	snprintf(full, sizeof(full), "%s%s", root, path);
	_cleanup_free_ char *dir = path_dirname(full);
	t_ok(mkdir_parents(dir, 0755, NULL));
	t_ok(file_write_atomic(full, text, strlen(text), 0644, NULL));
}

/* A machine with 8,000 MiB available; its process is in @groups. */
static char *machine(const char *groups, const char *mounts)
{
	char *root = t_tmpdir();
	put(root, "/proc/meminfo", "MemTotal: 16384000 kB\nMemFree: 100 kB\nMemAvailable:  8192000 kB\n");
	put(root, "/proc/vmstat", "nr_free_pages 1\noom_kill 5\n");
	put(root, "/proc/self/cgroup", groups);
	put(root, "/proc/self/mountinfo", mounts);
	return root;
}

static struct memory_room look(char *root)
{
	struct memory_room room;
	memory_look(root, &room);
	return room;
}

START_TEST(machine_without_limits_has_what_is_available)
{
	char *root = machine("0::/a/b\n", V2_MOUNT);
	put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
	put(root, "/sys/fs/cgroup/a/b/memory.high", "max\n");
	put(root, "/sys/fs/cgroup/a/b/memory.current", "1048576\n");
	struct memory_room room = look(root);
	ck_assert_uint_eq(room.available_mib, 8000);
	ck_assert_uint_eq(room.limit_mib, 0);
	ck_assert_str_eq(room.group, "");
	t_rmdir(root);
}
END_TEST

START_TEST(limit_of_our_group_counts)
{
	char *root = machine("0::/a/b\n", V2_MOUNT);
	put(root, "/sys/fs/cgroup/a/b/memory.max", "104857600\n");
	put(root, "/sys/fs/cgroup/a/b/memory.high", "94371840\n");
	put(root, "/sys/fs/cgroup/a/b/memory.current", "52428800\n");
	put(root, "/sys/fs/cgroup/a/b/memory.stat",
	    "anon 1\nfile 31457280\ninactive_file 10485760\nactive_file 10485760\n");
	struct memory_room room = look(root);
	/* 90 MiB are the lower limit; of 50 MiB in use 20 are page cache. */
	ck_assert_uint_eq(room.available_mib, 60);
	ck_assert_uint_eq(room.limit_mib, 90);
	ck_assert(strstr(room.group, "/sys/fs/cgroup/a/b"));
	t_rmdir(root);
}
END_TEST

START_TEST(limit_of_a_group_above_counts)
{
	char *root = machine("0::/a/b/c\n", V2_MOUNT);
	put(root, "/sys/fs/cgroup/a/b/c/memory.max", "1048576000\n");
	put(root, "/sys/fs/cgroup/a/b/c/memory.current", "0\n");
	put(root, "/sys/fs/cgroup/a/memory.max", "524288000\n");
	put(root, "/sys/fs/cgroup/a/memory.current", "419430400\n");
	struct memory_room room = look(root);
	ck_assert_uint_eq(room.available_mib, 100);
	ck_assert_uint_eq(room.limit_mib, 500);
	t_rmdir(root);
}
END_TEST

START_TEST(group_over_its_limit_has_nothing_left)
{
	char *root = machine("0::/\n", V2_MOUNT);
	put(root, "/sys/fs/cgroup/memory.max", "10485760\n");
	put(root, "/sys/fs/cgroup/memory.current", "20971520\n");
	ck_assert_uint_eq(look(root).available_mib, 0);
	t_rmdir(root);
}
END_TEST

/* A container sees its own group as the root of the mount. */
START_TEST(group_is_found_below_a_mount_of_a_part)
{
	char *root =
		machine("0::/docker/x/inner\n", "30 23 0:26 /docker/x /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n");
	put(root, "/sys/fs/cgroup/inner/memory.max", "max\n");
	put(root, "/sys/fs/cgroup/memory.max", "314572800\n");
	put(root, "/sys/fs/cgroup/memory.current", "104857600\n");
	ck_assert_uint_eq(look(root).available_mib, 200);
	t_rmdir(root);
}
END_TEST

START_TEST(version_one_has_limits_too)
{
	char *root = machine("5:cpu:/elsewhere\n4:blkio,memory:/a/b\n0::/\n", V1_MOUNT);
	put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put(root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "1048576\n");
	put(root, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "62914560\n");
	put(root, "/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "41943040\n");
	put(root, "/sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 10485760\n");
	struct memory_room room = look(root);
	ck_assert_uint_eq(room.available_mib, 30);
	ck_assert_uint_eq(room.limit_mib, 60);
	t_rmdir(root);
}
END_TEST

START_TEST(kills_are_counted_where_the_kernel_counts_them)
{
	char *root = machine("0::/a\n", V2_MOUNT);
	ck_assert_uint_eq(memory_kills(root), 5);
	put(root, "/sys/fs/cgroup/a/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n");
	ck_assert_uint_eq(memory_kills(root), 3);
	t_rmdir(root);
	root = machine("4:memory:/b\n", V1_MOUNT);
	put(root, "/sys/fs/cgroup/memory/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	ck_assert_uint_eq(memory_kills(root), 7);
	t_rmdir(root);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, machine_without_limits_has_what_is_available);
	tcase_add_test(tc, limit_of_our_group_counts);
	tcase_add_test(tc, limit_of_a_group_above_counts);
	tcase_add_test(tc, group_over_its_limit_has_nothing_left);
	tcase_add_test(tc, group_is_found_below_a_mount_of_a_part);
	tcase_add_test(tc, version_one_has_limits_too);
	tcase_add_test(tc, kills_are_counted_where_the_kernel_counts_them);
}

int main(void)
{
	return t_main("memory", fill);
}
