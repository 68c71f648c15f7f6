/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The initramfs: archives in a format that the kernel accepts, closures that run elsewhere, frames that unpack again.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <glob.h>
#include <lz4.h>
#include <string.h>

#include "base/file.h"
#include "image/cpio.h"
#include "image/elf.h"
#include "image/image.h"
#include "image/ldcache.h"
#include "image/rootfs.h"
#include "image/script.h"
#include "t.h"

/* Undoes lz4_legacy(), as the kernel's unlz4 does. */
static void unpack(const struct buf *in, struct buf *out)
{
	static char block[8 << 20];
	for (size_t at = 0; at < in->len;) {
		uint32_t word;
		memcpy(&word, in->data + at, 4);
		at += 4;
		if (word == 0x184c2102u)
			continue;
		int n = LZ4_decompress_safe(in->data + at, block, (int)word, sizeof(block));
		ck_assert_int_ge(n, 0);
		buf_append(out, block, (size_t)n);
		at += word;
	}
}

/* Names and sizes of an archive, by an independent reader. */
static void list(const struct buf *cpio, struct buf *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	archive_read_support_format_cpio(a);
	ck_assert_int_eq(archive_read_open_memory(a, cpio->data, cpio->len), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK)
		buf_appendf(out, "%s:%ld ", archive_entry_pathname(e), (long)archive_entry_size(e));
	archive_read_free(a);
}

START_TEST(cpio_is_read_by_others)
{
	struct cpio c = CPIO_NULL;
	struct buf names = BUF_NULL;
	cpio_dir(&c, "a");
	cpio_file(&c, "a/file", 0644, "hello", 5);
	cpio_file(&c, "empty", 0755, NULL, 0);
	cpio_trailer(&c);
	ck_assert_uint_eq(c.out.len % 512, 0);
	list(&c.out, &names);
	ck_assert_str_eq(buf_str(&names), "a:0 a/file:5 empty:0 ");
	buf_done(&names);
	cpio_done(&c);
}
END_TEST

START_TEST(cpio_refuses_paths_that_leave)
{
	static const char *const bad[] = { "", "/abs", "..", "a/../b", "a/..", ".ktstr_init_ok" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		t_errno(cpio_check_path(bad[i], NULL), EINVAL);
	t_ok(cpio_check_path("a/..b/c", NULL));
}
END_TEST

START_TEST(lz4_frames_round_trip_back_to_back)
{
	struct buf raw = BUF_NULL, packed = BUF_NULL, out = BUF_NULL;
	for (int i = 0; raw.len < (9u << 20); i++)
		buf_appendf(&raw, "line %d of more than one block\n", i);
	t_ok(lz4_legacy(&raw, false, NULL, &packed));
	size_t first = packed.len;
	t_ok(lz4_legacy(&raw, false, NULL, &packed));
	ck_assert_uint_gt(packed.len, first);
	unpack(&packed, &out);
	ck_assert_uint_eq(out.len, 2 * raw.len);
	ck_assert(!memcmp(out.data, raw.data, raw.len) && !memcmp(out.data + raw.len, raw.data, raw.len));
	buf_done(&raw);
	buf_done(&packed);
	buf_done(&out);
}
END_TEST

static void read_all(int fd, struct buf *out)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	t_ok(file_read(path, 1 << 30, out, NULL));
	fd_close(fd);
}

/* Files that every test needs are only in the common part; both parts together contain all that a test needs. */
START_TEST(parts_hold_a_program_and_all_it_needs)
{
	static const char *const wanted[IMAGE_PARTS][7] = {
		[IMAGE_COMMON] = { " init:", "libc.so.6:", "libgcc_s.so.1:", "libelf.so.1:", " dev:", "etc/passwd:" },
		[IMAGE_OWN] = { " test:", "etc/ld.so.cache:" },
	};
	struct image_base_spec spec = { 0 };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	spec.test = self;
	for (int part = 0; part < IMAGE_PARTS; part++) {
		_cleanup_buf_ struct buf packed = BUF_NULL, raw = BUF_NULL, names = BUF_NULL;
		int fd;
		spec.part = (enum image_part)part;
		t_ok(image_base(&spec, &fd, NULL));
		read_all(fd, &packed);
		bool plain = !memcmp(packed.data, "070701", 6);
		ck_assert_int_eq(plain, part == IMAGE_COMMON);
		if (!plain)
			unpack(&packed, &raw);
		buf_puts(&names, " ");
		list(plain ? &packed : &raw, &names);
		for (int of = 0; of < IMAGE_PARTS; of++)
			for (size_t i = 0; wanted[of][i]; i++)
				ck_assert_msg(!strstr(buf_str(&names), wanted[of][i]) == (of != part), "%s in %s",
					      wanted[of][i], buf_str(&names));
	}
}
END_TEST

/* A library beside the program, found by DT_RUNPATH and $ORIGIN only. */
START_TEST(run_paths_are_followed)
{
	char *dir = t_tmpdir(), *program = path_join(dir, "program"), *library = path_join(dir, "lib/libbeside.so");
	struct closure *c = calloc(1, sizeof(*c));
	_cleanup_buf_ struct buf build = BUF_NULL;
	buf_appendf(&build,
		    "cd %s && mkdir lib && echo 'int f(void){return 0;}' > l.c && "
		    "echo 'int f(void);int main(void){return f();}' > p.c && cc -shared -fPIC -o lib/libbeside.so l.c"
		    " && cc -o program p.c -Llib -lbeside -Wl,--enable-new-dtags,-rpath,'$ORIGIN/lib'",
		    dir);
	ck_assert_int_eq(system(buf_str(&build)), 0);
	t_ok(closure_add(c, program, NULL));
	bool found = false;
	for (size_t i = 0; i < c->count; i++)
		found |= !strcmp(c->file[i].path, library);
	ck_assert(found);
	closure_done(c);
	free(c);
	free(program);
	free(library);
	t_rmdir(dir);
}
END_TEST

START_TEST(base_is_kept_by_its_content)
{
	char *dir = t_tmpdir(), *file = path_join(dir, "included"), *cache = path_join(dir, "cache");
	const struct image_include includes[] = { { file, "include-files/included" } };
	struct image_base_spec spec = { .part = IMAGE_OWN, .cache_dir = cache, .include = includes, .includes = 1 };
	struct buf one = BUF_NULL, two = BUF_NULL, other = BUF_NULL;
	int fd;
	t_ok(file_write_atomic(file, "first", 5, 0644, NULL));
	t_ok(image_base(&spec, &fd, NULL));
	read_all(fd, &one);
	t_ok(image_base(&spec, &fd, NULL));
	read_all(fd, &two);
	ck_assert_uint_eq(one.len, two.len);
	ck_assert(!memcmp(one.data, two.data, one.len));
	/* A base that was damaged since is packed again. */
	glob_t found;
	_cleanup_free_ char *pattern = path_join(cache, "*.cpio.lz4");
	t_ok(glob(pattern, 0, NULL, &found));
	ck_assert_uint_eq(found.gl_pathc, 1);
	_cleanup_close_ int kept = open(found.gl_pathv[0], O_WRONLY | O_CLOEXEC);
	t_ok(fd_pwrite_full(kept, "XXXX", 4, 8));
	globfree(&found);
	buf_clear(&two);
	t_ok(image_base(&spec, &fd, NULL));
	read_all(fd, &two);
	ck_assert(one.len == two.len && !memcmp(one.data, two.data, one.len));
	/* Different content makes a different base, under the same name and length. */
	t_ok(file_write_atomic(file, "other", 5, 0644, NULL));
	t_ok(image_base(&spec, &fd, NULL));
	read_all(fd, &other);
	ck_assert(other.len != one.len || memcmp(one.data, other.data, one.len));
	buf_done(&one);
	buf_done(&two);
	buf_done(&other);
	free(file);
	free(cache);
	t_rmdir(dir);
}
END_TEST

/* The hash of a file that is older is kept. One with the same size and the same modification time is another file. */
START_TEST(files_that_have_not_changed_are_known)
{
	char *dir = t_tmpdir(), *file = path_join(dir, "included"), *cache = path_join(dir, "cache");
	const struct image_include includes[] = { { file, "include-files/included" } };
	const struct image_base_spec spec = {
		.part = IMAGE_OWN, .cache_dir = cache, .include = includes, .includes = 1
	};
	const char *const content[] = { "first", "first", "other" };
	struct buf base[3] = { BUF_NULL, BUF_NULL, BUF_NULL };
	_cleanup_free_ char *pattern = path_join(cache, "*.known");
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	for (int i = 0; i < 3; i++) {
		int fd;
		glob_t found;
		if (i != 1)
			t_ok(file_write_atomic(file, content[i], 5, 0644, NULL));
		t_ok(utimensat(AT_FDCWD, file, old, 0));
		t_wait_settled(file);
		t_ok(image_base(&spec, &fd, NULL));
		read_all(fd, &base[i]);
		t_ok(glob(pattern, 0, NULL, &found));
		ck_assert_uint_eq(found.gl_pathc, i + 1); /* utimensat() makes it another file, too */
		globfree(&found);
	}
	ck_assert(base[0].len == base[1].len && !memcmp(base[0].data, base[1].data, base[0].len));
	ck_assert(base[0].len != base[2].len || memcmp(base[0].data, base[2].data, base[0].len));
	for (int i = 0; i < 3; i++)
		buf_done(&base[i]);
	free(file);
	free(cache);
	t_rmdir(dir);
}
END_TEST

START_TEST(suffix_says_what_the_boot_is_for)
{
	const char *const args[] = { "-c", "0", NULL }, *const bad[] = { "a\nscheduler=/evil", NULL };
	struct image_suffix_spec spec = { .test = "t",
					  .seed = 7,
					  .duration_ns = 5,
					  .limit_ns = 9,
					  .scheduler = true,
					  .attach_timeout_s = 20,
					  .sched_args = { args, NULL } };
	struct buf packed = BUF_NULL, raw = BUF_NULL;
	struct err *err = NULL;
	t_ok(image_suffix(&spec, &packed, NULL));
	unpack(&packed, &raw);
	ck_assert_ptr_nonnull(memmem(raw.data, raw.len,
				     "test=t\nseed=7\nduration_ns=5\nlimit_ns=9\nscheduler=/scheduler\n"
				     "attach_s=20\nsched_arg=-c\nsched_arg=0\n",
				     92));
	spec.sched_args[0] = bad;
	t_errno(image_suffix(&spec, &packed, &err), EINVAL);
	t_err_contains(&err, "has a newline");
	buf_done(&packed);
	buf_done(&raw);
}
END_TEST

START_TEST(suffix_says_how_the_scheduler_is_set_up)
{
	const char *const config[] = { "-c", "/run/s", NULL }, *const args[] = { "-v", NULL };
	const char *const on[] = { "echo 1 > /a", NULL }, *const off[] = { "echo 0 > /a", NULL };
	static const char wanted[] = "sched_arg=-c\nsched_arg=/run/s\nsched_arg=-v\nbuiltin_enable=echo 1 > /a\n"
				     "builtin_disable=echo 0 > /a\ncgroup_parent=/p\nworkload_root=/w/x\n"
				     "config_path=/run/s\n";
	struct image_suffix_spec spec = { .test = "t",
					  .sched_args = { config, args, NULL },
					  .builtin_enable = on,
					  .builtin_disable = off,
					  .cgroup_parent = "/p",
					  .workload_root = "/w/x",
					  .config_path = "/run/s",
					  .config = "line 1\nline 2\n" };
	struct buf packed = BUF_NULL, raw = BUF_NULL;
	t_ok(image_suffix(&spec, &packed, NULL));
	unpack(&packed, &raw);
	ck_assert_ptr_nonnull(memmem(raw.data, raw.len, wanted, sizeof(wanted) - 1));
	ck_assert_ptr_nonnull(memmem(raw.data, raw.len, "line 1\nline 2\n", 14));
	ck_assert_ptr_null(memmem(raw.data, raw.len, "scheduler=", 10));
	buf_done(&packed);
	buf_done(&raw);
}
END_TEST

START_TEST(include_files_must_be_there)
{
	const struct image_include missing[] = { { "/no/such/file", "include-files/file" } };
	struct image_base_spec spec = { .part = IMAGE_OWN, .include = missing, .includes = 1 };
	struct err *err = NULL;
	int fd;
	t_errno(image_base(&spec, &fd, &err), ENOENT);
	t_err_contains(&err, "build the initramfs: include file '/no/such/file'");
}
END_TEST

START_TEST(a_text_file_has_no_closure)
{
	struct closure *c = calloc(1, sizeof(*c));
	t_ok(closure_add(c, "/etc/passwd", NULL));
	ck_assert_uint_eq(c->count, 0);
	uint32_t api;
	t_errno(elf_api_version("/etc/passwd", &api), ENOENT);
	free(c);
}
END_TEST

START_TEST(a_foreign_ld_cache_is_ignored)
{
	ck_assert_ptr_null(ldcache_find("/etc/passwd", "libc.so.6"));
	ck_assert_ptr_null(ldcache_find("/no/such/file", "libc.so.6"));
	char lies[200] = "glibc-ld.so.cache1.1";
	memset(lies + 20, 0xff, 100);
	ck_assert_ptr_null(ldcache_find_in(lies, sizeof(lies), "x"));
}
END_TEST

/* As ldconfig writes it: another program of the same names finds them, the loader itself in tests/vm/guest.py. */
START_TEST(a_library_cache_is_read_back)
{
	struct ldcache_library list[] = {
		{ "libx.so.9", "/a/9" }, { "libx.so.10", "/a/10" }, { "libb.so", "/b" }, { "liby-1.so", "/co:lon/y" }
	};
	_cleanup_buf_ struct buf cache = BUF_NULL;
	t_ok(ldcache_build(list, ARRAY_SIZE(list), &cache));
	ck_assert_str_eq(list[0].soname, "liby-1.so");
	ck_assert_str_eq(list[1].soname, "libx.so.10");
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		_cleanup_free_ char *found = ldcache_find_in(cache.data, cache.len, list[i].soname);
		ck_assert_str_eq(found, list[i].path);
	}
	ck_assert_ptr_null(ldcache_find_in(cache.data, cache.len, "libx.so"));
}
END_TEST

START_TEST(files_are_not_put_where_the_guest_has_its_own)
{
	static const char *const place[][2] = {
		{ "/usr/lib/libx.so", "usr/lib/libx.so" },
		{ "/tmp/libx.so", "ktstr.files/tmp/libx.so" },
		{ "/dev/shm/libx.so", "ktstr.files/dev/shm/libx.so" },
		{ "/tmpfiles/libx.so", "tmpfiles/libx.so" },
		{ "/test/libx.so", "ktstr.files/test/libx.so" },
		{ "/staged.0/x", "ktstr.files/staged.0/x" },
		{ "/ktstr.conf/x", "ktstr.files/ktstr.conf/x" },
		{ "/home/co:lon/x", "home/co:lon/x" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(place); i++) {
		_cleanup_free_ char *found = rootfs_place(place[i][0]);
		ck_assert_str_eq(found, place[i][1]);
	}
}
END_TEST

/* Compiles a program in @dir/@name with its own libown.so beside it; the caller frees the path. */
static char *program_with_library(const char *dir, const char *name, const char *link)
{
	_cleanup_buf_ struct buf build = BUF_NULL;
	buf_appendf(
		&build,
		"cd %s && mkdir %s && cd %s && echo 'int f(void){return 0;}' | cc -shared -fPIC -o libown.so -x c - && "
		"echo 'int f(void);int main(void){return f();}' | cc -o program -x c - -L. -lown -Wl,-rpath,%s%s",
		dir, name, name, *link ? link : dir, *link ? "" : "/");
	if (!*link)
		buf_puts(&build, name);
	ck_assert_int_eq(system(buf_str(&build)), 0);
	_cleanup_free_ char *below = path_join(dir, name);
	return path_join(below, "program");
}

/* The guest's loader would give both programs the same file; an absolute run path tells the files apart. */
START_TEST(two_libraries_of_one_name_are_refused)
{
	char *dir = t_tmpdir(), *one = program_with_library(dir, "one", "'$ORIGIN'"),
	     *two = program_with_library(dir, "two", "'$ORIGIN'"), *fixed = program_with_library(dir, "fixed", "");
	struct closure *c = calloc(1, sizeof(*c));
	struct err *err = NULL;
	t_ok(closure_add(c, one, NULL));
	t_ok(closure_add(c, fixed, NULL));
	t_errno(closure_add(c, two, &err), EEXIST);
	t_err_contains(&err, "two programs of this test need different files for the library libown.so");
	closure_done(c);
	free(c);
	free(one);
	free(two);
	free(fixed);
	t_rmdir(dir);
}
END_TEST

static const struct {
	const char *text;
	mode_t mode;
	const char *interpreter, *name; /* NULL: not a script; not by env */
	const char *refused;		/* NULL: fine */
} scripts[] = {
	{ "#!/bin/sh\n", 0755, "/bin/sh", NULL, NULL },
	{ "#! /bin/sh -e \n", 0755, "/bin/sh", NULL, NULL },
	{ "#!/usr/bin/env sh\necho", 0755, "/usr/bin/env", "sh", NULL },
	{ "#!/usr/bin/env -S A=1 sh -e\n", 0755, "/usr/bin/env", "sh", NULL },
	{ "#!/usr/bin/env sh", 0755, "/usr/bin/env", "sh", NULL },
	{ "#!/no/such/program\n", 0644, NULL, NULL, NULL },
	{ "# no\n", 0755, NULL, NULL, NULL },
	{ "#!\n", 0755, NULL, NULL, NULL },
	{ "#!/no/such/program\n", 0755, NULL, NULL, "its interpreter '/no/such/program' is not on this machine" },
	{ "#!/usr/bin/env no-such-program\n", 0755, NULL, NULL, "its interpreter 'no-such-program' is not on" },
	{ "#!/bin/sh\r\necho\r\n", 0755, NULL, NULL, "Linux would look for '/bin/sh\\r'" },
	{ "#!/usr/bin/env sh\r\n", 0755, NULL, NULL, "Linux would look for '/usr/bin/env sh\\r'" },
	{ "#!bin/sh\n", 0755, NULL, NULL, "its interpreter is a relative path" },
	{ "#!/\033[31m\n", 0755, NULL, NULL, "its interpreter '/?[31m' is not" },
};

START_TEST(scripts_name_their_interpreters)
{
	char *dir = t_tmpdir(), *path = path_join(dir, "script");
	struct script s;
	struct err *err = NULL;
	t_ok(file_write_atomic(path, scripts[_i].text, strlen(scripts[_i].text), scripts[_i].mode, NULL));
	int r = script_read(path, &s, &err);
	if (scripts[_i].refused) {
		ck_assert_int_lt(r, 0);
		ck_assert_msg(strstr(err->msg, path) && strstr(err->msg, scripts[_i].refused), "%s", err->msg);
		err = err_free(err);
	} else {
		t_ok(r);
		ck_assert_pstr_eq(s.interpreter, scripts[_i].interpreter);
		ck_assert_pstr_eq(s.program_name, scripts[_i].name);
		ck_assert(!s.program_name == !s.program);
	}
	script_done(&s);
	free(path);
	t_rmdir(dir);
}
END_TEST

/* Every link in /bin is a name that busybox implements. */
START_TEST(busybox_has_the_tools_that_guests_get)
{
	char line[64];
	_cleanup_buf_ struct buf known = BUF_NULL;
	FILE *list = popen("busybox --list", "re");
	ck_assert_ptr_nonnull(list);
	buf_puts(&known, "\n");
	while (fgets(line, sizeof(line), list))
		buf_puts(&known, line);
	pclose(list);
	for (size_t i = 0; known.len > 1 && rootfs_applets[i]; i++) {
		snprintf(line, sizeof(line), "\n%s\n", rootfs_applets[i]);
		ck_assert_msg(strstr(buf_str(&known), line), "%s", rootfs_applets[i]);
	}
}
END_TEST

/* Each loop over much data checks for cancellation. */
START_TEST(packing_can_be_cancelled)
{
	static const atomic_bool cancelled = true;
	static const struct cachefile_use use = { .cancel = &cancelled };
	const struct image_include includes[] = { { "/etc/passwd", "include-files/f" } };
	struct image_base_spec spec = { .part = IMAGE_OWN, .include = includes, .includes = 1, .use = &use };
	_cleanup_buf_ struct buf raw = BUF_NULL, packed = BUF_NULL;
	int part[IMAGE_PARTS] = { memfd_new("a", 4096), memfd_new("b", 4096) }, fd;
	buf_zeros(&raw, 100);
	t_errno(lz4_legacy(&raw, false, &cancelled, &packed), ECANCELED);
	t_errno(image_base(&spec, &fd, NULL), ECANCELED);
	t_errno(image_memfd(part, false, &raw, &cancelled, &fd, NULL), ECANCELED);
	fd_close(part[0]);
	fd_close(part[1]);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, cpio_is_read_by_others);
	tcase_add_test(tc, cpio_refuses_paths_that_leave);
	tcase_add_test(tc, lz4_frames_round_trip_back_to_back);
	tcase_add_test(tc, parts_hold_a_program_and_all_it_needs);
	tcase_add_test(tc, run_paths_are_followed);
	tcase_add_test(tc, base_is_kept_by_its_content);
	tcase_add_test(tc, files_that_have_not_changed_are_known);
	tcase_add_test(tc, suffix_says_what_the_boot_is_for);
	tcase_add_test(tc, suffix_says_how_the_scheduler_is_set_up);
	tcase_add_test(tc, include_files_must_be_there);
	tcase_add_test(tc, a_text_file_has_no_closure);
	tcase_add_test(tc, a_foreign_ld_cache_is_ignored);
	tcase_add_test(tc, a_library_cache_is_read_back);
	tcase_add_test(tc, files_are_not_put_where_the_guest_has_its_own);
	tcase_add_test(tc, two_libraries_of_one_name_are_refused);
	tcase_add_loop_test(tc, scripts_name_their_interpreters, 0, ARRAY_SIZE(scripts));
	tcase_add_test(tc, busybox_has_the_tools_that_guests_get);
	tcase_add_test(tc, packing_can_be_cancelled);
}

int main(void)
{
	return t_main("image", fill);
}
