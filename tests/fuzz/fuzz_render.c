/* SPDX-License-Identifier: GPL-2.0-only */
/* Values by types that a guest wrote: BTF with any offsets, sizes and references; and the text of any JSON. */
#include <bpf/libbpf.h>

#include "base/json.h"
#include "fuzz.h"
#include "monitor/render.h"

static bool read_any(void *arg, uint64_t address, void *out, size_t len)
{
	(void)arg;
	memset(out, (int)(address >> 3), len);
	return address & 8;
}

/* Types are made of the input's bytes with libbpf, which does not check what they refer to. */
static void add_types(struct btf *btf, const uint8_t **data, size_t *size)
{
	for (unsigned i = 0; i < 64 && *size >= 4; i++, *data += 4, *size -= 4) {
		const uint8_t *d = *data;
		switch (d[0] % 13) {
		case 0:
			btf__add_int(btf, "i", 1u << d[1] % 5, d[2] % 5);
			break;
		case 1:
			btf__add_ptr(btf, d[1]);
			break;
		case 2:
			btf__add_array(btf, d[1], d[2], d[3] > 200 ? UINT32_MAX : d[3]);
			break;
		case 3:
			btf__add_struct(btf, d[1] & 1 ? "cpumask" : "s", d[2] > 250 ? UINT32_MAX : d[2]);
			break;
		case 4:
			btf__add_union(btf, NULL, d[2]);
			break;
		case 5:
		case 6:
			btf__add_field(btf, d[1] & 1 ? "bits" : "m", d[1], d[2] * 8 + d[3] % 8,
				       d[3] & 128 ? d[3] % 64 : 0);
			break;
		case 7:
			btf__add_enum(btf, "e", 1u << d[1] % 4);
			btf__add_enum_value(btf, "V", d[2]);
			break;
		case 8:
			btf__add_typedef(btf, "t", d[1]);
			break;
		case 9:
			btf__add_var(btf, "v", 0, d[1]);
			break;
		case 10:
			btf__add_datasec(btf, ".bss", d[2]);
			break;
		case 11:
			btf__add_datasec_var_info(btf, d[1], d[2], d[3]);
			break;
		default:
			btf__add_float(btf, "f", 1u << d[1] % 5);
			break;
		}
	}
}

static void show(json_t *value)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	render_text(value, 0, &out);
	json_decref(value);
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct render_memory memory = { .read = read_any };
	struct btf *btf;
	if (!size)
		return 0;
	libbpf_set_print(silent);
	uint8_t mode = data[0];
	data++, size--;
	if (mode % 4 == 0) {
		show(json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL));
		return 0;
	}
	if (mode % 4 == 1) {
		btf = btf__new(data, (uint32_t)size);
	} else {
		btf = btf__new_empty();
		add_types(btf, &data, &size);
	}
	if (!btf)
		return 0;
	for (uint32_t type = 0; type <= btf__type_cnt(btf) && type < 80; type++)
		show(render_value(btf, type, data, size, &memory));
	btf__free(btf);
	return 0;
}
