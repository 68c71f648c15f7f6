/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h -- what we add to jansson: reading a file with its path in every message, writing one the way all our files
 * are written (sorted keys, two spaces, temporary name, sync, rename), and typed getters that name the key.
 */
#ifndef KTSTR_BASE_JSON_H
#define KTSTR_BASE_JSON_H

#include <jansson.h>

#include "base/err.h"

#define JSON_FILE_BYTES_MAX ((size_t)64 << 20)

/* A new reference, or a negative errno: -EBADMSG for text that is not JSON. */
int json_read_file(const char *path, json_t **ret, struct err **err);
int json_write_file(const char *path, const json_t *value, struct err **err);
/* Pretty or one line, with a final newline. */
void json_print(const json_t *value, bool pretty, struct buf *out);

/* Required members; the error says which key and what was expected. The string is borrowed from @object. */
int json_get_string(const json_t *object, const char *key, const char **ret, struct err **err);
int json_get_u64(const json_t *object, const char *key, uint64_t *ret, struct err **err);

/* `text` or null. */
json_t *json_string_or_null(const char *text);
json_t *json_u64(uint64_t value);

#endif
