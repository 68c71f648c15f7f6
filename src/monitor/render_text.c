/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "monitor/render.h"

#define COLUMNS		110
#define CELL_BYTES_MAX	64 /* a longer one gets lines of its own */
#define TEXT_DEPTH_MAX	64 /* of JSON, which may come from a file */
#define ARRAY_CELLS_MAX 8

static void lines(const json_t *value, unsigned indent, unsigned depth, struct buf *out);

static const char *kind_of(const json_t *value)
{
	const char *kind = json_string_value(json_object_get(value, "kind"));
	return kind ? kind : "";
}

static bool is_kind(const json_t *value, const char *kind)
{
	return strcmp(kind_of(value), kind) == 0;
}

static const char *string_of(const json_t *value, const char *key)
{
	const char *text = json_string_value(json_object_get(value, key));
	return text ? text : "";
}

/* --- what is zero ------------------------------------------------------------------------------------------------- */

static bool all_zero(const json_t *list, const char *key, unsigned depth);

static bool is_zero(const json_t *value, unsigned depth)
{
	const json_t *scalar = json_object_get(value, "value");
	if (depth > TEXT_DEPTH_MAX)
		return false;
	if (is_kind(value, "struct"))
		return all_zero(json_object_get(value, "members"), "value", depth);
	if (is_kind(value, "array") && json_object_get(value, "elements"))
		return all_zero(json_object_get(value, "elements"), NULL, depth);
	if (is_kind(value, "array"))
		return !*string_of(value, "text");
	if (is_kind(value, "cpu_list"))
		return !*string_of(value, "cpus");
	if (is_kind(value, "bytes"))
		return strspn(string_of(value, "hex"), "0") == strlen(string_of(value, "hex"));
	if (is_kind(value, "ptr"))
		return strcmp(string_of(value, "value"), "0x0") == 0;
	return json_is_false(scalar) || (json_is_number(scalar) && json_number_value(scalar) == 0);
}

static bool all_zero(const json_t *list, const char *key, unsigned depth)
{
	size_t i;
	const json_t *entry;
	json_array_foreach((json_t *)list, i, entry)
		if (!is_zero(key ? json_object_get(entry, key) : entry, depth + 1))
			return false;
	return true;
}

bool render_is_zero(const json_t *value)
{
	return is_zero(value, 0);
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

static void put_line(struct buf *out, const char *text)
{
	text_append_line(out, text, strlen(text));
}

static void put_number(struct buf *out, const json_t *value)
{
	const json_t *number = json_object_get(value, "value");
	if (*string_of(value, "hex"))
		put_line(out, string_of(value, "hex"));
	else if (json_is_integer(number))
		buf_appendf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
	else if (json_is_real(number))
		buf_appendf(out, "%g", json_real_value(number));
	else
		buf_puts(out, json_is_true(number) ? "true" : json_is_false(number) ? "false" : "?");
}

static void put_char(struct buf *out, const json_t *value)
{
	json_int_t c = json_integer_value(json_object_get(value, "value"));
	if (c >= ' ' && c < 127)
		buf_appendf(out, "'%c'", (char)c);
	else
		buf_appendf(out, "%" JSON_INTEGER_FORMAT, c);
}

static bool array_cell(const json_t *value, struct buf *out)
{
	const json_t *elements = json_object_get(value, "elements"), *element;
	size_t i;
	if (!elements) {
		buf_puts(out, "\"");
		put_line(out, string_of(value, "text"));
		buf_puts(out, "\"");
		return true;
	}
	if (json_array_size(elements) > ARRAY_CELLS_MAX ||
	    (json_int_t)json_array_size(elements) != json_integer_value(json_object_get(value, "len")))
		return false;
	buf_puts(out, "[");
	json_array_foreach((json_t *)elements, i, element) {
		if (is_kind(element, "array") || is_kind(element, "struct"))
			return false;
		buf_puts(out, i ? ", " : "");
		if (!render_text_cell(element, out))
			return false;
	}
	buf_puts(out, "]");
	return true;
}

static bool pointer_cell(const json_t *value, struct buf *out)
{
	const json_t *behind = json_object_get(value, "deref");
	const char *symbol = string_of(value, "symbol");
	put_line(out, *symbol ? symbol : string_of(value, "value"));
	if (!behind)
		return true;
	if (is_kind(behind, "ptr") || is_kind(behind, "struct"))
		return false;
	buf_puts(out, " -> ");
	return render_text_cell(behind, out);
}

static bool try_cell(const json_t *value, struct buf *out)
{
	if (is_kind(value, "int") || is_kind(value, "uint") || is_kind(value, "bool") || is_kind(value, "float"))
		put_number(out, value);
	else if (is_kind(value, "char"))
		put_char(out, value);
	else if (is_kind(value, "enum") && *string_of(value, "variant"))
		put_line(out, string_of(value, "variant"));
	else if (is_kind(value, "enum"))
		put_number(out, value);
	else if (is_kind(value, "cpu_list"))
		buf_appendf(out, "cpus %s", *string_of(value, "cpus") ? string_of(value, "cpus") : "none");
	else if (is_kind(value, "bytes"))
		put_line(out, string_of(value, "hex"));
	else if (is_kind(value, "truncated"))
		buf_appendf(out, "<only %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " bytes>",
			    json_integer_value(json_object_get(value, "had")),
			    json_integer_value(json_object_get(value, "needed")));
	else if (is_kind(value, "unsupported"))
		buf_appendf(out, "<%s>", string_of(value, "reason"));
	else if (is_kind(value, "array"))
		return array_cell(value, out);
	else if (is_kind(value, "ptr"))
		return pointer_cell(value, out);
	else
		return false;
	return true;
}

bool render_text_cell(const json_t *value, struct buf *out)
{
	_cleanup_buf_ struct buf cell = BUF_NULL;
	if (!try_cell(value, &cell) || cell.len > CELL_BYTES_MAX)
		return false;
	text_append_line(out, buf_str(&cell), cell.len);
	return true;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* A line that is filled with words, and ended before it gets too long. */
struct filling {
	struct buf line;
	unsigned indent;
	struct buf *out;
};

static void indentation(struct buf *out, unsigned indent)
{
	buf_appendf(out, "%*s", (int)indent, "");
}

static void fill_end(struct filling *f)
{
	if (!f->line.len)
		return;
	indentation(f->out, f->indent);
	buf_append(f->out, f->line.data, f->line.len);
	buf_puts(f->out, "\n");
	buf_clear(&f->line);
}

static void fill(struct filling *f, const struct buf *word)
{
	if (f->line.len && f->indent + f->line.len + 2 + word->len > COLUMNS)
		fill_end(f);
	buf_puts(&f->line, f->line.len ? "  " : "");
	buf_append(&f->line, buf_str(word), word->len);
}

/* "@name=cell" on the line that is being filled, or "@name:" and lines of its own. */
static void entry(struct filling *f, const char *name, const json_t *value, unsigned depth)
{
	_cleanup_buf_ struct buf word = BUF_NULL;
	put_line(&word, *name ? name : "(unnamed)");
	buf_puts(&word, "=");
	if (render_text_cell(value, &word)) {
		fill(f, &word);
		return;
	}
	fill_end(f);
	indentation(f->out, f->indent);
	put_line(f->out, *name ? name : "(unnamed)");
	buf_puts(f->out, ":\n");
	lines(value, f->indent + 2, depth + 1, f->out);
}

static void struct_lines(const json_t *value, struct filling *f, unsigned depth)
{
	size_t i;
	const json_t *member;
	json_array_foreach(json_object_get(value, "members"), i, member) {
		const json_t *inner = json_object_get(member, "value");
		if (!render_is_zero(inner))
			entry(f, string_of(member, "name"), inner, depth);
	}
}

static void array_lines(const json_t *value, struct filling *f, unsigned depth)
{
	const json_t *elements = json_object_get(value, "elements"), *element;
	json_int_t len = json_integer_value(json_object_get(value, "len"));
	size_t i;
	char name[32];
	json_array_foreach((json_t *)elements, i, element) {
		snprintf(name, sizeof(name), "[%zu]", i);
		if (!render_is_zero(element))
			entry(f, name, element, depth);
	}
	fill_end(f);
	if (elements && len > (json_int_t)json_array_size(elements)) {
		indentation(f->out, f->indent);
		buf_appendf(f->out, "(%" JSON_INTEGER_FORMAT " more elements are not shown)\n",
			    len - (json_int_t)json_array_size(elements));
	}
}

/* A value that fits into no cell and has no members: a long text, bytes, or what is not a value at all. */
static void long_lines(const json_t *value, struct filling *f)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!try_cell(value, &text)) {
		buf_clear(&text);
		char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		put_line(&text, json ? json : "null");
		free(json);
	}
	for (size_t at = 0; at < text.len; at += COLUMNS) {
		indentation(f->out, f->indent);
		text_append_line(f->out, text.data + at, MIN_OF(text.len - at, (size_t)COLUMNS));
		buf_puts(f->out, "\n");
	}
}

static void lines(const json_t *value, unsigned indent, unsigned depth, struct buf *out)
{
	struct filling f = { .indent = indent, .out = out };
	_cleanup_buf_ struct buf cell = BUF_NULL;
	if (depth > TEXT_DEPTH_MAX)
		return;
	if (is_kind(value, "struct"))
		struct_lines(value, &f, depth);
	else if (render_text_cell(value, &cell))
		fill(&f, &cell);
	else if (is_kind(value, "array") && json_object_get(value, "elements"))
		array_lines(value, &f, depth);
	else if (is_kind(value, "ptr") && json_object_get(value, "deref"))
		entry(&f, string_of(value, "value"), json_object_get(value, "deref"), depth);
	else
		long_lines(value, &f);
	fill_end(&f);
	buf_done(&f.line);
}

void render_text(const json_t *value, unsigned indent, struct buf *out)
{
	lines(value, indent, 0, out);
}
