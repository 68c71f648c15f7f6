/* SPDX-License-Identifier: GPL-2.0-only */
/* capacity.c -- see capacity.h. */
#include "vmm/qemu/preload/capacity.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_VARIABLE "KTSTR_TCG_CAPACITIES"

int64_t capacity_of(unsigned vcpu)
{
	const char *at = getenv(CAPACITY_VARIABLE);
	for (unsigned i = 0; at && i < vcpu; i++) {
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return at ? max(min(atoll(at), CAPACITY_MAX), 1) : CAPACITY_MAX;
}
