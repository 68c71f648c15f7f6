/* SPDX-License-Identifier: GPL-2.0-only */
/* notation.c -- see notation.h. */
#include "declare/notation.h"

static void put_u64(const struct notation *n, uint64_t value, struct buf *out)
{
	if (value == UINT64_MAX)
		buf_puts(out, n->u64_max);
	else
		buf_appendf(out, "%lu", value);
}

static void put_limit(const struct notation *n, double value, struct buf *out)
{
	if (value == KTSTR_OFF || value == KTSTR_ZERO)
		buf_puts(out, value == KTSTR_OFF ? n->limit_off : n->limit_zero);
	else
		buf_appendf(out, "%.17g", value);
}

static void put_texts(const struct notation *n, const char *const *list, struct buf *out)
{
	buf_puts(out, n->texts.open);
	for (size_t i = 0; list[i]; i++) {
		buf_puts(out, i ? n->comma : "");
		n->text(list[i], out);
	}
	buf_puts(out, n->texts.close);
}

static void put_schedulers(const struct notation *n, const struct ktstr_scheduler *const *list, struct buf *out)
{
	buf_puts(out, n->schedulers.open);
	for (size_t i = 0; list[i]; i++) {
		buf_puts(out, i ? n->comma : "");
		n->scheduler(list[i]->name, out);
	}
	buf_puts(out, n->schedulers.close);
}

static void put_bytes(const struct notation *n, const unsigned char *byte, unsigned count, struct buf *out)
{
	while (count && !byte[count - 1])
		count--;
	buf_puts(out, n->bytes.open);
	for (unsigned i = 0; i < count; i++)
		buf_appendf(out, "%s%u", i ? n->comma : "", byte[i]);
	buf_puts(out, n->bytes.close);
}

static void put_set_number(const struct notation *n, const void *at, struct buf *out)
{
	const struct {
		bool set;
		int value;
	} *number = at;
	buf_appendf(out, "%s%d%s", n->set_number.open, number->value, n->set_number.close);
}

void notation_put(const struct notation *n, const struct field *f, const void *object, unsigned depth, struct buf *out)
{
	const void *at = field_at(f, object), *pointer = field_pointer(f, object);
	switch (f->kind) {
	case FIELD_UNSIGNED:
		buf_appendf(out, "%u", *(const unsigned *)at);
		break;
	case FIELD_U64:
		put_u64(n, *(const uint64_t *)at, out);
		break;
	case FIELD_REAL:
		buf_appendf(out, "%.17g", *(const double *)at);
		break;
	case FIELD_LIMIT:
		put_limit(n, *(const double *)at, out);
		break;
	case FIELD_BOOL:
		buf_puts(out, "true");
		break;
	case FIELD_SWITCH:
		buf_puts(out, *(const enum ktstr_switch *)at == KTSTR_ON ? n->on : n->off);
		break;
	case FIELD_TEXT:
	case FIELD_LINES:
		n->text(pointer, out);
		break;
	case FIELD_TEXTS:
		put_texts(n, pointer, out);
		break;
	case FIELD_CHOICE:
		n->word(f, field_word(f, object), out);
		break;
	case FIELD_SET_NUMBER:
		put_set_number(n, at, out);
		break;
	case FIELD_BYTES:
		put_bytes(n, at, f->count, out);
		break;
	case FIELD_STRUCT:
		n->object(f, at, depth, out);
		break;
	case FIELD_ONE:
		n->object(f, pointer, depth, out);
		break;
	case FIELD_ARRAY:
		n->items(f, at, f->count, depth, out);
		break;
	case FIELD_LIST:
		n->items(f, pointer, 0, depth, out);
		break;
	case FIELD_SCHEDULER:
		n->scheduler(((const struct ktstr_scheduler *)pointer)->name, out);
		break;
	case FIELD_SCHEDULERS:
		put_schedulers(n, pointer, out);
		break;
	case FIELD_INLINE:
	case FIELD_REFUSED:
		break;
	}
}
