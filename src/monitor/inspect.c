/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/inspect.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "monitor/render.h"

#define CODE_RANGES_MAX 8192u
#define MASK_BYTES_MAX	1024u
#define TICK_NS_MIN	100000u /* HZ of 10,000 */
#define TICK_NS_MAX	100000000u

/* --- reading ------------------------------------------------------------------------------------------------------ */

bool inspect_read(struct inspector *in, enum layout_field f, uint64_t object, uint64_t *ret)
{
	*ret = 0;
	return object && field_present(in->layout->field[f]) &&
	       view_read_field(in->view, object, in->layout->field[f], ret);
}

uint64_t inspect_get(struct inspector *in, enum layout_field f, uint64_t object)
{
	uint64_t value;
	inspect_read(in, f, object, &value);
	return value;
}

uint64_t inspect_member(struct inspector *in, enum layout_field f, uint64_t object)
{
	return object && field_present(in->layout->field[f]) ? object + in->layout->field[f].offset : 0;
}

uint64_t inspect_object(struct inspector *in, enum layout_field f, uint64_t node)
{
	return node - in->layout->field[f].offset;
}

void inspect_text(struct inspector *in, uint64_t address, char *out, size_t size)
{
	if (!address || !view_read_text(in->view, address, out, size))
		*out = '\0';
	text_clean_field(out, size);
}

void inspect_member_text(struct inspector *in, enum layout_field f, uint64_t object, char *out, size_t size)
{
	uint64_t address = inspect_member(in, f, object);
	inspect_text(in, address, out, MIN_OF(size, (size_t)in->layout->field[f].size + 1));
}

bool inspect_is(struct inspector *in, uint64_t address, const char *symbol)
{
	uint64_t its = view_symbol(in->view, symbol);
	return its && its == address;
}

int64_t inspect_age_ms(struct inspector *in, uint64_t jiffies)
{
	if (!in->hz || !in->jiffies)
		return -1;
	int64_t passed = (int64_t)(in->jiffies - jiffies);
	return passed < 0 ? 0 : (int64_t)((unsigned __int128)passed * 1000 / in->hz);
}

/* --- names of code ------------------------------------------------------------------------------------------------ */

static int add_code(struct view *v, uint64_t node, void *arg)
{
	struct inspector *in = arg;
	struct code_range *r = &in->code[in->code_count];
	uint64_t symbol = inspect_object(in, LAYOUT_KSYM_NODE, node);
	(void)v;
	r->start = inspect_get(in, LAYOUT_KSYM_START, symbol);
	r->end = inspect_get(in, LAYOUT_KSYM_END, symbol);
	inspect_member_text(in, LAYOUT_KSYM_NAME, symbol, r->name, sizeof(r->name));
	in->code_count += r->start && r->end > r->start;
	return in->code_count == CODE_RANGES_MAX;
}

static int by_start(const void *a, const void *b)
{
	const struct code_range *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

static int find_code(struct inspector *in)
{
	uint64_t head = view_symbol(in->view, "bpf_kallsyms");
	in->code = calloc(CODE_RANGES_MAX, sizeof(*in->code));
	if (!in->code)
		return -ENOMEM;
	if (head && field_present(in->layout->field[LAYOUT_KSYM_NODE]))
		walk_list(in->view, head, CODE_RANGES_MAX, add_code, in);
	qsort(in->code, in->code_count, sizeof(*in->code), by_start);
	return 0;
}

static const struct code_range *range_of(const struct inspector *in, uint64_t address)
{
	unsigned low = 0, high = in->code_count;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (in->code[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < in->code[low - 1].end ? &in->code[low - 1] : NULL;
}

/* A return address may be the first one behind its function, so the call before it is looked up. */
bool inspect_code(struct inspector *in, uint64_t address, bool returns, char out[SYMBOL_TEXT_MAX])
{
	uint64_t at = address - returns, offset;
	const struct code_range *r = range_of(in, at);
	char name[SYMBOL_TEXT_MAX];
	if (r) {
		snprintf(out, SYMBOL_TEXT_MAX, "%s+0x%" PRIx64 "/0x%" PRIx64, r->name, address - r->start,
			 r->end - r->start);
		return true;
	}
	char *plus = symbols_format(in->view->image->symbols, at - in->view->text_slide, name) ? strrchr(name, '+')
											       : NULL,
	     *end;
	if (!plus) {
		snprintf(out, SYMBOL_TEXT_MAX, "0x%" PRIx64, address);
		return false;
	}
	offset = strtoull(plus + 1, &end, 16);
	snprintf(out, SYMBOL_TEXT_MAX, "%.*s+0x%" PRIx64 "%s", (int)MIN_OF(plus - name, 100), name, offset + returns,
		 end);
	return true;
}

/* --- begin and end ------------------------------------------------------------------------------------------------ */

/* The kernel does not export HZ; but the clock of its ticks has the length of one: mult >> shift nanoseconds. */
static unsigned find_hz(struct inspector *in)
{
	uint64_t clock = view_symbol(in->view, "clocksource_jiffies");
	uint64_t mult = inspect_get(in, LAYOUT_CLOCK_MULT, clock), shift = inspect_get(in, LAYOUT_CLOCK_SHIFT, clock);
	uint64_t tick_ns = shift < 32 ? mult >> shift : 0;
	if (tick_ns < TICK_NS_MIN || tick_ns > TICK_NS_MAX)
		return 0;
	return (unsigned)(((uint64_t)NSEC_PER_SEC + tick_ns / 2) / tick_ns);
}

static uint64_t newest_clock(struct inspector *in)
{
	uint64_t newest = 0;
	for (unsigned cpu = 0; cpu < in->view->cpus; cpu++) {
		uint64_t clock = inspect_get(in, LAYOUT_RQ_CLOCK, view_per_cpu(in->view, "runqueues", cpu));
		newest = MAX_OF(newest, clock);
	}
	return newest;
}

int inspect_begin(struct inspector *in, const struct inspect_config *config)
{
	*in = (struct inspector){ .config = *config, .view = config->view, .layout = config->layout };
	view_read_u64(in->view, view_symbol(in->view, "jiffies_64"), 8, &in->jiffies);
	in->hz = find_hz(in);
	in->clock_ns = newest_clock(in);
	return find_code(in);
}

void inspect_end(struct inspector *in)
{
	free(in->code);
	in->code = NULL;
}

/* --- writing JSON ------------------------------------------------------------------------------------------------- */

void inspect_put(struct inspector *in, json_t **json, const char *key, enum layout_field f, uint64_t object)
{
	uint64_t value;
	if (!inspect_read(in, f, object, &value))
		return;
	if (in->layout->field[f].is_signed)
		json_put_int(json, key, (int64_t)value);
	else
		json_put_u64(json, key, value);
}

void inspect_put_text(struct inspector *in, json_t **json, const char *key, enum layout_field f, uint64_t object)
{
	char text[256];
	inspect_member_text(in, f, object, text, sizeof(text));
	if (*text)
		json_put_text(json, key, text);
}

void inspect_put_variant(struct inspector *in, json_t **json, const char *key, enum layout_enum e, uint64_t value)
{
	char name[LAYOUT_NAME_MAX];
	if (!layout_variant(in->layout, e, value, name))
		snprintf(name, sizeof(name), "%" PRIu64, value);
	json_put_text(json, key, name);
}

void inspect_put_flags(struct inspector *in, json_t **json, const char *key, enum layout_enum e, uint64_t value)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	layout_flags(in->layout, e, value, &text);
	json_put_text(json, key, buf_str(&text));
}

void inspect_put_cpus(struct inspector *in, json_t **json, const char *key, uint64_t mask)
{
	uint8_t bits[MASK_BYTES_MAX];
	size_t size = MIN_OF(in->layout->field[LAYOUT_CPUMASK_BITS].size, MASK_BYTES_MAX);
	/* A mask has room for more CPUs than there are. */
	if (in->view->cpus)
		size = MIN_OF(size, (size_t)(in->view->cpus + 63) / 64 * 8);
	if (!mask || !size || !view_read(in->view, mask, bits, size))
		return;
	json_t *list = render_cpu_list(bits, size);
	if (list && !*json_string_value(list))
		json_decref(list);
	else
		json_put(json, key, list);
}

void inspect_put_address(json_t **json, const char *key, uint64_t address)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_put_text(json, key, text);
}

json_t *inspect_stack(struct inspector *in, const struct orc_stack *stack)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < stack->frames; i++) {
		char name[SYMBOL_TEXT_MAX];
		inspect_code(in, stack->frame[i], !stack->interrupted[i], name);
		json_add(&list, json_text(name));
	}
	return list;
}

void inspect_put_list(json_t **json, const char *key, json_t *list)
{
	if (list && json_array_size(list) == 0)
		json_decref(list);
	else
		json_put(json, key, list);
}
