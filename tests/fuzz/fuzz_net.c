/* SPDX-License-Identifier: GPL-2.0-only */
/* Data from servers: releases.json, lists of checksums, response headers, and the versions in them. */
#include "base/bug.h"
#include "fuzz.h"
#include "net/outcome.h"
#include "net/releases.h"

static void fuzz_releases(const char *data, size_t size)
{
	struct releases r;
	if (releases_parse(data, size, "x", &r, NULL) < 0)
		return;
	REQUIRE(r.count > 0);
	for (size_t i = 1; i < r.count; i++)
		REQUIRE(kversion_compare(&r.list[i - 1].version, &r.list[i].version) > 0);
	releases_newest(&r, 8);
	releases_of_series(&r, &r.list[0].version);
	releases_done(&r);
}

static void fuzz_header(const char *data, size_t size)
{
	struct response r = { 0 };
	while (size) {
		const char *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) + 1 : size;
		response_line(&r, data, len);
		data += len;
		size -= len;
	}
	REQUIRE(strlen(r.validator) < sizeof(r.validator) && !strchr(r.validator, '\r'));
}

static void fuzz_version(const char *text)
{
	struct kversion v, again;
	char out[KVERSION_TEXT_MAX], path[KVERSION_PATH_MAX];
	if (kversion_parse(text, &v) < 0)
		return;
	REQUIRE(kversion_parse(kversion_format(&v, out), &again) == 0 && !kversion_compare(&v, &again));
	kversion_tarball_path(&v, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char sum[SHA256_TEXT_MAX];
	if (!size)
		return 0;
	char *text = fuzz_text(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		fuzz_releases(text, size - 1);
		break;
	case 1:
		if (sha256sums_find(text, size - 1, "linux-6.12.3.tar.xz", sum, NULL) == 0)
			REQUIRE(strlen(sum) == SHA256_TEXT_MAX - 1);
		break;
	case 2:
		fuzz_header(text, size - 1);
		break;
	default:
		fuzz_version(text);
		break;
	}
	free(text);
	return 0;
}
