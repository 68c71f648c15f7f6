/* SPDX-License-Identifier: GPL-2.0-only */
/* Coverage: counters in a guest's memory, what gcov and llvm-cov print, and what is written of it. */
#include <string.h>

#include <ktstr/wire.h>

#include "coverage/data.h"
#include "coverage/lines.h"
#include "coverage/region.h"
#include "t.h"

/* --- memory of a guest -------------------------------------------------------------------------------------------- */

#define REGION_BYTES 16384
#define PROGRAM_AT   1024
#define SLOTS_AT     4096
#define SLOT_BYTES   64

/* Two ranges of 2 and 1 counters, and four slots: of a process, being added to the sum, free, not yet anywhere. */
struct memory {
	_Alignas(8) uint8_t byte[REGION_BYTES];
	struct wire_coverage *head;
	struct wire_coverage_program *program;
};

static void put(struct memory *m, uint32_t slot, uint32_t at, uint64_t value)
{
	memcpy(m->byte + SLOTS_AT + slot * SLOT_BYTES + at, &value, sizeof(value));
}

static void make_memory(struct memory *m)
{
	static const struct wire_coverage_range range[] = { { 8, 2 }, { 40, 1 } };
	static const uint32_t owner[] = { 17, WIRE_COVERAGE_FOLDING, WIRE_COVERAGE_FREE, 18 };
	static const uint32_t place[] = { SLOTS_AT, SLOTS_AT + SLOT_BYTES, SLOTS_AT + 2 * SLOT_BYTES, 0 };
	static const uint64_t sum[] = { 100, 200, 300 };
	*m = (struct memory){ 0 };
	m->head = (void *)m->byte;
	*m->head = (struct wire_coverage){ .magic = WIRE_COVERAGE_MAGIC, .lost = 3, .programs = 2 };
	m->head->program[1] = PROGRAM_AT; /* the first one is about to come */
	m->program = (void *)(m->byte + PROGRAM_AT);
	*m->program = (struct wire_coverage_program){ .stamp = 7,
						      .counters = 3,
						      .ranges = 2,
						      .slots = 4,
						      .slots_max = 4,
						      .slot_bytes = SLOT_BYTES,
						      .ranges_at = 2048,
						      .owners_at = 2112,
						      .places_at = 2144,
						      .sum_at = 2176,
						      .path = "/scheduler" };
	memcpy(m->byte + 2048, range, sizeof(range));
	memcpy(m->byte + 2112, owner, sizeof(owner));
	memcpy(m->byte + 2144, place, sizeof(place));
	memcpy(m->byte + 2176, sum, sizeof(sum));
	for (uint32_t slot = 0; slot < 3; slot++) {
		put(m, slot, 0, 999); /* not a counter */
		put(m, slot, 8, 1);
		put(m, slot, 16, 2);
		put(m, slot, 40, 3);
	}
}

static int sum_first(const struct memory *m, struct coverage_counts *ret, struct err **err)
{
	struct coverage_region r;
	t_ok(coverage_region_open(m->byte, sizeof(m->byte), &r, NULL));
	ck_assert_uint_eq(r.programs, 1);
	ck_assert_uint_eq(r.lost, 3);
	return coverage_sum(&r, 0, ret, err);
}

START_TEST(counters_of_all_processes_are_added_up)
{
	struct memory m;
	struct coverage_counts c;
	_cleanup_buf_ struct buf file = BUF_NULL;
	struct wire_coverage_file head;
	make_memory(&m);
	t_ok(sum_first(&m, &c, NULL));
	ck_assert_str_eq(c.path, "/scheduler");
	ck_assert_uint_eq(c.counters, 3);
	ck_assert_uint_eq(c.value[0], 102);
	ck_assert_uint_eq(c.value[1], 204);
	ck_assert_uint_eq(c.value[2], 306);
	coverage_put_file(&c, &file);
	ck_assert_uint_eq(file.len, sizeof(head) + 3 * sizeof(uint64_t));
	memcpy(&head, file.data, sizeof(head));
	ck_assert_uint_eq(head.stamp, 7);
	ck_assert_uint_eq(head.counters, 3);
	coverage_counts_done(&c);
}
END_TEST

START_TEST(memory_that_a_guest_has_damaged_is_refused)
{
	static const struct {
		size_t at;
		uint32_t value;
	} damage[] = {
#define IN_PROGRAM(member) PROGRAM_AT + offsetof(struct wire_coverage_program, member)
		{ IN_PROGRAM(counters), 0 },
		{ IN_PROGRAM(counters), 4 },
		{ IN_PROGRAM(counters), UINT32_MAX },
		{ IN_PROGRAM(ranges), 0 },
		{ IN_PROGRAM(ranges), UINT32_MAX },
		{ IN_PROGRAM(slots_max), UINT32_MAX },
		{ IN_PROGRAM(slot_bytes), 0 },
		{ IN_PROGRAM(slot_bytes), 47 },
		{ IN_PROGRAM(slot_bytes), REGION_BYTES },
		{ IN_PROGRAM(ranges_at), UINT32_MAX },
		{ IN_PROGRAM(owners_at), REGION_BYTES - 4 },
		{ IN_PROGRAM(places_at), REGION_BYTES - 4 },
		{ IN_PROGRAM(sum_at), REGION_BYTES + 8 },
		{ IN_PROGRAM(error), E2BIG },
		{ offsetof(struct wire_coverage, program[1]), REGION_BYTES - 4 },
		{ 2048, UINT32_MAX },			 /* where the first range is */
		{ 2052, UINT32_MAX },			 /* how long it is */
		{ 2144, REGION_BYTES - SLOT_BYTES + 8 }, /* where the first slot is */
	};
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		struct memory m;
		struct coverage_counts c;
		_cleanup_err_ struct err *err = NULL;
		make_memory(&m);
		memcpy(m.byte + damage[i].at, &damage[i].value, sizeof(damage[i].value));
		ck_assert_msg(sum_first(&m, &c, &err) == -EBADMSG, "damage %zu is seen", i);
		ck_assert_ptr_nonnull(err);
	}
}
END_TEST

START_TEST(a_guest_without_counted_programs_has_no_counters)
{
	struct memory m;
	struct coverage_region r;
	make_memory(&m);
	m.head->magic = 0;
	t_ok(coverage_region_open(m.byte, sizeof(m.byte), &r, NULL));
	ck_assert_uint_eq(r.programs, 0);
	ck_assert_int_eq(coverage_region_open(m.byte, 8, &r, NULL), -EBADMSG);
}
END_TEST

START_TEST(a_guest_does_not_choose_how_many_programs_it_has)
{
	struct memory m;
	struct coverage_region r;
	make_memory(&m);
	m.head->programs = UINT32_MAX;
	t_ok(coverage_region_open(m.byte, sizeof(m.byte), &r, NULL));
	ck_assert_uint_eq(r.programs, 1);
}
END_TEST

/* --- lines -------------------------------------------------------------------------------------------------------- */

static const char first[] = "TN:\nSF:/b.c\nFN:3,f\nFNDA:2,f\nDA:3,2\nDA:4,0\nBRDA:4,0,0,-\nLF:2\nLH:1\nend_of_record\n";
static const char second[] =
	"SF:/b.c\nFN:3,f\nFN:9,g\nFNDA:5,f\nFNDA:0,g\nDA:4,7,checksum\nDA:3,1\nDA:9,0\nend_of_record\n"
	"SF:/a.c\nDA:1,18446744073709551615\nDA:1,1\nend_of_record\n";

static void read_both(struct coverage_lines *c)
{
	*c = (struct coverage_lines){ 0 };
	t_ok(coverage_read_lcov(first, strlen(first), c, NULL));
	t_ok(coverage_read_lcov(second, strlen(second), c, NULL));
	coverage_settle(c);
}

START_TEST(counts_of_several_machines_are_added_up)
{
	struct coverage_lines c;
	read_both(&c);
	ck_assert_uint_eq(c.files, 2);
	ck_assert_str_eq(c.file[0].path, "/a.c");
	ck_assert_uint_eq(c.file[0].lines, 1);
	ck_assert_uint_eq(c.file[0].line[0].count, UINT64_MAX);
	const struct covered_file *b = &c.file[1];
	ck_assert_uint_eq(b->lines, 3);
	ck_assert_uint_eq(b->line[0].count, 3);
	ck_assert_uint_eq(b->line[1].count, 7);
	ck_assert_uint_eq(b->line[2].count, 0);
	ck_assert_uint_eq(b->functions, 2);
	ck_assert_uint_eq(b->function[0].count, 7);
	struct coverage_total t = coverage_total(&c);
	ck_assert_uint_eq(t.lines, 4);
	ck_assert_uint_eq(t.lines_hit, 3);
	ck_assert_uint_eq(t.functions, 2);
	ck_assert_uint_eq(t.functions_hit, 1);
	coverage_lines_done(&c);
}
END_TEST

START_TEST(what_is_written_reads_back_the_same)
{
	struct coverage_lines c, again = { 0 };
	_cleanup_buf_ struct buf one = BUF_NULL, two = BUF_NULL;
	read_both(&c);
	coverage_put_lcov(&c, &one);
	t_ok(coverage_read_lcov(buf_str(&one), one.len, &again, NULL));
	coverage_settle(&again);
	coverage_put_lcov(&again, &two);
	ck_assert_str_eq(buf_str(&one), buf_str(&two));
	coverage_lines_done(&again);
	coverage_lines_done(&c);
}
END_TEST

START_TEST(damaged_lcov_is_refused)
{
	static const char *const text[] = { "DA:1,1\n",
					    "SF:/a\nDA:1\n",
					    "SF:/a\nDA:0,1\n",
					    "SF:/a\nDA:x,1\n",
					    "SF:/a\nDA:1,-1\n",
					    "SF:/a\nDA:4294967296,1\n",
					    "SF:/a\nFN:1\n",
					    "SF:/a\nFNDA:1,f\n",
					    "SF:/a\nend_of_record\nFN:1,f\n",
					    "SF:/a\nFNDA:f\n",
					    "SF:/a\nFN:1,f\nFNDA:x,f\n" };
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		struct coverage_lines c = { 0 };
		ck_assert_msg(coverage_read_lcov(text[i], strlen(text[i]), &c, NULL) == -EBADMSG, "%s", text[i]);
		coverage_lines_done(&c);
	}
}
END_TEST

START_TEST(gcov_is_read)
{
	static const char text[] =
		"{\"current_working_directory\": \"/nowhere\", \"files\": [{\"file\": \"a.c\", \"functions\": "
		"[{\"name\": \"f\", \"demangled_name\": \"f\", \"start_line\": 3, \"execution_count\": 4}], \"lines\": "
		"[{\"line_number\": 3, \"count\": 4}, {\"line_number\": 5, \"count\": -1}]}]}";
	struct coverage_lines c = { 0 };
	json_auto_t *o = json_loads(text, 0, NULL), *wrong = json_loads("{\"files\": [{}]}", 0, NULL);
	t_ok(coverage_read_gcov(o, &c, NULL));
	coverage_settle(&c);
	ck_assert_str_eq(c.file[0].path, "/nowhere/a.c");
	ck_assert_uint_eq(c.file[0].function[0].count, 4);
	ck_assert_uint_eq(c.file[0].line[0].count, 4);
	ck_assert_uint_eq(c.file[0].line[1].count, 0);
	ck_assert_int_eq(coverage_read_gcov(wrong, &c, NULL), -EBADMSG);
	ck_assert_int_eq(coverage_read_gcov(NULL, &c, NULL), -EBADMSG);
	coverage_lines_done(&c);
}
END_TEST

START_TEST(reports_have_every_file)
{
	struct coverage_lines c;
	_cleanup_buf_ struct buf table = BUF_NULL, page = BUF_NULL;
	read_both(&c);
	coverage_put_table(&c, &table);
	coverage_put_html(&c, "kernel <1>", &page);
	json_auto_t *o = coverage_json(&c);
	ck_assert_ptr_nonnull(strstr(buf_str(&table), "     2      1   50.0%       3       2   66.7%  /b.c\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&page), "Lines that did not run: 9<"));
	ck_assert_ptr_nonnull(strstr(buf_str(&page), "kernel &lt;1&gt;"));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "files")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "total"), "lines_run")), 3);
	coverage_lines_done(&c);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, counters_of_all_processes_are_added_up);
	tcase_add_test(tc, memory_that_a_guest_has_damaged_is_refused);
	tcase_add_test(tc, a_guest_without_counted_programs_has_no_counters);
	tcase_add_test(tc, a_guest_does_not_choose_how_many_programs_it_has);
	tcase_add_test(tc, counts_of_several_machines_are_added_up);
	tcase_add_test(tc, what_is_written_reads_back_the_same);
	tcase_add_test(tc, damaged_lcov_is_refused);
	tcase_add_test(tc, gcov_is_read);
	tcase_add_test(tc, reports_have_every_file);
}

int main(void)
{
	return t_main("coverage", fill);
}
