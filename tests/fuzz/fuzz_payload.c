/* SPDX-License-Identifier: GPL-2.0-only */
/* Output of payloads: numbers in JSON, results in TAP. */
#include <math.h>

#include "base/json_numbers.h"
#include "base/tap.h"
#include "fuzz.h"

struct seen {
	int count, stop_at;
};

static bool leaf(void *arg, const char *path, double value)
{
	struct seen *s = arg;
	if (strlen(path) >= LEAF_PATH_MAX || !isfinite(value))
		abort();
	return ++s->count != s->stop_at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	/* No NUL behind it, so the sanitizer finds reads beyond the end. */
	char *text = malloc(size);
	struct seen s = { .stop_at = data[0] };
	struct tap_count c;
	bool truncated;
	memcpy(text, data + 1, size - 1);
	int n = json_numbers(text, size - 1, leaf, &s, &truncated);
	if (n >= 0 && n != s.count - (s.stop_at && s.count == s.stop_at))
		abort();
	tap_read(text, size - 1, NULL, &c);
	tap_read(text, size - 1, "name", &c);
	free(text);
	return 0;
}
