/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list_json.h -- values in the list that a test binary prints. Copies belong to the caller, also after a failure.
 * -EBADMSG: the value is absent, or is not what its key says; the error names the key.
 */
#ifndef KTSTR_RUN_LIST_JSON_H
#define KTSTR_RUN_LIST_JSON_H

#include <jansson.h>

#include <ktstr/check.h>

#include "base/err.h"

void strings_free(char **list);

int list_get_copy(const json_t *o, const char *key, char **ret, struct err **err);
/* A clean line (base/text.h). */
int list_get_name(const json_t *o, const char *key, char **ret, struct err **err);
/* NULL if it is absent or null. */
int list_get_optional(const json_t *o, const char *key, char **ret);
int list_get_unsigned(const json_t *o, const char *key, unsigned *ret, struct err **err);
/* NULL-terminated. */
int list_get_strings(const json_t *o, const char *key, char ***ret, struct err **err);
int list_get_switch(const json_t *o, const char *key, enum ktstr_switch *ret, struct err **err);
/* A switch that is false where it is absent. */
int list_get_bool(const json_t *o, const char *key, bool *ret, struct err **err);
/* The checks in "checks"; one that is absent is not set. */
int list_get_checks(const json_t *o, struct ktstr_checks *ret, struct err **err);
/* "constraints"; those that are not there stay as they are. */
int list_get_constraints(const json_t *o, struct ktstr_constraints *ret, struct err **err);

#endif
