/* SPDX-License-Identifier: GPL-2.0-only */
/* Files in places where others can write, and cached files that are used only after a check. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cachefile.h"
#include "base/dir.h"
#include "base/file.h"
#include "lock/flock.h"
#include "t.h"

#define SOMEBODY 12345

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static bool is_there(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct stat st;
	return lstat(path, &st) == 0;
}

static bool holds(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_buf_ struct buf is = BUF_NULL;
	return file_read(path, 1 << 20, &is, NULL) == 0 && !strcmp(buf_str(&is), text);
}

static int try_open(const char *dir, const char *name, bool create, struct err **err)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = -1;
	return dir_open(path, create, "KTSTR_PLACE", &fd, err);
}

/* --- directories -------------------------------------------------------------------------------------------------- */

START_TEST(directory_is_made_and_own_links_are_followed)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *link = path_join(dir, "link"), *loop = path_join(dir, "loop");
	t_ok(try_open(dir, "a/b/c", true, NULL));
	t_ok(try_open(dir, "a//b/./c/../c/", false, NULL));
	t_errno(try_open(dir, "a/none", false, NULL), ENOENT);
	t_ok(symlink("a/b", link));
	t_ok(try_open(dir, "link/c", false, NULL));
	t_ok(try_open(dir, "link/new", true, NULL));
	ck_assert(is_there(dir, "a/b/new"));
	t_ok(symlink("loop", loop));
	t_errno(try_open(dir, "loop", false, NULL), ELOOP);
	put(dir, "file", "");
	t_errno(try_open(dir, "file", false, NULL), ENOTDIR);
	t_errno(try_open(dir, "file/below", true, NULL), ENOTDIR);
	t_rmdir(dir);
}
END_TEST

START_TEST(directory_that_others_can_write_is_refused)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *open_to_all = path_join(dir, "open");
	struct err *err = NULL;
	t_ok(mkdir(open_to_all, 0755));
	t_ok(chmod(open_to_all, 0777));
	t_errno(try_open(dir, "open", false, &err), EPERM);
	t_err_contains(&err, "set KTSTR_PLACE to a directory of your own");
	/* Below it, the user's own directory is accepted. */
	t_ok(try_open(dir, "open/mine", true, NULL));
	t_ok(chmod(open_to_all, 01777));
	t_ok(try_open(dir, "open", false, NULL));
	t_rmdir(dir);
}
END_TEST

START_TEST(what_belongs_to_another_user_is_refused)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *theirs = path_join(dir, "theirs"), *link = path_join(dir, "link");
	struct err *err = NULL;
	if (geteuid() != 0) {
		printf("# not checked: only root can make files of another user\n");
		t_rmdir(dir);
		return;
	}
	t_ok(mkdir(theirs, 0755));
	t_ok(chown(theirs, SOMEBODY, SOMEBODY));
	t_errno(try_open(dir, "theirs", true, &err), EPERM);
	t_err_contains(&err, "belongs to another user (uid 12345)");
	t_ok(symlink("elsewhere", link));
	t_ok(lchown(link, SOMEBODY, SOMEBODY));
	t_errno(try_open(dir, "link/runs", true, &err), EPERM);
	t_err_contains(&err, "a symbolic link on the way belongs to another user");
	ck_assert(!is_there(dir, "elsewhere"));
	t_rmdir(dir);
}
END_TEST

START_TEST(nothing_is_opened_through_a_link_below_a_directory)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *sub = path_join(dir, "sub"), *up = path_join(dir, "sub/up");
	_cleanup_free_ char *in = path_join(dir, "sub/in");
	put(dir, "victim", "whole");
	t_ok(mkdir(sub, 0755));
	t_ok(symlink("..", up));
	t_ok(symlink(".", in));
	_cleanup_close_ int fd = open(sub, O_PATH | O_CLOEXEC);
	t_ok(fd);
	t_errno(open_beneath(fd, "../victim", O_RDONLY, 0), EXDEV);
	t_errno(open_beneath(fd, "up/victim", O_RDONLY, 0), ELOOP);
	t_errno(open_beneath(fd, "in/new", O_WRONLY | O_CREAT, 0644), ELOOP);
	t_errno(open_beneath(fd, "/etc/passwd", O_RDONLY, 0), EXDEV);
	_cleanup_close_ int made = open_beneath(fd, "new", O_WRONLY | O_CREAT, 0644);
	t_ok(made);
	t_rmdir(dir);
}
END_TEST

/* A link, or a hard link to another file, prepared under every temporary name that the code could use. */
START_TEST(written_files_replace_what_was_prepared)
{
	char *dir = t_tmpdir(), fresh[300];
	_cleanup_free_ char *victim = path_join(dir, "victim"), *target = path_join(dir, "name");
	put(dir, "victim", "whole");
	snprintf(fresh, sizeof(fresh), "%s/name.tmp-%d", dir, gettid());
	t_ok(symlink("victim", fresh));
	put(dir, "name", "new");
	ck_assert(holds(dir, "name", "new") && holds(dir, "victim", "whole"));
	t_ok(link(victim, fresh));
	put(dir, "name", "newer");
	ck_assert(holds(dir, "name", "newer") && holds(dir, "victim", "whole"));
	t_ok(unlink(target));
	t_ok(symlink("victim", target));
	put(dir, "name", "newest");
	ck_assert(holds(dir, "name", "newest") && holds(dir, "victim", "whole"));
	t_rmdir(dir);
}
END_TEST

/* The user may name a pipe or a device: it is not replaced by a file. */
START_TEST(output_goes_into_a_pipe)
{
	char *dir = t_tmpdir(), text[8] = "";
	_cleanup_err_ struct err *err = NULL;
	_cleanup_free_ char *pipe = path_join(dir, "pipe"), *file = path_join(dir, "file"),
			    *no = path_join(dir, "no/x");
	struct stat st;
	t_ok(mkfifo(pipe, 0600));
	_cleanup_close_ int fd = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	t_ok(file_write_output(pipe, "text", 4, 0644, &err));
	ck_assert(read(fd, text, sizeof(text)) == 4 && !strcmp(text, "text"));
	ck_assert(stat(pipe, &st) == 0 && S_ISFIFO(st.st_mode));
	t_ok(file_write_output(file, "text", 4, 0640, &err));
	ck_assert(holds(dir, "file", "text") && stat(file, &st) == 0 && (st.st_mode & 0777) == 0640);
	ck_assert(file_write_output("/dev/full", "text", 4, 0644, &err) == -ENOSPC && err_kind_of(err) == ERR_OUTPUT);
	err = err_free(err);
	ck_assert(file_write_output(no, "text", 4, 0644, &err) == -ENOENT && err_kind_of(err) == ERR_OUTPUT);
	ck_assert(strstr(err->msg, "no/x': No such") != NULL);
	t_rmdir(dir);
}
END_TEST

/* Found before the work that makes the output. */
START_TEST(output_that_cannot_be_is_found_early)
{
	char *dir = t_tmpdir();
	_cleanup_err_ struct err *err = NULL;
	_cleanup_free_ char *file = path_join(dir, "file"), *no = path_join(dir, "no/x");
	t_ok(file_check_output(file, &err));
	ck_assert(access(file, F_OK) < 0); /* nothing is created */
	t_ok(file_check_output("name", &err));
	t_ok(file_check_output("/dev/full", &err));
	ck_assert(file_check_output(dir, &err) == -EISDIR && err_kind_of(err) == ERR_OUTPUT);
	err = err_free(err);
	ck_assert(file_check_output(no, &err) == -ENOENT && err_kind_of(err) == ERR_OUTPUT);
	t_rmdir(dir);
}
END_TEST

/* --- cached files ------------------------------------------------------------------------------------------------- */

/* The layout of a record, as far as these tests change it. */
struct record {
	uint64_t magic, size, hash[2];
	char boot[40];
	uint64_t device, inode, change_sec, change_nsec, own_hash;
};

/* Replaces libc's functions, so that the test sees the order: f a file is synced, d a directory, r a rename. */
static char order[32];

static void note_order(char what)
{
	size_t len = strlen(order);
	if (len + 1 < sizeof(order))
		order[len] = what;
}

int fsync(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0)
		note_order(S_ISDIR(st.st_mode) ? 'd' : 'f');
	return (int)syscall(SYS_fsync, fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	note_order('r');
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static int write_word(void *data, int fd, struct err **err)
{
	(void)err;
	return fd_write_full(fd, data, strlen(data));
}

static const char *order_of(int result)
{
	static char seen[sizeof(order)];
	t_ok(result);
	memcpy(seen, order, sizeof(seen));
	memset(order, 0, sizeof(order));
	return seen;
}

/* After a power cut a name has the old content or the new one, whoever writes it. */
START_TEST(a_name_is_given_to_what_is_on_disk)
{
	char *dir = t_tmpdir(), word[] = "word";
	_cleanup_free_ char *path = path_join(dir, "out");
	_cleanup_close_ int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(order, 0, sizeof(order));
	ck_assert_str_eq(order_of(file_write_atomic_at(at, "a", word, 4, 0600, NULL)), "frd");
	ck_assert_str_eq(order_of(file_write_by(at, "b", 0600, write_word, word, NULL)), "frd");
	ck_assert_str_eq(order_of(file_write_output_by(path, 0600, write_word, word, NULL)), "frd");
	ck_assert_str_eq(order_of(cachefile_store(dir, "c", word, 4, NULL)), "frdfrd");
	t_rmdir(dir);
}
END_TEST

static int open_kept(const char *dir, const char *name, unsigned *damaged)
{
	atomic_uint count = 0;
	const struct cachefile_use use = { .damaged = &count };
	_cleanup_close_ int fd = -1;
	int r = cachefile_open(dir, name, &use, &fd);
	*damaged = count;
	return r;
}

static void overwrite(const char *dir, const char *name, const void *data, size_t len, off_t at)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	t_ok(fd_pwrite_full(fd, data, len, at));
}

static void change_record(const char *dir, const char *boot)
{
	_cleanup_free_ char *path = path_join(dir, "a.x"), *sum = path_join(dir, "a.x.sum");
	_cleanup_close_ int fd = open(sum, O_RDWR | O_CLOEXEC);
	struct record r;
	struct stat st;
	t_ok(fd_pread_full(fd, &r, sizeof(r), 0));
	t_ok(stat(path, &st));
	if (boot)
		memcpy(r.boot, boot, sizeof(r.boot));
	r.change_sec = (uint64_t)st.st_ctim.tv_sec;
	r.change_nsec = (uint64_t)st.st_ctim.tv_nsec;
	r.own_hash = XXH3_64bits(&r, offsetof(struct record, own_hash));
	t_ok(fd_pwrite_full(fd, &r, sizeof(r), 0));
}

START_TEST(damaged_file_is_removed_and_made_anew)
{
	static const struct {
		const char *name, *data;
		off_t at;
	} damage[] = {
		{ "a.x", "X", 3 },
		{ "a.x", "longer", 6 },
		{ "a.x.sum", "X", 20 },
		{ "a.x.sum", "X", 0 },
	};
	char *dir = t_tmpdir();
	unsigned damaged;
	t_errno(open_kept(dir, "a.x", &damaged), ENOENT);
	ck_assert_uint_eq(damaged, 0);
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		t_ok(cachefile_store(dir, "a.x", "content", 7, NULL));
		t_ok(open_kept(dir, "a.x", &damaged));
		overwrite(dir, damage[i].name, damage[i].data, strlen(damage[i].data), damage[i].at);
		t_errno(open_kept(dir, "a.x", &damaged), ENOENT);
		ck_assert_uint_eq(damaged, 1);
		ck_assert(!is_there(dir, "a.x") && !is_there(dir, "a.x.sum"));
	}
	t_rmdir(dir);
}
END_TEST

/*
 * After a boot, every file is hashed once; in the same boot, only changed files are hashed: clones do not pay for it.
 */
START_TEST(files_are_hashed_once_a_boot)
{
	static const char other_boot[40] = "00000000-0000-0000-0000-000000000000\n";
	char *dir = t_tmpdir();
	unsigned damaged;
	t_ok(cachefile_store(dir, "a.x", "content", 7, NULL));
	change_record(dir, other_boot);
	t_ok(open_kept(dir, "a.x", &damaged));
	/* Checked in this boot, and unchanged since by its times: not hashed. */
	overwrite(dir, "a.x", "X", 1, 0);
	change_record(dir, NULL);
	t_ok(open_kept(dir, "a.x", &damaged));
	change_record(dir, other_boot);
	t_errno(open_kept(dir, "a.x", &damaged), ENOENT);
	ck_assert_uint_eq(damaged, 1);
	t_rmdir(dir);
}
END_TEST

START_TEST(cached_file_may_not_be_a_link)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *path = path_join(dir, "a.x");
	unsigned damaged;
	t_ok(cachefile_store(dir, "a.x", "content", 7, NULL));
	put(dir, "victim", "content");
	t_ok(unlink(path));
	t_ok(symlink("victim", path));
	t_errno(open_kept(dir, "a.x", &damaged), ENOENT);
	ck_assert(!is_there(dir, "a.x") && holds(dir, "victim", "content"));
	t_rmdir(dir);
}
END_TEST

START_TEST(cancelled_hashing_leaves_the_file)
{
	char *dir = t_tmpdir();
	atomic_bool cancel = false;
	const struct cachefile_use use = { .cancel = &cancel };
	_cleanup_close_ int fd = -1;
	unsigned damaged;
	t_ok(cachefile_store(dir, "a.x", "content", 7, NULL));
	overwrite(dir, "a.x", "content", 7, 0); /* another time of change */
	cancel = true;
	t_errno(cachefile_open(dir, "a.x", &use, &fd), ECANCELED);
	t_ok(open_kept(dir, "a.x", &damaged));
	t_errno(cachefile_store(dir, "b.x", "content", 7, &use), ECANCELED);
	t_errno(open_kept(dir, "b.x", &damaged), ENOENT);
	t_rmdir(dir);
}
END_TEST

static void used_at(const char *dir, const char *name, time_t when)
{
	_cleanup_free_ char *path = path_join(dir, name);
	const struct timespec times[] = { { .tv_sec = when }, { .tv_sec = when } };
	t_ok(utimensat(AT_FDCWD, path, times, 0));
}

START_TEST(what_was_used_last_is_kept)
{
	static const char *const names[] = { "a.x", "b.x", "c.x", "d.y" };
	char *dir = t_tmpdir();
	unsigned damaged;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char sum[16];
		t_ok(cachefile_store(dir, names[i], names[i], 3, NULL));
		snprintf(sum, sizeof(sum), "%s.sum", names[i]);
		used_at(dir, sum, (time_t)i + 1);
	}
	put(dir, ".x", "");
	put(dir, "e.x.new-7", "");
	put(dir, "f.x.new-7", "");
	used_at(dir, "f.x.new-7", 1);
	t_ok(open_kept(dir, "a.x", &damaged));
	cachefile_trim(dir, ".x", 2);
	ck_assert(is_there(dir, "a.x") && !is_there(dir, "b.x") && is_there(dir, "c.x"));
	ck_assert(is_there(dir, "d.y") && is_there(dir, ".x") && !is_there(dir, "b.x.sum"));
	ck_assert(is_there(dir, "e.x.new-7") && !is_there(dir, "f.x.new-7"));
	cachefile_trim(dir, ".x", 0);
	ck_assert(!is_there(dir, "a.x") && !is_there(dir, "c.x") && is_there(dir, "d.y"));
	cachefile_trim("/no/such/place", ".x", 0);
	t_rmdir(dir);
}
END_TEST

/* --- lock files --------------------------------------------------------------------------------------------------- */

/* Another user's unreadable file is reported once, when the directory is opened, not once per test. */
START_TEST(a_private_lock_file_is_one_error)
{
	char *path = t_tmpdir();
	_cleanup_free_ char *file = path_join(path, "ktstr-cpu-1.lock");
	struct lock_dir d = LOCK_DIR_NULL;
	struct err *err = NULL;
	if (geteuid() != 0) {
		printf("# not checked: only root can act as another user\n");
		t_rmdir(path);
		return;
	}
	t_ok(file_write_atomic(file, "", 0, 0600, NULL));
	t_ok(chmod(path, 01777));
	t_ok(seteuid(12345));
	int r = lock_dir_open(path, NULL, &d, &err);
	t_ok(seteuid(0));
	t_errno(r, EACCES);
	t_err_contains(&err, "ktstr-cpu-1.lock': it belongs to user 0 and has mode 0600; let its owner or root");
	t_ok(chmod(file, 0666));
	t_ok(seteuid(12345));
	r = lock_dir_open(path, NULL, &d, NULL);
	t_ok(seteuid(0));
	t_ok(r);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

/* No file appears where a prepared link points, whoever owns the link's directory. */
START_TEST(a_prepared_link_is_one_error)
{
	char *path = t_tmpdir();
	_cleanup_free_ char *link = path_join(path, "ktstr-llc-0.lock"), *target = path_join(path, "target");
	struct lock_dir d = LOCK_DIR_NULL;
	struct err *err = NULL;
	t_ok(symlink("target", link));
	t_errno(lock_dir_open(path, NULL, &d, &err), ELOOP);
	t_err_contains(&err, "is not a regular file");
	ck_assert(!path_exists(target));
	t_rmdir(path);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, output_goes_into_a_pipe);
	tcase_add_test(tc, output_that_cannot_be_is_found_early);
	tcase_add_test(tc, a_private_lock_file_is_one_error);
	tcase_add_test(tc, a_prepared_link_is_one_error);
	tcase_add_test(tc, directory_is_made_and_own_links_are_followed);
	tcase_add_test(tc, directory_that_others_can_write_is_refused);
	tcase_add_test(tc, what_belongs_to_another_user_is_refused);
	tcase_add_test(tc, nothing_is_opened_through_a_link_below_a_directory);
	tcase_add_test(tc, written_files_replace_what_was_prepared);
	tcase_add_test(tc, a_name_is_given_to_what_is_on_disk);
	tcase_add_test(tc, damaged_file_is_removed_and_made_anew);
	tcase_add_test(tc, files_are_hashed_once_a_boot);
	tcase_add_test(tc, cached_file_may_not_be_a_link);
	tcase_add_test(tc, cancelled_hashing_leaves_the_file);
	tcase_add_test(tc, what_was_used_last_is_kept);
}

int main(void)
{
	return t_main("files", fill);
}
