/* SPDX-License-Identifier: GPL-2.0-only */
/* reference.c -- see reference.h. */
#include "cli/reference.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cachefile.h"
#include "base/file.h"
#include "base/hash.h"

#define SUFFIX	  ".reference"
#define FILES_MAX 1000

/* 0: this program cannot be read. */
static uint64_t hash_own_program(void)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct siphash h;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size)
		return 0;
	void *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return 0;
	siphash_init(&h);
	siphash_update(&h, text, (size_t)st.st_size);
	munmap(text, (size_t)st.st_size);
	return siphash_final(&h);
}

void reference_open(struct reference *ret)
{
	*ret = (struct reference){ .dir = cache_sibling("references") };
	ret->build = ret->dir ? hash_own_program() : 0;
}

void reference_done(struct reference *r)
{
	free(r->dir);
}

static void make_name(const struct reference *r, const struct session *s, const struct kernel *k, const char *question,
		      char ret[NAME_MAX])
{
	char numbers[120];
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, k->key);
	siphash_string(&h, s->accel.backend->name);
	snprintf(numbers, sizeof(numbers), "%lx %lx %u %u %lu", r->build, s->seed, s->accel.lag_ns, s->args->start,
		 s->args->time_dilation);
	siphash_string(&h, numbers);
	snprintf(ret, NAME_MAX, "%.40s-%016lx" SUFFIX, question, siphash_final(&h));
}

bool reference_get(const struct reference *r, const struct session *s, const struct kernel *k, const char *question,
		   double *ret)
{
	char name[NAME_MAX], text[64] = "", *end;
	_cleanup_close_ int fd = -1;
	if (!r->build || !k->key)
		return false;
	make_name(r, s, k, question, name);
	if (cachefile_open(r->dir, name, NULL, &fd) < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	*ret = strtod(text, &end);
	return end != text && isfinite(*ret);
}

void reference_put(const struct reference *r, const struct session *s, const struct kernel *k, const char *question,
		   double number)
{
	char name[NAME_MAX], text[64];
	if (!r->build || !k->key || !isfinite(number))
		return;
	make_name(r, s, k, question, name);
	int n = snprintf(text, sizeof(text), "%.17g\n", number);
	cachefile_store(r->dir, name, text, (size_t)n, NULL);
	cachefile_trim(r->dir, SUFFIX, FILES_MAX);
}
