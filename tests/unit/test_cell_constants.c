/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants of BPF programs: in a guest's memory, in files, and in the verdict of a cell that only verifies. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "kernel_image.h"
#include "monitor/verified.h"
#include "run/cell_constants.h"
#include "t.h"
#include "verdict/judge.h"

#define PRESET "4cpu-1llc-nosmt"
#define BYTES  8

/* --- in a guest --------------------------------------------------------------------------------------------------- */

static struct kimage k;
static struct layout layout;
static struct inspector in;
static uint64_t map;

static void add_map(const char *name)
{
	uint64_t ids = kimage_member(&k, kimage_symbol(&k, "map_idr"), "idr", "idr_rt");
	map = kimage_alloc(&k, 256);
	kimage_set(&k, map, "bpf_map", "map_type", 2);
	kimage_set(&k, map, "bpf_map", "value_size", BYTES);
	kimage_set(&k, map, "bpf_map", "max_entries", 1);
	kimage_set(&k, map, "bpf_map", "id", 5);
	kimage_set(&k, map, "bpf_map", "btf", kimage_alloc(&k, 64));
	kimage_write(&k, kimage_member(&k, map, "bpf_map", "name"), name, strlen(name) + 1);
	kimage_write(&k, kimage_member(&k, map, "bpf_array", "value"), "\x04\0\0\0\xff\0\0\0", BYTES);
	kimage_set(&k, ids, "xarray", "xa_head", map);
}

static void open_guest(const char *name)
{
	kimage_open(&k, &(struct kimage_layout){ 0 });
	kimage_fill(&k, 1, 0);
	layout_init(&layout, k.image.types);
	if (name)
		add_map(name);
	const struct inspect_config config = { .view = &k.view, .layout = &layout };
	t_ok(inspect_begin(&in, &config));
}

static void close_guest(void)
{
	inspect_end(&in);
	kimage_close(&k);
}

static uint64_t number_at(const char *structure, const char *member, unsigned size)
{
	uint64_t value = 0;
	ck_assert(view_read(&k.view, kimage_member(&k, map, structure, member), &value, size));
	return value;
}

START_TEST(constants_and_sizes_are_replaced_for_a_while)
{
	struct rodata r;
	struct rodata_saved saved = { .count = 0 };
	open_guest("scx_mine.rodata");
	t_ok(rodata_read(&in, &r));
	ck_assert_str_eq(r.map, "scx_mine.rodata");
	ck_assert_uint_eq(r.len, BYTES);
	ck_assert_uint_eq(r.map_count, 1);
	r.data[0] = 64;
	r.maps[0].max_entries = 64;
	t_ok(rodata_apply(&in, &r, &saved));
	t_ok(rodata_apply(&in, &r, &saved));
	ck_assert_uint_eq(number_at("bpf_array", "value", 8), 0xff00000040);
	ck_assert_uint_eq(number_at("bpf_map", "max_entries", 4), 64);
	rodata_restore(&in, &saved);
	ck_assert_uint_eq(number_at("bpf_array", "value", 8), 0xff00000040);
	ck_assert_uint_eq(number_at("bpf_map", "max_entries", 4), 1);
	rodata_done(&r);
	close_guest();
}
END_TEST

START_TEST(constants_of_another_build_are_refused)
{
	struct rodata r;
	struct rodata_saved saved = { .count = 0 };
	open_guest("scx_mine.rodata");
	t_ok(rodata_read(&in, &r));
	r.len--;
	ck_assert_int_eq(rodata_apply(&in, &r, &saved), -ESTALE);
	r.len++;
	r.maps[0].name[0] = 'S';
	ck_assert_int_eq(rodata_apply(&in, &r, &saved), -ESTALE);
	r.map[0] = 'S';
	ck_assert_int_eq(rodata_apply(&in, &r, &saved), -ENOENT);
	ck_assert_uint_eq(saved.count, 0);
	ck_assert_uint_eq(number_at("bpf_array", "value", 8), 0xff00000004);
	rodata_done(&r);
	close_guest();
}
END_TEST

/* The size is the guest's word. */
START_TEST(a_guest_without_constants_has_none)
{
	static const char *const names[] = { NULL, "scx_mine.bss", ".rodata", ".rodata.str1.1" };
	struct rodata r;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		open_guest(names[i]);
		ck_assert_int_eq(rodata_read(&in, &r), -ENOENT);
		close_guest();
	}
	open_guest("x.rodata");
	kimage_set(&k, map, "bpf_map", "value_size", 4000000000u);
	ck_assert_int_eq(rodata_read(&in, &r), -EFAULT);
	close_guest();
}
END_TEST

/* --- files -------------------------------------------------------------------------------------------------------- */

static void put_file(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

#define FILE_OF(topology, map, bytes, maps)                                                                       \
	"{\"scheduler\": \"a\", \"topology\": \"" topology "\", \"map\": \"" map "\", \"bytes\": \"" bytes "\", " \
	"\"maps\": " maps "}"
#define ONE_MAP "[{\"name\": \"a\", \"value_size\": 1, \"max_entries\": 1}]"

START_TEST(a_file_is_read_as_it_was_written)
{
	uint8_t bytes[] = { 0, 1, 0xfe };
	const struct rodata data = { .map = "a.rodata",
				     .data = bytes,
				     .len = 3,
				     .maps = { { "a.rodata", 3, 1 }, { "b", 8, 64 } },
				     .map_count = 2 };
	struct cell_constants_list list = { 0 };
	char *dir = t_tmpdir();
	_cleanup_free_ char *path = path_join(dir, "verifier-1.rodata.json");
	json_auto_t *o = cell_constants_json("a+fifo", "6.12.1", PRESET, &data);
	t_ok(json_write_file(path, o, NULL));
	put_file(dir, "verifier-1.ktstr.json", "{");
	t_ok(cell_constants_read(dir, &list, NULL));
	const struct cell_constants *c = cell_constants_find(&list, "a+fifo", "6.12.1", preset_find(PRESET));
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->data.map, "a.rodata");
	ck_assert_uint_eq(c->data.len, 3);
	ck_assert_mem_eq(c->data.data, bytes, 3);
	ck_assert_uint_eq(c->data.map_count, 2);
	ck_assert_uint_eq(c->data.maps[1].max_entries, 64);
	ck_assert_ptr_null(cell_constants_find(&list, "a", "6.12.1", preset_find(PRESET)));
	cell_constants_done(&list);
	t_rmdir(dir);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{ "{", "line 1" },
	{ "{}", "scheduler" },
	{ FILE_OF("nowhere", "m", "00", ONE_MAP), "'nowhere' is not a preset topology" },
	{ FILE_OF(PRESET, "", "00", ONE_MAP), "'' is not the name of a map" },
	{ FILE_OF(PRESET, "sixteen_bytes_16", "00", ONE_MAP), "is not the name of a map" },
	{ FILE_OF(PRESET, "m", "0", ONE_MAP), "two digits a byte" },
	{ FILE_OF(PRESET, "m", "", ONE_MAP), "two digits a byte" },
	{ FILE_OF(PRESET, "m", "0g", ONE_MAP), "hexadecimal" },
	{ FILE_OF(PRESET, "m", "00", "[]"), "'maps' is not an array" },
	{ FILE_OF(PRESET, "m", "00", "[{\"name\": \"a\"}]"), "value_size" },
	{ FILE_OF(PRESET, "m", "00", "[{\"name\": \"a\", \"value_size\": 4294967296, \"max_entries\": 1}]"),
	  "a size that no map has" },
};

static size_t length_for(const struct cell_constants_list *list, const char *kernel)
{
	return cell_constants_find(list, "a", kernel, preset_find(PRESET))->data.len;
}

/* Each kernel tree has its own scx_simple. */
START_TEST(constants_of_the_same_kernel_come_first)
{
	static const uint8_t bytes[4];
	struct cell_constants_list list = { 0 };
	char *dir = t_tmpdir();
	put_file(dir, "1.rodata.json",
		 FILE_OF(PRESET, "m", "00", ONE_MAP)); /* of a version that did not keep the kernel */
	for (size_t i = 2; i < 4; i++) {
		struct rodata data = {
			.map = "m", .data = (uint8_t *)bytes, .len = i, .maps = { { "m", 1, 1 } }, .map_count = 1
		};
		_cleanup_free_ char *path = path_join(dir, i == 2 ? "2.rodata.json" : "3.rodata.json");
		json_auto_t *o = cell_constants_json("a", i == 2 ? "6.12.1" : "7.3", PRESET, &data);
		t_ok(json_write_file(path, o, NULL));
	}
	t_ok(cell_constants_read(dir, &list, NULL));
	ck_assert_uint_eq(length_for(&list, "6.12.1"), 2);
	ck_assert_uint_eq(length_for(&list, "7.3"), 3);
	ck_assert_uint_eq(length_for(&list, "6.14"), 1);
	ck_assert_uint_eq(length_for(&list, NULL), 1);
	cell_constants_done(&list);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
	struct cell_constants_list list = { 0 };
	struct err *err = NULL;
	char *dir = t_tmpdir();
	put_file(dir, "x.rodata.json", bad[_i].text);
	ck_assert_int_lt(cell_constants_read(dir, &list, &err), 0);
	t_err_contains(&err, bad[_i].why);
	cell_constants_done(&list);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_directory_without_constants_is_refused)
{
	struct cell_constants_list list = { 0 };
	char *dir = t_tmpdir();
	ck_assert_int_eq(cell_constants_read(dir, &list, NULL), -ENOENT);
	ck_assert_int_eq(cell_constants_read("/nowhere", &list, NULL), -ENOENT);
	cell_constants_done(&list);
	t_rmdir(dir);
}
END_TEST

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

static const struct judge_facts only = { .has_scheduler = true, .scheduler = "s", .verifies_only = true };

static void expect(struct evidence *e, enum ktstr_verdict verdict, const char *cause)
{
	struct judgement j;
	t_ok(judge(e, &only, &j));
	ck_assert_int_eq(j.verdict, verdict);
	if (cause)
		ck_assert_msg(strstr(judgement_cause(&j)->text, cause), "%s", judgement_cause(&j)->text);
	judgement_done(&j);
}

START_TEST(only_what_the_verifier_says_counts)
{
	struct verified_program program[] = { { .name = "enqueue", .loaded = true }, { .name = "dispatch" } };
	struct verified v = { .program = program, .programs = 1 };
	struct evidence e = { .verified = &v, .verified_all = true, .machine_died = true };
	expect(&e, KTSTR_PASS, NULL);
	v.programs = 2;
	expect(&e, KTSTR_FAIL, "scheduler 's': dispatch was not loaded");
	v.programs = 0;
	expect(&e, KTSTR_INCONCLUSIVE, "no program of the scheduler was verified");
}
END_TEST

/* A program that was accepted with other constants says nothing. */
START_TEST(without_the_constants_there_is_no_verdict)
{
	struct verified_program program = { .name = "enqueue", .loaded = true };
	struct verified v = { .program = &program, .programs = 1 };
	struct evidence e = { .verified = &v, .verified_all = true, .constants_result = -ESTALE };
	expect(&e, KTSTR_INCONCLUSIVE, "another build made them");
	e.constants_result = -ENOENT;
	expect(&e, KTSTR_INCONCLUSIVE, "no such constants");
	e.constants_result = -EFAULT;
	expect(&e, KTSTR_INCONCLUSIVE, "could not be written");
	e.verified = NULL;
	expect(&e, KTSTR_INCONCLUSIVE, "memory could not be read");
}
END_TEST

START_TEST(a_machine_that_died_early_is_told)
{
	struct verified_program program = { .name = "enqueue", .loaded = true };
	struct verified v = { .program = &program, .programs = 1 };
	struct evidence e = { .verified = &v, .machine_died = true, .machine_status = 1 << 8 };
	expect(&e, KTSTR_INCONCLUSIVE, "the virtual machine's process ended with status 1");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, constants_and_sizes_are_replaced_for_a_while);
	tcase_add_test(tc, constants_of_another_build_are_refused);
	tcase_add_test(tc, a_guest_without_constants_has_none);
	tcase_add_test(tc, a_file_is_read_as_it_was_written);
	tcase_add_test(tc, constants_of_the_same_kernel_come_first);
	tcase_add_loop_test(tc, a_damaged_file_is_refused, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, a_directory_without_constants_is_refused);
	tcase_add_test(tc, only_what_the_verifier_says_counts);
	tcase_add_test(tc, without_the_constants_there_is_no_verdict);
	tcase_add_test(tc, a_machine_that_died_early_is_told);
}

int main(void)
{
	return t_main("cell_constants", fill);
}
