/* SPDX-License-Identifier: GPL-2.0-only */
/* Directories of runs: which earlier results a run clears, and where it keeps them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/rundir.h"
#include "t.h"

#define VARIANT "-0123456789abcdef"

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static bool there(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	return path_exists(path);
}

static void fill_rundir(const char *dir)
{
	put(dir, "one" VARIANT ".ktstr.json", "{\"suite\": \"mine\", \"name\": \"ktstr/one\"}");
	put(dir, "one" VARIANT ".report.txt", "failed");
	put(dir, "one" VARIANT ".vmcore", "memory");
	put(dir, "old" VARIANT ".ktstr.json", "{\"suite\": \"mine\", \"name\": \"ktstr/old\"}");
	put(dir, "old" VARIANT ".report.txt", "failed");
	put(dir, "two" VARIANT ".ktstr.json", "{\"suite\": \"theirs\", \"name\": \"ktstr/one\"}");
	put(dir, "two" VARIANT ".report.txt", "failed");
	put(dir, "cut" VARIANT ".ktstr.json", "{\"suite\": ");
	put(dir, "one" VARIANT ".vmcore.new", "half");
	put(dir, "notes.report.txt", "a person's");
	put(dir, "core.vmcore", "a person's");
	put(dir, "one-0123.report.txt", "a person's");
}

static char *made_rundir(const char *root, const char *id)
{
	char *path = path_join(root, id);
	unsetenv("KTSTR_SIDECAR_DIR");
	setenv("KTSTR_RUNS_ROOT", root, 1);
	t_ok(mkdir_parents(path, 0755, NULL));
	fill_rundir(path);
	return path;
}

static const char *const suites[] = { "mine", NULL };
static struct plan_case planned = { .name = (char *)"ktstr/one" };
static const struct plan plan = { .item = &planned, .count = 1 };
static const struct rundir_scope whole = { .suites = suites, .plan = &plan, .keep = 3 };
static const struct rundir_scope removing = { .suites = suites, .plan = &plan };
static const struct rundir_scope narrowed = { .suites = suites, .plan = &plan, .narrowed = true, .keep = 3 };

START_TEST(results_of_the_run_before_are_cleared)
{
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-0123abc");
	struct rundir d;
	t_ok(rundir_open("6.12", "0123abc", &whole, &d, NULL));
	ck_assert_str_eq(d.path, path);
	ck_assert(!there(path, "one" VARIANT ".ktstr.json") && !there(path, "one" VARIANT ".report.txt"));
	ck_assert(!there(path, "one" VARIANT ".vmcore") && !there(path, "one" VARIANT ".vmcore.new"));
	ck_assert(!there(path, "two" VARIANT ".ktstr.json") && !there(path, "two" VARIANT ".report.txt"));
	ck_assert(!there(path, "cut" VARIANT ".ktstr.json"));
	ck_assert(!there(path, "old" VARIANT ".ktstr.json") && !there(path, "old" VARIANT ".report.txt"));
	ck_assert(there(path, "notes.report.txt") && there(path, "core.vmcore") && there(path, "one-0123.report.txt"));
	ck_assert_uint_eq(d.lost, 3); /* old, two, and the damaged one */
	rundir_done(&d);
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

/* Paths below .history/6.12-0123abc, one a line, sorted. */
static unsigned kept(const char *root, struct buf *out)
{
	_cleanup_buf_ struct buf command = BUF_NULL;
	char line[512];
	unsigned count = 0;
	buf_appendf(&command, "cd %s/.history/6.12-0123abc 2>/dev/null && find . -type f | sort", root);
	FILE *f = popen(buf_str(&command), "r");
	for (; fgets(line, sizeof(line), f); count++)
		buf_puts(out, line);
	pclose(f);
	return count;
}

static void open_and_close(const struct rundir_scope *scope, size_t moved)
{
	struct rundir d;
	t_ok(rundir_open("6.12", "0123abc", scope, &d, NULL));
	ck_assert_uint_eq(d.moved, moved);
	rundir_done(&d);
}

START_TEST(results_of_earlier_runs_are_kept)
{
	_cleanup_buf_ struct buf files = BUF_NULL, again = BUF_NULL;
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-0123abc");
	put(path, "one" VARIANT "-s0000000000000007.ktstr.json", "{\"suite\": \"mine\", \"name\": \"ktstr/one\"}");
	put(path, "one" VARIANT "-s0000000000000007.report.txt", "failed");
	put(path, "one" VARIANT "-s07.report.txt", "a person's");
	open_and_close(&whole, 9);
	/* Four sidecars and that of a seed, with four reports; no images of memory, no leftovers. */
	ck_assert_uint_eq(kept(root, &files), 9);
	ck_assert_ptr_nonnull(strstr(buf_str(&files), "/one" VARIANT "-s0000000000000007.report.txt\n"));
	ck_assert_ptr_null(strstr(buf_str(&files), "vmcore"));
	ck_assert(!there(path, "one" VARIANT "-s0000000000000007.ktstr.json"));
	ck_assert(there(path, "one" VARIANT "-s07.report.txt"));
	open_and_close(&whole, 0);
	ck_assert_uint_eq(kept(root, &again), 9);
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

START_TEST(the_oldest_earlier_runs_go)
{
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-0123abc");
	for (int run = 0; run < 5; run++) {
		_cleanup_buf_ struct buf files = BUF_NULL;
		/* In the second of the one before: the newest must stay nevertheless, so the times differ. */
		struct timespec times[2] = { { .tv_sec = 1000000 + run }, { .tv_sec = 1000000 + run } };
		fill_rundir(path);
		t_ok(utimensat(AT_FDCWD, path, times, 0));
		open_and_close(&whole, 7);
		unsigned runs = MIN_OF(run + 1, 3);
		ck_assert_uint_eq(kept(root, &files), 7 * runs);
		char newest[64];
		snprintf(newest, sizeof(newest), "./19700112T13464%dZ-", run);
		ck_assert_ptr_nonnull(strstr(buf_str(&files), newest));
	}
	/* A narrowed run moves only what it replaces. */
	fill_rundir(path);
	open_and_close(&narrowed, 2);
	/* Without history, results are removed. */
	_cleanup_buf_ struct buf before = BUF_NULL, after = BUF_NULL;
	kept(root, &before);
	open_and_close(&removing, 0);
	kept(root, &after);
	ck_assert_str_eq(buf_str(&before), buf_str(&after));
	ck_assert(!there(path, "two" VARIANT ".ktstr.json"));
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

START_TEST(outside_git_suites_keep_each_others_results)
{
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-unknown");
	struct rundir d;
	ck_assert(rundir_is_shared(COMMIT_UNKNOWN) && !rundir_is_shared("0123abc"));
	t_ok(rundir_open("6.12", COMMIT_UNKNOWN, &whole, &d, NULL));
	ck_assert(!there(path, "one" VARIANT ".ktstr.json") && !there(path, "one" VARIANT ".report.txt"));
	ck_assert(!there(path, "one" VARIANT ".vmcore"));
	ck_assert(!there(path, "old" VARIANT ".ktstr.json") && !there(path, "old" VARIANT ".report.txt"));
	ck_assert(there(path, "two" VARIANT ".ktstr.json") && there(path, "two" VARIANT ".report.txt"));
	ck_assert(there(path, "cut" VARIANT ".ktstr.json") && there(path, "notes.report.txt"));
	ck_assert_uint_eq(d.lost, 1);
	rundir_done(&d);
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

/* Looking into one test, or replaying it, keeps the reports of the others. */
START_TEST(a_narrowed_run_removes_only_results_of_its_tests)
{
	char *root = t_tmpdir();
	for (int shared = 0; shared < 2; shared++) {
		const char *commit = shared ? COMMIT_UNKNOWN : "0123abc";
		_cleanup_free_ char *path = made_rundir(root, shared ? "6.12-unknown" : "6.12-0123abc");
		struct rundir d;
		t_ok(rundir_open("6.12", commit, &narrowed, &d, NULL));
		ck_assert(!there(path, "one" VARIANT ".ktstr.json") && !there(path, "one" VARIANT ".report.txt"));
		ck_assert(!there(path, "one" VARIANT ".vmcore"));
		ck_assert(there(path, "old" VARIANT ".ktstr.json") && there(path, "old" VARIANT ".report.txt"));
		ck_assert(there(path, "two" VARIANT ".ktstr.json") && there(path, "two" VARIANT ".report.txt"));
		ck_assert(there(path, "cut" VARIANT ".ktstr.json"));
		ck_assert_uint_eq(d.lost, 0);
		rundir_done(&d);
	}
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

START_TEST(a_directory_that_was_named_is_not_cleared)
{
	char *root = t_tmpdir();
	struct rundir d;
	fill_rundir(root);
	setenv("KTSTR_SIDECAR_DIR", root, 1);
	ck_assert(!rundir_is_shared(COMMIT_UNKNOWN));
	t_ok(rundir_open("6.12", COMMIT_UNKNOWN, &whole, &d, NULL));
	ck_assert_str_eq(d.path, root);
	ck_assert(d.lock_fd < 0);
	ck_assert(there(root, "one" VARIANT ".ktstr.json") && there(root, "one" VARIANT ".report.txt"));
	rundir_done(&d);
	unsetenv("KTSTR_SIDECAR_DIR");
	t_rmdir(root);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, results_of_the_run_before_are_cleared);
	tcase_add_test(tc, results_of_earlier_runs_are_kept);
	tcase_add_test(tc, the_oldest_earlier_runs_go);
	tcase_add_test(tc, outside_git_suites_keep_each_others_results);
	tcase_add_test(tc, a_narrowed_run_removes_only_results_of_its_tests);
	tcase_add_test(tc, a_directory_that_was_named_is_not_cleared);
}

int main(void)
{
	return t_main("rundir", fill);
}
