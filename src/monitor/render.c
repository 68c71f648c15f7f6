/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/render.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define BYTES_SHOWN_MAX 4096u
#define CPUS_BITS_MAX	8192u
/* What it costs to search the rows of a long enum or struct, counted against RENDER_VALUES_MAX. */
#define TYPE_ROWS_PER_VALUE 256
/* Structs of CPU masks: of the kernel, of BPF programs, of the schedulers' common library. */
static const char *const cpu_mask_types[] = { "cpumask", "bpf_cpumask", "scx_bitmap" };

struct job {
	const struct btf *btf;
	const struct render_memory *memory;
	unsigned values;   /* so far */
	unsigned pointers; /* followed on the way here */
};

static json_t *render(struct job *job, uint32_t type, const uint8_t *data, size_t size, unsigned depth);

static json_t *node(const char *kind)
{
	json_t *value = json_object();
	json_put_text(&value, "kind", kind);
	return value;
}

static json_t *unsupported(const char *reason)
{
	json_t *value = node("unsupported");
	json_put_text(&value, "reason", reason);
	return value;
}

static void put_hex(json_t **object, const char *key, const uint8_t *data, size_t size)
{
	char text[2 * BYTES_SHOWN_MAX + 1] = "";
	size_t shown = MIN_OF(size, (size_t)BYTES_SHOWN_MAX);
	for (size_t i = 0; i < shown; i++) {
		text[2 * i] = "0123456789abcdef"[data[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[data[i] & 15];
	}
	text[2 * shown] = '\0';
	json_put_text(object, key, text);
	if (shown < size)
		json_put_u64(object, "len", size);
}

json_t *render_bytes(const void *data, size_t size)
{
	json_t *value = node("bytes");
	put_hex(&value, "hex", data, size);
	return value;
}

static json_t *truncated(const uint8_t *data, uint64_t needed, size_t had)
{
	json_t *value = node("truncated");
	json_put_u64(&value, "needed", needed);
	json_put_u64(&value, "had", had);
	put_hex(&value, "partial", data, had);
	return value;
}

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(btf, t->name_off);
	return name ? name : "";
}

/* Without typedefs and modifiers. NULL: there is no such type, or they are more than RENDER_DEPTH_MAX. */
static const struct btf_type *peel(const struct btf *btf, uint32_t *type)
{
	for (unsigned i = 0; i <= RENDER_DEPTH_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, *type);
		if (!t || (!btf_is_mod(t) && !btf_is_typedef(t)))
			return t;
		*type = t->type;
	}
	return NULL;
}

static uint64_t size_of(const struct btf *btf, uint32_t type, unsigned depth)
{
	const struct btf_type *t = peel(btf, &type);
	if (!t || depth > RENDER_DEPTH_MAX)
		return 0;
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC:
		return t->size;
	case BTF_KIND_PTR:
		return 8;
	case BTF_KIND_ARRAY: {
		uint64_t element = size_of(btf, btf_array(t)->type, depth + 1);
		return MIN_OF(element * btf_array(t)->nelems, (uint64_t)UINT32_MAX);
	}
	case BTF_KIND_VAR:
		return size_of(btf, t->type, depth + 1);
	default:
		return 0;
	}
}

uint32_t render_size(const struct btf *btf, uint32_t type)
{
	return (uint32_t)size_of(btf, type, 0);
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* @bits (1 to 64) that begin at bit @from of @data, whose size holds them. */
static uint64_t take_bits(const uint8_t *data, uint64_t from, unsigned bits)
{
	unsigned __int128 wide = 0;
	unsigned shift = from % 8, bytes = (shift + bits + 7) / 8;
	memcpy(&wide, data + from / 8, bytes);
	uint64_t value = (uint64_t)(wide >> shift);
	return bits < 64 ? value & ((1ull << bits) - 1) : value;
}

static int64_t sign_extend(uint64_t value, unsigned bits)
{
	return bits < 64 ? (int64_t)(value << (64 - bits)) >> (64 - bits) : (int64_t)value;
}

/* Above INT64_MAX a JSON number is not exact, so "hex" is given, too. */
static void put_unsigned(json_t **object, uint64_t value)
{
	char hex[24];
	json_put_u64(object, "value", value);
	if (value <= INT64_MAX)
		return;
	snprintf(hex, sizeof(hex), "0x%" PRIx64, value);
	json_put_text(object, "hex", hex);
}

/* Compilers mark char as a signed byte, so its name decides, too. */
static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return btf_is_int(t) && t->size == 1 &&
	       (btf_int_encoding(t) & BTF_INT_CHAR || strcmp(name_of(btf, t), "char") == 0);
}

static json_t *integer(struct job *job, const struct btf_type *t, uint64_t raw, unsigned bits)
{
	unsigned encoding = btf_int_encoding(t);
	if (encoding & BTF_INT_BOOL) {
		json_t *value = node("bool");
		json_put_bool(&value, "value", raw != 0);
		return value;
	}
	if (is_char(job->btf, t)) {
		json_t *value = node("char");
		json_put_int(&value, "value", sign_extend(raw, bits));
		return value;
	}
	json_t *value = node(encoding & BTF_INT_SIGNED ? "int" : "uint");
	json_put_u64(&value, "bits", bits);
	if (encoding & BTF_INT_SIGNED)
		json_put_int(&value, "value", sign_extend(raw, bits));
	else
		put_unsigned(&value, raw);
	return value;
}

static const char *variant(const struct btf *btf, const struct btf_type *t, uint64_t raw, unsigned bits)
{
	uint64_t mask = bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		bool wide = btf_is_enum64(t);
		uint64_t value = wide ? btf_enum64_value(btf_enum64(t) + i) : (uint64_t)btf_enum(t)[i].val;
		uint32_t name = wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;
		if ((value & mask) == raw)
			return btf__name_by_offset(btf, name);
	}
	return NULL;
}

static json_t *enumeration(struct job *job, const struct btf_type *t, uint64_t raw, unsigned bits)
{
	json_t *value = node("enum");
	const char *name = variant(job->btf, t, raw, bits);
	job->values += btf_vlen(t) / TYPE_ROWS_PER_VALUE;
	bool is_signed = btf_kflag(t);
	json_put_u64(&value, "bits", bits);
	if (is_signed)
		json_put_int(&value, "value", sign_extend(raw, bits));
	else
		put_unsigned(&value, raw);
	json_put_bool(&value, "is_signed", is_signed);
	if (name)
		json_put_text(&value, "variant", name);
	return value;
}

static json_t *floating(const uint8_t *data, size_t size)
{
	float single = 0;
	double number = 0;
	if (size == 4)
		memcpy(&single, data, 4);
	else if (size == 8)
		memcpy(&number, data, 8);
	else
		return render_bytes(data, size);
	json_t *value = node("float");
	json_put_u64(&value, "bits", size * 8);
	json_put_number(&value, "value", size == 4 ? (double)single : number);
	return value;
}

/* An integer or enum of @bits at bit @from; @size bytes are there. */
static json_t *scalar(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, uint64_t from,
		      unsigned bits)
{
	if (!bits || bits > 64)
		return bits ? render_bytes(data, MIN_OF(size, (size_t)t->size)) : unsupported("a scalar without bits");
	if (from + bits > size * 8)
		return truncated(data, (from + bits + 7) / 8, size);
	uint64_t raw = take_bits(data, from, bits);
	return btf_is_int(t) ? integer(job, t, raw, bits) : enumeration(job, t, raw, bits);
}

/* --- composed values ---------------------------------------------------------------------------------------------- */

json_t *render_cpu_list(const void *mask, size_t bytes)
{
	const uint8_t *bits = mask;
	_cleanup_buf_ struct buf text = BUF_NULL;
	unsigned count = (unsigned)MIN_OF(bytes * 8, (size_t)CPUS_BITS_MAX);
	for (unsigned i = 0; i < count; i++) {
		unsigned first = i;
		while (i < count && bits[i / 8] >> i % 8 & 1)
			i++;
		if (i == first)
			continue;
		buf_appendf(&text, i - first > 1 ? "%s%u-%u" : "%s%u", text.len ? "," : "", first, i - 1);
	}
	return json_text(buf_str(&text));
}

static bool is_cpu_mask(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpu_mask_types); i++)
		if (strcmp(name, cpu_mask_types[i]) == 0)
			return true;
	return false;
}

/* The bytes of the member "bits" of a CPU mask, also of one that is the first member. False: there is none. */
static bool find_mask_bits(const struct btf *btf, const struct btf_type *t, uint64_t *offset, uint64_t *size)
{
	*offset = 0;
	for (unsigned depth = 0; depth < 4 && t && btf_is_composite(t); depth++) {
		const struct btf_member *m = btf_members(t);
		for (unsigned i = 0; i < btf_vlen(t); i++) {
			const char *name = btf__name_by_offset(btf, m[i].name_off);
			if (!name || strcmp(name, "bits") != 0)
				continue;
			*offset += btf_member_bit_offset(t, i) / 8;
			*size = size_of(btf, m[i].type, 0);
			return *size != 0;
		}
		uint32_t first = btf_vlen(t) ? m[0].type : 0;
		t = peel(btf, &first);
	}
	return false;
}

static json_t *cpu_mask(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size)
{
	uint64_t offset, bytes;
	if (!find_mask_bits(job->btf, t, &offset, &bytes) || offset + bytes > size)
		return NULL;
	json_t *value = node("cpu_list");
	json_put(&value, "cpus", render_cpu_list(data + offset, bytes));
	return value;
}

static json_t *member_value(struct job *job, const struct btf_type *t, unsigned i, const uint8_t *data, size_t size,
			    unsigned depth)
{
	uint32_t type = btf_members(t)[i].type;
	uint64_t from = btf_member_bit_offset(t, i);
	unsigned bits = btf_member_bitfield_size(t, i);
	if (from / 8 > size)
		return truncated(data, from / 8, 0);
	if (!bits)
		return render(job, type, data + from / 8, size - from / 8, depth);
	const struct btf_type *m = peel(job->btf, &type);
	if (!m || (!btf_is_int(m) && !btf_is_any_enum(m)))
		return unsupported("a bit field that is neither a number nor an enum");
	return scalar(job, m, data, size, from, bits);
}

static void add_member(struct job *job, json_t **members, const char *name, json_t *value)
{
	json_t *member = json_object();
	job->values++;
	json_put_text(&member, "name", name);
	json_put(&member, "value", value);
	json_add(members, member);
}

static json_t *composite(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, unsigned depth)
{
	json_t *mask = is_cpu_mask(name_of(job->btf, t)) ? cpu_mask(job, t, data, size) : NULL;
	if (mask)
		return mask;
	json_t *value = node("struct"), *members = json_array();
	size = MIN_OF(size, (size_t)t->size);
	job->values += btf_vlen(t) / TYPE_ROWS_PER_VALUE;
	for (unsigned i = 0; i < btf_vlen(t) && job->values < RENDER_VALUES_MAX; i++) {
		const char *name = btf__name_by_offset(job->btf, btf_members(t)[i].name_off);
		add_member(job, &members, name ? name : "", member_value(job, t, i, data, size, depth + 1));
	}
	json_put_text(&value, "type_name", name_of(job->btf, t));
	json_put(&value, "members", members);
	return value;
}

/* The variables of .bss, .data or .rodata by their names. */
static json_t *section(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, unsigned depth)
{
	json_t *value = node("struct"), *members = json_array();
	const struct btf_var_secinfo *info = btf_var_secinfos(t);
	for (unsigned i = 0; i < btf_vlen(t) && job->values < RENDER_VALUES_MAX; i++) {
		const struct btf_type *var = btf__type_by_id(job->btf, info[i].type);
		uint64_t offset = info[i].offset;
		if (!var || !btf_is_var(var))
			continue;
		add_member(job, &members, name_of(job->btf, var),
			   offset <= size ? render(job, var->type, data + offset, size - offset, depth + 1)
					  : truncated(data, offset + info[i].size, 0));
	}
	json_put_text(&value, "type_name", name_of(job->btf, t));
	json_put(&value, "members", members);
	return value;
}

/* Printable text, and zeros behind it. */
static bool is_text(const uint8_t *data, size_t size)
{
	size_t len = strnlen((const char *)data, size);
	for (size_t i = len; i < size; i++)
		if (data[i])
			return false;
	return text_is_clean((const char *)data, len, false);
}

static json_t *elements_of(struct job *job, uint32_t type, uint32_t count, const uint8_t *data, size_t size,
			   unsigned depth)
{
	uint64_t stride = size_of(job->btf, type, 0);
	json_t *elements = json_array();
	for (uint64_t i = 0; i < MIN_OF(count, RENDER_ELEMENTS_MAX + 0u) && job->values < RENDER_VALUES_MAX; i++) {
		if ((i + 1) * stride > size)
			break;
		json_add(&elements, render(job, type, data + i * stride, stride, depth + 1));
	}
	return elements;
}

static json_t *array(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, unsigned depth)
{
	uint32_t type = btf_array(t)->type, count = btf_array(t)->nelems;
	const struct btf_type *element = peel(job->btf, &type);
	uint64_t stride = size_of(job->btf, type, 0);
	if (!element || !stride)
		return unsupported("an array of a type without a size");
	size = MIN_OF((uint64_t)size, stride * count);
	if (stride == 1 && btf_is_int(element) && !btf_int_encoding(element) && !is_char(job->btf, element))
		return render_bytes(data, size);
	json_t *value = node("array");
	json_put_u64(&value, "len", count);
	if (is_char(job->btf, element) && is_text(data, size))
		json_put(&value, "text", json_text_n((const char *)data, strnlen((const char *)data, size)));
	else
		json_put(&value, "elements", elements_of(job, type, count, data, size, depth));
	return value;
}

/* --- pointers ----------------------------------------------------------------------------------------------------- */

static const char *why_not_followed(const struct job *job, uint64_t address, const struct btf_type *t, uint32_t type)
{
	if (!address)
		return "NULL";
	if (!job->memory || !job->memory->read)
		return "no memory to read";
	if (!t)
		return "void";
	if (btf_is_func_proto(t))
		return "a function";
	if (btf_is_fwd(t))
		return "the type of its target is only declared";
	if (job->pointers >= RENDER_POINTERS_MAX)
		return "behind too many pointers";
	if (address + 4096 < address || (address >= 1ull << 47 && address < 0xff00000000000000))
		return "not a valid address";
	if (address < 1ull << 47)
		return "an address of user space or of an arena";
	uint32_t size = render_size(job->btf, type);
	if (!size)
		return "the type of its target has no size";
	return size > RENDER_POINTEE_MAX ? "its target is too large" : NULL;
}

static json_t *follow(struct job *job, uint64_t address, uint32_t type, unsigned depth)
{
	uint8_t data[RENDER_POINTEE_MAX];
	uint32_t size = render_size(job->btf, type);
	if (!job->memory->read(job->memory->arg, address, data, size))
		return NULL;
	job->pointers++;
	json_t *value = render(job, type, data, size, depth + 1);
	job->pointers--;
	return value;
}

static json_t *pointer(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, unsigned depth)
{
	if (size < 8)
		return truncated(data, 8, size);
	uint64_t address = take_bits(data, 0, 64);
	uint32_t type = t->type;
	const struct btf_type *target = type ? peel(job->btf, &type) : NULL;
	const char *skipped = why_not_followed(job, address, target, type);
	json_t *value = node("ptr"), *behind = skipped ? NULL : follow(job, address, type, depth);
	char text[RENDER_NAME_MAX];
	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_put_text(&value, "value", text);
	if (address && job->memory && job->memory->name &&
	    job->memory->name(job->memory->arg, address, text, sizeof(text)))
		json_put_text(&value, "symbol", text);
	if (behind)
		json_put(&value, "deref", behind);
	else
		json_put_text(&value, "deref_skipped_reason", skipped ? skipped : "not readable");
	return value;
}

/* --- by kind ------------------------------------------------------------------------------------------------------ */

static json_t *by_kind(struct job *job, const struct btf_type *t, const uint8_t *data, size_t size, unsigned depth)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return composite(job, t, data, size, depth);
	case BTF_KIND_ARRAY:
		return array(job, t, data, size, depth);
	case BTF_KIND_PTR:
		return pointer(job, t, data, size, depth);
	case BTF_KIND_DATASEC:
		return section(job, t, data, size, depth);
	case BTF_KIND_INT:
		return scalar(job, t, data, size, btf_int_offset(t), btf_int_bits(t));
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return scalar(job, t, data, size, 0, MIN_OF(t->size, 64u) * 8);
	case BTF_KIND_FLOAT:
		return t->size <= size ? floating(data, t->size) : truncated(data, t->size, size);
	case BTF_KIND_VAR:
		return render(job, t->type, data, size, depth + 1);
	default:
		return unsupported("a type without values");
	}
}

static json_t *render(struct job *job, uint32_t type, const uint8_t *data, size_t size, unsigned depth)
{
	const struct btf_type *t = peel(job->btf, &type);
	if (!t || !type)
		return unsupported("a type that the type information does not have");
	if (depth > RENDER_DEPTH_MAX)
		return unsupported("nested too deep");
	if (job->values++ >= RENDER_VALUES_MAX)
		return unsupported("too many values");
	return by_kind(job, t, data, size, depth);
}

json_t *render_value(const struct btf *btf, uint32_t type, const void *data, size_t size,
		     const struct render_memory *memory)
{
	struct job job = { .btf = btf, .memory = memory };
	uint32_t needed = render_size(btf, type);
	if (size < needed)
		return truncated(data, needed, size);
	return render(&job, type, data, size, 0);
}
