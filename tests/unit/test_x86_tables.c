/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI tables and CPUID at their limits. tests/decode/x86.py checks with other programs what they say of a topology. */
#include <string.h>

#include "t.h"
#include "topo/topology.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"

#define MIB ((uint64_t)1 << 20)

/* --- ACPI --------------------------------------------------------------------------------------------------------- */

static uint8_t tables[X86_ACPI_BYTES_MAX + 16];

static const struct ktstr_topology largest[] = {
	{ 1, 1, 256, 2 }, { 8, 64, 8, 1 }, { 64, 256, 1, 2 }, { 64, 64, 1, 8 }, { 1, 1, 1, 1 },
};

static size_t build(const struct ktstr_topology *t, size_t size)
{
	struct x86_ram ram;
	t_ok(x86_ram_plan(t->numa_nodes, 8192, &ram, NULL));
	struct acpi_config c = { .topology = *t, .ram = &ram, .virtio = X86_VIRTIO_MAX };
	return acpi_build(&c, X86_ACPI, tables, size);
}

START_TEST(acpi_fits_for_every_topology)
{
	t_ok(topology_check(&largest[_i], NULL));
	ck_assert_uint_gt(build(&largest[_i], X86_ACPI_BYTES_MAX), 0);
}
END_TEST

/* Every buffer that is too small is refused, and nothing is written behind it. */
START_TEST(acpi_without_room_is_refused)
{
	struct ktstr_topology t = { 2, 2, 2, 1 };
	size_t needed = build(&t, X86_ACPI_BYTES_MAX);
	for (size_t size = 0; size < needed; size++) {
		memset(tables, 0xa5, sizeof(tables));
		ck_assert_uint_eq(build(&t, size), 0);
		for (size_t i = size; i < size + 16; i++)
			ck_assert_uint_eq(tables[i], 0xa5);
	}
	ck_assert_uint_eq(build(&t, needed), needed);
}
END_TEST

START_TEST(acpi_lists_only_devices_in_use)
{
	static const uint8_t name[] = "LNRO0005";
	struct x86_ram ram;
	t_ok(x86_ram_plan(1, 256, &ram, NULL));
	struct acpi_config c = { .topology = { 1, 1, 1, 1 }, .ram = &ram, .virtio = 3 };
	size_t len = acpi_build(&c, X86_ACPI, tables, sizeof(tables)), found = 0;
	for (const uint8_t *p = tables; (p = memmem(p, (size_t)(tables + len - p), name, 8)); p++)
		found++;
	ck_assert_uint_eq(found, 3);
}
END_TEST

/* --- CPUID -------------------------------------------------------------------------------------------------------- */

static union {
	struct kvm_cpuid2 list;
	char room[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2)];
} host, guest;

static void host_add(struct kvm_cpuid_entry2 e)
{
	host.list.entries[host.list.nent++] = e;
}

static void host_new(bool amd)
{
	memset(&host, 0, sizeof(host));
	if (amd)
		host_add((struct kvm_cpuid_entry2){
			.function = 0, .eax = 0xd, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 });
	else
		host_add((struct kvm_cpuid_entry2){
			.function = 0, .eax = 7, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e });
	host_add((struct kvm_cpuid_entry2){
		.function = 1, .eax = 0x00a20f12, .ebx = 0xff200800, .ecx = 1u << 15, .edx = 1u << 28 });
	host_add((struct kvm_cpuid_entry2){ .function = 0x80000026, .eax = 9 });
}

static int make(const struct ktstr_topology *t, unsigned cpu, unsigned room)
{
	memset(&guest, 0xa5, sizeof(guest));
	guest.list.nent = room;
	return cpuid_for_vcpu(&host.list, t, cpu, &guest.list);
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < guest.list.nent; i++)
		if (guest.list.entries[i].function == function && guest.list.entries[i].index == index)
			return &guest.list.entries[i];
	return NULL;
}

START_TEST(cpuid_without_room_is_refused)
{
	struct ktstr_topology t = { 1, 2, 2, 2 };
	host_new(_i);
	t_ok(make(&t, 3, CPUID_ENTRIES_MAX));
	unsigned needed = guest.list.nent;
	for (unsigned room = 0; room < needed; room++) {
		t_errno(make(&t, 3, room), E2BIG);
		ck_assert_uint_eq(guest.list.entries[room].function, 0xa5a5a5a5);
	}
	t_ok(make(&t, 3, needed));
	ck_assert_uint_eq(guest.list.nent, needed);
}
END_TEST

START_TEST(cpuid_needs_a_host_and_a_cpu)
{
	struct ktstr_topology t = { 1, 2, 2, 2 };
	host_new(false);
	t_errno(make(&t, 8, CPUID_ENTRIES_MAX), EINVAL);
	host.list.entries[1].function = 2;
	t_errno(make(&t, 0, CPUID_ENTRIES_MAX), EINVAL);
	host.list.nent = 0;
	t_errno(make(&t, 0, CPUID_ENTRIES_MAX), EINVAL);
}
END_TEST

/* No leaf twice, no leaf with the host's topology, and the flags that KVM needs. */
START_TEST(cpuid_leaves_are_unique)
{
	struct ktstr_topology t = { 1, 2, 2, 2 };
	host_new(_i);
	t_ok(make(&t, 7, CPUID_ENTRIES_MAX));
	for (unsigned i = 0; i < guest.list.nent; i++)
		ck_assert_ptr_eq(leaf(guest.list.entries[i].function, guest.list.entries[i].index),
				 &guest.list.entries[i]);
	ck_assert_ptr_null(leaf(0x80000026, 0));
	ck_assert_ptr_null(leaf(_i ? 4 : 0x8000001d, 0));
	ck_assert_uint_eq(leaf(0xb, 1)->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	ck_assert_uint_eq(leaf(1, 0)->ecx, 1u << 31 | 1u << 24 | 1u << 21);
	ck_assert_uint_eq(leaf(0, 0)->eax, _i ? 0xdu : 0xbu);
}
END_TEST

START_TEST(cpuid_says_what_kvm_is)
{
	struct ktstr_topology small = { 1, 1, 1, 1 }, large = { 1, 16, 9, 2 };
	host_new(false);
	t_ok(make(&small, 0, CPUID_ENTRIES_MAX));
	ck_assert(!memcmp(&leaf(0x40000000, 0)->ebx, "KVMKVMKVM\0\0\0", 12));
	ck_assert_uint_eq(leaf(0x40000001, 0)->eax, 0);
	ck_assert_uint_eq(leaf(0x40000001, 0)->edx, 0);
	ck_assert_uint_eq(leaf(1, 0)->edx >> 28 & 1, 0);
	cpuid_set_realtime(&guest.list);
	ck_assert_uint_eq(leaf(0x40000001, 0)->edx, 1);
	t_ok(make(&large, 287, CPUID_ENTRIES_MAX));
	ck_assert_uint_eq(leaf(0x40000001, 0)->eax, 1u << 15);
	ck_assert_uint_eq(leaf(0xb, 0)->edx, x86_apic_id(&large, 287));
	ck_assert_uint_eq(x86_apic_id(&large, 287), topology_apic_id_max(&large));
	ck_assert_uint_gt(topology_apic_id_max(&large), 254);
}
END_TEST

START_TEST(nodes_follow_the_llcs)
{
	struct ktstr_topology t = { 2, 4, 3, 2 };
	ck_assert_uint_eq(x86_cpu_node(&t, 0), 0);
	ck_assert_uint_eq(x86_cpu_node(&t, 11), 0);
	ck_assert_uint_eq(x86_cpu_node(&t, 12), 1);
	ck_assert_uint_eq(x86_cpu_node(&t, 23), 1);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, acpi_fits_for_every_topology, 0, ARRAY_SIZE(largest));
	tcase_add_test(tc, acpi_without_room_is_refused);
	tcase_add_test(tc, acpi_lists_only_devices_in_use);
	tcase_add_loop_test(tc, cpuid_without_room_is_refused, 0, 2);
	tcase_add_test(tc, cpuid_needs_a_host_and_a_cpu);
	tcase_add_loop_test(tc, cpuid_leaves_are_unique, 0, 2);
	tcase_add_test(tc, cpuid_says_what_kvm_is);
	tcase_add_test(tc, nodes_follow_the_llcs);
}

int main(void)
{
	return t_main("x86_tables", fill);
}
