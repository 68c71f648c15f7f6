/* SPDX-License-Identifier: GPL-2.0-only */
/* json.c -- see json.h. */
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

int json_read_file(const char *path, json_t **ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = file_read(path, JSON_FILE_BYTES_MAX, &text, err);
	if (r < 0)
		return r;
	json_error_t why;
	json_t *value = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
	if (!value)
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' line %d: %s", path, why.line, why.text);
	*ret = value;
	return 0;
}

static int append_chunk(const char *data, size_t len, void *out)
{
	buf_append(out, data, len);
	return ((struct buf *)out)->failed ? -1 : 0;
}

void json_print(const json_t *value, bool pretty, struct buf *out)
{
	size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
	if (!value || json_dump_callback(value, append_chunk, out, flags) < 0)
		out->failed = true;
	buf_puts(out, "\n");
}

int json_write_file_at(int dir, const char *name, const json_t *value, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_print(value, true, &text);
	if (text.failed)
		return FAIL_SYS(err, -ENOMEM, "write '%s'", name);
	return file_write_atomic_at(dir, name, text.data, text.len, 0644, err);
}

int json_write_file(const char *path, const json_t *value, struct err **err)
{
	return json_write_file_at(AT_FDCWD, path, value, err);
}

int json_get_string(const json_t *object, const char *key, const char **ret, struct err **err)
{
	const char *s = json_string_value(json_object_get(object, key));
	if (!s)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected a string", key);
	*ret = s;
	return 0;
}

int json_get_u64(const json_t *object, const char *key, uint64_t *ret, struct err **err)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected a non-negative integer", key);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

void json_put(json_t **object, const char *key, json_t *value)
{
	if (*object && json_object_set_new(*object, key, value) == 0)
		return;
	if (!*object)
		json_decref(value);
	json_decref(*object);
	*object = NULL;
}

void json_add(json_t **array, json_t *value)
{
	if (*array && json_array_append_new(*array, value) == 0)
		return;
	if (!*array)
		json_decref(value);
	json_decref(*array);
	*array = NULL;
}

json_t *json_text_n(const char *text, size_t len)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	if (!text)
		return json_null();
	if (text_is_clean(text, len, /* line= */ false))
		return json_stringn(text, len);
	text_append(&clean, text, len);
	return clean.failed ? NULL : json_stringn(buf_str(&clean), clean.len);
}

json_t *json_text(const char *text)
{
	return json_text_n(text, text ? strlen(text) : 0);
}

json_t *json_u64(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

void json_put_text(json_t **object, const char *key, const char *text)
{
	json_put(object, key, json_text(text));
}

void json_put_u64(json_t **object, const char *key, uint64_t value)
{
	json_put(object, key, json_u64(value));
}

void json_put_int(json_t **object, const char *key, int64_t value)
{
	json_put(object, key, json_integer(value));
}

void json_put_number(json_t **object, const char *key, double value)
{
	json_put(object, key, json_number(value));
}

void json_put_bool(json_t **object, const char *key, bool value)
{
	json_put(object, key, json_boolean(value));
}

void json_put_texts(json_t **object, const char *key, const char *const *list)
{
	json_t *array = json_array();
	for (size_t i = 0; list && list[i]; i++)
		json_add(&array, json_text(list[i]));
	json_put(object, key, array);
}
