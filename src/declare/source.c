/* SPDX-License-Identifier: GPL-2.0-only */
/* source.c -- declare_source(); see write.h. */
#include <ctype.h>
#include <string.h>

#include "declare/notation.h"
#include "declare/write.h"

static const struct notation c_notation;

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
		notation_put(&c_notation, f, object, depth, out);
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

/* An identifier for a name, which may have other characters. */
static void put_identifier(const char *name, struct buf *out)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		buf_puts(out, "_");
	for (; *name; name++)
		buf_append(out, isalnum((unsigned char)*name) ? name : "_", 1);
}

static void put_scheduler(const char *name, struct buf *out)
{
	buf_puts(out, "&");
	put_identifier(name, out);
}

static void put_word(const struct field *f, const char *word, struct buf *out)
{
	buf_appendf(out, "%s%s", f->prefix, word);
}

static void put_object(const struct field *f, const void *object, unsigned depth, struct buf *out)
{
	if (f->kind == FIELD_ONE)
		buf_appendf(out, "&(const %s)", f->shape->type);
	put_braces(f->shape, object, depth, out);
}

static void put_items(const struct field *f, const char *first, unsigned count, unsigned depth, struct buf *out)
{
	if (f->kind == FIELD_LIST)
		buf_appendf(out, "%s(", f->shape->list);
	else
		buf_puts(out, "{");
	put_entries(f->shape, first, count, depth, out);
	buf_puts(out, f->kind == FIELD_LIST ? ")" : " }");
}

static const struct notation c_notation = {
	.comma = ", ",
	.on = "KTSTR_ON",
	.off = "KTSTR_OFF",
	.limit_off = "KTSTR_OFF",
	.limit_zero = "KTSTR_ZERO",
	.u64_max = "UINT64_MAX",
	.texts = { "KTSTR_ARGS(", ")" },
	.schedulers = { "KTSTR_STAGED(", ")" },
	.bytes = { "{ ", " }" },
	.set_number = { "{ .set = true, .value = ", " }" },
	.text = put_literal,
	.word = put_word,
	.scheduler = put_scheduler,
	.object = put_object,
	.items = put_items,
};

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
		notation_put(&c_notation, f, object, 1, out);
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
