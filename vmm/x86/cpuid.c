/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpuid.c -- see cpuid.h. Fields: Intel SDM vol. 2, CPUID, and vol. 3, 9.9; AMD64 APM vol. 3, appendix E; KVM's leaves:
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "topo/topology.h"
#include "vmm/x86/cpuid.h"

enum vendor { VENDOR_INTEL, VENDOR_AMD, VENDOR_HYGON }; /* all but AMD and Hygon have Intel's leaves */

/* One vCPU's place in the topology, and the widths of thread and core numbers in its APIC id. */
struct place {
	unsigned cpu, apic_id, apic_id_max;
	unsigned thread_bits, package_bits;
	unsigned threads, package_cpus;
	unsigned core, package;
};

struct list {
	struct kvm_cpuid2 *to;
	unsigned room;
	bool full;
};

/* --- topology ----------------------------------------------------------------------------------------------------- */

static unsigned bits_for(unsigned count)
{
	unsigned bits = 0;
	while (1u << bits < count)
		bits++;
	return bits;
}

static void locate(const struct ktstr_topology *t, unsigned cpu, struct place *ret)
{
	unsigned per_llc = t->cores * t->threads, thread = cpu % t->threads;
	*ret = (struct place){
		.cpu = cpu,
		.apic_id_max = topology_apic_id_max(t),
		.thread_bits = bits_for(t->threads),
		.package_bits = bits_for(t->cores) + bits_for(t->threads),
		.threads = t->threads,
		.package_cpus = per_llc,
		.core = cpu % per_llc / t->threads,
		.package = cpu / per_llc,
	};
	ret->apic_id = ret->package << ret->package_bits | ret->core << ret->thread_bits | thread;
}

unsigned x86_apic_id(const struct ktstr_topology *t, unsigned cpu)
{
	struct place p;
	locate(t, cpu, &p);
	return p.apic_id;
}

unsigned x86_cpu_node(const struct ktstr_topology *t, unsigned cpu)
{
	return ktstr_node_of_llc(t, cpu / (t->cores * t->threads));
}

/* --- lists of leaves ---------------------------------------------------------------------------------------------- */

static const struct kvm_cpuid_entry2 *find_in(const struct kvm_cpuid2 *list, uint32_t function)
{
	for (unsigned i = 0; i < list->nent; i++)
		if (list->entries[i].function == function)
			return &list->entries[i];
	return NULL;
}

static void push_leaf(struct list *l, struct kvm_cpuid_entry2 e)
{
	if (l->to->nent == l->room)
		l->full = true;
	else
		l->to->entries[l->to->nent++] = e;
}

/* Returns the leaf, added with zeros where the host has none. NULL: no room. */
static struct kvm_cpuid_entry2 *want_leaf(struct list *l, uint32_t function)
{
	const struct kvm_cpuid_entry2 *e = find_in(l->to, function);
	if (e)
		return (struct kvm_cpuid_entry2 *)e;
	push_leaf(l, (struct kvm_cpuid_entry2){ .function = function });
	return l->full ? NULL : &l->to->entries[l->to->nent - 1];
}

static enum vendor vendor_of(const struct kvm_cpuid_entry2 *leaf0)
{
	char name[12];
	memcpy(name, &leaf0->ebx, 4);
	memcpy(name + 4, &leaf0->edx, 4);
	memcpy(name + 8, &leaf0->ecx, 4);
	if (!memcmp(name, "AuthenticAMD", sizeof(name)))
		return VENDOR_AMD;
	return memcmp(name, "HygonGenuine", sizeof(name)) ? VENDOR_INTEL : VENDOR_HYGON;
}

/* --- leaves 1, 0xb, 0x1f ------------------------------------------------------------------------------------------ */

#define LEAF1_ECX_PDCM	       (1u << 15)
#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_EDX_HTT	       (1u << 28)

/*
 * KVM_GET_SUPPORTED_CPUID does not report the TSC deadline timer; the in-kernel local APIC, which we always use, has
 * it.
 */
static void patch_leaf1(struct kvm_cpuid_entry2 *e, const struct place *p)
{
	e->ebx &= 0x0000ffffu;
	e->ebx |= (p->apic_id & 0xffu) << 24 | MIN_OF(p->package_cpus, 255u) << 16;
	e->ecx &= ~LEAF1_ECX_PDCM;
	e->ecx |= LEAF1_ECX_X2APIC | LEAF1_ECX_TSC_DEADLINE | LEAF1_ECX_HYPERVISOR;
	e->edx &= ~LEAF1_EDX_HTT;
	e->edx |= p->package_cpus > 1 ? LEAF1_EDX_HTT : 0;
}

enum level_type { LEVEL_NONE = 0, LEVEL_SMT = 1, LEVEL_CORE = 2 };

static void push_level(struct list *l, uint32_t function, uint32_t index, enum level_type type, const struct place *p)
{
	struct kvm_cpuid_entry2 e = { .function = function,
				      .index = index,
				      .edx = p->apic_id,
				      .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
				      .ecx = (uint32_t)type << 8 | index };
	if (type == LEVEL_SMT) {
		e.eax = p->thread_bits;
		e.ebx = p->threads;
	} else if (type == LEVEL_CORE) {
		e.eax = p->package_bits;
		e.ebx = p->package_cpus;
	}
	push_leaf(l, e);
}

static void push_levels(struct list *l, uint32_t function, const struct place *p)
{
	push_level(l, function, 0, LEVEL_SMT, p);
	push_level(l, function, 1, LEVEL_CORE, p);
	push_level(l, function, 2, LEVEL_NONE, p);
}

/* Adds leaf 0x1f only where the host has it: it repeats leaf 0xb, which every guest gets. */
static void add_extended_topology(struct list *l, struct kvm_cpuid_entry2 *leaf0, const struct place *p)
{
	leaf0->eax = MAX_OF(leaf0->eax, 0xbu);
	push_levels(l, 0xb, p);
	if (leaf0->eax >= 0x1f)
		push_levels(l, 0x1f, p);
}

/* --- caches: leaf 4 and 0x8000001d -------------------------------------------------------------------------------- */

#define CACHE_TYPE(eax)	 ((eax)&0x1fu)
#define CACHE_LEVEL(eax) ((eax) >> 5 & 7u)
#define CACHE_SELF_INIT	 (1u << 8)
#define CACHE(type, level, ways, sets)                                                                   \
	{                                                                                                \
		.eax = (type) | (level) << 5 | CACHE_SELF_INIT, .ebx = 63u | (uint32_t)((ways)-1) << 22, \
		.ecx = (sets)-1                                                                          \
	}

/* For hosts that report no caches: lines of 64 bytes; 32 KiB, 32 KiB, 1 MiB, 16 MiB. */
static const struct kvm_cpuid_entry2 default_caches[] = {
	CACHE(1, 1, 8, 64),
	CACHE(2, 1, 8, 64),
	CACHE(3, 2, 16, 1024),
	CACHE(3, 3, 16, 16384),
};
#define DEFAULT_LLC (&default_caches[ARRAY_SIZE(default_caches) - 1])

/*
 * The sharing field counts APIC ids, including gaps. On Intel, Linux rounds it up to a power of two and shifts by it;
 * on AMD it aligns ids down to a multiple of it. Both are right only for a power of two.
 */
static void push_cache(struct list *l, uint32_t function, uint32_t index, const struct kvm_cpuid_entry2 *host,
		       const struct place *p)
{
	struct kvm_cpuid_entry2 e = *host;
	unsigned core_bits = p->package_bits - p->thread_bits;
	uint32_t sharing = (1u << (CACHE_LEVEL(e.eax) >= 3 ? p->package_bits : p->thread_bits)) - 1;
	uint32_t cores = function == 4 ? MIN_OF((1u << core_bits) - 1, 0x3fu) : 0;
	e.function = function;
	e.index = index;
	e.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	e.eax = (e.eax & 0x3fffu) | (sharing & 0xfffu) << 14 | cores << 26;
	push_leaf(l, e);
}

/* Adds the host's caches with the guest's sharing, and a last level where the host reports none. */
static void add_caches(struct list *l, uint32_t function, const struct kvm_cpuid2 *host, const struct place *p)
{
	uint32_t index = 0;
	bool llc = false;
	for (unsigned i = 0; i < host->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &host->entries[i];
		if (e->function != function || !CACHE_TYPE(e->eax))
			continue;
		llc |= CACHE_LEVEL(e->eax) >= 3;
		push_cache(l, function, index++, e, p);
	}
	for (size_t i = index ? ARRAY_SIZE(default_caches) : 0; i < ARRAY_SIZE(default_caches); i++) {
		llc = true;
		push_cache(l, function, index++, &default_caches[i], p);
	}
	if (!llc)
		push_cache(l, function, index++, DEFAULT_LLC, p);
	push_leaf(l, (struct kvm_cpuid_entry2){
			     .function = function, .index = index, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX });
}

/* --- AMD and Hygon ------------------------------------------------------------------------------------------------ */

#define EXT1_ECX_CMP_LEGACY (1u << 1)
#define EXT1_ECX_NODEID_MSR (1u << 19)
#define EXT1_ECX_TOPOEXT    (1u << 22)
#define EXT6_EDX_L3_FIELDS  0xfffcf000u
#define EXT6_EDX_L3_DEFAULT (32u << 18 | 8u << 12 | 1u << 8 | 64u) /* 16 MiB, 16 ways, lines of 64 bytes */
#define SIGNATURE_ZEN2	    0x00830f10u

static unsigned family_of(uint32_t signature)
{
	unsigned base = signature >> 8 & 0xf;
	return base == 0xf ? base + (signature >> 20 & 0xff) : base;
}

static unsigned model_of(uint32_t signature)
{
	return (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
}

/*
 * On Hygon and first-generation Zen, Linux does not read from a leaf which CPUs share an L3, but takes APIC ids >> 3.
 * Where that is wrong for the declared topology, the guest's processor calls itself a Zen 2: it has the same features,
 * and Linux reads its leaves.
 */
static void hide_fixed_llc(struct list *l, enum vendor vendor, const struct place *p)
{
	struct kvm_cpuid_entry2 *leaf0 = want_leaf(l, 0), *leaf1 = want_leaf(l, 1), *ext0 = want_leaf(l, 0x80000000);
	struct kvm_cpuid_entry2 *ext1 = want_leaf(l, 0x80000001);
	if (l->full || p->package_bits == 3)
		return;
	if (vendor == VENDOR_AMD && (family_of(leaf1->eax) != 0x17 || model_of(leaf1->eax) > 0x1f))
		return;
	memcpy(&leaf0->ebx, "Auth", 4);
	memcpy(&leaf0->edx, "enti", 4);
	memcpy(&leaf0->ecx, "cAMD", 4);
	ext0->ebx = leaf0->ebx;
	ext0->edx = leaf0->edx;
	ext0->ecx = leaf0->ecx;
	leaf1->eax = ext1->eax = SIGNATURE_ZEN2;
}

/*
 * NodeId is AMD's name for a die of a package. Our packages have one die, so its number is the package's. Before family
 * 17h, Linux also takes it for the number of the L3; a NUMA node with several LLCs could not serve as that.
 */
static void add_amd_topology(struct list *l, const struct kvm_cpuid2 *host, const struct place *p)
{
	struct kvm_cpuid_entry2 *ext0 = want_leaf(l, 0x80000000), *ext1 = want_leaf(l, 0x80000001),
				*ext6 = want_leaf(l, 0x80000006);
	struct kvm_cpuid_entry2 *ext8 = want_leaf(l, 0x80000008), *ext1e = want_leaf(l, 0x8000001e);
	if (l->full)
		return;
	ext0->eax = MAX_OF(ext0->eax, 0x8000001eu);
	ext1->ecx &= ~(EXT1_ECX_CMP_LEGACY | EXT1_ECX_NODEID_MSR);
	ext1->ecx |= EXT1_ECX_TOPOEXT | (p->package_cpus > 1 ? EXT1_ECX_CMP_LEGACY : 0);
	if (!(ext6->edx & EXT6_EDX_L3_FIELDS))
		ext6->edx = EXT6_EDX_L3_DEFAULT;
	ext8->ecx &= ~0xffffu;
	ext8->ecx |= p->package_bits << 12 | MIN_OF(p->package_cpus - 1, 0xffu);
	ext1e->eax = p->apic_id;
	ext1e->ebx = (p->threads - 1) << 8 | (p->core & 0xffu);
	ext1e->ecx = p->package & 0xffu;
	ext1e->edx = 0;
	add_caches(l, 0x8000001d, host, p);
}

/* --- KVM's own leaves --------------------------------------------------------------------------------------------- */

#define KVM_BASE	    0x40000000u
#define KVM_FEATURES	    0x40000001u
#define KVM_MSI_EXT_DEST_ID (1u << 15)
#define KVM_HINT_REALTIME   (1u << 0)
#define APIC_ID_8BIT_MAX    254u

/* Without interrupt remapping, Linux uses APIC ids above 254 only if MSIs can carry them (KVM_CAP_X2APIC_API). */
static void add_hypervisor(struct list *l, const struct place *p)
{
	struct kvm_cpuid_entry2 *base = want_leaf(l, KVM_BASE), *features = want_leaf(l, KVM_FEATURES);
	if (l->full)
		return;
	base->eax = MAX_OF(base->eax, KVM_FEATURES);
	memcpy(&base->ebx, "KVMK", 4);
	memcpy(&base->ecx, "VMKV", 4);
	memcpy(&base->edx, "M\0\0\0", 4);
	features->eax |= p->apic_id_max > APIC_ID_8BIT_MAX ? KVM_MSI_EXT_DEST_ID : 0;
}

void cpuid_set_realtime(struct kvm_cpuid2 *c)
{
	struct kvm_cpuid_entry2 *e = (struct kvm_cpuid_entry2 *)find_in(c, KVM_FEATURES);
	if (e)
		e->edx |= KVM_HINT_REALTIME;
}

bool cpuid_has_realtime(const struct kvm_cpuid2 *c)
{
	const struct kvm_cpuid_entry2 *e = find_in(c, KVM_FEATURES);
	return e && (e->edx & KVM_HINT_REALTIME);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Leaves that describe the host's topology: built anew, or left out. */
static bool is_host_topology(uint32_t function)
{
	static const uint32_t functions[] = { 4, 0xb, 0x1f, 0x8000001d, 0x8000001e, 0x80000026 };
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i] == function)
			return true;
	return false;
}

static void copy_leaf(struct list *l, struct kvm_cpuid_entry2 e)
{
	if (is_host_topology(e.function))
		return;
	/* No PMU: its counts would include the host. */
	if (e.function == 0xa)
		e.eax = e.ebx = e.ecx = e.edx = 0;
	push_leaf(l, e);
}

int cpuid_for_vcpu(const struct kvm_cpuid2 *supported, const struct ktstr_topology *t, unsigned cpu,
		   struct kvm_cpuid2 *out)
{
	const struct kvm_cpuid_entry2 *host0 = find_in(supported, 0);
	struct list l = { .to = out, .room = out->nent };
	struct place p;
	if (!host0 || !find_in(supported, 1) || cpu >= topology_cpus(t))
		return -EINVAL;
	enum vendor vendor = vendor_of(host0);
	locate(t, cpu, &p);
	out->nent = 0;
	out->padding = 0;
	for (unsigned i = 0; i < supported->nent; i++)
		copy_leaf(&l, supported->entries[i]);
	if (l.full)
		return -E2BIG;
	patch_leaf1(want_leaf(&l, 1), &p);
	add_extended_topology(&l, want_leaf(&l, 0), &p);
	if (vendor == VENDOR_INTEL) {
		add_caches(&l, 4, supported, &p);
	} else {
		add_amd_topology(&l, supported, &p);
		hide_fixed_llc(&l, vendor, &p);
	}
	add_hypervisor(&l, &p);
	return l.full ? -E2BIG : 0;
}
