/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz_main.c -- main() of a target that is built without libFuzzer: replays the target's corpus, then mutations of it
 * from a fixed seed, so that every test run gives each parser some thousands of damaged inputs.
 *
 *   fuzz_TARGET DIRECTORY [MUTATIONS]
 */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/rng.h"
#include "fuzz.h"

#define INPUTS_MAX 4096
#define GROWTH	   64

static struct buf input[INPUTS_MAX];
static size_t inputs;

static void load(const char *dir)
{
	DIR *d = opendir(dir);
	for (struct dirent *e; d && inputs < INPUTS_MAX && (e = readdir(d));) {
		_cleanup_free_ char *path = e->d_name[0] == '.' ? NULL : path_join(dir, e->d_name);
		if (path && file_read(path, 1 << 20, &input[inputs], NULL) == 0)
			inputs++;
	}
	if (d)
		closedir(d);
}

/* Applies a few mutations at random places: flips, overwrites, cuts, duplications. */
static size_t mutate(uint8_t *data, size_t len, size_t cap, struct rng *rng)
{
	for (uint64_t n = 1 + rng_below(rng, 6); n-- && len;) {
		size_t at = rng_below(rng, len);
		switch (rng_below(rng, 5)) {
		case 0:
			data[at] ^= (uint8_t)(1u << rng_below(rng, 8));
			break;
		case 1:
			data[at] = (uint8_t)rng_next(rng);
			break;
		case 2:
			len = at;
			break;
		case 3:
			memset(data + at, rng_below(rng, 2) ? 0xff : 0, MIN_OF(len - at, 8));
			break;
		default:
			if (len < cap) {
				memmove(data + at + 1, data + at, len - at);
				len++;
			}
			break;
		}
	}
	return len;
}

int main(int argc, char **argv)
{
	uint32_t mutations = 3000;
	struct rng rng = { 1 };
	if (argc < 2 || (argc > 2 && parse_u32_range(argv[2], 0, UINT32_MAX, &mutations) < 0))
		return 64;
	load(argv[1]);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (size_t i = 0; i < inputs; i++)
		LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&input[i]), input[i].len);
	for (uint32_t n = 0; inputs && n < mutations; n++) {
		const struct buf *from = &input[rng_below(&rng, inputs)];
		size_t cap = from->len + GROWTH;
		_cleanup_free_ uint8_t *copy = malloc(cap);
		if (!copy)
			return 1;
		memcpy(copy, buf_str(from), from->len);
		LLVMFuzzerTestOneInput(copy, mutate(copy, from->len, cap, &rng));
	}
	for (size_t i = 0; i < inputs; i++)
		buf_done(&input[i]);
	printf("%zu kept inputs, %u mutations of them\n", inputs, inputs ? mutations : 0);
	return inputs ? 0 : 1;
}
