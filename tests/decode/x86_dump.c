/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes an x86-64 machine's ACPI tables and CPUID leaves in formats that other programs read.
 *
 *	x86_dump acpi 2n4l4c1t MIB DIRECTORY		every table in a file of its own, named by its signature
 *	... acpi 2n2l4c1t MIB DIRECTORY 2:512,0:256 10,17,17,10	nodes (LLCs:MiB) and distances one by one
 *	x86_dump cpuid 2n4l4c1t intel|amd|...|kvm	all CPUs' leaves, in the format of cpuid(1)'s --raw;
 *							kvm: on this machine's /dev/kvm
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/parse.h"
#include "topo/topology.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void take_nodes(struct ktstr_topology *t, const char *nodes, const char *distances)
{
	t->numa_nodes = t->llcs = 0;
	for (struct ktstr_numa_node n;
	     t->numa_nodes < KTSTR_NODES_MAX && sscanf(nodes, "%u:%u", &n.llcs, &n.memory_mib) == 2;) {
		t->nodes[t->numa_nodes++] = n;
		t->llcs += n.llcs;
		nodes += strcspn(nodes, ",");
		nodes += *nodes == ',';
	}
	for (size_t i = 0; *distances && i < ARRAY_SIZE(t->distances); i++) {
		t->distances[i] = (unsigned char)atoi(distances);
		distances += strcspn(distances, ",");
		distances += *distances == ',';
	}
}

static int plan_ram(const struct ktstr_topology *t, uint64_t total, struct x86_ram *ret)
{
	uint64_t mib[64];
	for (unsigned i = 0; i < t->numa_nodes; i++)
		mib[i] = topology_node_mib(t, i, total);
	return x86_ram_plan_nodes(t->numa_nodes, mib, ret, NULL);
}

/* Tables lie one after the other behind the RSDP, on 16-byte boundaries, with zeros between. */
static int dump_acpi(const struct ktstr_topology *t, const char *mib, const char *dir)
{
	static uint8_t out[X86_ACPI_BYTES_MAX];
	uint64_t total;
	struct x86_ram ram;
	if (parse_u64(mib, &total) < 0 || plan_ram(t, total, &ram) < 0)
		return 2;
	struct acpi_config c = { .topology = *t, .ram = &ram, .virtio = X86_VIRTIO_MAX };
	size_t len = acpi_build(&c, X86_ACPI, out, sizeof(out));
	for (size_t at = 0, bytes; at < len; at = (at + bytes + 15) & ~(size_t)15) {
		char path[4096];
		bytes = at ? MAX_OF(le32(out + at + 4), 16u) : 36;
		if (!out[at])
			continue;
		snprintf(path, sizeof(path), "%s/%.4s.dat", dir, at ? (char *)out + at : "RSDP");
		if (file_write_atomic(path, out + at, bytes, 0644, NULL) < 0)
			return 2;
	}
	printf("%zu\n", len);
	return len == 0;
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

#define HOST_CACHE(level, type, ways, sets, sharing)                                       \
	.eax = (type) | (level) << 5 | 1 << 8 | (uint32_t)((sharing)-1) << 14 | 15u << 26, \
	.ebx = 63 | ((ways)-1) << 22, .ecx = (sets)-1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* A server of 16 cores with SMT, as KVM_GET_SUPPORTED_CPUID reports it, without the leaves that do not matter here. */
static const struct kvm_cpuid_entry2 intel[] = {
	{ .function = 0, .eax = 0x1f, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e },
	{ .function = 1, .eax = 0x000806f8, .ebx = 0x23200800, .ecx = 0x76fa3203, .edx = 0x1fcbfbff },
	{ .function = 4, .index = 0, HOST_CACHE(1, 1, 12, 64, 2) },
	{ .function = 4, .index = 1, HOST_CACHE(1, 2, 8, 64, 2) },
	{ .function = 4, .index = 2, HOST_CACHE(2, 3, 16, 2048, 2) },
	{ .function = 4, .index = 3, HOST_CACHE(3, 3, 15, 49152, 64) },
	{ .function = 7, .ebx = 0x219c07ab, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
	{ .function = 0xa, .eax = 0x07300805, .edx = 0x8603 },
	{ .function = 0xb,
	  .index = 0,
	  .eax = 1,
	  .ebx = 2,
	  .ecx = 0x100,
	  .edx = 35,
	  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
	{ .function = 0x1f,
	  .index = 0,
	  .eax = 1,
	  .ebx = 2,
	  .ecx = 0x100,
	  .edx = 35,
	  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
	{ .function = 0x80000000, .eax = 0x80000008 },
	{ .function = 0x80000001, .ecx = 0x121, .edx = 0x2c100800 },
	{ .function = 0x80000008, .eax = 0x3028 },
	{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d },
	{ .function = 0x40000001, .eax = 0x01007efb },
};

static const struct kvm_cpuid_entry2 amd[] = {
	{ .function = 0, .eax = 0x10, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 },
	{ .function = 1, .eax = 0x00a20f12, .ebx = 0x07100800, .ecx = 0x76f83203, .edx = 0x178bfbff },
	{ .function = 7, .ebx = 0x219c01a9, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
	{ .function = 0x80000000, .eax = 0x80000023, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 },
	{ .function = 0x80000001, .eax = 0x00a20f12, .ecx = 0x004a37f3, .edx = 0x2fd3fbff },
	{ .function = 0x80000006, .ecx = 0x02006140, .edx = 0x01009140 },
	{ .function = 0x80000008, .eax = 0x3030, .ecx = 0x700f },
	{ .function = 0x8000001d, .index = 0, HOST_CACHE(1, 1, 8, 64, 2) },
	{ .function = 0x8000001d, .index = 1, HOST_CACHE(1, 2, 8, 64, 2) },
	{ .function = 0x8000001d, .index = 2, HOST_CACHE(2, 3, 8, 1024, 2) },
	{ .function = 0x8000001d, .index = 3, HOST_CACHE(3, 3, 16, 32768, 16) },
	{ .function = 0x8000001e, .eax = 7, .ebx = 0x103, .ecx = 0 },
};

struct host {
	const char *name;
	const struct kvm_cpuid_entry2 *leaves;
	size_t count;
	uint32_t signature; /* replaces the leaves' value, unless 0 */
	bool hygon, bare;   /* bare: only the leaves that are required */
};

static const struct host hosts[] = {
	{ "intel", intel, ARRAY_SIZE(intel), 0, false, false },
	{ "intel-bare", intel, ARRAY_SIZE(intel), 0, false, true },
	{ "amd", amd, ARRAY_SIZE(amd), 0, false, false },
	{ "amd-bare", amd, ARRAY_SIZE(amd), 0, false, true },
	{ "zen1", amd, ARRAY_SIZE(amd), 0x00800f12, false, false },
	{ "hygon", amd, ARRAY_SIZE(amd), 0x00900f02, true, false },
};

static void rename_host(struct kvm_cpuid_entry2 *e, const struct host *h)
{
	if (h->signature && (e->function == 1 || e->function == 0x80000001))
		e->eax = h->signature;
	if (!h->hygon || (e->function != 0 && e->function != 0x80000000))
		return;
	memcpy(&e->ebx, "Hygo", 4);
	memcpy(&e->edx, "nGen", 4);
	memcpy(&e->ecx, "uine", 4);
}

static struct kvm_cpuid2 *list_new(size_t room)
{
	struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + room * sizeof(list->entries[0]));
	if (!list)
		abort();
	return list;
}

static struct kvm_cpuid2 *supported_by(const struct host *h)
{
	struct kvm_cpuid2 *list = list_new(CPUID_ENTRIES_MAX);
	for (size_t i = 0; i < h->count; i++) {
		struct kvm_cpuid_entry2 e = h->leaves[i];
		rename_host(&e, h);
		if (!h->bare || e.function == 0 || e.function == 1)
			list->entries[list->nent++] = e;
	}
	return list;
}

static struct kvm_cpuid2 *supported_here(void)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_cpuid2 *list = list_new(CPUID_ENTRIES_MAX);
	list->nent = CPUID_ENTRIES_MAX;
	if (kvm < 0 || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list) < 0)
		list->nent = 0;
	return list;
}

static int dump_cpuid(const struct ktstr_topology *t, const struct kvm_cpuid2 *supported)
{
	_cleanup_free_ struct kvm_cpuid2 *out = list_new(CPUID_ENTRIES_MAX);
	for (unsigned cpu = 0; cpu < topology_cpus(t); cpu++) {
		out->nent = CPUID_ENTRIES_MAX;
		if (cpuid_for_vcpu(supported, t, cpu, out) < 0)
			return 2;
		printf("CPU %u:\n", cpu);
		for (unsigned i = 0; i < out->nent; i++) {
			const struct kvm_cpuid_entry2 *e = &out->entries[i];
			printf("   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n", e->function, e->index,
			       e->eax, e->ebx, e->ecx, e->edx);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct ktstr_topology t;
	if (argc < 4 || topology_parse(argv[2], &t, NULL) < 0)
		return 2;
	if (argc == 5 && !strcmp(argv[1], "acpi"))
		return dump_acpi(&t, argv[3], argv[4]);
	if (argc == 7 && !strcmp(argv[1], "acpi")) {
		take_nodes(&t, argv[5], argv[6]);
		return topology_check(&t, NULL) < 0 ? 2 : dump_acpi(&t, argv[3], argv[4]);
	}
	_cleanup_free_ struct kvm_cpuid2 *supported = strcmp(argv[3], "kvm") ? NULL : supported_here();
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (!strcmp(argv[3], hosts[i].name))
			supported = supported_by(&hosts[i]);
	return supported && !strcmp(argv[1], "cpuid") ? dump_cpuid(&t, supported) : 2;
}
