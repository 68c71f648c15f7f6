/* SPDX-License-Identifier: GPL-2.0-only */
/* list_json.c -- see list_json.h. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "run/list_json.h"
#include "verdict/thresholds.h"

void strings_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

int list_get_copy(const json_t *o, const char *key, char **ret, struct err **err)
{
	const char *text;
	int r = json_get_string(o, key, &text, err);
	if (r == 0 && !(*ret = strdup(text)))
		return -ENOMEM;
	return r;
}

/* The library lists clean names only, so another name means that the list is not from the library. */
int list_get_name(const json_t *o, const char *key, char **ret, struct err **err)
{
	int r = list_get_copy(o, key, ret, err);
	if (r == 0 && !text_is_clean(*ret, strlen(*ret), /* line= */ true))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: '%s' has characters that cannot be shown", key, *ret);
	return r;
}

int list_get_unsigned(const json_t *o, const char *key, unsigned *ret, struct err **err)
{
	uint64_t value;
	int r = json_get_u64(o, key, &value, err);
	if (r == 0 && value > UINT32_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: too large", key);
	if (r == 0)
		*ret = (unsigned)value;
	return r;
}

int list_get_strings(const json_t *o, const char *key, char ***ret, struct err **err)
{
	const json_t *array = json_object_get(o, key);
	if (!json_is_array(array))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected an array", key);
	char **list = calloc(json_array_size(array) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		list[i] = text ? strdup(text) : NULL;
		if (!list[i]) {
			strings_free(list);
			return FAIL(err, ERR_DATA, -EBADMSG, "%s[%zu]: expected a string", key, i);
		}
	}
	*ret = list;
	return 0;
}

int list_get_switch(const json_t *o, const char *key, enum ktstr_switch *ret, struct err **err)
{
	unsigned value = 0;
	int r = list_get_unsigned(o, key, &value, err);
	if (r == 0 && value > 2)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: not a switch", key);
	*ret = value == 2 ? KTSTR_OFF : (enum ktstr_switch)value;
	return r;
}

/* A limit is a number, or false if it is switched off. */
static int get_limit(const json_t *v, const char *name, double *ret, struct err **err)
{
	double value = json_number_value(v);
	if (json_is_false(v)) {
		*ret = KTSTR_OFF;
		return 0;
	}
	if (!json_is_number(v) || !(value >= 0))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected a number of 0 or more, or false", name);
	*ret = value > 0 ? value : KTSTR_ZERO;
	return 0;
}

/* A check that the list does not contain is not set. */
static int get_check(const json_t *c, const struct threshold_row *row, void *to, struct err **err)
{
	const json_t *v = json_object_get(c, row->name);
	if (!v)
		return 0;
	if (row->kind == CHECK_LIMIT)
		return get_limit(v, row->name, to, err);
	if (!json_is_boolean(v))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected true or false", row->name);
	*(enum ktstr_switch *)to = json_is_true(v) ? KTSTR_ON : KTSTR_OFF;
	return 0;
}

int list_get_optional(const json_t *o, const char *key, char **ret)
{
	const char *text = json_string_value(json_object_get(o, key));
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* Reads a switch; older test binaries do not list it. */
int list_get_bool(const json_t *o, const char *key, bool *ret, struct err **err)
{
	enum ktstr_switch value = KTSTR_UNSET;
	int r = json_object_get(o, key) ? list_get_switch(o, key, &value, err) : 0;
	*ret = value == KTSTR_ON;
	return r;
}

int list_get_checks(const json_t *o, struct ktstr_checks *ret, struct err **err)
{
	const json_t *c = json_object_get(o, "checks");
	if (!json_is_object(c))
		return FAIL(err, ERR_DATA, -EBADMSG, "checks: expected an object");
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		int r = get_check(c, &threshold_rows[i], (char *)ret + threshold_rows[i].at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int list_get_constraints(const json_t *o, struct ktstr_constraints *ret, struct err **err)
{
	const json_t *c = json_object_get(o, "constraints");
	const struct {
		const char *key;
		unsigned *to;
	} fields[] = {
		{ "min_llcs", &ret->min_llcs },
		{ "max_llcs", &ret->max_llcs },
		{ "min_cpus", &ret->min_cpus },
		{ "max_cpus", &ret->max_cpus },
		{ "min_numa_nodes", &ret->min_numa_nodes },
		{ "max_numa_nodes", &ret->max_numa_nodes },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		int r = list_get_unsigned(c, fields[i].key, fields[i].to, err);
		if (r < 0)
			return err_wrap(err, r, "constraints");
	}
	int r = list_get_switch(c, "requires_smt", &ret->requires_smt, err);
	return r == 0 ? list_get_switch(c, "requires_kinds", &ret->requires_kinds, err) : r;
}
