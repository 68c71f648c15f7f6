/* SPDX-License-Identifier: GPL-2.0-only */
/* Tarballs from any source: no file may appear outside the target directory. */
#include <stdio.h>

#include "base/file.h"
#include "fuzz.h"
#include "kernel/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32], version[VERSION_TEXT_MAX], dir[] = "/tmp/ktstr-fuzz-XXXXXX";
	struct unpack_progress progress = { 0 };
	_cleanup_close_ int fd = memfd_new("fuzz", 0);
	if (fd < 0 || fd_write_full(fd, data, size) < 0 || !mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	unpack_peek_version(path, NULL, version, NULL);
	char *inside = path_join(dir, "a/b/c");
	if (mkdir_parents(inside, 0755, NULL) == 0)
		unpack_tarball(path, inside, NULL, &progress, NULL);
	remove_tree(dir, NULL);
	free(inside);
	return 0;
}
