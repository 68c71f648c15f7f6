/* SPDX-License-Identifier: GPL-2.0-only */
/* source.c -- declare_source(); see write.h. */
#include <ctype.h>
#include <string.h>

#include "declare/write.h"

#define TEXTS_MACRO "KTSTR_ARGS"

static void put_value(const struct field *f, const void *object, unsigned depth, struct buf *out);

/* A string literal. Three octal digits end an escape wherever the text goes on. */
static void put_literal(const char *text, struct buf *out)
{
	buf_puts(out, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			buf_appendf(out, "\\%c", c);
		else if (c == '\n')
			buf_puts(out, "\\n");
		else if (c < 0x20 || c == 0x7f || (c == '?' && text[1] == '?'))
			buf_appendf(out, "\\%03o", c);
		else
			buf_append(out, text, 1);
	}
	buf_puts(out, "\"");
}

static void put_indent(unsigned depth, struct buf *out)
{
	buf_puts(out, "\n");
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "\t");
}

static bool is_nested(const struct field *f)
{
	return f->kind == FIELD_LIST || f->kind == FIELD_ONE || f->kind == FIELD_ARRAY;
}

/* ".name = value, ..."; lists begin on lines of their own. */
static void put_members(const struct shape *s, const void *object, unsigned depth, bool *some, struct buf *out)
{
	for (const struct field *f = s->field; f->name; f++) {
		if (f->kind == FIELD_INLINE)
			put_members(f->shape, field_at(f, object), depth, some, out);
		if (f->kind == FIELD_INLINE || field_is_unset(f, object))
			continue;
		buf_puts(out, *some ? "," : "");
		if (is_nested(f))
			put_indent(depth, out);
		else
			buf_puts(out, *some ? " " : "");
		buf_appendf(out, ".%s = ", f->name);
		put_value(f, object, depth, out);
		*some = true;
	}
}

static void put_braces(const struct shape *s, const void *object, unsigned depth, struct buf *out)
{
	bool some = false;
	buf_puts(out, "{ ");
	put_members(s, object, depth + 1, &some, out);
	buf_puts(out, some ? " }" : "0 }");
}

static void put_entries(const struct shape *s, const char *item, unsigned count, unsigned depth, struct buf *out)
{
	for (unsigned i = 0; (!count || i < count) && !s->ends(item); i++, item += s->size) {
		buf_puts(out, i ? "," : "");
		put_indent(depth + 1, out);
		put_braces(s, item, depth + 1, out);
	}
}

static void put_texts(const char *const *list, struct buf *out)
{
	buf_puts(out, TEXTS_MACRO "(");
	for (size_t i = 0; list[i]; i++) {
		buf_puts(out, i ? ", " : "");
		put_literal(list[i], out);
	}
	buf_puts(out, ")");
}

/* An identifier for a name, which may have other characters. */
static void put_identifier(const char *name, struct buf *out)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		buf_puts(out, "_");
	for (; *name; name++)
		buf_append(out, isalnum((unsigned char)*name) ? name : "_", 1);
}

static void put_schedulers(const struct ktstr_scheduler *const *list, struct buf *out)
{
	buf_puts(out, "KTSTR_STAGED(");
	for (size_t i = 0; list[i]; i++) {
		buf_puts(out, i ? ", &" : "&");
		put_identifier(list[i]->name, out);
	}
	buf_puts(out, ")");
}

static void put_limit(double value, struct buf *out)
{
	if (value == KTSTR_OFF || value == KTSTR_ZERO)
		buf_puts(out, value == KTSTR_OFF ? "KTSTR_OFF" : "KTSTR_ZERO");
	else
		buf_appendf(out, "%.17g", value);
}

static void put_bytes(const unsigned char *byte, unsigned count, struct buf *out)
{
	while (count && !byte[count - 1])
		count--;
	buf_puts(out, "{ ");
	for (unsigned i = 0; i < count; i++)
		buf_appendf(out, "%s%u", i ? ", " : "", byte[i]);
	buf_puts(out, " }");
}

static void put_set(const void *at, struct buf *out)
{
	const struct {
		bool set;
		int value;
	} *n = at;
	buf_appendf(out, "{ .set = true, .value = %d }", n->value);
}

static void put_list(const struct field *f, const void *object, unsigned depth, struct buf *out)
{
	buf_appendf(out, "%s(", f->shape->list);
	put_entries(f->shape, field_pointer(f, object), 0, depth, out);
	buf_puts(out, ")");
}

static void put_number(const struct field *f, const void *at, struct buf *out)
{
	uint64_t n = f->kind == FIELD_U64 ? *(const uint64_t *)at : *(const unsigned *)at;
	if (f->kind == FIELD_U64 && n == UINT64_MAX)
		buf_puts(out, "UINT64_MAX");
	else
		buf_appendf(out, "%lu", n);
}

static void put_value(const struct field *f, const void *object, unsigned depth, struct buf *out)
{
	const void *at = field_at(f, object), *pointer = field_pointer(f, object);
	switch (f->kind) {
	case FIELD_UNSIGNED:
	case FIELD_U64:
		put_number(f, at, out);
		break;
	case FIELD_REAL:
		buf_appendf(out, "%.17g", *(const double *)at);
		break;
	case FIELD_LIMIT:
		put_limit(*(const double *)at, out);
		break;
	case FIELD_BOOL:
		buf_puts(out, "true");
		break;
	case FIELD_SWITCH:
		buf_puts(out, *(const enum ktstr_switch *)at == KTSTR_ON ? "KTSTR_ON" : "KTSTR_OFF");
		break;
	case FIELD_TEXT:
	case FIELD_LINES:
		put_literal(pointer, out);
		break;
	case FIELD_TEXTS:
		put_texts(pointer, out);
		break;
	case FIELD_CHOICE:
		buf_appendf(out, "%s%s", f->prefix, field_word(f, object));
		break;
	case FIELD_SET_NUMBER:
		put_set(at, out);
		break;
	case FIELD_BYTES:
		put_bytes(at, f->count, out);
		break;
	case FIELD_STRUCT:
		put_braces(f->shape, at, depth, out);
		break;
	case FIELD_ARRAY:
		buf_puts(out, "{");
		put_entries(f->shape, at, f->count, depth, out);
		buf_puts(out, " }");
		break;
	case FIELD_LIST:
		put_list(f, object, depth, out);
		break;
	case FIELD_ONE:
		buf_appendf(out, "&(const %s)", f->shape->type);
		put_braces(f->shape, pointer, depth, out);
		break;
	case FIELD_SCHEDULER:
		buf_puts(out, "&");
		put_identifier(((const struct ktstr_scheduler *)pointer)->name, out);
		break;
	case FIELD_SCHEDULERS:
		put_schedulers(pointer, out);
		break;
	case FIELD_INLINE:
	case FIELD_REFUSED:
		break;
	}
}

/* The macro sets the name. */
static void put_declaration(const char *macro, const struct shape *s, const void *object, const char *name,
			    struct buf *out)
{
	buf_appendf(out, "%s(", macro);
	put_identifier(name, out);
	for (const struct field *f = s->field; f->name; f++) {
		if (!strcmp(f->name, "name") || field_is_unset(f, object))
			continue;
		buf_puts(out, ",");
		put_indent(1, out);
		buf_appendf(out, ".%s = ", f->name);
		put_value(f, object, 1, out);
	}
	buf_puts(out, ")");
}

int declare_source(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct buf *out,
		   struct err **err)
{
	const struct ktstr_scheduler *list[DECLARE_SCHEDULERS_MAX];
	unsigned count = declare_schedulers(test, list, DECLARE_SCHEDULERS_MAX);
	bool some = false;
	int r = declare_check(test, scenario, err);
	if (r < 0)
		return r;
	buf_puts(out, "#include <ktstr/ktstr.h>\n\n");
	for (unsigned i = 0; i < count; i++) {
		put_declaration("KTSTR_SCHEDULER", &shape_scheduler, list[i], list[i]->name, out);
		buf_puts(out, ";\n\n");
	}
	put_declaration("KTSTR_TEST", &shape_test, test, test->name, out);
	buf_puts(out, "\n{\n\treturn ktstr_run_scenario(t, KTSTR_SCENARIO(");
	put_members(&shape_scenario, scenario, 2, &some, out);
	buf_puts(out, "));\n}\n");
	return out->failed ? FAIL_SYS(err, -ENOMEM, "write test '%s'", test->name) : 0;
}
