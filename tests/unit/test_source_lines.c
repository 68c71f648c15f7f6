/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a kernel's scheduler: from debug information, as a table, and how often they were executed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "kernel/source_lines.h"
#include "run/counted_code.h"
#include "t.h"

/* --- debug information -------------------------------------------------------------------------------------------- */

static const struct {
	const char *path, *text;
} sources[] = {
	{ "kernel/sched/fair.c", "#include \"sched.h\"\n"
				 "#include \"../../list.h\"\n"
				 "volatile int at;\n"
				 "__attribute__((noinline)) int fair(int n)\n"
				 "{\n"
				 "	at = n;\n"
				 "	from_elsewhere();\n"
				 "	return of_the_folder(n);\n"
				 "}\n" },
	{ "kernel/sched/sched.h", "extern volatile int at;\n"
				  "static inline int of_the_folder(int n)\n"
				  "{\n"
				  "	return at + 3 * n;\n"
				  "}\n" },
	{ "list.h", "static inline void from_elsewhere(void) { at++; }\n"
		    "__attribute__((noinline, used)) static int apart(int n) { at += n; return at; }\n" },
	{ "kernel/main.c", "int fair(int n);\nint main(int n, char **v) { return fair(n) + !v; }\n" },
};

static char *build(const char *flags)
{
	char *dir = t_tmpdir();
	_cleanup_buf_ struct buf command = BUF_NULL;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		_cleanup_free_ char *path = path_join(dir, sources[i].path), *in = path_dirname(path);
		t_ok(mkdir_parents(in, 0755, NULL));
		t_ok(file_write_atomic(path, sources[i].text, strlen(sources[i].text), 0644, NULL));
	}
	buf_appendf(&command, "cd %s && cc -O2 %s -o vmlinux kernel/main.c kernel/sched/fair.c", dir, flags);
	ck_assert_int_eq(system(buf_str(&command)), 0);
	char *path = path_join(dir, "vmlinux");
	free(dir);
	return path;
}

static void drop(char *vmlinux)
{
	t_rmdir(path_dirname(vmlinux));
	free(vmlinux);
}

static bool has_line(const struct code_lines *l, const char *file, uint32_t number)
{
	for (size_t i = 0; i < l->lines; i++)
		if (l->line[i].number == number && !strcmp(l->file[l->line[i].file], file))
			return true;
	return false;
}

START_TEST(lines_of_the_folder_are_read)
{
	char *vmlinux = build("-g");
	struct code_lines l;
	t_ok(source_lines_from_debug(vmlinux, &l, NULL));
	ck_assert(has_line(&l, "kernel/sched/fair.c", 6));
	ck_assert(has_line(&l, "kernel/sched/sched.h", 4));
	for (uint32_t i = 0; i < l.files; i++)
		ck_assert(!strncmp(l.file[i], "kernel/sched/", 13));
	for (size_t i = 1; i < l.lines; i++)
		ck_assert_uint_ge(l.line[i].address, l.line[i - 1].address);
	ck_assert_uint_eq(l.line[l.lines - 1].number, 0);
	code_lines_done(&l);
	drop(vmlinux);
}
END_TEST

/* apart() is a function of another folder, between or behind those of the scheduler. */
START_TEST(functions_from_elsewhere_are_of_no_line)
{
	char *vmlinux = build("-g");
	struct code_lines l;
	char command[512], symbol[64] = "";
	snprintf(command, sizeof(command), "nm %s | grep ' apart$'", vmlinux);
	FILE *nm = popen(command, "re");
	ck_assert_ptr_nonnull(fgets(symbol, sizeof(symbol), nm));
	pclose(nm);
	t_ok(source_lines_from_debug(vmlinux, &l, NULL));
	size_t i = code_lines_find(&l, strtoull(symbol, NULL, 16));
	ck_assert_uint_lt(i, l.lines);
	ck_assert(i == 0 || l.line[i].number == 0 || l.line[i - 1].number == 0);
	code_lines_done(&l);
	drop(vmlinux);
}
END_TEST

START_TEST(without_debug_information_there_are_none)
{
	char *vmlinux = build("-g0 -s");
	struct code_lines l;
	t_errno(source_lines_from_debug(vmlinux, &l, NULL), ENODATA);
	t_errno(source_lines_from_debug("/dev/null", &l, NULL), ENODATA);
	t_errno(source_lines_from_debug("/nowhere/vmlinux", &l, NULL), ENOENT);
	drop(vmlinux);
}
END_TEST

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const char table[] = "ktstr source lines 1\n"
			    "file kernel/sched/core.c\n"
			    "file kernel/sched/ext.c\n"
			    "ffffffff81000000 10 0\n"
			    "ffffffff81000004 11 1\n"
			    "ffffffff81000004 12 0\n"
			    "ffffffff81000008 0 0\n"
			    "ffffffff81100000 20 1\n"
			    "ffffffff81100002 10 0\n"
			    "ffffffff81100006 0 0\n";

START_TEST(a_table_is_read_as_it_is_written)
{
	struct code_lines l;
	_cleanup_buf_ struct buf text = BUF_NULL;
	t_ok(source_lines_parse(table, strlen(table), &l, NULL));
	ck_assert_uint_eq(l.lines, 7);
	ck_assert_uint_eq(code_lines_find(&l, UINT64_C(0xffffffff81000004)), 1);
	ck_assert_uint_eq(code_lines_find(&l, UINT64_C(0xffffffff81100006) + 1), l.lines);
	source_lines_put(&l, &text);
	ck_assert_str_eq(buf_str(&text), table);
	code_lines_done(&l);
}
END_TEST

static const char *const damaged[] = {
	"",
	"ktstr source lines 2\n",
	"ktstr source lines 1\n10 1 0\n",
	"ktstr source lines 1\nfile a\n10 1 1\n",
	"ktstr source lines 1\nfile a\n10 1\n",
	"ktstr source lines 1\nfile a\n10 1 0 0\n",
	"ktstr source lines 1\nfile a\n10 -1 0\n",
	"ktstr source lines 1\nfile a\n10 4294967296 0\n",
	"ktstr source lines 1\nfile a\n10 1 0\nf 1 0\n",
	"ktstr source lines 1\nfile a\nx 1 0\n",
};

START_TEST(a_damaged_table_is_refused)
{
	struct code_lines l;
	_cleanup_err_ struct err *err = NULL;
	t_errno(source_lines_parse(damaged[_i], strlen(damaged[_i]), &l, &err), EBADMSG);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(l.line);
}
END_TEST

/* --- executions --------------------------------------------------------------------------------------------------- */

static uint64_t count_of(const struct coverage_lines *c, const char *path, uint32_t number)
{
	for (size_t i = 0; i < c->files; i++)
		for (size_t k = 0; k < c->file[i].lines && !strcmp(c->file[i].path, path); k++)
			if (c->file[i].line[k].number == number)
				return c->file[i].line[k].count;
	return UINT64_MAX;
}

/* Lines 11 and 12 begin with one instruction; line 10 is in two places, of which the busier one counts. */
START_TEST(lines_count_as_their_most_executed_instruction)
{
	struct code_lines l;
	struct coverage_lines found = { 0 };
	struct observe_program piece[4];
	static uint64_t executions[64];
	uint64_t counters;
	t_ok(source_lines_parse(table, strlen(table), &l, NULL));
	ck_assert_uint_eq(counted_code_pieces(&l, piece, ARRAY_SIZE(piece), &counters), 2);
	ck_assert_uint_eq(counters, 8 + 6);
	ck_assert_uint_eq(piece[1].start, UINT64_C(0xffffffff81100000));
	ck_assert_uint_eq(piece[1].counters, 8);
	executions[0] = 3;
	executions[4] = 2;
	executions[6] = 7;
	executions[8 + 4] = 5;
	const struct counted_code code = { &l, piece, 2, executions, "linux-6.12/" };
	t_ok(counted_code_add_lines(&code, &found));
	t_ok(counted_code_add_function(&code, "first", UINT64_C(0xffffffff81000000), &found));
	t_ok(counted_code_add_function(&code, "inside", UINT64_C(0xffffffff81000001), &found));
	ck_assert_uint_eq(count_of(&found, "linux-6.12/kernel/sched/core.c", 10), 5);
	ck_assert_uint_eq(count_of(&found, "linux-6.12/kernel/sched/ext.c", 11), 2);
	ck_assert_uint_eq(count_of(&found, "linux-6.12/kernel/sched/core.c", 12), 7);
	ck_assert_uint_eq(count_of(&found, "linux-6.12/kernel/sched/ext.c", 20), 0);
	ck_assert_uint_eq(coverage_total(&found).functions, 1);
	coverage_lines_done(&found);
	code_lines_done(&l);
}
END_TEST

START_TEST(code_without_room_is_left_out)
{
	struct code_lines l;
	struct observe_program piece[4];
	uint64_t counters;
	const char *large = "ktstr source lines 1\nfile a\n1000 1 0\n2000 0 0\n10000 2 0\n90000000 0 0\n";
	t_ok(source_lines_parse(table, strlen(table), &l, NULL));
	ck_assert_uint_eq(counted_code_pieces(&l, piece, 1, &counters), 1);
	code_lines_done(&l);
	t_ok(source_lines_parse(large, strlen(large), &l, NULL));
	ck_assert_uint_eq(counted_code_pieces(&l, piece, ARRAY_SIZE(piece), &counters), 1);
	ck_assert_uint_eq(counters, 0x1000);
	code_lines_done(&l);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, lines_of_the_folder_are_read);
	tcase_add_test(tc, functions_from_elsewhere_are_of_no_line);
	tcase_add_test(tc, without_debug_information_there_are_none);
	tcase_add_test(tc, a_table_is_read_as_it_is_written);
	tcase_add_loop_test(tc, a_damaged_table_is_refused, 0, ARRAY_SIZE(damaged));
	tcase_add_test(tc, lines_count_as_their_most_executed_instruction);
	tcase_add_test(tc, code_without_room_is_left_out);
}

int main(void)
{
	return t_main("source_lines", fill);
}
