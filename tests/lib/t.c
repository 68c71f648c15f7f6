/* SPDX-License-Identifier: GPL-2.0-only */
/* t.c -- see t.h. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "t.h"

static int count_fds(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static int fds_before;

static void setup(void)
{
	fds_before = count_fds();
}

static void teardown(void)
{
	ck_assert_msg(count_fds() == fds_before, "%d descriptors before the test, %d after it", fds_before,
		      count_fds());
}

int t_main(const char *name, t_fill_fn *fill)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 0);
	fill(tc);
	/* No fork: sanitizers and valgrind see everything, and a crash shows its stack. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

void t_err_contains(struct err **err, const char *text)
{
	struct buf b = BUF_NULL;
	ck_assert_ptr_nonnull(*err);
	err_format(*err, &b);
	ck_assert_msg(strstr(buf_str(&b), text) != NULL, "'%s' is not in: %s", text, buf_str(&b));
	buf_done(&b);
	*err = err_free(*err);
}

void t_wait_settled(const char *path)
{
	struct stat st;
	do {
		usleep(100000);
		ck_assert_int_eq(stat(path, &st), 0);
	} while (time(NULL) - st.st_ctim.tv_sec < 3);
}

char *t_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = path_join(base && *base ? base : "/tmp", "ktstr-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

void t_rmdir(char *dir)
{
	remove_tree(dir, NULL);
	free(dir);
}
