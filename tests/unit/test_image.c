/* SPDX-License-Identifier: GPL-2.0-only */
/* The initramfs: archives that the kernel's format allows, closures that run elsewhere, frames that unpack again. */
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
	t_ok(lz4_legacy(&raw, false, &packed));
	size_t first = packed.len;
	t_ok(lz4_legacy(&raw, false, &packed));
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

/* What every test needs is in the common part and in no other; both together are all that it needs. */
START_TEST(parts_hold_a_program_and_all_it_needs)
{
	static const char *const wanted[IMAGE_PARTS][7] = {
		[IMAGE_COMMON] = { "init:", "libc.so.6:", "ld-linux-x86-64.so.2:", "libelf.so.1:", "dev:" },
		[IMAGE_OWN] = { "test:", "ktstr.libs:" },
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
		unpack(&packed, &raw);
		list(&raw, &names);
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
	/* One that was damaged meanwhile is packed again. */
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
	/* Another content is another base, under the same name and length. */
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

static void fill(TCase *tc)
{
	tcase_add_test(tc, cpio_is_read_by_others);
	tcase_add_test(tc, cpio_refuses_paths_that_leave);
	tcase_add_test(tc, lz4_frames_round_trip_back_to_back);
	tcase_add_test(tc, parts_hold_a_program_and_all_it_needs);
	tcase_add_test(tc, run_paths_are_followed);
	tcase_add_test(tc, base_is_kept_by_its_content);
	tcase_add_test(tc, suffix_says_what_the_boot_is_for);
	tcase_add_test(tc, include_files_must_be_there);
	tcase_add_test(tc, a_text_file_has_no_closure);
	tcase_add_test(tc, a_foreign_ld_cache_is_ignored);
}

int main(void)
{
	return t_main("image", fill);
}
