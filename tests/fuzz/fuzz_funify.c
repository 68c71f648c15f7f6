/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON of anybody, in two pieces: the result is the same as in one. */
#include <string.h>

#include "funify/funify.h"
#include "fuzz.h"

static int funify_text(const char *data, size_t len, size_t cut, struct buf *out)
{
	static const uint8_t key[FUNIFY_KEY_BYTES] = { 1, 2, 3 };
	struct funify *f = funify_new(key, false);
	if (!f)
		abort();
	int r = funify_feed(f, data, cut, out, NULL);
	r = r < 0 ? r : funify_feed(f, data + cut, len - cut, out, NULL);
	r = r < 0 ? r : funify_end(f, out, NULL);
	funify_free(f);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf whole = BUF_NULL, pieces = BUF_NULL;
	const char *text = (const char *)data;
	int r = funify_text(text, size, 0, &whole);
	if (funify_text(text, size, size / 2, &pieces) != r)
		abort();
	if (r < 0)
		return 0;
	if (whole.len != pieces.len || memcmp(whole.data, pieces.data, whole.len) != 0)
		abort();
	return 0;
}
