/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine before its first instruction: its creation, and large pages for the memory that its kernel will touch. */
#include <string.h>

#include "base/file.h"
#include "fake_kvm.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/kvm/guest.h"
#include "vmm/x86/layout.h"

#define MIB   (1ull << 20)
#define LARGE (2 * MIB)

static const uint8_t halt[] = { 0xf4 };
static const struct step exits_at_once[] = { { .reason = KVM_EXIT_IO, .port = X86_PORT_EXIT, .value = 7 } };

/* Number of bytes for which large pages were requested. */
static uint64_t asked_for(unsigned nodes, uint64_t node_mib, bool perf)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct kvm_guest_config c = { .topology = { (uint16_t)nodes, (uint16_t)nodes, 1, 1 },
				      .nodes = nodes,
				      .initrd_fd = -1,
				      .device = "/dev/kvm",
				      .cmdline = "none",
				      .perf = perf };
	struct kvm_guest g;
	for (unsigned i = 0; i < nodes; i++) {
		c.node[i].size = node_mib * MIB;
		c.node[i].fd = memfd_new("ram", c.node[i].size);
		c.pinning.node[i] = PIN_ANY;
	}
	c.kernel_fd = kernel_with(halt, sizeof(halt));
	c.console_fd = memfd_new("console", 0);
	t_ok(kvm_guest_init(&g, &sys, &c, NULL));
	kvm_guest_done(&g);
	for (unsigned i = 0; i < nodes; i++)
		fd_close(c.node[i].fd);
	fd_close(c.kernel_fd);
	fd_close(c.console_fd);
	return f.collapsed;
}

START_TEST(what_boots_has_large_pages)
{
	uint64_t small = asked_for(1, 192, false), large = asked_for(1, 384, false);
	/*
	 * The first 4 MiB, 2 MiB for a smaller kernel, and 4 MiB plus a 64th of the RAM at its end, in whole pages.
	 */
	ck_assert_uint_eq(small, (4 + 2 + 8) * MIB);
	ck_assert_uint_eq(large, (4 + 2 + 10) * MIB);
	ck_assert_uint_eq(asked_for(1, 192, true), 0);
}
END_TEST

START_TEST(many_nodes_take_no_more_than_some)
{
	uint64_t two = asked_for(2, 256, false), many = asked_for(8, 1024, false);
	ck_assert_uint_eq(two, asked_for(1, 256, false) + 8 * MIB);
	ck_assert_uint_gt(many, two);
	ck_assert_uint_le(many, 96 * MIB);
}
END_TEST

/* An odd number of MiB: host and guest addresses are never aligned for a large page, and the guest still boots. */
START_TEST(odd_nodes_boot_as_well)
{
	ck_assert_uint_gt(asked_for(3, 191, false), 0);
}
END_TEST

/* Hosts before Linux 6.1 cannot collapse memory, and others may refuse: then the memory stays unchanged. */
START_TEST(collapsed_memory_keeps_what_is_in_it)
{
	const uint64_t size = 16 * MIB;
	_cleanup_close_ int fd = memfd_new("ram", size);
	void *p = NULL;
	char said[8] = "";
	t_ok(fd_pwrite_full(fd, "before", 6, 5 * MIB + 3));
	t_ok(kvm_sys_real.map(NULL, fd, size, &p));
	ck_assert_uint_eq((uintptr_t)p % LARGE, 0);
	int r = kvm_sys_real.collapse(NULL, p, size);
	ck_assert_int_le(r, 0);
	if (r == 0)
		ck_assert(kvm_sys_real.is_huge(NULL, fd, p, size));
	ck_assert_mem_eq((char *)p + 5 * MIB + 3, "before", 6);
	memcpy((char *)p + 9 * MIB, "behind", 6);
	t_ok(fd_pread_full(fd, said, 6, 9 * MIB));
	ck_assert_str_eq(said, "behind");
	kvm_sys_real.unmap(NULL, p, size);
}
END_TEST

/* A signal can interrupt KVM_CREATE_VM, on a busy host more than once. */
START_TEST(machine_is_asked_for_again)
{
	static const struct {
		unsigned interruptions;
		int error;
	} cases[] = { { 0, 0 }, { 1, 0 }, { 9, 0 }, { 1000, -EINTR } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake f;
		struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
		f.interruptions = cases[i].interruptions;
		_cleanup_close_ int vm = sys_create_vm(&sys, 3);
		ck_assert_int_eq(vm < 0 ? vm : 0, cases[i].error);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, what_boots_has_large_pages);
	tcase_add_test(tc, many_nodes_take_no_more_than_some);
	tcase_add_test(tc, odd_nodes_boot_as_well);
	tcase_add_test(tc, machine_is_asked_for_again);
	tcase_add_test(tc, collapsed_memory_keeps_what_is_in_it);
}

int main(void)
{
	return t_main("early", fill);
}
