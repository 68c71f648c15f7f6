/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of cached files, and gpgv's output: only content that was stored may be accepted. */
#include <fcntl.h>
#include <string.h>

#include "base/cachefile.h"
#include "base/file.h"
#include "fuzz.h"
#include "kernel/signature.h"

/* A line that the fuzzer would have to guess: it ends with a fingerprint of 40 digits. */
static void read_line(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *line = strndup((const char *)data, size);
	if (!line)
		abort();
	if (signature_line_is_good(line, true) && strlen(line) < strlen("[GNUPG:] VALIDSIG ") + 40)
		abort();
	if (signature_line_is_good(line, false) && !strstr(line, SIGNATURE_KERNEL_ORG))
		abort();
}

/* Not synced: only the content that is read back matters here. */
static void put(const char *dir, const char *name, const void *data, size_t size)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fd_write_full(fd, data, size) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/ktstr-fuzz-XXXXXX";
	_cleanup_close_ int fd = -1;
	read_line(data, size);
	if (!mkdtemp(dir))
		abort();
	put(dir, "a.x", "content", 7);
	put(dir, "a.x.sum", data, size);
	/* Only a record of exactly this content may confirm it. */
	if (cachefile_open(dir, "a.x", NULL, &fd) == 0)
		abort();
	remove_tree(dir, NULL);
	return 0;
}
