/* SPDX-License-Identifier: GPL-2.0-only */
/* ELF files, scripts and the loader's cache, as found on a user's disk. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fuzz.h"
#include "image/elf.h"
#include "image/ldcache.h"
#include "image/script.h"
#include "vmm/qemu/kernel_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	uint32_t api;
	_cleanup_buf_ struct buf image = BUF_NULL;
	_cleanup_close_ int fd = memfd_new("fuzz", 0);
	struct closure *c = calloc(1, sizeof(*c));
	if (fd < 0 || !c || fd_write_full(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	elf_api_version(path, &api);
	elf_load_image(path, &image, NULL);
	int quick = -1;
	kernel_patch_boot(path, true, NULL, NULL, &quick);
	fd_close(quick);
	closure_add(c, path, NULL);
	struct script script;
	fchmod(fd, 0755);
	script_read(path, &script, NULL);
	script_done(&script);
	closure_done(c);
	free(c);
	free(ldcache_find_in((const char *)data, size, "libc.so.6"));
	return 0;
}
