/* SPDX-License-Identifier: GPL-2.0-only */
/* test_kernel_cache.c -- the cache of kernels, and what dead builds leave in it. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "kernel/config.h"
#include "kernel/kernel.h"
#include "kernel/orphans.h"
#include "kernel_cache_dir.h"
#include "t.h"

START_TEST(cache_lists_newest_first_and_names_what_is_corrupt)
{
	struct cache_entry *list;
	size_t count;
	begin();
	entry("old", "6.12.1", "2026-01-01T00:00:00Z", true);
	entry("new", "6.12.2", "2026-02-01T00:00:00Z", true);
	entry("broken", "6.12.3", "2026-03-01T00:00:00Z", false);
	put("kernels/bad/metadata.json", "{ nonsense");
	put("kernels/empty/other", "");
	put("kernels/.tmp-x-1/metadata.json", "{}");
	t_ok(cache_list(&cache, &list, &count, NULL));
	ck_assert_uint_eq(count, 5);
	ck_assert_str_eq(list[0].key, "new");
	ck_assert_str_eq(list[1].key, "old");
	for (size_t i = 2; i < count; i++) {
		const char *kind = !strcmp(list[i].key, "broken") ? "image_missing"
				   : !strcmp(list[i].key, "bad")  ? "malformed"
								  : "missing";
		ck_assert_str_eq(list[i].error_kind, kind);
	}
	entries_free(list, count);
	end();
}
END_TEST

START_TEST(publish_replaces_an_older_entry)
{
	begin();
	entry("key", "6.12.1", "2026-01-01T00:00:00Z", true);
	put("work/metadata.json", "{}");
	char *work = path_join(dir, "work");
	t_ok(cache_publish(&cache, "key", work, NULL));
	ck_assert(!path_exists(work));
	struct buf b = BUF_NULL;
	char *meta = path_join(cache.root, "key/metadata.json");
	t_ok(file_read(meta, 100, &b, NULL));
	ck_assert_str_eq(buf_str(&b), "{}");
	buf_done(&b);
	free(meta);
	free(work);
	end();
}
END_TEST

START_TEST(sweep_removes_work_of_the_dead_only)
{
	char mine[80];
	begin();
	snprintf(mine, sizeof(mine), "kernels/.tmp-key-%d/x", getpid());
	put(mine, "");
	put("kernels/.tmp-key-999999999/x", "");
	cache_sweep(&cache, true);
	char *own = path_join(dir, mine), *dead = path_join(cache.root, ".tmp-key-999999999");
	ck_assert(path_exists(own));
	ck_assert(!path_exists(dead));
	free(own);
	free(dead);
	end();
}
END_TEST

START_TEST(lock_is_exclusive)
{
	int one = -1, two = -1;
	begin();
	t_ok(cache_lock(&cache, "k", &one, NULL, 0, NULL));
	t_errno(cache_lock(&cache, "k", &two, NULL, 0, NULL), EBUSY);
	fd_close(one);
	t_ok(cache_lock(&cache, "k", &two, NULL, 0, NULL));
	fd_close(two);
	end();
}
END_TEST

static int nfs(int fd, uint64_t *ret)
{
	(void)fd;
	*ret = 0x6969;
	return 0;
}

START_TEST(remote_cache_is_refused_by_name)
{
	struct err *err = NULL;
	int fd = -1;
	begin();
	cache.magic = nfs;
	t_errno(cache_lock(&cache, "k", &fd, NULL, 0, &err), EOPNOTSUPP);
	t_err_contains(&err, "filesystem NFS is not supported");
	cache.magic = NULL;
	end();
}
END_TEST

/* --- remains of dead processes ------------------------------------------------------------------------------------ */

START_TEST(work_of_the_dead_goes_on_where_it_was)
{
	char *work = NULL;
	enum work_stage stage;
	begin();
	put("kernels/.tmp-key-999999999/stage", "unpacked");
	put("kernels/.tmp-key-999999999/src/Makefile", "");
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	ck_assert_int_eq(stage, WORK_UNPACKED);
	char *kept = path_join(work, "src/Makefile");
	ck_assert(path_exists(kept));
	free(kept);
	free(work);
	end();
}
END_TEST

START_TEST(work_that_was_not_whole_is_done_again)
{
	char *work = NULL;
	enum work_stage stage;
	begin();
	put("kernels/.tmp-key-999999999/src/Makefile", "");
	put("kernels/.tmp-key-2-999999998/stage", "built");
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	ck_assert_int_eq(stage, WORK_EMPTY);
	char *half = path_join(work, "src");
	ck_assert(!path_exists(half));
	free(half);
	t_ok(cache_work_mark(work, WORK_BUILT, NULL));
	free(work);
	end();
}
END_TEST

START_TEST(sweep_leaves_recent_work_to_who_goes_on_with_it)
{
	begin();
	put("kernels/.tmp-key-999999999/x", "");
	cache_sweep(&cache, false);
	char *dead = path_join(cache.root, ".tmp-key-999999999");
	ck_assert(path_exists(dead));
	free(dead);
	end();
}
END_TEST

static pid_t start_sleeper(const char *variable)
{
	char *const argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
	char *const env[] = { (char *)variable, NULL };
	pid_t pid = -1;
	ck_assert_int_eq(posix_spawn(&pid, "/bin/sleep", NULL, NULL, argv, env), 0);
	return pid;
}

/* SIGKILL if it was killed before, SIGTERM if it was still alive. */
static int end_sleeper(pid_t pid)
{
	int status = 0;
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WTERMSIG(status);
}

/* The child must have executed its program: until then it has the parent's environment. */
static void wait_for_exec(pid_t pid)
{
	char path[64], name[16] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	for (unsigned i = 0; i < 1000 && strcmp(name, "sleep\n"); i++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, name, sizeof(name) - 1);
		name[n < 0 ? 0 : n] = '\0';
		usleep(1000);
	}
}

START_TEST(only_what_the_build_started_is_killed)
{
	char own[ORPHANS_VARIABLE_MAX], other[] = "KTSTR_BUILD_TOKEN=00000000000000000000000000000000";
	char *work = NULL;
	enum work_stage stage;
	struct err *err = NULL;
	begin();
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	t_ok(orphans_variable(work, own, NULL));
	pid_t ours = start_sleeper(own), theirs = start_sleeper(other);
	wait_for_exec(ours);
	wait_for_exec(theirs);
	/* Not through a link beside it. */
	_cleanup_free_ char *link = path_join(cache.root, ".tmp-key-999999999"), *token = path_join(work, "token");
	t_ok(symlink(work, link));
	t_errno(orphans_kill(link, &err), ENOTDIR);
	t_err_contains(&err, "open work directory");
	cache_sweep(&cache, true);
	ck_assert(path_exists(token) && path_exists(link));
	ck_assert_int_eq(kill(ours, 0), 0);
	t_ok(orphans_kill(work, NULL));
	ck_assert_int_eq(end_sleeper(ours), SIGKILL);
	ck_assert_int_eq(end_sleeper(theirs), SIGTERM);
	t_ok(orphans_kill(work, NULL));
	free(work);
	end();
}
END_TEST

static void damage_image(const char *key)
{
	_cleanup_free_ char *entry = path_join(cache.root, key), *path = path_join(entry, "bzImage");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	t_ok(fd_pwrite_full(fd, "X", 1, 2));
}

START_TEST(damaged_kernels_are_not_booted)
{
	struct kernel_ref ref;
	struct kernel_id id;
	struct kernel kernel;
	struct err *err = NULL;
	begin();
	entry("work", "6.12.1", "2026-01-01T00:00:00Z", true);
	_cleanup_free_ char *made = path_join(cache.root, "work");
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc0", made, NULL));
	t_ok(kernel_ref_parse("6.12.1", &ref, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	t_ok(kernel_from_cache(&cache, id.key, &kernel, NULL));
	kernel_done(&kernel);
	damage_image(id.key);
	t_errno(kernel_from_cache(&cache, id.key, &kernel, &err), EBADMSG);
	t_err_contains(&err, "bzImage does not match its checksum; 'ktstr kernel build --force'");
	kernel_id_done(&id);
	/* A request by version treats it as missing, and builds it again. */
	t_errno(kernel_id_from_cache(&cache, &ref, &id, &err), ENOENT);
	err_free(err);
	kernel_ref_done(&ref);
	end();
}
END_TEST

START_TEST(a_version_is_that_with_our_configuration)
{
	struct kernel_ref ref;
	struct kernel_id id;
	begin();
	entry_of(~kconfig_lean_hash(ARCH_X86_64), "stale", "6.12.1", "2026-01-02T00:00:00Z", true);
	_cleanup_free_ char *made = path_join(cache.root, "work"), *stale = path_join(cache.root, "stale");
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc1", stale, NULL));
	t_ok(kernel_ref_parse("6.12.1", &ref, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	ck_assert_str_eq(id.key, "6.12.1-tarball-x86_64-kc1");
	kernel_id_done(&id);
	entry("work", "6.12.1", "2026-01-01T00:00:00Z", true); /* older, but ours */
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc0", made, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	ck_assert_str_eq(id.key, "6.12.1-tarball-x86_64-kc0");
	kernel_id_done(&id);
	kernel_ref_done(&ref);
	end();
}
END_TEST

START_TEST(sources_have_a_name_below_their_tree)
{
	ck_assert_str_eq(cache_work_source("/c/kernels/.tmp-6.12-x-77/src/kernel/sched/core.c"), "kernel/sched/core.c");
	ck_assert_str_eq(cache_work_source("/c/kernels/.tmp-6.12-x-77/deb/a.c"), "/c/kernels/.tmp-6.12-x-77/deb/a.c");
	ck_assert_str_eq(cache_work_source("/home/me/src/mine.bpf.c"), "/home/me/src/mine.bpf.c");
	ck_assert_str_eq(cache_work_source(""), "");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, sources_have_a_name_below_their_tree);
	tcase_add_test(tc, cache_lists_newest_first_and_names_what_is_corrupt);
	tcase_add_test(tc, publish_replaces_an_older_entry);
	tcase_add_test(tc, sweep_removes_work_of_the_dead_only);
	tcase_add_test(tc, lock_is_exclusive);
	tcase_add_test(tc, remote_cache_is_refused_by_name);
	tcase_add_test(tc, only_what_the_build_started_is_killed);
	tcase_add_test(tc, damaged_kernels_are_not_booted);
	tcase_add_test(tc, a_version_is_that_with_our_configuration);
	tcase_add_test(tc, work_of_the_dead_goes_on_where_it_was);
	tcase_add_test(tc, work_that_was_not_whole_is_done_again);
	tcase_add_test(tc, sweep_leaves_recent_work_to_who_goes_on_with_it);
}

int main(void)
{
	return t_main("kernel_cache", fill);
}
