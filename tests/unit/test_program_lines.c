/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of BPF programs in a kernel made by hand: which are read, and what is damaged. */
#include <linux/bpf.h>
#include <string.h>

#include "kernel_image.h"
#include "monitor/program_lines.h"
#include "t.h"

#define CODE  UINT64_C(0xffffffffc0001000) /* of the function; another one is behind it */
#define SIZE  0x100
#define LINES 4

static struct kimage k;
static struct layout layout;
static struct code_lines found;
static uint64_t aux, btf, records, addresses;

static const char strings[] = "\0a.bpf.c\0b\033.h";
static const struct {
	uint64_t address;
	uint32_t file, number;
} lines[LINES] = {
	{ CODE + 0x40, 1, 12 }, { CODE, 1, 10 }, { CODE + 0x20, 9, 3 }, { CODE + SIZE, 1, 99 } /* of the other one */
};

static void begin(void)
{
	kimage_open(&k, &(struct kimage_layout){ 0 });
	layout_init(&layout, k.image.types);
	aux = kimage_alloc(&k, 192);
	btf = kimage_alloc(&k, 48);
	records = kimage_alloc(&k, LINES * sizeof(struct bpf_line_info));
	addresses = kimage_alloc(&k, LINES * 8);
	uint64_t text = kimage_alloc(&k, sizeof(strings));
	kimage_write(&k, text, strings, sizeof(strings));
	kimage_set(&k, btf, "btf", "strings", text);
	kimage_set(&k, btf, "btf", "hdr.str_len", sizeof(strings));
	kimage_set(&k, aux, "bpf_prog_aux", "ksym.prog", 1);
	kimage_set(&k, aux, "bpf_prog_aux", "linfo", records);
	kimage_set(&k, aux, "bpf_prog_aux", "jited_linfo", addresses);
	kimage_set(&k, aux, "bpf_prog_aux", "nr_linfo", LINES);
	kimage_set(&k, aux, "bpf_prog_aux", "btf", btf);
	for (unsigned i = 0; i < LINES; i++) {
		struct bpf_line_info info = { .file_name_off = lines[i].file, .line_col = lines[i].number << 10 | 5 };
		kimage_write(&k, records + i * sizeof(info), &info, sizeof(info));
		kimage_put(&k, addresses + i * 8, lines[i].address);
	}
}

static int look(void)
{
	t_ok(view_refresh(&k.view));
	return program_lines_read(&k.view, &layout, aux + layout.field[LAYOUT_AUX_KSYM].offset, CODE, CODE + SIZE,
				  &found);
}

static void end(void)
{
	code_lines_done(&found);
	kimage_close(&k);
}

START_TEST(lines_are_those_of_the_function)
{
	begin();
	t_ok(look());
	ck_assert_uint_eq(found.lines, 3);
	ck_assert_uint_eq(found.line[0].address, CODE);
	ck_assert_uint_eq(found.line[0].number, 10);
	ck_assert_uint_eq(found.line[1].number, 3);
	ck_assert_uint_eq(found.line[2].number, 12);
	ck_assert_str_eq(found.file[found.line[2].file], "a.bpf.c");
	/* Names are a guest's. */
	ck_assert_ptr_null(strchr(found.file[found.line[1].file], '\033'));
	end();
}
END_TEST

static const struct {
	const char *object, *member;
	uint64_t value;
} damages[] = {
	{ "bpf_prog_aux", "ksym.prog", 0 }, /* a trampoline */
	{ "bpf_prog_aux", "linfo", 0 },	    { "bpf_prog_aux", "jited_linfo", 0x1234 },
	{ "bpf_prog_aux", "nr_linfo", 0 },  { "bpf_prog_aux", "nr_linfo", 0xffffffff },
	{ "bpf_prog_aux", "btf", 0 },
};

START_TEST(what_has_no_lines_has_none)
{
	begin();
	kimage_set(&k, aux, damages[_i].object, damages[_i].member, damages[_i].value);
	t_errno(look(), ENODATA);
	end();
}
END_TEST

START_TEST(a_name_behind_the_strings_is_unknown)
{
	begin();
	kimage_set(&k, btf, "btf", "hdr.str_len", 4);
	t_ok(look());
	ck_assert_uint_eq(found.lines, 3);
	ck_assert_str_eq(found.file[found.line[1].file], "?");
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, lines_are_those_of_the_function);
	tcase_add_loop_test(tc, what_has_no_lines_has_none, 0, ARRAY_SIZE(damages));
	tcase_add_test(tc, a_name_behind_the_strings_is_unknown);
}

int main(void)
{
	return t_main("program_lines", fill);
}
