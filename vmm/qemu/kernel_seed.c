/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_seed.c -- see kernel_seed.h. The header: Linux, Documentation/arch/x86/boot.rst. */
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "vmm/qemu/kernel_seed.h"

#define HEADER_AT    0x202
#define HEADER_MAGIC "HdrS"
#define SEED_AT	     0x240 /* hardware_subarch_data */
#define VERSION_MIN  0x207 /* of the boot protocol that has it */

struct header {
	char magic[4];
	uint16_t version;
};

static bool has_field(int fd)
{
	struct header h = { 0 };
	return fd_pread_full(fd, &h, sizeof(h), HEADER_AT) == 0 && !memcmp(h.magic, HEADER_MAGIC, sizeof(h.magic)) &&
	       h.version >= VERSION_MIN;
}

int kernel_seed_boot(const char *image, uint64_t seed, const atomic_bool *cancel, int *ret_fd, struct err **err)
{
	struct rng mix = { seed };
	const uint64_t bits = rng_next(&mix);
	_cleanup_close_ int in = file_open(image, err);
	if (in < 0)
		return in;
	if (!has_field(in))
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' is not a bzImage, which KASLR needs; name one", image);
	_cleanup_close_ int out = memfd_new("ktstr-kernel", 0);
	if (out < 0)
		return FAIL_SYS(err, out, "copy the kernel '%s'", image);
	int r = fd_copy(in, out, cancel, err);
	if (r == 0 && (r = fd_pwrite_full(out, &bits, sizeof(bits), SEED_AT)) < 0)
		r = FAIL_SYS(err, r, "copy the kernel '%s'", image);
	if (r == 0)
		*ret_fd = TAKE_FD(out);
	return r;
}
