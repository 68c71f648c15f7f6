/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_seed.h -- makes a copy of a kernel image that chooses by a seed where the kernel runs (KASLR). */
#ifndef KTSTR_VMM_QEMU_KERNEL_SEED_H
#define KTSTR_VMM_QEMU_KERNEL_SEED_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The code in a bzImage that unpacks the kernel draws its place from a hash of struct boot_params, from RDRAND, and
 * from the time stamp counter (Linux: arch/x86/boot/compressed/kaslr.c, arch/x86/lib/kaslr.c). On tcg there is no
 * RDRAND, and the counter is a function of the instructions. The copy has the seed in a field of its header that no PC
 * reads, and that is a part of struct boot_params. So the same seed gives the same place.
 *
 * Leaves the copy's descriptor, a memfd, in *@ret_fd. -EBADMSG: @image is not a bzImage with that field. Blocks for
 * some milliseconds.
 */
int kernel_seed_boot(const char *image, uint64_t seed, const atomic_bool *cancel, int *ret_fd, struct err **err);

#endif
