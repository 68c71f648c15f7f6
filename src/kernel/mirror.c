/* SPDX-License-Identifier: GPL-2.0-only */
/* mirror.c -- see mirror.h. */
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "kernel/mirror.h"

#define HOST_LISTS	"https://www.kernel.org"
#define HOST_TARBALLS	"https://cdn.kernel.org"
#define HOST_CANDIDATES "https://git.kernel.org"

const struct fetch_tuning MIRROR_LISTS = {
	.stall_window = 10 * NSEC_PER_SEC,
	.stall_bytes = 1024,
	.backoff_first = 300 * NSEC_PER_MSEC,
	.backoff_most = 2 * NSEC_PER_SEC,
	.retries = 2,
};

void mirror_urls_free(char **urls)
{
	for (size_t i = 0; urls && urls[i]; i++)
		free(urls[i]);
	free(urls);
}

/* Joins the first @len bytes of @base, without trailing slashes, and @path. */
static char *below(const char *base, size_t len, const char *path)
{
	char *url = NULL;
	while (len && base[len - 1] == '/')
		len--;
	return len && asprintf(&url, "%.*s%s", (int)len, base, path) >= 0 ? url : NULL;
}

char **mirror_urls(const char *host, const char *path)
{
	const char *said = environment_get(ENV_KERNEL_MIRROR);
	char **urls = calloc(MIRRORS_MAX + 1, sizeof(*urls));
	size_t n = 0;
	while (urls && said && *said && n < MIRRORS_MAX) {
		size_t len = strcspn(said, ",");
		urls[n] = below(said, len, path);
		n += urls[n] != NULL;
		said += len + (said[len] == ',');
	}
	if (urls && !n)
		urls[0] = below(host, strlen(host), path);
	if (urls && urls[0])
		return urls;
	free(urls);
	return NULL;
}

char **mirror_releases_json(void)
{
	return mirror_urls(HOST_LISTS, "/releases.json");
}

char **mirror_sums(unsigned major)
{
	char path[KVERSION_PATH_MAX];
	return mirror_urls(HOST_TARBALLS, kversion_sums_path(&(struct kversion){ .major = major }, path));
}

char **mirror_tarball(const struct kversion *v)
{
	char path[KVERSION_PATH_MAX], version[KVERSION_TEXT_MAX];
	if (v->rc == KVERSION_FINAL)
		return mirror_urls(HOST_TARBALLS, kversion_tarball_path(v, path));
	snprintf(path, sizeof(path), "/torvalds/t/linux-%s.tar.gz", kversion_format(v, version));
	return mirror_urls(HOST_CANDIDATES, path);
}
