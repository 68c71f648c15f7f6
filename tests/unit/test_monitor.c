/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's core: symbols, types, addresses and core files, on a kernel made by hand, whole and damaged. */
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel_image.h"
#include "monitor/core_file.h"
#include "monitor/walk.h"
#include "t.h"
#include "vmm/vmcore.h"

static struct kimage k;

static void open_plain(void)
{
	kimage_open(&k, &(struct kimage_layout){ 0 });
}

/* --- visitors ----------------------------------------------------------------------------------------------------- */

struct seen {
	uint64_t node[64];
	unsigned count, stop_at; /* stop_at 0: never */
};

static int see(struct view *v, uint64_t node, void *arg)
{
	struct seen *s = arg;
	(void)v;
	s->node[s->count++ % ARRAY_SIZE(s->node)] = node;
	return s->stop_at && s->count == s->stop_at;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

START_TEST(symbols_are_found)
{
	char text[SYMBOL_TEXT_MAX];
	uint64_t at;
	open_plain();
	ck_assert_uint_eq(symbols_find(k.image.symbols, "schedule"), 0xffffffff81000200u);
	ck_assert_uint_eq(symbols_size(k.image.symbols, "schedule"), 0x100);
	ck_assert_uint_eq(symbols_find(k.image.symbols, "twice"), 0xffffffff81008000u);
	ck_assert_uint_eq(symbols_find(k.image.symbols, "sched"), 0);
	ck_assert_uint_eq(symbols_find(k.image.symbols, "zzz"), 0);
	ck_assert(symbols_look_up(k.image.symbols, "kernel_cpustat", &at) && at == 0);
	ck_assert(!symbols_look_up(k.image.symbols, "", &at));
	ck_assert(symbols_format(k.image.symbols, 0xffffffff81000234u, text));
	ck_assert_str_eq(text, "schedule+0x34/0x100");
	ck_assert(!symbols_format(k.image.symbols, 0xffffffff81000300u, text));
	ck_assert_str_eq(text, "0xffffffff81000300");
	ck_assert(!symbols_format(k.image.symbols, 5, text));
	/* Data is named where data is wanted only, and what has no size ends with its section. */
	ck_assert(!symbols_format(k.image.symbols, 0xffffffff81008110u, text));
	ck_assert(!symbols_format_object(k.image.symbols, 0xffffffff81000234u, text));
	ck_assert(symbols_format_object(k.image.symbols, 0xffffffff81008110u, text));
	ck_assert_str_eq(text, "ext_sched_class+0x10/0x40");
	ck_assert(!symbols_format_object(k.image.symbols, 0xffffffff81008140u, text));
	ck_assert(!symbols_format_object(k.image.symbols, 0x1010, text));
	ck_assert_str_eq(symbols_banner(k.image.symbols), KIMAGE_BANNER);
	kimage_close(&k);
}
END_TEST

START_TEST(files_that_are_no_kernels_are_refused)
{
	struct symbols *s;
	struct types *t;
	struct guestmem m;
	struct err *err = NULL;
	t_errno(symbols_open("/dev/null/x", &s, NULL), ENOTDIR);
	t_errno(symbols_open("/proc/self/status", &s, &err), ENOEXEC);
	t_err_contains(&err, "not an x86-64 or aarch64 kernel");
	ck_assert_int_lt(types_open("/proc/self/status", &t, &err), 0);
	t_err_contains(&err, "read the types of /proc/self/status");
	ck_assert_int_lt(types_open("/no/such/vmlinux", &t, &err), 0);
	t_err_contains(&err, "/no/such/vmlinux");
	t_errno(types_parse("no", 2, NULL, &t, &err), EINVAL);
	t_err_contains(&err, "2 bytes of BTF");
	t_errno(core_open("/proc/self/exe", &m, &err), EBADMSG);
	t_err_contains(&err, "not a core that ktstr wrote");
}
END_TEST

/* A kernel file cut anywhere, or with a damaged byte anywhere, is refused or read, and nothing else. */
START_TEST(damaged_kernel_files_do_no_harm)
{
	_cleanup_buf_ struct buf file = BUF_NULL;
	open_plain();
	t_ok(file_read(k.vmlinux, 1 << 20, &file, NULL));
	for (size_t at = 0; at < file.len; at += 37) {
		struct symbols *s = NULL;
		struct types *t = NULL;
		char path[32];
		_cleanup_close_ int fd = memfd_new("damaged", 0);
		size_t len = at % 2 ? at : file.len;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		file.data[at] ^= 0x5a;
		t_ok(fd_write_full(fd, file.data, len));
		file.data[at] ^= 0x5a;
		if (symbols_open(path, &s, NULL) == 0)
			symbols_find(s, "schedule");
		symbols_close(s);
		if (types_open(path, &t, NULL) == 0)
			types_field(t, "task_struct", "signal");
		types_close(t);
	}
	kimage_close(&k);
}
END_TEST

static void expect_symbols(struct symbols *s)
{
	char text[SYMBOL_TEXT_MAX];
	ck_assert_uint_eq(symbols_find(s, "schedule"), symbols_find(k.image.symbols, "schedule"));
	ck_assert_uint_ne(symbols_find(s, "schedule"), 0);
	ck_assert_uint_eq(symbols_find(s, "no_such_symbol"), 0);
	ck_assert(symbols_format_object(s, 0xffffffff81008110u, text));
	ck_assert_str_eq(text, "ext_sched_class+0x10/0x40");
	ck_assert(symbols_format(s, 0xffffffff81000234u, text));
	ck_assert_str_eq(symbols_banner(s), KIMAGE_BANNER);
}

/* The first time they are read from the kernel, then from the directory; a damaged file there is made again. */
START_TEST(symbols_are_kept_in_a_directory)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *pattern = path_join(dir, "*.symbols");
	open_plain();
	t_wait_settled(k.vmlinux);
	for (int i = 0; i < 4; i++) {
		struct symbols *s = NULL;
		glob_t found;
		t_ok(symbols_open_cached(k.vmlinux, dir, &s, NULL));
		expect_symbols(s);
		symbols_close(s);
		t_ok(glob(pattern, 0, NULL, &found));
		ck_assert_uint_eq(found.gl_pathc, 1);
		_cleanup_close_ int fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
		if (i == 1)
			t_ok(fd_pwrite_full(fd, "XXXX", 4, 700));
		if (i == 2)
			ck_assert_int_eq(ftruncate(fd, 100), 0);
		globfree(&found);
	}
	kimage_close(&k);
	t_rmdir(dir);
}
END_TEST

START_TEST(members_are_found)
{
	open_plain();
	const struct types *t = k.image.types;
	struct field f = types_field(t, "rq", "scx.local_dsq.nr");
	ck_assert(field_present(f) && f.offset == 16 + 32 + 12 && f.size == 4 && !f.is_signed && !f.bits);
	f = types_field(t, "task_struct", "pid");
	ck_assert(f.offset == 12 && f.is_signed);
	f = types_field(t, "task_struct", "low");
	ck_assert(f.offset == 20 && f.size == 1 && f.bit_offset == 2 && f.bits == 3);
	f = types_field(t, "xa_node", "slots[3]");
	ck_assert(f.offset == 16 + 24 && f.size == 8);
	f = types_field(t, "kernel_cpustat", "cpustat[CPUTIME_IDLE]");
	ck_assert(f.offset == 40 && f.size == 8);
	f = types_field(t, "bucket_table", "buckets");
	ck_assert(field_present(f) && f.offset == 64 && f.size == 0);
	f = types_field(t, "bucket_table", "buckets[7]");
	ck_assert(f.offset == 64 + 56);
	static const char *const absent[][2] = {
		{ "rq", "scx.none" },
		{ "rq", "" },
		{ "rq", "scx." },
		{ "rq", ".scx" },
		{ "none", "scx" },
		{ "rq", "clock.low" },
		{ "xa_node", "slots[64]" },
		{ "xa_node", "slots[" },
		{ "xa_node", "slots[x]" },
		{ "xa_node", "slots[]" },
		{ "xa_node", "slots[-1]" },
		{ "rq", "clock[0]" },
		{ "xa_node", "slots[3]x" },
		{ "rq", "scx..nr" },
		{ "kernel_cpustat", "cpustat[PSI]" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		ck_assert_msg(!field_present(types_field(t, absent[i][0], absent[i][1])), "%s", absent[i][1]);
	ck_assert_uint_eq(types_size(t, "xa_node"), 1024);
	ck_assert_uint_eq(types_size(t, "nothing"), 0);
	int64_t value;
	ck_assert(types_enumerator(t, NULL, "CPUTIME_IDLE", &value) && value == 5);
	ck_assert(!types_enumerator(t, NULL, "CPUTIME_NONE", &value));
	ck_assert(!types_enumerator(t, "cpu_usage_stat", "CPUTIME_IDLE", &value));
	kimage_close(&k);
}
END_TEST

/* Types of a program on top of those of its kernel: anonymous unions, typedefs, signed and wide bit fields. */
START_TEST(types_on_top_of_a_kernels)
{
	struct types *t;
	uint32_t size;
	open_plain();
	/* libbpf makes a base that is built upon writable, which moves its names. */
	struct btf *copy = btf__parse_elf(k.vmlinux, NULL), *b = btf__new_empty_split(copy);
	int u64 = btf__add_typedef(b, "my_u64", btf__find_by_name(b, "u64"));
	int u = btf__add_union(b, NULL, 8);
	btf__add_field(b, "as_number", u64, 0, 0);
	btf__add_field(b, "as_list", btf__find_by_name(b, "rb_root"), 0, 0);
	int constant = btf__add_const(b, u);
	int s = btf__add_struct(b, "mine", 32);
	btf__add_field(b, "first", btf__find_by_name(b, "u32"), 0, 0);
	btf__add_field(b, NULL, constant, 64, 0);
	btf__add_field(b, "narrow", btf__find_by_name(b, "s32"), 128 + 29, 5);
	btf__add_field(b, "wide", btf__find_by_name(b, "u64"), 192, 60);
	btf__add_typedef(b, "mine_t", s);
	const void *raw = btf__raw_data(b, &size);
	t_ok(types_parse(raw, size, k.image.types, &t, NULL));
	struct field f = types_field(t, "mine_t", "as_number");
	ck_assert(f.offset == 8 && f.size == 8);
	f = types_field(t, "mine", "as_list.rb_node");
	ck_assert(f.offset == 16 && f.size == 8);
	f = types_field(t, "mine", "narrow");
	ck_assert(f.offset == 19 && f.size == 2 && f.bit_offset == 5 && f.bits == 5 && f.is_signed);
	f = types_field(t, "mine", "wide");
	ck_assert(f.offset == 24 && f.size == 8 && f.bits == 60);
	ck_assert(field_present(types_field(t, "rq", "scx.flags")));
	ck_assert(!field_present(types_field(k.image.types, "mine", "first")));
	uint64_t object = kimage_alloc(&k, 32), value;
	kimage_put(&k, object + 16, 0x13ull << 29 | 1);
	ck_assert(view_read_field(&k.view, object, types_field(t, "mine", "narrow"), &value));
	ck_assert_int_eq((int64_t)value, -13);
	types_close(t);
	btf__free(b);
	btf__free(copy);
	kimage_close(&k);
}
END_TEST

/* Anonymous members that nest and fan out: a search that tried them all would not end. */
START_TEST(a_search_in_endless_types_ends)
{
	struct types *t;
	uint32_t size;
	struct btf *b = btf__new_empty();
	int inner = btf__add_struct(b, NULL, 8);
	for (int level = 0; level < 40; level++) {
		int outer = btf__add_struct(b, level == 39 ? "outer" : NULL, 8);
		for (int i = 0; i < 200; i++)
			btf__add_field(b, NULL, inner, 0, 0);
		inner = outer;
	}
	btf__add_typedef(b, "circle", inner + 3);
	btf__add_const(b, inner + 3);
	btf__add_const(b, inner + 2);
	const void *raw = btf__raw_data(b, &size);
	t_ok(types_parse(raw, size, NULL, &t, NULL));
	ck_assert(!field_present(types_field(t, "outer", "x")));
	ck_assert(!field_present(types_field(t, "circle", "x")));
	types_close(t);
	btf__free(b);
}
END_TEST

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static const struct kimage_layout layouts[] = {
	{ 0 },
	{ .five_levels = true },
	{ .moved = 6ull << 20 },
	{ .text_slide = 0x1a400000, .moved = 4ull << 20 },
	{ .text_slide = 0x3e000000, .moved = 10ull << 20, .page_offset = 0xffff9c4000000000u },
	{ .five_levels = true, .text_slide = 0x2000000, .moved = 0, .page_offset = 0xff2a000000000000u },
	{ .low_memory = 24ull << 20, .mib = 48 },
};

START_TEST(addresses_are_translated)
{
	const struct kimage_layout *l = &layouts[_i];
	uint64_t pa, value, object, vmalloc = l->five_levels ? 0xffa0000000000000u : 0xffffc90000000000u;
	kimage_open(&k, l);
	ck_assert_uint_eq(k.view.text_slide, l->text_slide);
	ck_assert_uint_eq(k.view.phys_base, l->moved - l->text_slide);
	ck_assert_uint_eq(k.view.page_offset, k.layout.page_offset);
	ck_assert_int_eq(k.view.five_levels, l->five_levels);
	ck_assert_uint_eq(view_symbol(&k.view, "schedule"), 0xffffffff81000200u + l->text_slide);
	ck_assert_uint_eq(view_symbol(&k.view, "nothing"), 0);
	ck_assert(view_translate(&k.view, view_symbol(&k.view, "schedule"), &pa));
	ck_assert_uint_eq(pa, 0x1000200 + l->moved);
	object = kimage_alloc(&k, 64);
	kimage_put(&k, object, 4711);
	ck_assert(view_read_u64(&k.view, object, 8, &value) && value == 4711);
	pa = object - k.layout.page_offset;
	kimage_map(&k, vmalloc, pa & ~0xfffull, 0);
	kimage_map(&k, vmalloc + (2ull << 20), pa & ~0x1fffffull, 1);
	kimage_map(&k, vmalloc + (1ull << 30), 0, 2);
	ck_assert(view_read_u64(&k.view, vmalloc + (pa & 0xfff), 8, &value) && value == 4711);
	ck_assert(view_read_u64(&k.view, vmalloc + (pa & 0xfff), 8, &value) && value == 4711);
	ck_assert(view_read_u64(&k.view, vmalloc + (2ull << 20) + (pa & 0x1fffff), 8, &value) && value == 4711);
	ck_assert(view_read_u64(&k.view, vmalloc + (1ull << 30) + pa, 8, &value) && value == 4711);
	ck_assert(!view_translate(&k.view, vmalloc + 0x1000, &pa));
	ck_assert(!view_translate(&k.view, 0x0000900000000000u << 4, &pa));
	ck_assert_uint_eq(k.view.cpus, 2);
	ck_assert_uint_eq(view_per_cpu(&k.view, "runqueues", 1), kimage_per_cpu(&k, "runqueues", 1));
	ck_assert_uint_eq(view_per_cpu(&k.view, "kernel_cpustat", 0), kimage_per_cpu(&k, "kernel_cpustat", 0));
	ck_assert_uint_eq(view_per_cpu(&k.view, "runqueues", 2), 0);
	ck_assert_uint_eq(view_per_cpu(&k.view, "nothing", 0), 0);
	kimage_close(&k);
}
END_TEST

START_TEST(registers_give_the_slides)
{
	kimage_open(&k, &layouts[4]);
	view_init(&k.view, &k.image, &k.memory, 0);
	ck_assert_ptr_null(view_find_slides(&k.view, k.root | 0x18, 0xffffffff81000400u + 0x3e000000));
	ck_assert_uint_eq(k.view.text_slide, 0x3e000000);
	view_init(&k.view, &k.image, &k.memory, 0);
	ck_assert_ptr_null(view_find_slides(&k.view, 0x123456789000, 0x1234));
	ck_assert_uint_eq(k.view.text_slide, 0x3e000000);
	kimage_close(&k);
}
END_TEST

START_TEST(memory_beyond_the_gap)
{
	uint64_t value;
	kimage_open(&k, &(struct kimage_layout){ .low_memory = 24ull << 20, .mib = 48 });
	kimage_put(&k, k.layout.page_offset + (4ull << 30) + 0x1000, 99);
	ck_assert(view_read_u64(&k.view, k.layout.page_offset + (4ull << 30) + 0x1000, 8, &value) && value == 99);
	ck_assert(!view_read_u64(&k.view, k.layout.page_offset + (24ull << 20), 8, &value));
	ck_assert(!view_read_u64(&k.view, k.layout.page_offset + (4ull << 30) + (24ull << 20), 8, &value));
	uint64_t more = 100;
	t_ok(view_write(&k.view, k.layout.page_offset + (4ull << 30) + 0x1000, &more, 8));
	ck_assert(view_read_u64(&k.view, k.layout.page_offset + (4ull << 30) + 0x1000, 8, &value) && value == 100);
	kimage_close(&k);
}
END_TEST

START_TEST(a_kernel_that_is_not_there_yet)
{
	char other[] = "Linux version 1.2.3 (somebody else)";
	uint64_t banner, zero = 0;
	open_plain();
	banner = kimage_symbol(&k, "linux_banner");
	kimage_put(&k, kimage_symbol(&k, "__per_cpu_offset"), 0);
	t_errno(view_refresh(&k.view), EAGAIN);
	kimage_write(&k, banner, other, sizeof(other));
	t_errno(view_refresh(&k.view), ESTALE);
	view_init(&k.view, &k.image, &k.memory, 0);
	ck_assert_ptr_nonnull(strstr(view_find_slides(&k.view, 0, 0), "another one"));
	kimage_write(&k, banner, &zero, sizeof(zero));
	t_errno(view_refresh(&k.view), EAGAIN);
	kimage_close(&k);
}
END_TEST

START_TEST(counts_of_cpus_are_bounded)
{
	uint32_t many = 4000000000u;
	open_plain();
	kimage_write(&k, kimage_symbol(&k, "nr_cpu_ids"), &many, sizeof(many));
	t_ok(view_refresh(&k.view));
	ck_assert_uint_eq(k.view.cpus, VIEW_CPUS_MAX);
	ck_assert_uint_eq(view_per_cpu(&k.view, "runqueues", 5), 0);
	ck_assert_uint_eq(view_per_cpu(&k.view, "runqueues", VIEW_CPUS_MAX), 0);
	kimage_close(&k);
}
END_TEST

START_TEST(bad_reads_give_zeros_and_are_counted)
{
	uint64_t value = 7, end;
	uint8_t out[64];
	char text[16];
	open_plain();
	end = k.layout.page_offset + (32ull << 20);
	memset(out, 0xff, sizeof(out));
	ck_assert(!view_read(&k.view, end - 32, out, sizeof(out)));
	ck_assert(!out[0] && !memcmp(out, out + 1, sizeof(out) - 1));
	ck_assert(!view_read_u64(&k.view, end, 8, &value) && value == 0);
	ck_assert(!view_read_u64(&k.view, end - 4, 8, &value));
	ck_assert(!view_read_u64(&k.view, UINT64_MAX - 3, 8, &value));
	ck_assert(!view_read_u64(&k.view, 0, 8, &value));
	ck_assert(!view_read_text(&k.view, 16, text, sizeof(text)) && !*text);
	ck_assert_uint_eq(k.view.bad_reads, 6);
	ck_assert(!view_read_u64(&k.view, end - 64, 3, &value));
	ck_assert(!view_read_field(&k.view, end, (struct field){ 0 }, &value));
	ck_assert_uint_eq(k.view.bad_reads, 6);
	ck_assert(view_read_u64(&k.view, end - 9, 8, &value));
	kimage_write(&k, end - 4, "abcd", 4);
	ck_assert(!view_read_text(&k.view, end - 4, text, sizeof(text)));
	kimage_write(&k, end - 20, "0123456789abcdefghi", 20);
	ck_assert(view_read_text(&k.view, end - 20, text, sizeof(text)));
	ck_assert_str_eq(text, "0123456789abcde");
	t_errno(view_write(&k.view, end - 2, out, 4), EFAULT);
	kimage_close(&k);
}
END_TEST

/* --- cores -------------------------------------------------------------------------------------------------------- */

START_TEST(a_core_is_read_like_memory)
{
	char *dir = t_tmpdir(), path[256];
	struct guestmem core;
	struct seen s = { 0 };
	const struct vmcore_machine machine = { .arch = ARCH_X86_64 };
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kimage_open(&k, &layouts[3]);
	kimage_fill(&k, 5, 2);
	t_ok(vmcore_write(&k.memory, &machine, fd, "x.vmcore", NULL, NULL));
	snprintf(path, sizeof(path), "%s/x.vmcore", dir);
	t_ok(core_open(path, &core, NULL));
	view_init(&k.view, &k.image, &core, 0);
	ck_assert_ptr_null(view_find_slides(&k.view, 0, 0));
	t_ok(view_refresh(&k.view));
	ck_assert_int_eq(walk_tasks(&k.view, 100, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 5);
	guestmem_done(&core);
	t_ok(truncate(path, 1 << 20));
	t_errno(core_open(path, &core, NULL), EBADMSG);
	t_ok(truncate(path, 40));
	t_errno(core_open(path, &core, NULL), EBADMSG);
	kimage_close(&k);
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, symbols_are_found);
	tcase_add_test(tc, files_that_are_no_kernels_are_refused);
	tcase_add_test(tc, damaged_kernel_files_do_no_harm);
	tcase_add_test(tc, symbols_are_kept_in_a_directory);
	tcase_add_test(tc, members_are_found);
	tcase_add_test(tc, types_on_top_of_a_kernels);
	tcase_add_test(tc, a_search_in_endless_types_ends);
	tcase_add_loop_test(tc, addresses_are_translated, 0, (int)ARRAY_SIZE(layouts));
	tcase_add_test(tc, registers_give_the_slides);
	tcase_add_test(tc, memory_beyond_the_gap);
	tcase_add_test(tc, a_kernel_that_is_not_there_yet);
	tcase_add_test(tc, counts_of_cpus_are_bounded);
	tcase_add_test(tc, bad_reads_give_zeros_and_are_counted);
	tcase_add_test(tc, a_core_is_read_like_memory);
}

int main(void)
{
	return t_main("monitor", fill);
}
