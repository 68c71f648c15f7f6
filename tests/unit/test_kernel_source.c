/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel sources: hostile tarballs, git trees, signatures. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "kernel/git.h"
#include "kernel/signature.h"
#include "kernel/unpack.h"
#include "t.h"

static char *dir;

static void begin(void)
{
	dir = t_tmpdir();
}

static void end(void)
{
	t_rmdir(dir);
}

static void put(const char *rel, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, rel);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

/* --- tarballs ----------------------------------------------------------------------------------------------------- */

struct member {
	const char *path, *text, *link;
	const char *hard;  /* another member's path */
	mode_t type, perm; /* 0: a regular file or a link, 0644 */
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
		archive_entry_set_perm(e, members[i].perm ?: 0644);
		archive_entry_set_filetype(e, members[i].type ?: members[i].link ? AE_IFLNK : AE_IFREG);
		if (members[i].hard)
			archive_entry_set_hardlink(e, members[i].hard);
		if (members[i].link)
			archive_entry_set_symlink(e, members[i].link);
		else if (members[i].text)
			archive_entry_set_size(e, (la_int64_t)strlen(members[i].text));
		archive_write_header(a, e);
		if (members[i].text)
			archive_write_data(a, members[i].text, strlen(members[i].text));
		archive_entry_free(e);
	}
	archive_write_free(a);
	return path;
}

#define MAKEFILE                                                                                        \
	{                                                                                               \
		"linux-6/Makefile", "VERSION = 6\nPATCHLEVEL = 7\nSUBLEVEL = 8\nEXTRAVERSION =\n", NULL \
	}

START_TEST(tarball_is_unpacked_below_its_top)
{
	static const struct member members[] = { MAKEFILE,
						 { "linux-6/a/b", "content", NULL },
						 { "linux-6/a/l", NULL, "../a/b" } };
	struct unpack_progress progress = { 0 };
	char version[VERSION_TEXT_MAX];
	begin();
	char *path = tarball(members, ARRAY_SIZE(members)), *to = path_join(dir, "out"), *file = path_join(to, "a/l");
	struct buf b = BUF_NULL;
	t_ok(unpack_peek_version(path, NULL, version, NULL));
	ck_assert_str_eq(version, "6.7.8");
	t_ok(mkdir_parents(to, 0755, NULL));
	t_ok(unpack_tarball(path, to, NULL, &progress, NULL));
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
	struct member members[5];
	const char *why;
} hostile[] = {
	/* The text of each link stays inside; following one after the other leads outside. */
	{ { MAKEFILE, { "linux-6/a/b/c/up", NULL, "../../.." }, { "linux-6/out", NULL, "a/b/c/up/../.." } },
	  "by way of other links" },
	{ { MAKEFILE,
	    { "linux-6/a/b/c/up", NULL, "../../.." },
	    { "linux-6/out", NULL, "a/b/c/up/../.." },
	    { "linux-6/out/evil", "x", NULL } },
	  "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/in", NULL, "a" }, { "linux-6/a/x", "x", NULL }, { "linux-6/in/y", "x", NULL } },
	  "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/h", .hard = "linux-6/../../evil" } }, "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/h", .hard = "/etc/passwd" } }, "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/pipe", .type = AE_IFIFO } }, "is a device or a pipe" },
	{ { MAKEFILE, { "linux-6/null", .type = AE_IFCHR } }, "is a device or a pipe" },
	{ { MAKEFILE, { "linux-6/\033[2J", "x", NULL } }, "linux-6/?[2J' has a name that" },
	{ { MAKEFILE, { "linux-6/a//b/./c", "x", NULL } }, "has a name that" },
	{ { MAKEFILE, { "linux-6/../../evil", "x", NULL } }, "outside of the source tree" },
	{ { MAKEFILE, { "/evil", "x", NULL } }, "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/l", NULL, "/etc" } }, "outside of the source tree" },
	{ { MAKEFILE, { "linux-6/a/l", NULL, "../../x" } }, "outside of the source tree" },
	{ { MAKEFILE, { "loose", "x", NULL } }, "not below one top directory" },
};

START_TEST(tarball_stays_in_its_tree)
{
	struct unpack_progress progress = { 0 };
	struct err *err = NULL;
	begin();
	size_t count = 0;
	while (count < ARRAY_SIZE(hostile[_i].members) && hostile[_i].members[count].path)
		count++;
	char *path = tarball(hostile[_i].members, count), *to = path_join(dir, "deep/er/out");
	char *evil = path_join(dir, "deep/evil");
	t_ok(mkdir_parents(to, 0755, NULL));
	t_errno(unpack_tarball(path, to, NULL, &progress, &err), EBADMSG);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	t_err_contains(&err, hostile[_i].why);
	ck_assert(!path_exists(evil) && !path_exists("/evil"));
	free(path);
	free(to);
	free(evil);
	end();
}
END_TEST

START_TEST(unpacked_files_have_no_special_bits)
{
	static const struct member members[] = {
		MAKEFILE,
		{ "linux-6/setuid", "x", .perm = 06777 },
		{ "linux-6/twice", "first", .perm = 0755 },
		{ "linux-6/twice", "second" },
		{ "linux-6/hard", .hard = "linux-6/twice" },
	};
	struct unpack_progress progress = { 0 };
	struct stat st;
	_cleanup_buf_ struct buf text = BUF_NULL;
	begin();
	_cleanup_free_ char *path = tarball(members, ARRAY_SIZE(members)), *to = path_join(dir, "out");
	_cleanup_free_ char *setuid = path_join(to, "setuid"), *hard = path_join(to, "hard");
	t_ok(mkdir(to, 0755));
	t_ok(unpack_tarball(path, to, NULL, &progress, NULL));
	t_ok(stat(setuid, &st));
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_uint_eq(st.st_uid, geteuid());
	t_ok(file_read(hard, 100, &text, NULL));
	ck_assert_str_eq(buf_str(&text), "second");
	end();
}
END_TEST

START_TEST(unpacking_ends_when_it_is_cancelled)
{
	static const struct member members[] = { MAKEFILE };
	const atomic_bool cancel = true;
	struct unpack_progress progress = { 0 };
	struct err *err = NULL;
	char version[VERSION_TEXT_MAX];
	begin();
	_cleanup_free_ char *path = tarball(members, 1);
	t_errno(unpack_tarball(path, dir, &cancel, &progress, &err), ECANCELED);
	t_errno(unpack_peek_version(path, &cancel, version, &err), ECANCELED);
	ck_assert_ptr_null(err);
	end();
}
END_TEST

/* An archive that the caller fills, in @path. */
static struct archive *zstd_tarball(const char *path)
{
	struct archive *a = archive_write_new();
	ck_assert_int_eq(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	archive_write_set_format_pax_restricted(a);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	return a;
}

static void refused_for_its_size(const char *path, const char *why_no_version, const char *why_no_tree)
{
	struct unpack_progress progress = { 0 };
	char version[VERSION_TEXT_MAX];
	struct err *err = NULL;
	t_errno(unpack_peek_version(path, NULL, version, &err), EFBIG);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	t_err_contains(&err, why_no_version);
	t_errno(unpack_tarball(path, dir, NULL, &progress, &err), EFBIG);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	t_err_contains(&err, why_no_tree);
}

START_TEST(members_of_a_tarball_are_limited)
{
	begin();
	_cleanup_free_ char *path = path_join(dir, "linux.tar.zst");
	struct archive *a = zstd_tarball(path);
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, "linux-6/");
	archive_entry_set_filetype(e, AE_IFDIR);
	archive_entry_set_perm(e, 0755);
	for (unsigned i = 0; i <= UNPACK_FILES_MAX; i++)
		ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
	refused_for_its_size(path, "more than 150000 members", "more than 400000 members");
	end();
}
END_TEST

#define PIECE ((size_t)1 << 30)

/* A member that ends above both limits. @sparse: it has one byte of content there, and a hole before. */
static void huge_member(const char *path, bool sparse)
{
	const int64_t size = sparse ? (int64_t)UNPACK_BYTES_MAX + (int64_t)PIECE : (int64_t)PEEK_BYTES_MAX + 1;
	struct archive *a = zstd_tarball(path);
	struct archive_entry *e = archive_entry_new();
	/* Never written to: one page of zeros. */
	_cleanup_free_ char *zeros = calloc(1, PIECE);
	ck_assert_ptr_nonnull(zeros);
	archive_entry_set_pathname(e, "linux-6/huge");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, size);
	if (sparse)
		archive_entry_sparse_add_entry(e, size - 1, 1);
	ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
	for (int64_t left = size; left > 0; left -= (int64_t)PIECE)
		ck_assert_int_gt(archive_write_data(a, zeros, MIN_OF((size_t)left, PIECE)), 0);
	archive_entry_free(e);
	archive_write_free(a);
}

START_TEST(a_hole_counts_as_content)
{
	begin();
	_cleanup_free_ char *path = path_join(dir, "linux.tar.zst");
	huge_member(path, true);
	refused_for_its_size(path, "its content is larger than 2 GiB", "its content is larger than 12 GiB");
	end();
}
END_TEST

/* Unpacking such content would write it to the disk, up to its limit. */
START_TEST(content_before_the_makefile_is_limited)
{
	char version[VERSION_TEXT_MAX];
	struct err *err = NULL;
	begin();
	_cleanup_free_ char *path = path_join(dir, "linux.tar.zst");
	huge_member(path, false);
	t_errno(unpack_peek_version(path, NULL, version, &err), EFBIG);
	t_err_contains(&err, "its content is larger than 2 GiB");
	end();
}
END_TEST

static const struct {
	const char *makefile, *version; /* NULL: refused */
} makefiles[] = {
	{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION = -rc1\n", "6.12-rc1" },
	{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION =\n", "6.12.3" },
	{ "VERSION = 6/../../x\nPATCHLEVEL = 12\nSUBLEVEL = 3\n", NULL },
	{ "VERSION = 6\nPATCHLEVEL = 1/2\nSUBLEVEL = 3\n", NULL },
	{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION = /x\n", NULL },
	{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION = ..x\n", NULL },
	{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION = \033[2J\n", NULL },
};

START_TEST(versions_are_fit_for_paths)
{
	char version[VERSION_TEXT_MAX];
	int r = kernel_makefile_version(makefiles[_i].makefile, version);
	if (!makefiles[_i].version) {
		ck_assert_int_eq(r, -EBADMSG);
		return;
	}
	t_ok(r);
	ck_assert_str_eq(version, makefiles[_i].version);
}
END_TEST

/* --- git trees, signatures ---------------------------------------------------------------------------------------- */

static void in_repository(const char *command)
{
	char text[600];
	snprintf(text, sizeof(text), "cd '%s' && (%s) >/dev/null 2>&1", dir, command);
	ck_assert_int_eq(system(text), 0);
}

START_TEST(a_tree_is_clean_until_a_tracked_file_changes)
{
	static const struct {
		const char *command;
		bool dirty;
	} steps[] = {
		{ "echo x > untracked", false },
		{ "touch -d 2001-01-01 a", false },
		{ "echo b > a", true },
		{ "git add a", true },
		{ "git -c user.name=x -c user.email=x@y commit -qm b", false },
		{ "rm a", true },
	};
	const atomic_bool cancel = true;
	struct git_state git;
	struct err *err = NULL;
	begin();
	in_repository("git init -q && echo a > a && git add a && git -c user.name=x -c user.email=x@y commit -qm a");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		in_repository(steps[i].command);
		t_ok(git_read_state(dir, NULL, &git, NULL));
		ck_assert_msg(git.dirty == steps[i].dirty, "after '%s'", steps[i].command);
	}
	t_errno(git_read_state(dir, &cancel, &git, &err), ECANCELED);
	ck_assert_ptr_null(err);
	end();
}
END_TEST

#define SUBKEY	 "0123456789ABCDEF0123456789ABCDEF01234567"
#define VALIDSIG "[GNUPG:] VALIDSIG " SUBKEY " 2026-01-01 1767225600 0 4 0 1 8 01 "

static const struct {
	const char *line;
	bool any_key, good;
} status_lines[] = {
	{ VALIDSIG SIGNATURE_KERNEL_ORG, false, true },
	{ VALIDSIG SUBKEY, false, false },
	{ VALIDSIG SUBKEY, true, true },
	{ VALIDSIG SIGNATURE_KERNEL_ORG " ", false, false },
	{ VALIDSIG "B8868C80", true, false },
	{ VALIDSIG, true, false },
	{ "[GNUPG:] VALIDSIG " SIGNATURE_KERNEL_ORG, true, false },
	{ "[GNUPG:] GOODSIG 632D3A06589DA6B1 x", true, false },
	{ "gpgv: " VALIDSIG SIGNATURE_KERNEL_ORG, true, false },
	{ "", true, false },
};

START_TEST(only_a_valid_signature_counts)
{
	bool good = signature_line_is_good(status_lines[_i].line, status_lines[_i].any_key);
	ck_assert_int_eq(good, status_lines[_i].good);
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
	ck_assert_int_lt(unpack_tarball(path, dir, NULL, &progress, &err), 0);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	err = err_free(err);
	put("linux.tar.gz", "no archive at all");
	ck_assert_int_lt(unpack_peek_version(path, NULL, version, &err), 0);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	err_free(err);
	free(path);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, tarball_is_unpacked_below_its_top);
	tcase_add_loop_test(tc, tarball_stays_in_its_tree, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tc, unpacked_files_have_no_special_bits);
	tcase_add_test(tc, unpacking_ends_when_it_is_cancelled);
	tcase_add_test(tc, members_of_a_tarball_are_limited);
	tcase_add_test(tc, a_hole_counts_as_content);
	tcase_add_test(tc, content_before_the_makefile_is_limited);
	tcase_add_loop_test(tc, versions_are_fit_for_paths, 0, ARRAY_SIZE(makefiles));
	tcase_add_test(tc, a_tree_is_clean_until_a_tracked_file_changes);
	tcase_add_loop_test(tc, only_a_valid_signature_counts, 0, ARRAY_SIZE(status_lines));
	tcase_add_test(tc, truncated_tarball_is_bad_data);
}

int main(void)
{
	return t_main("kernel_source", fill);
}
