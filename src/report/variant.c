/* SPDX-License-Identifier: GPL-2.0-only */
/* variant.c -- what distinguishes variants of one test, as a number for the name of their files; see sidecar.h. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "report/sidecar.h"

#define WORK_TYPE_DEFAULT "SpinWait"

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void hash_sorted(struct siphash *h, const char *const *list)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	const char **sorted = calloc(count + 1, sizeof(*sorted));
	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = list[i];
	if (sorted && count)
		qsort(sorted, count, sizeof(*sorted), compare_strings);
	for (size_t i = 0; sorted && i < count; i++)
		siphash_string(h, sorted[i]);
	free(sorted);
}

static void hash_mark(struct siphash *h, uint8_t mark)
{
	siphash_update(h, &mark, 1);
}

/* The work type part of the hash is constant, because a run cannot replace the work types of a test. */
uint64_t sidecar_variant(const struct sidecar_variant *v)
{
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, v->topology ?: "");
	siphash_string(&h, v->scheduler ?: "eevdf");
	hash_mark(&h, 0xfc);
	siphash_string(&h, v->payload ?: "");
	siphash_string(&h, WORK_TYPE_DEFAULT);
	hash_mark(&h, 0xfe);
	hash_mark(&h, 0xfd);
	hash_sorted(&h, v->sysctls);
	hash_mark(&h, 0xff);
	hash_sorted(&h, v->kargs);
	hash_mark(&h, 0xfb);
	siphash_string(&h, v->kernel ?: "");
	hash_mark(&h, 0xfa);
	siphash_string(&h, v->suite ?: "");
	return siphash_final(&h);
}
