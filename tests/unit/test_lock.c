/* SPDX-License-Identifier: GPL-2.0-only */
/* Lock files, and the processes that hold them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/process.h"
#include "base/file.h"
#include "hosttree.h"
#include "lock/flock.h"
#include "lock/render.h"
#include "lock/watch.h"
#include "t.h"

#define HOSTS TESTS_DIR "/hosts"

static struct lock_dir open_dir(const char *path)
{
	struct lock_dir d = LOCK_DIR_NULL;
	t_ok(lock_dir_open(path, NULL, &d, NULL));
	return d;
}

/* --- lock files --------------------------------------------------------------------------------------------------- */

static uint64_t told_magic;

static int tell_magic(int fd, uint64_t *ret)
{
	(void)fd;
	*ret = told_magic;
	return 0;
}

static const struct {
	uint64_t magic;
	const char *name;
} filesystems[] = {
	{ 0x6969, "NFS" },    { 0xff534d42, "CIFS" }, { 0xfffffffffe534d42, "SMB2" },
	{ 0xc36400, "Ceph" }, { 0x6b414653, "AFS" },  { 0x65735546, "FUSE" },
	{ 0xef53, NULL },     { 0x01021994, NULL },   { 0x12345678, NULL },
};

START_TEST(remote_filesystems_are_refused_by_name)
{
	char *dir = t_tmpdir(), text[64];
	struct lock_dir d = LOCK_DIR_NULL;
	struct err *err = NULL;
	told_magic = filesystems[_i].magic;
	int r = lock_dir_open(dir, tell_magic, &d, &err);
	if (filesystems[_i].name) {
		t_errno(r, EOPNOTSUPP);
		snprintf(text, sizeof(text), "filesystem %s is not supported for ktstr lockfiles",
			 filesystems[_i].name);
		t_err_contains(&err, text);
	} else {
		t_ok(r);
	}
	lock_dir_done(&d);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_directory_that_is_not_there_says_what_to_do)
{
	struct lock_dir d = LOCK_DIR_NULL;
	struct err *err = NULL;
	t_errno(lock_dir_open("/nonexistent/locks", NULL, &d, &err), ENOENT);
	t_err_contains(&err, "set KTSTR_LOCK_DIR");
	t_errno(lock_dir_open("/proc/self/status", NULL, &d, &err), ENOTDIR);
	t_err_contains(&err, "Not a directory");
}
END_TEST

START_TEST(exclusive_and_shared)
{
	char *path = t_tmpdir();
	struct lock_dir d = open_dir(path);
	int a, b, c;
	t_ok(lock_take(&d, "x.lock", LOCK_MODE_SHARED, &a, NULL));
	t_ok(lock_take(&d, "x.lock", LOCK_MODE_SHARED, &b, NULL));
	t_errno(lock_take(&d, "x.lock", LOCK_MODE_EXCLUSIVE, &c, NULL), EBUSY);
	close(a);
	close(b);
	t_ok(lock_take(&d, "x.lock", LOCK_MODE_EXCLUSIVE, &c, NULL));
	t_errno(lock_take(&d, "x.lock", LOCK_MODE_SHARED, &a, NULL), EBUSY);
	close(c);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

/* Anything in the way of a lock file is an error that names it; links are not followed, FIFOs do not block. */
START_TEST(odd_files_are_refused)
{
	char *path = t_tmpdir();
	struct lock_dir d = open_dir(path);
	struct err *err = NULL;
	int fd;
	t_ok(mkdirat(d.fd, "dir.lock", 0700));
	t_ok(symlinkat("/etc/passwd", d.fd, "link.lock"));
	_cleanup_free_ char *fifo = path_join(path, "fifo.lock");
	t_ok(mkfifo(fifo, 0600));
	t_errno(lock_take(&d, "dir.lock", LOCK_MODE_SHARED, &fd, &err), EBADF);
	t_err_contains(&err, "dir.lock' is not a regular file");
	t_errno(lock_take(&d, "link.lock", LOCK_MODE_SHARED, &fd, &err), ELOOP);
	t_err_contains(&err, "link.lock");
	t_errno(lock_take(&d, "fifo.lock", LOCK_MODE_SHARED, &fd, &err), EBADF);
	err_free(err);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

START_TEST(a_removed_file_is_made_anew)
{
	char *path = t_tmpdir();
	struct lock_dir d = open_dir(path);
	int a, b;
	t_ok(lock_take(&d, "x.lock", LOCK_MODE_EXCLUSIVE, &a, NULL));
	t_ok(unlinkat(d.fd, "x.lock", 0));
	t_ok(lock_take(&d, "x.lock", LOCK_MODE_EXCLUSIVE, &b, NULL));
	close(a);
	close(b);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

static void make_plan(const struct host *h, struct cpu_plan *p)
{
	struct cpu_request request = { PLAN_DEFAULT, { 1, 2, 2, 2 } };
	t_ok(cpu_plan_make(h, &h->online, NULL, &request, p, NULL));
}

START_TEST(a_plan_is_locked_whole_or_not_at_all)
{
	char *path = t_tmpdir(), taken[LOCK_NAME_MAX];
	struct lock_dir d = open_dir(path);
	struct host h;
	struct cpuset_bits allowed;
	struct cpu_plan p;
	struct lock_set s = LOCK_SET_NULL, t = LOCK_SET_NULL;
	int fd;
	host_tree_read(HOSTS, "ccx-desktop", &h, &allowed);
	make_plan(&h, &p);
	t_ok(lock_set_take(&d, &p, &s, taken, NULL));
	ck_assert_uint_eq(s.count, 1 + 8);
	t_errno(lock_set_take(&d, &p, &t, taken, NULL), EBUSY);
	ck_assert_str_eq(taken, "ktstr-cpu-0.lock");
	/* The failed call must not have kept any lock. */
	lock_set_release(&s);
	t_ok(lock_take(&d, "ktstr-llc-0.lock", LOCK_MODE_EXCLUSIVE, &fd, NULL));
	t_errno(lock_set_take(&d, &p, &t, taken, NULL), EBUSY);
	ck_assert_str_eq(taken, "ktstr-llc-0.lock");
	close(fd);
	lock_set_release(&s);
	host_done(&h);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

/* Both a release and the holder's death notify the listeners. */
START_TEST(the_bell_rings)
{
	char *path = t_tmpdir(), taken[LOCK_NAME_MAX], events[4096];
	struct lock_dir d = open_dir(path);
	struct host h;
	struct cpuset_bits allowed;
	struct cpu_plan p;
	struct lock_set s = LOCK_SET_NULL;
	int inotify, status;
	host_tree_read(HOSTS, "ccx-desktop", &h, &allowed);
	make_plan(&h, &p);
	t_ok(release_event_watch(&d, &inotify, NULL));
	ck_assert_int_lt(read(inotify, events, sizeof(events)), 0);
	t_ok(lock_set_take(&d, &p, &s, taken, NULL));
	ck_assert_int_lt(read(inotify, events, sizeof(events)), 0);
	lock_set_release(&s);
	ck_assert_int_gt(read(inotify, events, sizeof(events)), 0);
	pid_t pid = fork();
	if (!pid) {
		if (lock_set_take(&d, &p, &s, taken, NULL) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_gt(read(inotify, events, sizeof(events)), 0);
	t_ok(lock_set_take(&d, &p, &s, taken, NULL));
	lock_set_release(&s);
	close(inotify);
	host_done(&h);
	lock_dir_done(&d);
	t_rmdir(path);
}
END_TEST

/* --- /proc/locks, command lines ----------------------------------------------------------------------------------- */

START_TEST(proc_locks_are_read)
{
	static const char text[] = "1: FLOCK  ADVISORY  WRITE 345 fe:0a:678 0 EOF\n"
				   "1: -> FLOCK  ADVISORY  WRITE 346 fe:0a:678 0 EOF\n"
				   "2: POSIX  ADVISORY  WRITE 12 fe:00:9 0 EOF\n"
				   "3: FLOCK  ADVISORY  READ  -1 00:1f:18446744073709551615 0 EOF\n"
				   "4: FLOCK  ADVISORY  WRITE 99999999999 fe:00:9 0 EOF\n"
				   "5: FLOCK  MSNFS     READ  12 fe:00:9 0 EOF\n"
				   "nonsense\n: \n\n7: FLOCK  ADVISORY  READ 7 00:00:5";
	struct proc_lock *lock;
	size_t count;
	t_ok(proc_locks_parse(text, &lock, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert(lock[0].pid == 345 && lock[0].exclusive && lock[0].major == 0xfe && lock[0].minor == 10 &&
		  lock[0].ino == 678);
	ck_assert(lock[1].pid == 7 && !lock[1].exclusive && lock[1].ino == 5);
	free(lock);
}
END_TEST

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct {
	const char *raw;
	size_t len;
	const char *clean;
} cmdlines[] = {
	{ "a\0b c\0", 6, "a b c" },
	{ "", 0, "" },
	{ "\0\0\0", 3, "" },
	{ "a\nb\tc\rd", 7, "a b c d" },
	{ "\033[2Jx\x07", 6, "?[2Jx?" },
	{ "\xff\xfe\xc3\xa9", 4, "\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9" },
	{ "\xc2\x9b"
	  "2J",
	  4, "?2J" }, /* CSI as one C1 character */
	{ "a\xe2\x80\xae"
	  "b",
	  5, "a?b" }, /* right-to-left override */
	{ X100 X10 X10 X10 X10 X10 X10, 160, X100 X10 X10 X10 X10 X10 X10 },
	{ X100 X10 X10 X10 X10 X10 X10 "y", 161, X100 X10 X10 X10 X10 X10 "xxxxxxx..." },
	{ X100 X10 X10 X10 X10 X10 "xxxxxx\xc3\xa9zzzz", 162, X100 X10 X10 X10 X10 X10 "xxxxxx..." },
};

START_TEST(command_lines_are_tamed)
{
	struct buf out = BUF_NULL;
	cmdline_clean(cmdlines[_i].raw, cmdlines[_i].len, &out);
	ck_assert_str_eq(buf_str(&out), cmdlines[_i].clean);
	ck_assert_uint_le(out.len, CMDLINE_BYTES_MAX);
	buf_done(&out);
}
END_TEST

START_TEST(start_times_stand_behind_any_name)
{
	ck_assert_uint_eq(stat_start_ticks("1 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20"), 777);
	ck_assert_uint_eq(stat_start_ticks("1 (a) S 1 2"), 0);
	ck_assert_uint_eq(stat_start_ticks("nonsense"), 0);
}
END_TEST

/* --- scans -------------------------------------------------------------------------------------------------------- */

/* A /proc and a lock directory of our own making. */
struct stage {
	char *dir, *locks, *proc;
	struct buf table; /* /proc/locks */
};

static void put(const char *dir, const char *name, const void *data, size_t len)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_free_ char *parent = path_dirname(path);
	t_ok(mkdir_parents(parent, 0755, NULL));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	t_ok(fd);
	t_ok(fd_write_full(fd, data, len));
	close(fd);
}

static void stage_init(struct stage *s)
{
	s->dir = t_tmpdir();
	s->locks = path_join(s->dir, "locks");
	s->proc = path_join(s->dir, "proc");
	s->table = BUF_NULL;
	t_ok(mkdir_parents(s->locks, 0755, NULL));
	put(s->proc, "locks", "", 0);
}

static void stage_done(struct stage *s)
{
	buf_done(&s->table);
	free(s->locks);
	free(s->proc);
	t_rmdir(s->dir);
}

static void stage_lock(struct stage *s, const char *name, pid_t pid, bool exclusive)
{
	_cleanup_free_ char *path = path_join(s->locks, name);
	struct stat st;
	if (stat(path, &st) < 0) {
		put(s->locks, name, "", 0);
		t_ok(stat(path, &st));
	}
	buf_appendf(&s->table, "1: FLOCK  ADVISORY  %s %d %02x:%02x:%lu 0 EOF\n", exclusive ? "WRITE" : "READ ", pid,
		    (unsigned)(st.st_dev >> 8), (unsigned)(st.st_dev & 0xff), st.st_ino);
	put(s->proc, "locks", s->table.data, s->table.len);
}

/* @start: clock ticks after boot. */
static void stage_process(struct stage *s, pid_t pid, const char *cmdline, size_t len, uint64_t start)
{
	char name[64], stat[256];
	int n = snprintf(stat, sizeof(stat), "%d (x) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %lu 0\n", pid, start);
	snprintf(name, sizeof(name), "%d/stat", pid);
	put(s->proc, name, stat, (size_t)n);
	snprintf(name, sizeof(name), "%d/cmdline", pid);
	put(s->proc, name, cmdline, len);
}

START_TEST(holders_are_found_and_described)
{
	struct stage s;
	struct lock_scan scan;
	struct plan_holders holders;
	struct host h;
	struct cpuset_bits allowed;
	struct buf who = BUF_NULL;
	stage_init(&s);
	stage_lock(&s, "ktstr-llc-0.lock", 11, false);
	stage_lock(&s, "ktstr-llc-0.lock", 10, false);
	stage_lock(&s, "ktstr-llc-0.lock", 10, false);
	stage_lock(&s, "ktstr-llc-1.lock", 12, true);
	stage_lock(&s, "ktstr-cpu-3.lock", 10, true);
	stage_lock(&s, "ktstr-cpu-x.lock", 10, true);
	stage_lock(&s, "ktstr-cpu-99999.lock", 10, true);
	stage_lock(&s, "other", 10, true);
	put(s.locks, "ktstr-cpu-10.lock", "", 0);
	stage_process(&s, 10, "ktstr\0test\0", 11, 1);
	stage_process(&s, 11, "", 0, 1);
	t_ok(lock_scan_init(&scan, s.locks, NULL, NULL, s.proc));
	t_ok(lock_scan_run(&scan));
	/* In order: LLCs, then CPUs by number, including idle ones; without other files of similar names. */
	ck_assert_uint_eq(scan.files, 5);
	ck_assert_str_eq(scan.file[0].name, "ktstr-llc-0.lock");
	ck_assert_str_eq(scan.file[3].name, "ktstr-cpu-10.lock");
	ck_assert_uint_eq(scan.file[0].holders, 2);
	ck_assert_int_eq(scan.holder[0].pid, 10);
	ck_assert_str_eq(scan.holder[0].cmdline, "ktstr test");
	ck_assert_str_eq(scan.holder[1].cmdline, "[x]");
	ck_assert_ptr_null(scan.holder[2].cmdline);
	host_tree_read(HOSTS, "ccx-desktop", &h, &allowed);
	lock_scan_holders(&scan, &h, &holders);
	ck_assert_uint_eq(holders.llc_shared[0], 2);
	ck_assert(cpuset_has(&holders.llc_exclusive, 1) && cpuset_has(&holders.cpus, 3));
	ck_assert_uint_eq(cpuset_count(&holders.cpus), 1);
	lock_scan_name_holders(&scan, "ktstr-llc-1.lock", &who);
	ck_assert_str_eq(buf_str(&who), "pid 12 (ended)");
	buf_done(&who);
	host_done(&h);
	lock_scan_done(&scan);
	stage_done(&s);
}
END_TEST

/* If the process is younger than the lock, its pid was reused; without a date, the pid counts as the holder. */
START_TEST(a_pid_that_was_reused_is_no_holder)
{
	struct stage s;
	struct lock_scan scan;
	long now = (long)(nsec_clock(CLOCK_BOOTTIME) / NSEC_PER_SEC) * sysconf(_SC_CLK_TCK);
	struct timespec old[2] = { { .tv_sec = time(NULL) - 100000 }, { .tv_sec = time(NULL) - 100000 } };
	stage_init(&s);
	stage_lock(&s, "ktstr-cpu-1.lock", 10, true);
	stage_lock(&s, "ktstr-cpu-2.lock", 11, true);
	stage_process(&s, 10, "other\0", 6, (uint64_t)now);
	stage_process(&s, 11, "holder\0", 7, (uint64_t)now);
	_cleanup_free_ char *one = path_join(s.locks, "ktstr-cpu-1.lock"),
			    *two = path_join(s.locks, "ktstr-cpu-2.lock");
	t_ok(utimensat(AT_FDCWD, one, old, 0));
	t_ok(utimensat(AT_FDCWD, two, old, 0));
	put(s.proc, "10/fd/0", "", 0);
	_cleanup_free_ char *fd = path_join(s.proc, "11/fd");
	t_ok(mkdir(fd, 0755));
	_cleanup_free_ char *link = path_join(fd, "7");
	t_ok(symlink(two, link));
	t_ok(lock_scan_init(&scan, s.locks, NULL, NULL, s.proc));
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.holders, 2);
	ck_assert_ptr_null(scan.holder[0].cmdline);
	ck_assert_str_eq(scan.holder[1].cmdline, "holder");
	lock_scan_done(&scan);
	stage_done(&s);
}
END_TEST

/* From frame to frame: files come and go, processes end. */
START_TEST(frames_follow_what_happens)
{
	struct stage s;
	struct lock_scan scan;
	stage_init(&s);
	t_ok(lock_scan_init(&scan, s.locks, "/nonexistent", NULL, s.proc));
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.files, 0);
	stage_lock(&s, "ktstr-cpu-1.lock", 10, true);
	stage_process(&s, 10, "a\0", 2, 1);
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.holders, 1);
	ck_assert_str_eq(scan.holder[0].cmdline, "a");
	buf_clear(&s.table);
	stage_lock(&s, "ktstr-cpu-1.lock", 12, true);
	t_ok(lock_scan_run(&scan));
	ck_assert_int_eq(scan.holder[0].pid, 12);
	ck_assert_uint_eq(scan.processes.count, 1);
	_cleanup_free_ char *one = path_join(s.locks, "ktstr-cpu-1.lock");
	t_ok(unlink(one));
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.files, 0);
	ck_assert_uint_eq(scan.holders, 0);
	lock_scan_done(&scan);
	stage_done(&s);
}
END_TEST

/* A listening scan reads only after an event; a lock that is taken without an event is also seen, but later. */
START_TEST(quiet_frames_are_the_same)
{
	struct stage s;
	struct lock_scan scan;
	int fd;
	stage_init(&s);
	struct lock_dir d = open_dir(s.locks);
	t_ok(lock_scan_init(&scan, s.locks, NULL, NULL, "/proc"));
	lock_scan_listen(&scan);
	t_ok(lock_scan_run(&scan));
	ck_assert(!scan.same);
	nsec_t read_at = scan.read_at;
	t_ok(lock_scan_run(&scan));
	ck_assert(scan.same && scan.read_at == read_at);
	t_ok(lock_take(&d, "ktstr-cpu-1.lock", LOCK_MODE_EXCLUSIVE, &fd, NULL));
	t_ok(lock_scan_run(&scan));
	ck_assert(!scan.same);
	ck_assert_uint_eq(scan.holders, 1);
	ck_assert_int_eq(scan.holder[0].pid, getpid());
	const char *said = scan.holder[0].cmdline;
	/*
	 * The event was a moment ago, so the scan reads again, finds nothing new, and keeps the holder's description.
	 */
	read_at = scan.read_at;
	t_ok(lock_scan_run(&scan));
	ck_assert(scan.read_at > read_at && scan.holder[0].cmdline == said);
	close(fd);
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.holders, 0);
	/* Without an event, after one second. */
	scan.heard_at -= 2 * NSEC_PER_SEC;
	scan.read_at -= 2 * NSEC_PER_SEC;
	read_at = scan.read_at;
	t_ok(lock_scan_run(&scan));
	ck_assert(scan.read_at > read_at);
	lock_scan_done(&scan);
	lock_dir_done(&d);
	stage_done(&s);
}
END_TEST

/* The shared function for everything that waits for a lock. */
START_TEST(holders_are_named_from_outside)
{
	struct stage s;
	struct buf who = BUF_NULL;
	char mine[32];
	int fd;
	stage_init(&s);
	struct lock_dir d = open_dir(s.locks);
	t_ok(lock_take(&d, "key.lock", LOCK_MODE_EXCLUSIVE, &fd, NULL));
	lock_name_holders(s.locks, "key.lock", &who);
	snprintf(mine, sizeof(mine), "pid %d (", getpid());
	ck_assert_msg(!strncmp(buf_str(&who), mine, strlen(mine)), "%s", buf_str(&who));
	close(fd);
	buf_clear(&who);
	lock_name_holders(s.locks, "key.lock", &who);
	ck_assert_str_eq(buf_str(&who), "another process");
	buf_done(&who);
	lock_dir_done(&d);
	stage_done(&s);
}
END_TEST

/* On tmpfs if possible: a disk is slow with so many files. */
START_TEST(ten_thousand_stale_files_are_files)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *before = tmp ? strdup(tmp) : NULL;
	struct stage s;
	struct lock_scan scan;
	struct buf out = BUF_NULL;
	char name[LOCK_NAME_MAX];
	if (path_is_dir("/dev/shm"))
		setenv("TMPDIR", "/dev/shm", 1);
	stage_init(&s);
	if (before)
		setenv("TMPDIR", before, 1);
	else
		unsetenv("TMPDIR");
	struct lock_dir d = open_dir(s.locks);
	for (unsigned i = 0; i < 10000; i++)
		close(openat(d.fd, lock_name_cpu(i, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	lock_dir_done(&d);
	t_ok(lock_scan_init(&scan, s.locks, NULL, NULL, s.proc));
	t_ok(lock_scan_run(&scan));
	ck_assert_uint_eq(scan.files, 10000);
	locks_render_json(&scan, NULL, &out);
	ck_assert(!out.failed && out.len > 10000 * 60);
	buf_done(&out);
	lock_scan_done(&scan);
	stage_done(&s);
}
END_TEST

START_TEST(frames_fit_their_window)
{
	struct buf out = BUF_NULL;
	frame_clip("one\ntwo\nthree\nfour\n", 3, 8, &out);
	ck_assert_str_eq(buf_str(&out), "\033[2J\033[Hone\ntwo\n... 2 mo");
	buf_clear(&out);
	frame_clip("one\n\033[1mtwo too long\033[0m\n", 2, 5, &out);
	ck_assert_str_eq(buf_str(&out), "\033[2J\033[Hone\n\033[1mtwo t\033[0m");
	buf_done(&out);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, remote_filesystems_are_refused_by_name, 0, ARRAY_SIZE(filesystems));
	tcase_add_test(tc, a_directory_that_is_not_there_says_what_to_do);
	tcase_add_test(tc, exclusive_and_shared);
	tcase_add_test(tc, odd_files_are_refused);
	tcase_add_test(tc, a_removed_file_is_made_anew);
	tcase_add_test(tc, a_plan_is_locked_whole_or_not_at_all);
	tcase_add_test(tc, the_bell_rings);
	tcase_add_test(tc, proc_locks_are_read);
	tcase_add_loop_test(tc, command_lines_are_tamed, 0, ARRAY_SIZE(cmdlines));
	tcase_add_test(tc, start_times_stand_behind_any_name);
	tcase_add_test(tc, holders_are_found_and_described);
	tcase_add_test(tc, a_pid_that_was_reused_is_no_holder);
	tcase_add_test(tc, frames_follow_what_happens);
	tcase_add_test(tc, quiet_frames_are_the_same);
	tcase_add_test(tc, holders_are_named_from_outside);
	tcase_add_test(tc, ten_thousand_stale_files_are_files);
	tcase_add_test(tc, frames_fit_their_window);
}

int main(void)
{
	return t_main("lock", fill);
}
