/* SPDX-License-Identifier: GPL-2.0-only */
/* json.c -- see json.h. */
#include "base/json.h"
#include "base/file.h"

int json_read_file(const char *path, json_t **ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = file_read(path, JSON_FILE_BYTES_MAX, &text, err);
	if (r < 0)
		return r;
	json_error_t why;
	json_t *value = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
	if (!value)
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "'%s' line %d: %s", path, why.line, why.text);
	*ret = value;
	return 0;
}

static int append_chunk(const char *data, size_t len, void *out)
{
	buf_append(out, data, len);
	return 0;
}

void json_print(const json_t *value, bool pretty, struct buf *out)
{
	size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
	json_dump_callback(value, append_chunk, out, flags);
	buf_puts(out, "\n");
}

int json_write_file(const char *path, const json_t *value, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_print(value, true, &text);
	if (text.failed)
		return FAIL_SYS(err, -ENOMEM, "write '%s'", path);
	return file_write_atomic(path, text.data, text.len, 0644, err);
}

int json_get_string(const json_t *object, const char *key, const char **ret, struct err **err)
{
	const char *s = json_string_value(json_object_get(object, key));
	if (!s)
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "%s: expected a string", key);
	*ret = s;
	return 0;
}

int json_get_u64(const json_t *object, const char *key, uint64_t *ret, struct err **err)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "%s: expected a non-negative integer", key);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

json_t *json_string_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

json_t *json_u64(uint64_t value)
{
	return json_integer((json_int_t)value);
}
