/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of every kind of type, as the monitor renders them: as text, then as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "monitor/render.h"

static int type_char, type_u8, type_u32, type_s32, type_u64, type_bool, type_double, type_state, type_wide;

static void scalars(struct btf *btf)
{
	type_char = btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	type_u8 = btf__add_int(btf, "unsigned char", 1, 0);
	type_u32 = btf__add_int(btf, "unsigned int", 4, 0);
	type_s32 = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	type_u64 = btf__add_typedef(btf, "u64", btf__add_int(btf, "unsigned long", 8, 0));
	type_bool = btf__add_int(btf, "bool", 1, BTF_INT_BOOL);
	type_double = btf__add_float(btf, "double", 8);
	type_state = btf__add_enum(btf, "state", 4);
	btf__add_enum_value(btf, "IDLE", 0);
	btf__add_enum_value(btf, "BUSY", 3);
	type_wide = btf__add_enum64(btf, "wide", 8, false);
	btf__add_enum64_value(btf, "TOP", 1ull << 63);
}

/* The type of an array of @count. */
static int array_of(struct btf *btf, int type, unsigned count)
{
	return btf__add_array(btf, type_u32, type, count);
}

struct sample {
	char name[16];
	int32_t below;
	uint32_t state;
	uint64_t top, zero, wide;
	double ratio;
	uint32_t fields; /* low:3, negative:5 */
	uint8_t yes, letter, bytes[6];
	uint64_t mask[2];
	uint64_t to_number, to_function, to_nothing, to_invalid, to_self;
	uint32_t list[3], many[20];
	uint32_t either;
	uint32_t odd;
};

#define FIELD(name, type)	     btf__add_field(btf, #name, type, offsetof(struct sample, name) * 8, 0)
#define BITS(name, type, from, bits) btf__add_field(btf, name, type, offsetof(struct sample, fields) * 8 + (from), bits)

static int sample_type(struct btf *btf)
{
	int name = array_of(btf, type_char, 16), bytes = array_of(btf, type_u8, 6), list = array_of(btf, type_u32, 3),
	    many = array_of(btf, type_u32, 20), words = array_of(btf, type_u64, 2);
	int mask = btf__add_struct(btf, "cpumask", 16);
	btf__add_field(btf, "bits", words, 0, 0);
	int number = btf__add_ptr(btf, type_u32), function = btf__add_ptr(btf, btf__add_func_proto(btf, 0)),
	    nothing = btf__add_ptr(btf, 0), self = btf__add_ptr(btf, (int)btf__type_cnt(btf) + 2);
	int either = btf__add_union(btf, "", 4);
	btf__add_field(btf, "as_number", type_u32, 0, 0);
	btf__add_field(btf, "as_byte", type_u8, 0, 0);
	int sample = btf__add_struct(btf, "sample", sizeof(struct sample));
	FIELD(name, name);
	FIELD(below, type_s32);
	FIELD(state, type_state);
	FIELD(top, type_wide);
	FIELD(zero, type_u64);
	FIELD(wide, type_u64);
	FIELD(ratio, type_double);
	BITS("low", type_u32, 0, 3);
	BITS("negative", type_s32, 3, 5);
	FIELD(yes, type_bool);
	FIELD(letter, type_char);
	FIELD(bytes, bytes);
	FIELD(mask, mask);
	FIELD(to_number, number);
	FIELD(to_function, function);
	FIELD(to_nothing, nothing);
	FIELD(to_invalid, number);
	FIELD(to_self, self);
	FIELD(list, list);
	FIELD(many, many);
	btf__add_field(btf, "", either, offsetof(struct sample, either) * 8, 0);
	FIELD(odd, type_state);
	return sample;
}

#define NUMBER_AT   0xffff888000001000
#define FUNCTION_AT 0xffffffff81000010

static bool read_at(void *arg, uint64_t address, void *out, size_t len)
{
	(void)arg;
	if (address != NUMBER_AT)
		return false;
	memset(out, 7, len);
	return true;
}

static bool name_at(void *arg, uint64_t address, char *out, size_t size)
{
	(void)arg;
	return address == FUNCTION_AT && snprintf(out, size, "do_idle+0x10") > 0;
}

static void show(const struct btf *btf, int type, const void *data, size_t size)
{
	const struct render_memory memory = { .read = read_at, .name = name_at };
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_t *value = render_value(btf, (uint32_t)type, data, size, &memory);
	render_text(value, 2, &out);
	json_print(value, false, &out);
	fputs(buf_str(&out), stdout);
	json_decref(value);
}

int main(void)
{
	struct btf *btf = btf__new_empty();
	const struct sample sample = {
		.name = "a name",
		.below = -5,
		.state = 3,
		.top = 1ull << 63,
		.wide = UINT64_MAX,
		.ratio = 0.5,
		.fields = 5 | 0x1f << 3,
		.yes = 1,
		.letter = 'x',
		.bytes = { 1, 2, 0xff },
		.mask = { 0x10f, 1 },
		.to_number = NUMBER_AT,
		.to_function = FUNCTION_AT,
		.to_nothing = FUNCTION_AT + 1,
		.to_invalid = 0x8000000000000000,
		.to_self = NUMBER_AT + 8,
		.list = { 1, 2, 3 },
		.many = { [19] = 4 },
		.either = 0x0102,
		.odd = 9,
	};
	const struct sample zero = { 0 };
	scalars(btf);
	int type = sample_type(btf);
	int var = btf__add_var(btf, "nr_enqueued", BTF_VAR_GLOBAL_ALLOCATED, type_u64);
	int section = btf__add_datasec(btf, ".bss", 16);
	btf__add_datasec_var_info(btf, var, 8, 8);
	const uint64_t bss[2] = { 0, 42 };
	puts("a struct:");
	show(btf, type, &sample, sizeof(sample));
	puts("zeros:");
	show(btf, type, &zero, sizeof(zero));
	puts("too few bytes:");
	show(btf, type, &sample, 4);
	puts("a section:");
	show(btf, section, bss, sizeof(bss));
	puts("no such type:");
	show(btf, 4000, bss, sizeof(bss));
	btf__free(btf);
	return 0;
}
