/* SPDX-License-Identifier: GPL-2.0-only */
/* write.c -- see write.h. */
#include "declare/write.h"

#include <string.h>

#include "base/text.h"
#include "declare/notation.h"

/* --- what is not data --------------------------------------------------------------------------------------------- */

/* The name of an entry, where entries of its kind have one. */
static const char *name_of(const struct shape *s, const void *object)
{
	const struct field *f = s->field;
	return f->name && f->kind == FIELD_TEXT && !strcmp(f->name, "name") ? field_pointer(f, object) : NULL;
}

static int refuse_item(const struct shape *s, const void *item, const char *inside, struct err **err)
{
	_cleanup_buf_ struct buf what = BUF_NULL;
	const char *name = name_of(s, item);
	buf_appendf(&what, "%s%s%s", inside, *inside ? ": " : "", s->noun);
	if (name)
		buf_appendf(&what, " '%s'", name);
	return declare_refuse(s, item, buf_str(&what), err);
}

static int refuse_list(const struct field *f, const void *object, const char *what, struct err **err)
{
	const char *item = field_pointer(f, object);
	int r = 0;
	for (; r == 0 && item && !f->shape->ends(item); item += f->shape->size)
		r = refuse_item(f->shape, item, what, err);
	return r;
}

static int refuse_field(const struct field *f, const void *object, const char *what, struct err **err)
{
	if (field_is_unset(f, object))
		return 0;
	switch (f->kind) {
	case FIELD_REFUSED:
		return FAIL(err, ERR_DATA, -EOPNOTSUPP, "%s: its '%s' is %s, which cannot be written as data", what,
			    f->name, f->what);
	case FIELD_CHOICE:
		return field_word(f, object) ? 0 : FAIL(err, ERR_DATA, -EINVAL, "%s: '%s' is not known", what, f->name);
	case FIELD_STRUCT:
	case FIELD_INLINE:
		return declare_refuse(f->shape, field_at(f, object), what, err);
	case FIELD_ONE:
		return refuse_item(f->shape, field_pointer(f, object), what, err);
	case FIELD_LIST:
		return refuse_list(f, object, what, err);
	default:
		return 0;
	}
}

int declare_refuse(const struct shape *s, const void *object, const char *what, struct err **err)
{
	int r = 0;
	for (const struct field *f = s->field; r == 0 && f->name; f++)
		r = refuse_field(f, object, what, err);
	return r;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void put_object(const struct shape *s, const void *object, struct buf *out);

static void put_text(const char *text, struct buf *out)
{
	buf_puts(out, "\"");
	text_append_json(out, text, strlen(text));
	buf_puts(out, "\"");
}

/* In lower case. */
static void put_word(const struct field *f, const char *word, struct buf *out)
{
	(void)f;
	buf_puts(out, "\"");
	for (; word && *word; word++) {
		char c = *word >= 'A' && *word <= 'Z' ? (char)(*word - 'A' + 'a') : *word;
		buf_append(out, &c, 1);
	}
	buf_puts(out, "\"");
}

static void put_member(const struct field *f, const void *object, unsigned depth, struct buf *out)
{
	(void)depth;
	put_object(f->shape, object, out);
}

static void put_items(const struct field *f, const char *first, unsigned count, unsigned depth, struct buf *out)
{
	(void)depth;
	buf_puts(out, "[");
	for (unsigned i = 0; (!count || i < count) && !f->shape->ends(first); i++, first += f->shape->size) {
		buf_puts(out, i ? "," : "");
		put_object(f->shape, first, out);
	}
	buf_puts(out, "]");
}

static const struct notation json_notation = {
	.comma = ",",
	.on = "true",
	.off = "false",
	.limit_off = "false",
	.limit_zero = "0",
	.u64_max = "\"max\"",
	.texts = { "[", "]" },
	.schedulers = { "[", "]" },
	.bytes = { "[", "]" },
	.set_number = { "", "" },
	.text = put_text,
	.word = put_word,
	.scheduler = put_text,
	.object = put_member,
	.items = put_items,
};

static void put_fields(const struct shape *s, const void *object, bool *some, struct buf *out)
{
	for (const struct field *f = s->field; f->name; f++) {
		if (f->kind == FIELD_INLINE)
			put_fields(f->shape, field_at(f, object), some, out);
		if (f->kind == FIELD_INLINE || field_is_unset(f, object))
			continue;
		buf_appendf(out, "%s\"%s\":", *some ? "," : "", f->name);
		notation_put(&json_notation, f, object, 0, out);
		*some = true;
	}
}

static void put_object(const struct shape *s, const void *object, struct buf *out)
{
	bool some = false;
	buf_puts(out, "{");
	put_fields(s, object, &some, out);
	buf_puts(out, "}");
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

unsigned declare_schedulers(const struct ktstr_test *test, const struct ktstr_scheduler **out, unsigned max)
{
	unsigned count = 0;
	if (test->scheduler && max)
		out[count++] = test->scheduler;
	for (size_t i = 0; test->staged && test->staged[i] && count < max; i++) {
		bool known = false;
		for (unsigned k = 0; k < count; k++)
			known |= out[k] == test->staged[i];
		if (!known)
			out[count++] = test->staged[i];
	}
	return count;
}

int declare_check(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct err **err)
{
	_cleanup_buf_ struct buf what = BUF_NULL;
	buf_appendf(&what, "test '%s'", test->name);
	int r = declare_refuse(&shape_test, test, buf_str(&what), err);
	return r == 0 ? declare_refuse(&shape_scenario, scenario, buf_str(&what), err) : r;
}

int declare_write(const struct ktstr_test *test, const struct ktstr_scenario *scenario, struct buf *out,
		  struct err **err)
{
	const struct ktstr_scheduler *list[DECLARE_SCHEDULERS_MAX];
	unsigned count = declare_schedulers(test, list, DECLARE_SCHEDULERS_MAX);
	int r = declare_check(test, scenario, err);
	if (r < 0)
		return r;
	buf_appendf(out, "{\"ktstr_scenario\":%d,\"schedulers\":[", SCENARIO_FILE_VERSION);
	for (unsigned i = 0; i < count; i++) {
		buf_puts(out, i ? "," : "");
		put_object(&shape_scheduler, list[i], out);
	}
	buf_puts(out, "],\"test\":");
	put_object(&shape_test, test, out);
	buf_puts(out, ",\"scenario\":");
	put_object(&shape_scenario, scenario, out);
	buf_puts(out, "}\n");
	return out->failed ? FAIL_SYS(err, -ENOMEM, "write test '%s'", test->name) : 0;
}
