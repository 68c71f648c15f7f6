/* SPDX-License-Identifier: GPL-2.0-only */
/* acpi.c -- see acpi.h. Section numbers are those of the ACPI 6.4 specification. */
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "topo/topology.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/aml.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"

#define RSDP_BYTES     36u
#define TABLE_ALIGN    16u
#define DISTANCE_LOCAL 10u

/* The tables being written: the place of the next one, and the addresses of those before. */
struct tables {
	struct out out;
	uint64_t address;   /* guest-physical, of out.data */
	uint64_t listed[8]; /* for the XSDT */
	unsigned count;
};

static void set_checksum(struct out *o, size_t from, size_t len, size_t at)
{
	uint8_t sum = 0;
	if (o->full)
		return;
	o->data[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + o->data[from + i]);
	o->data[at] = (uint8_t)-sum;
}

/* 5.2.6: writes the header of all tables. Returns the offset of the table. */
static size_t table_begin(struct tables *t, const char *signature, uint8_t revision)
{
	struct out *o = &t->out;
	out_align(o, TABLE_ALIGN);
	size_t at = o->len;
	out_bytes(o, signature, 4);
	out_32(o, 0); /* length, later */
	out_8(o, revision);
	out_8(o, 0); /* checksum, later */
	out_bytes(o, "KTSTR\0", 6);
	out_bytes(o, "KTSR", 4);
	out_bytes(o, signature, 4);
	out_32(o, 1);
	out_bytes(o, "KTSR", 4);
	out_32(o, 1);
	return at;
}

static uint64_t table_end(struct tables *t, size_t at)
{
	out_patch_32(&t->out, at + 4, (uint32_t)(t->out.len - at));
	set_checksum(&t->out, at, t->out.len - at, at + 9);
	return t->address + at;
}

static void list_table(struct tables *t, uint64_t address)
{
	REQUIRE(t->count < ARRAY_SIZE(t->listed));
	t->listed[t->count++] = address;
}

/* --- DSDT --------------------------------------------------------------------------------------------------------- */

static void add_com1(struct out *o)
{
	size_t device = aml_device(o, "COM1");
	aml_name_eisa(o, "_HID", "PNP0501");
	aml_name_integer(o, "_UID", 0);
	size_t crs = aml_resources(o);
	aml_io_ports(o, X86_PORT_COM1, X86_COM_PORTS);
	aml_interrupt(o, X86_COM1_IRQ);
	aml_resources_end(o, crs);
	aml_close(o, device);
}

static void add_virtio(struct out *o, unsigned i)
{
	const char name[4] = { 'V', 'R', 'T', (char)('0' + i) };
	size_t device = aml_device(o, name);
	aml_name_string(o, "_HID", "LNRO0005");
	aml_name_integer(o, "_UID", i);
	aml_name_integer(o, "_CCA", 1);
	size_t crs = aml_resources(o);
	aml_memory(o, (uint32_t)(X86_VIRTIO_MMIO + i * X86_VIRTIO_MMIO_BYTES), X86_VIRTIO_MMIO_BYTES);
	aml_interrupt(o, X86_VIRTIO_IRQ + i);
	aml_resources_end(o, crs);
	aml_close(o, device);
}

static uint64_t build_dsdt(struct tables *t, const struct acpi_config *c)
{
	static const uint8_t s5[] = { X86_SLEEP_TYPE_S5, X86_SLEEP_TYPE_S5, 0, 0 };
	size_t at = table_begin(t, "DSDT", 2);
	aml_name_package(&t->out, "_S5_", s5, sizeof(s5));
	size_t scope = aml_scope(&t->out, "\\_SB_");
	add_com1(&t->out);
	for (unsigned i = 0; i < c->virtio; i++)
		add_virtio(&t->out, i);
	aml_close(&t->out, scope);
	return table_end(t, at);
}

/* --- FACS 5.2.10, FADT 5.2.9 -------------------------------------------------------------------------------------- */

#define FACS_BYTES	      64u
#define FADT_BYTES	      276u
#define PM1_EVENT_BYTES	      4u /* status, then enable */
#define PM1_CONTROL_BYTES     2u
#define BOOT_ARCH_NO_VGA      (1u << 2)
#define BOOT_ARCH_NO_ASPM     (1u << 4)
#define BOOT_ARCH_NO_CMOS_RTC (1u << 5)
#define FADT_WBINVD	      (1u << 0)
#define FADT_PROC_C1	      (1u << 2)
#define FADT_PWR_BUTTON	      (1u << 4) /* set: no fixed-hardware button */
#define FADT_SLP_BUTTON	      (1u << 5)
#define FADT_RESET_REG_SUP    (1u << 10)
#define FADT_HEADLESS	      (1u << 12)
#define C2_LATENCY_NONE	      101u /* over 100 us: there is no C2 */
#define C3_LATENCY_NONE	      1001u

/* 5.2.3.2: a generic address of @bytes of I/O space. */
static void out_port(struct out *o, uint16_t port, uint8_t bytes, uint8_t access)
{
	out_8(o, 1);
	out_8(o, (uint8_t)(bytes * 8));
	out_8(o, 0);
	out_8(o, access);
	out_64(o, port);
}

/* The FACS has no checksum, no revision, and its own alignment. */
static uint64_t build_facs(struct tables *t)
{
	out_align(&t->out, FACS_BYTES);
	size_t at = t->out.len;
	out_bytes(&t->out, "FACS", 4);
	out_32(&t->out, FACS_BYTES);
	out_zeros(&t->out, 32 - 8);
	out_8(&t->out, 2); /* version */
	out_zeros(&t->out, FACS_BYTES - 33);
	return t->address + at;
}

static void build_fadt(struct tables *t, uint64_t facs, uint64_t dsdt)
{
	struct out *o = &t->out;
	size_t at = table_begin(t, "FACP", 6);
	out_32(o, (uint32_t)facs);
	out_32(o, (uint32_t)dsdt);
	out_16(o, 0);
	out_16(o, X86_PM_IRQ);
	out_zeros(o, 56 - 48); /* no SMI command: always in ACPI mode */
	out_32(o, X86_PORT_PM);
	out_32(o, 0);
	out_32(o, X86_PORT_PM + PM1_EVENT_BYTES);
	out_zeros(o, 88 - 68); /* PM1b, PM2, timer, GPE: none */
	out_8(o, PM1_EVENT_BYTES);
	out_8(o, PM1_CONTROL_BYTES);
	out_zeros(o, 96 - 90);
	out_16(o, C2_LATENCY_NONE);
	out_16(o, C3_LATENCY_NONE);
	out_zeros(o, 109 - 100);
	out_16(o, BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_ASPM | BOOT_ARCH_NO_CMOS_RTC);
	out_8(o, 0);
	out_32(o, FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG_SUP | FADT_HEADLESS);
	out_port(o, X86_PORT_KBD_COMMAND, 1, 1);
	out_8(o, X86_RESET_VALUE);
	out_16(o, 0); /* Arm boot flags */
	out_8(o, 4);  /* 6.4 */
	out_64(o, 0); /* the 32-bit field has the address */
	out_64(o, dsdt);
	out_port(o, X86_PORT_PM, PM1_EVENT_BYTES, 2);
	out_zeros(o, 172 - 160);
	out_port(o, X86_PORT_PM + PM1_EVENT_BYTES, PM1_CONTROL_BYTES, 2);
	out_zeros(o, 268 - 184);
	out_bytes(o, "KTSTRVMM", 8);
	REQUIRE(o->full || o->len - at == FADT_BYTES);
	list_table(t, table_end(t, at));
}

/* --- MADT, 5.2.12 ------------------------------------------------------------------------------------------------- */

#define APIC_ID_BROADCAST 255u /* not a valid 8-bit APIC id */

static void add_processor(struct out *o, unsigned cpu, unsigned apic_id)
{
	bool small = apic_id < APIC_ID_BROADCAST;
	out_8(o, small ? 0 : 9);
	out_8(o, small ? 8 : 16);
	if (small) {
		out_8(o, (uint8_t)cpu);
		out_8(o, (uint8_t)apic_id);
		out_32(o, 1);
		return;
	}
	out_16(o, 0);
	out_32(o, apic_id);
	out_32(o, 1);
	out_32(o, cpu);
}

/* The NMI comes in at LINT1 of every processor, with the bus's trigger mode and polarity. */
static void add_nmi(struct out *o, bool x2apic)
{
	out_8(o, 4);
	out_8(o, 6);
	out_8(o, 0xff);
	out_16(o, 0);
	out_8(o, 1);
	if (!x2apic)
		return;
	out_8(o, 10);
	out_8(o, 12);
	out_16(o, 0);
	out_32(o, UINT32_MAX);
	out_8(o, 1);
	out_zeros(o, 3);
}

static void add_ioapic(struct out *o)
{
	out_8(o, 1);
	out_8(o, 12);
	out_8(o, 0);
	out_8(o, 0);
	out_32(o, X86_IOAPIC);
	out_32(o, 0);
	/* The timer's ISA interrupt 0 comes in at pin 2. */
	out_8(o, 2);
	out_8(o, 10);
	out_8(o, 0);
	out_8(o, 0);
	out_32(o, 2);
	out_16(o, 0);
	/* The SCI is level-triggered; active high, as all of KVM's lines are. */
	out_8(o, 2);
	out_8(o, 10);
	out_8(o, 0);
	out_8(o, X86_PM_IRQ);
	out_32(o, X86_PM_IRQ);
	out_16(o, 3u << 2 | 1u);
}

static void build_madt(struct tables *t, const struct ktstr_topology *topology)
{
	struct out *o = &t->out;
	size_t at = table_begin(t, "APIC", 4);
	out_32(o, X86_LAPIC);
	out_32(o, 1); /* PCAT_COMPAT: ISA interrupts have their usual numbers */
	for (unsigned cpu = 0; cpu < topology_cpus(topology); cpu++)
		add_processor(o, cpu, x86_apic_id(topology, cpu));
	add_ioapic(o);
	add_nmi(o, topology_apic_id_max(topology) >= APIC_ID_BROADCAST);
	list_table(t, table_end(t, at));
}

/* --- NUMA: SRAT 5.2.16, SLIT 5.2.17, HMAT 5.2.27 ------------------------------------------------------------------ */

static void build_srat(struct tables *t, const struct acpi_config *c)
{
	struct out *o = &t->out;
	size_t at = table_begin(t, "SRAT", 3);
	out_32(o, 1);
	out_64(o, 0);
	for (unsigned cpu = 0; cpu < topology_cpus(&c->topology); cpu++) {
		out_8(o, 2); /* processor local x2APIC affinity: holds every id */
		out_8(o, 24);
		out_16(o, 0);
		out_32(o, x86_cpu_node(&c->topology, cpu));
		out_32(o, x86_apic_id(&c->topology, cpu));
		out_32(o, 1);
		out_64(o, 0);
	}
	for (unsigned i = 0; i < c->ram->count; i++) {
		out_8(o, 1);
		out_8(o, 40);
		out_32(o, c->ram->region[i].node);
		out_16(o, 0);
		out_64(o, c->ram->region[i].address);
		out_64(o, c->ram->region[i].size);
		out_32(o, 0);
		out_32(o, 1);
		out_64(o, 0);
	}
	list_table(t, table_end(t, at));
}

static void build_slit(struct tables *t, const struct ktstr_topology *p)
{
	unsigned nodes = p->numa_nodes;
	size_t at = table_begin(t, "SLIT", 1);
	out_64(&t->out, nodes);
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned j = 0; j < nodes; j++)
			out_8(&t->out, (uint8_t)topology_distance(p, i, j));
	list_table(t, table_end(t, at));
}

/* Local memory: 100 ns, 51,200 MB/s; remote memory scales with the distance. */
#define LATENCY_UNIT_PS	   100000u
#define LATENCY_LOCAL	   1u
#define BANDWIDTH_UNIT_MBS 10240u
#define BANDWIDTH_LOCAL	   5u

enum hmat_data { HMAT_ACCESS_LATENCY = 0, HMAT_ACCESS_BANDWIDTH = 3 };

static uint16_t hmat_entry(const struct ktstr_topology *p, enum hmat_data type, unsigned from, unsigned to)
{
	unsigned d = topology_distance(p, from, to);
	unsigned v =
		type == HMAT_ACCESS_LATENCY ? LATENCY_LOCAL * d / DISTANCE_LOCAL : BANDWIDTH_LOCAL * DISTANCE_LOCAL / d;
	return (uint16_t)MAX_OF(v, 1u);
}

/* Initiators are the nodes with processors, targets all. */
static void add_hmat_matrix(struct out *o, enum hmat_data type, const struct ktstr_topology *p, const unsigned *from,
			    unsigned initiators)
{
	unsigned nodes = p->numa_nodes;
	out_16(o, 1);
	out_16(o, 0);
	out_32(o, 32 + 4 * (initiators + nodes) + 2 * initiators * nodes);
	out_8(o, 0); /* memory, not a cache */
	out_8(o, (uint8_t)type);
	out_16(o, 0);
	out_32(o, initiators);
	out_32(o, nodes);
	out_32(o, 0);
	out_64(o, type == HMAT_ACCESS_LATENCY ? LATENCY_UNIT_PS : BANDWIDTH_UNIT_MBS);
	for (unsigned i = 0; i < initiators; i++)
		out_32(o, from[i]);
	for (unsigned j = 0; j < nodes; j++)
		out_32(o, j);
	for (unsigned i = 0; i < initiators; i++)
		for (unsigned j = 0; j < nodes; j++)
			out_16(o, hmat_entry(p, type, from[i], j));
}

/* A node with processors is the initiator of its own memory; memory by itself has none. */
static void build_hmat(struct tables *t, const struct ktstr_topology *p)
{
	struct out *o = &t->out;
	unsigned from[X86_REGIONS_MAX], initiators = 0, cpu;
	size_t at = table_begin(t, "HMAT", 2);
	out_32(o, 0);
	for (unsigned i = 0; i < p->numa_nodes; i++) {
		bool initiator = topology_first_cpu(p, i, &cpu);
		if (initiator)
			from[initiators++] = i;
		out_32(o, 0);
		out_32(o, 40);
		out_32(o, initiator); /* the initiator is valid */
		out_32(o, i);
		out_32(o, i);
		out_zeros(o, 20);
	}
	add_hmat_matrix(o, HMAT_ACCESS_LATENCY, p, from, initiators);
	add_hmat_matrix(o, HMAT_ACCESS_BANDWIDTH, p, from, initiators);
	list_table(t, table_end(t, at));
}

/* --- roots -------------------------------------------------------------------------------------------------------- */

static uint64_t build_xsdt(struct tables *t)
{
	size_t at = table_begin(t, "XSDT", 1);
	for (unsigned i = 0; i < t->count; i++)
		out_64(&t->out, t->listed[i]);
	return table_end(t, at);
}

/* 5.2.5.3. The RSDP goes to the room left at the start. */
static void build_rsdp(struct tables *t, uint64_t xsdt)
{
	struct out o = { .data = t->out.data, .size = RSDP_BYTES };
	out_bytes(&o, "RSD PTR ", 8);
	out_8(&o, 0);
	out_bytes(&o, "KTSTR\0", 6);
	out_8(&o, 2);
	out_32(&o, 0); /* no RSDT */
	out_32(&o, RSDP_BYTES);
	out_64(&o, xsdt);
	out_32(&o, 0);
	set_checksum(&o, 0, 20, 8);
	set_checksum(&o, 0, RSDP_BYTES, 32);
}

size_t acpi_build(const struct acpi_config *c, uint64_t address, uint8_t *out, size_t size)
{
	REQUIRE(c->virtio <= X86_VIRTIO_MAX && address % TABLE_ALIGN == 0);
	struct tables t = { .out = { .data = out, .size = size }, .address = address };
	out_zeros(&t.out, RSDP_BYTES);
	uint64_t dsdt = build_dsdt(&t, c);
	build_fadt(&t, build_facs(&t), dsdt);
	build_madt(&t, &c->topology);
	build_srat(&t, c);
	build_slit(&t, &c->topology);
	if (c->topology.numa_nodes > 1)
		build_hmat(&t, &c->topology);
	uint64_t xsdt = build_xsdt(&t);
	if (t.out.full)
		return 0;
	build_rsdp(&t, xsdt);
	return t.out.len;
}
