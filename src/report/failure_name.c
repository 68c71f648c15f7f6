/* SPDX-License-Identifier: GPL-2.0-only */
/* failure_name.c -- see failure_name.h. */
#include "report/failure_name.h"

#include <stdio.h>
#include <string.h>

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

bool failure_name(const json_t *result, char out[FAILURE_NAME_MAX])
{
	const char *verdict = member(result, "verdict");
	char signature[SIGNATURE_MAX] = "", kind[32] = "";
	json_t *one;
	size_t i;
	json_array_foreach(json_object_get(result, "details"), i, one) {
		if (strcmp(member(one, "verdict"), verdict) != 0)
			continue;
		signature_of(member(one, "message"), signature);
		snprintf(kind, sizeof(kind), "%s", member(one, "kind"));
		break;
	}
	snprintf(out, FAILURE_NAME_MAX, "%.16s/%s: %s", verdict, kind, signature);
	return !strcmp(verdict, "fail");
}
