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
/* The same for @name in the directory @dir. */
int json_write_file_at(int dir, const char *name, const json_t *value, struct err **err);
/* Pretty or one line, with a final newline; marks @out failed where @value is NULL or cannot be written. */
void json_print(const json_t *value, bool pretty, struct buf *out);

/* Required members; the error says which key and what was expected. The string is borrowed from @object. */
int json_get_string(const json_t *object, const char *key, const char **ret, struct err **err);
int json_get_u64(const json_t *object, const char *key, uint64_t *ret, struct err **err);

/*
 * Building values. One that could not be made is NULL, and what it is put into becomes NULL too: whoever writes an
 * object checks it once, at the end, and a hole in the middle cannot go unnoticed. @value is taken over in any case.
 */
void json_put(json_t **object, const char *key, json_t *value);
void json_add(json_t **array, json_t *value);

/* Text from anywhere, made valid and printable (text.h); NULL becomes null. */
json_t *json_text(const char *text);
json_t *json_text_n(const char *text, size_t len);
/* Beyond INT64_MAX, which JSON libraries cannot hold as an integer, the nearest real number. */
json_t *json_u64(uint64_t value);
/* What is not a number (NaN, infinite) becomes null. */
json_t *json_number(double value);

void json_put_text(json_t **object, const char *key, const char *text);
void json_put_u64(json_t **object, const char *key, uint64_t value);
void json_put_int(json_t **object, const char *key, int64_t value);
void json_put_number(json_t **object, const char *key, double value);
void json_put_bool(json_t **object, const char *key, bool value);
/* A NULL-terminated list of texts; NULL: an empty array. */
void json_put_texts(json_t **object, const char *key, const char *const *list);

#endif
