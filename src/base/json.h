/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json.h -- additions to jansson: read a file, with its path in error messages; write a file atomically, with sorted
 * keys and an indentation of two; typed getters whose errors name the key; a builder that checks for missing values.
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
/* Appends @value, indented or on one line, and a newline. Marks @out failed if @value is NULL or cannot be written. */
void json_print(const json_t *value, bool pretty, struct buf *out);

/* Required members; the error names the key and the expected type. The string belongs to @object. */
int json_get_string(const json_t *object, const char *key, const char **ret, struct err **err);
int json_get_u64(const json_t *object, const char *key, uint64_t *ret, struct err **err);

/*
 * Building values. If a value could not be made it is NULL, and then the object or array that it is put into becomes
 * NULL, too. So one check of the complete object at the end finds every missing value. The reference to @value is
 * always taken over.
 */
void json_put(json_t **object, const char *key, json_t *value);
void json_add(json_t **array, json_t *value);

/* A string with @text made valid and printable (text.h); null for NULL. */
json_t *json_text(const char *text);
json_t *json_text_n(const char *text, size_t len);
/* An integer; above INT64_MAX, which is the limit of JSON libraries, the nearest real number. */
json_t *json_u64(uint64_t value);
/* A real number; null for NaN and infinity. */
json_t *json_number(double value);

void json_put_text(json_t **object, const char *key, const char *text);
void json_put_u64(json_t **object, const char *key, uint64_t value);
void json_put_int(json_t **object, const char *key, int64_t value);
void json_put_number(json_t **object, const char *key, double value);
void json_put_bool(json_t **object, const char *key, bool value);
/* A NULL-terminated list of texts; NULL: an empty array. */
void json_put_texts(json_t **object, const char *key, const char *const *list);

#endif
