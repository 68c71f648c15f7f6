/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies of kernel images with the seed of the place at which the kernel runs. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "t.h"
#include "vmm/qemu/kernel_seed.h"

#define IMAGE_BYTES 0x1000
#define SEED_AT	    0x240
#define SEED_BYTES  8

/* The header of a bzImage, and code. */
static int make_image(uint16_t version, uint8_t image[IMAGE_BYTES])
{
	memset(image, 0x90, IMAGE_BYTES);
	memcpy(image + 0x202, "HdrS", 4);
	memcpy(image + 0x206, &version, sizeof(version));
	int fd = memfd_new("image", 0);
	ck_assert_int_ge(fd, 0);
	t_ok(fd_write_full(fd, image, IMAGE_BYTES));
	return fd;
}

static int seed_image(int in, uint64_t seed, uint8_t ret[IMAGE_BYTES], struct err **err)
{
	char path[40];
	_cleanup_close_ int out = -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	int r = kernel_seed_boot(path, seed, NULL, &out, err);
	if (r == 0)
		t_ok(fd_pread_full(out, ret, IMAGE_BYTES, 0));
	return r;
}

START_TEST(a_seed_changes_one_field)
{
	uint8_t image[IMAGE_BYTES], first[IMAGE_BYTES], again[IMAGE_BYTES], other[IMAGE_BYTES];
	_cleanup_close_ int in = make_image(0x20f, image);
	t_ok(seed_image(in, 1, first, NULL));
	t_ok(seed_image(in, 1, again, NULL));
	t_ok(seed_image(in, 2, other, NULL));
	ck_assert_mem_eq(first, again, IMAGE_BYTES);
	ck_assert_mem_ne(first + SEED_AT, image + SEED_AT, SEED_BYTES);
	ck_assert_mem_ne(first + SEED_AT, other + SEED_AT, SEED_BYTES);
	memcpy(first + SEED_AT, image + SEED_AT, SEED_BYTES);
	memcpy(other + SEED_AT, image + SEED_AT, SEED_BYTES);
	ck_assert_mem_eq(first, image, IMAGE_BYTES);
	ck_assert_mem_eq(other, image, IMAGE_BYTES);
}
END_TEST

START_TEST(what_is_no_bzimage_is_refused)
{
	uint8_t image[IMAGE_BYTES], copy[IMAGE_BYTES];
	_cleanup_err_ struct err *err = NULL;
	_cleanup_close_ int old = make_image(0x206, image), empty = memfd_new("empty", 0);
	_cleanup_close_ int none = -1;
	t_errno(seed_image(old, 1, copy, NULL), EBADMSG);
	t_errno(seed_image(empty, 1, copy, &err), EBADMSG);
	t_err_contains(&err, "is not a bzImage, which KASLR needs");
	t_errno(kernel_seed_boot("/no/such/kernel", 1, NULL, &none, NULL), ENOENT);
	ck_assert_int_eq(none, -1);
}
END_TEST

static void fill(TCase *t)
{
	tcase_add_test(t, a_seed_changes_one_field);
	tcase_add_test(t, what_is_no_bzimage_is_refused);
}

int main(void)
{
	return t_main("kernel_seed", fill);
}
