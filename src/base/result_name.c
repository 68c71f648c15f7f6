/* SPDX-License-Identifier: GPL-2.0-only */
/* result_name.c -- see result_name.h. */
#include <string.h>

#include "base/result_name.h"

bool is_sidecar_name(const char *name)
{
	const char *mark = strstr(name, ".ktstr.");
	size_t len = strlen(name);
	return mark && len > 5 && !strcmp(name + len - 5, ".json");
}
