/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel identifiers, the cache, configurations, tarballs that mean harm. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "kernel/config.h"
#include "kernel/kernel.h"
#include "t.h"

static char *dir;
static struct cache cache;

static void begin(void)
{
	dir = t_tmpdir();
	cache.root = path_join(dir, "kernels");
	t_ok(mkdir_parents(cache.root, 0755, NULL));
}

static void end(void)
{
	cache_done(&cache);
	t_rmdir(dir);
}

static void put(const char *rel, const char *text)
{
	char *path = path_join(dir, rel), *parent = path_dirname(path);
	t_ok(mkdir_parents(parent, 0755, NULL));
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
	free(parent);
	free(path);
}

static void entry(const char *key, const char *version, const char *built_at, bool image)
{
	char rel[200], text[600];
	snprintf(rel, sizeof(rel), "kernels/%s/metadata.json", key);
	snprintf(text, sizeof(text),
		 "{\"version\":\"%s\",\"source\":{\"type\":\"tarball\"},\"arch\":\"x86_64\",\"image_name\":\"bzImage\","
		 "\"built_at\":\"%s\",\"ktstr_kconfig_hash\":\"%08x\"}", version, built_at, kconfig_lean_hash());
	put(rel, text);
	snprintf(rel, sizeof(rel), "kernels/%s/bzImage", key);
	if (image)
		put(rel, "image");
}

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
				   : !strcmp(list[i].key, "bad")  ? "malformed" : "missing";
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
	cache_sweep(&cache);
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
	t_ok(cache_lock(&cache, "k", &one, NULL));
	t_errno(cache_lock(&cache, "k", &two, NULL), EBUSY);
	fd_close(one);
	t_ok(cache_lock(&cache, "k", &two, NULL));
	fd_close(two);
	end();
}
END_TEST

static void identify(const char *text, const char *key)
{
	struct kernel_id id;
	t_ok(kernel_identify(&cache, text, &id, NULL));
	ck_assert_int_eq(id.kind, KERNEL_ID_CACHED);
	ck_assert_str_eq(id.key, key);
	kernel_id_done(&id);
}

START_TEST(identifiers_find_keys_versions_and_series)
{
	begin();
	entry("a", "6.12.9", "2026-01-01T00:00:00Z", true);
	entry("b", "6.12.117", "2026-01-02T00:00:00Z", true);
	entry("c", "6.1.5", "2026-01-03T00:00:00Z", true);
	identify("a", "a");
	identify("6.12.9", "a");
	identify("6.12", "b");
	identify("6.1", "c");
	identify(NULL, "c");
	end();
}
END_TEST

static const struct {
	const char *text, *why;
} unknown[] = {
	{ "6.99", "unknown kernel '6.99'" }, { "./nowhere", "kernel path not found: ./nowhere" },
	{ "/etc/passwd", "raw image files are not supported" },
};

START_TEST(identifiers_that_name_nothing)
{
	struct kernel_id id;
	struct err *err = NULL;
	begin();
	ck_assert_int_lt(kernel_identify(&cache, unknown[_i].text, &id, &err), 0);
	t_err_contains(&err, unknown[_i].why);
	end();
}
END_TEST

START_TEST(a_tree_that_is_no_kernel)
{
	struct kernel k;
	struct err *err = NULL;
	begin();
	t_errno(kernel_from_tree(dir, &k, &err), ENOENT);
	t_err_contains(&err, "no kernel source in");
	put("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n");
	put("Kconfig", "");
	t_errno(kernel_from_tree(dir, &k, &err), ENOENT);
	t_err_contains(&err, "no kernel image found");
	char version[VERSION_TEXT_MAX];
	t_ok(kernel_tree_version(dir, version, NULL));
	ck_assert_str_eq(version, "6.12-rc3");
	end();
}
END_TEST

START_TEST(home_is_needed_and_checked)
{
	struct err *err = NULL;
	struct cache c = { 0 };
	char *home = strdup(getenv("HOME") ?: "/root");
	unsetenv("KTSTR_CACHE_DIR");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is unset");
	setenv("HOME", "", 1);
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is set to the empty string");
	setenv("HOME", "relative", 1);
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is 'relative'");
	setenv("KTSTR_CACHE_DIR", "/somewhere", 1);
	t_ok(cache_open(&c, NULL));
	ck_assert_str_eq(c.root, "/somewhere");
	unsetenv("KTSTR_CACHE_DIR");
	setenv("HOME", home, 1);
	cache_done(&c);
	free(home);
}
END_TEST

/* --- configurations --------------------------------------------------------------------------------------------------
 */

START_TEST(lost_options_are_all_named)
{
	struct err *err = NULL;
	ck_assert(kconfig_has("A=y\nCONFIG_BPF=y\n", "CONFIG_BPF"));
	ck_assert(!kconfig_has("# CONFIG_BPF=y\n", "CONFIG_BPF"));
	ck_assert(!kconfig_has("CONFIG_BPF_JIT=y\n", "CONFIG_BPF"));
	t_errno(kconfig_validate("CONFIG_FTRACE=y\n", true, &err), EINVAL);
	t_err_contains(&err, "CONFIG_SCHED_CLASS_EXT not set");
	t_errno(kconfig_validate("CONFIG_FTRACE=y\n", false, &err), EINVAL);
	t_err_contains(&err, "CONFIG_DEBUG_INFO_BTF not set (install pahole");
}
END_TEST

START_TEST(the_lean_fragment_has_what_is_critical)
{
	size_t len;
	const char *text = kconfig_lean(&len);
	char *copy = strndup(text, len);
	t_ok(kconfig_validate(copy, true, NULL));
	free(copy);
}
END_TEST

/* --- tarballs
 * ------------------------------------------------------------------------------------------------------------ */

struct member {
	const char *path, *text, *link;
};

static char *tarball(const struct member *members, size_t count)
{
	char *path = path_join(dir, "linux.tar.gz");
	struct archive *a = archive_write_new();
	archive_write_add_filter_gzip(a);
	archive_write_set_format_pax_restricted(a);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *e = archive_entry_new();
		archive_entry_set_pathname(e, members[i].path);
		archive_entry_set_perm(e, 0644);
		archive_entry_set_filetype(e, members[i].link ? AE_IFLNK : AE_IFREG);
		if (members[i].link)
			archive_entry_set_symlink(e, members[i].link);
		else
			archive_entry_set_size(e, (la_int64_t)strlen(members[i].text));
		archive_write_header(a, e);
		if (!members[i].link)
			archive_write_data(a, members[i].text, strlen(members[i].text));
		archive_entry_free(e);
	}
	archive_write_free(a);
	return path;
}

#define MAKEFILE { "linux-6/Makefile", "VERSION = 6\nPATCHLEVEL = 7\nSUBLEVEL = 8\nEXTRAVERSION =\n", NULL }

START_TEST(tarball_is_unpacked_below_its_top)
{
	static const struct member members[] = {
		MAKEFILE, {"linux-6/a/b", "content", NULL}, {"linux-6/a/l", NULL, "../a/b"}};
	struct unpack_progress progress = { 0 };
	char version[VERSION_TEXT_MAX];
	begin();
	char *path = tarball(members, ARRAY_SIZE(members)), *to = path_join(dir, "out"), *file = path_join(to, "a/l");
	struct buf b = BUF_NULL;
	t_ok(unpack_peek_version(path, version, NULL));
	ck_assert_str_eq(version, "6.7.8");
	t_ok(mkdir_parents(to, 0755, NULL));
	t_ok(unpack_tarball(path, to, &progress, NULL));
	t_ok(file_read(file, 100, &b, NULL));
	ck_assert_str_eq(buf_str(&b), "content");
	ck_assert_uint_eq(progress.files, 3);
	buf_done(&b);
	free(path);
	free(to);
	free(file);
	end();
}
END_TEST

static const struct {
	struct member members[2];
	const char *why;
} hostile[] = {
	{ { MAKEFILE, { "linux-6/../../evil", "x", NULL } }, "leads out of the tree" },
	{ { MAKEFILE, { "/evil", "x", NULL } }, "leads out of the tree" },
	{ { MAKEFILE, { "linux-6/l", NULL, "/etc" } }, "leads out of the tree" },
	{ { MAKEFILE, { "linux-6/a/l", NULL, "../../x" } }, "leads out of the tree" },
	{ { MAKEFILE, { "loose", "x", NULL } }, "not below one top directory" },
};

START_TEST(tarball_stays_in_its_tree)
{
	struct unpack_progress progress = { 0 };
	struct err *err = NULL;
	begin();
	char *path = tarball(hostile[_i].members, 2), *to = path_join(dir, "deep/er/out");
	char *evil = path_join(dir, "deep/evil");
	t_ok(mkdir_parents(to, 0755, NULL));
	t_errno(unpack_tarball(path, to, &progress, &err), EBADMSG);
	ck_assert_int_eq(err_exit_status(err), EXIT_BAD_DATA);
	t_err_contains(&err, hostile[_i].why);
	ck_assert(!path_exists(evil) && !path_exists("/evil"));
	free(path);
	free(to);
	free(evil);
	end();
}
END_TEST

START_TEST(truncated_tarball_is_bad_data)
{
	static const struct member members[] = { MAKEFILE };
	struct unpack_progress progress = { 0 };
	struct err *err = NULL;
	char version[VERSION_TEXT_MAX];
	begin();
	char *path = tarball(members, 1);
	struct stat st;
	t_ok(stat(path, &st));
	t_ok(truncate(path, st.st_size / 2));
	ck_assert_int_lt(unpack_tarball(path, dir, &progress, &err), 0);
	ck_assert_int_eq(err_exit_status(err), EXIT_BAD_DATA);
	err = err_free(err);
	put("linux.tar.gz", "no archive at all");
	ck_assert_int_lt(unpack_peek_version(path, version, &err), 0);
	ck_assert_int_eq(err_exit_status(err), EXIT_BAD_DATA);
	err_free(err);
	free(path);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, cache_lists_newest_first_and_names_what_is_corrupt);
	tcase_add_test(tc, publish_replaces_an_older_entry);
	tcase_add_test(tc, sweep_removes_work_of_the_dead_only);
	tcase_add_test(tc, lock_is_exclusive);
	tcase_add_test(tc, identifiers_find_keys_versions_and_series);
	tcase_add_loop_test(tc, identifiers_that_name_nothing, 0, ARRAY_SIZE(unknown));
	tcase_add_test(tc, a_tree_that_is_no_kernel);
	tcase_add_test(tc, home_is_needed_and_checked);
	tcase_add_test(tc, lost_options_are_all_named);
	tcase_add_test(tc, the_lean_fragment_has_what_is_critical);
	tcase_add_test(tc, tarball_is_unpacked_below_its_top);
	tcase_add_loop_test(tc, tarball_stays_in_its_tree, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tc, truncated_tarball_is_bad_data);
}

int main(void)
{
	return t_main("kernel", fill);
}
