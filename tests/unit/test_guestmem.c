/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest memory is read and written only inside its nodes, whatever addresses the guest gives. */
#include <string.h>
#include <sys/mman.h>

#include "ram.h"
#include "t.h"
#include "vmm/guestmem.h"
#include "vmm/x86/layout.h"

START_TEST(memory_goes_around_the_gap)
{
	struct x86_ram r;
	t_ok(x86_ram_plan(2, 5001, &r, NULL));
	ck_assert_uint_eq(r.count, 3);
	ck_assert_uint_eq(r.region[0].size, 2500 * MIB);
	ck_assert_uint_eq(r.region[1].address, 2500 * MIB);
	ck_assert_uint_eq(r.region[1].address + r.region[1].size, X86_MMIO_GAP);
	ck_assert_uint_eq(r.region[2].address, X86_MMIO_GAP_END);
	ck_assert_uint_eq(r.region[2].node, 1);
	ck_assert_uint_eq(r.region[1].size + r.region[2].size, 2501 * MIB);
	ck_assert_uint_eq(x86_ram_low_end(&r), X86_MMIO_GAP);
	ck_assert(x86_ram_covers(&r, 0, X86_MMIO_GAP));
	ck_assert(!x86_ram_covers(&r, 0, X86_MMIO_GAP + 1));
	ck_assert(!x86_ram_covers(&r, UINT64_MAX, 1));
	t_ok(x86_ram_plan(64, 8192, &r, NULL));
	ck_assert_uint_eq(r.count, 64);
	t_ok(x86_ram_plan(1, 3072, &r, NULL));
	ck_assert_uint_eq(r.count, 1);
	t_ok(x86_ram_plan(3, 9216, &r, NULL));
	ck_assert_uint_eq(r.region[1].address, X86_MMIO_GAP_END);
}
END_TEST

START_TEST(memory_that_cannot_be_is_refused)
{
	struct x86_ram r;
	struct err *err = NULL;
	t_errno(x86_ram_plan(0, 64, &r, &err), ERANGE);
	t_err_contains(&err, "0 NUMA nodes");
	t_errno(x86_ram_plan(65, 6400, &r, &err), ERANGE);
	t_err_contains(&err, "65 NUMA nodes");
	t_errno(x86_ram_plan(4, 3, &r, &err), ERANGE);
	t_err_contains(&err, "3 MiB");
	t_errno(x86_ram_plan(1, UINT64_MAX, &r, &err), ERANGE);
	t_err_contains(&err, "must be 1 to");
}
END_TEST

START_TEST(writes_cross_regions_but_not_holes)
{
	static const uint8_t data[] = "0123456789abcdef";
	ram_new(2, 64);
	t_ok(x86_ram_write(&ram, 32 * MIB - 8, data, sizeof(data)));
	ck_assert(!memcmp(x86_ram_at(&ram, 32 * MIB - 8, 8), "01234567", 8));
	ck_assert(!memcmp(x86_ram_at(&ram, 32 * MIB, 8), "89abcdef", 8));
	ck_assert_ptr_null(x86_ram_at(&ram, 32 * MIB - 8, 9));
	t_errno(x86_ram_write(&ram, 64 * MIB - 1, data, 2), EFAULT);
	ck_assert_uint_eq(*x86_ram_at(&ram, 64 * MIB - 1, 1), 0);
	ram_free();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, memory_goes_around_the_gap);
	tcase_add_test(tc, memory_that_cannot_be_is_refused);
	tcase_add_test(tc, writes_cross_regions_but_not_holes);
}

int main(void)
{
	return t_main("guestmem", fill);
}
