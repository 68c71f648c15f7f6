/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devicetree.c -- see devicetree.h. Bindings: the kernel's Documentation/devicetree/bindings (arm/cpus.yaml,
 * cpu/cpu-topology.txt, cpu/cpu-capacity.txt, numa.txt, interrupt-controller/arm,gic-v3.yaml). Addresses and interrupts
 * are those of QEMU's hw/arm/virt.c.
 */
#include <arpa/inet.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "topo/topology.h"
#include "vmm/arm64/devicetree.h"
#include "vmm/board.h"

#define TREE_BYTES_MAX ((size_t)1 << 20)
#define CELLS_MAX      192

#define GIC_DISTRIBUTOR_ADDRESS	   0x08000000
#define GIC_DISTRIBUTOR_BYTES	   0x00010000
#define GIC_REDISTRIBUTORS_ADDRESS 0x080a0000
#define GIC_REDISTRIBUTORS_BYTES   0x00f60000
#define UART_ADDRESS		   0x09000000
#define UART_BYTES		   0x00001000
#define PCI_MEMORY_ADDRESS	   0x10000000
#define PCI_MEMORY_BYTES	   0x2eff0000
#define PCI_PORTS_ADDRESS	   0x3eff0000
#define PCI_PORTS_BYTES		   0x00010000
#define PCI_CONFIG_HIGH		   0x40 /* 0x4010000000: above RAM of any size that a test has */
#define PCI_CONFIG_LOW		   0x10000000
#define PCI_CONFIG_BYTES	   0x10000000
#define CPU_HZ			   1000000000u
#define PCI_INTERRUPT_FIRST	   3
#define INTERRUPT_SPI		   0
#define INTERRUPT_PPI		   1
#define LEVEL_HIGH		   4

/* References between nodes. */
enum phandle {
	HANDLE_GIC = 1,
	HANDLE_CLOCK,
	HANDLE_CPU_CLOCK,
	HANDLE_POINTS = 0x100, /* + kind of cores */
	HANDLE_CPU = 0x1000,   /* + CPU */
	HANDLE_CORE = 0x2000,  /* + core: its second-level cache */
	HANDLE_LLC = 0x3000,   /* + LLC */
};

struct tree {
	void *fdt;
	int error;
};

/* --- writing properties ------------------------------------------------------------------------------------------- */

static void note_error(struct tree *t, int error)
{
	if (error && !t->error)
		t->error = error;
}

static void begin_node(struct tree *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void begin_node(struct tree *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	note_error(t, fdt_begin_node(t->fdt, name));
}

static void end_node(struct tree *t)
{
	note_error(t, fdt_end_node(t->fdt));
}

static void put_cells(struct tree *t, const char *name, const uint32_t *cell, size_t count)
{
	uint32_t big_endian[CELLS_MAX];
	REQUIRE(count <= CELLS_MAX);
	for (size_t i = 0; i < count; i++)
		big_endian[i] = htonl(cell[i]);
	note_error(t, fdt_property(t->fdt, name, big_endian, (int)(count * sizeof(*cell))));
}

#define CELLS(t, name, ...)                                       \
	put_cells((t), (name), (const uint32_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void put_text(struct tree *t, const char *name, const char *text)
{
	note_error(t, fdt_property_string(t->fdt, name, text));
}

/* Several strings, each with its NUL. */
#define TEXTS(t, name, text) note_error((t), fdt_property((t)->fdt, (name), (text), sizeof(text)))

static void put_flag(struct tree *t, const char *name)
{
	note_error(t, fdt_property(t->fdt, name, NULL, 0));
}

/* --- processors --------------------------------------------------------------------------------------------------- */

/* The affinity that QEMU gives to its processors: 16 to a group of the interrupt controller's targets. */
static uint32_t affinity_of(unsigned cpu)
{
	return cpu / 16 << 8 | cpu % 16;
}

static unsigned node_of_cpu(const struct ktstr_topology *t, unsigned cpu)
{
	return ktstr_node_of_llc(t, cpu / (t->cores * t->threads));
}

static unsigned kind_of_cpu(const struct ktstr_topology *t, unsigned cpu)
{
	unsigned core = cpu / t->threads, kind = 0;
	while (core >= t->kinds[kind].cores)
		core -= t->kinds[kind++].cores;
	return kind;
}

/*
 * The kernel scales these numbers so that the largest of all CPUs is 1024. With a table of operating points and a
 * coefficient of power it has an energy model. A frequency does not change how fast QEMU's CPUs are.
 */
static void put_capacity(struct tree *t, const struct ktstr_topology *topology, unsigned cpu)
{
	unsigned capacity = ktstr_core_capacity(topology, cpu / topology->threads);
	CELLS(t, "capacity-dmips-mhz", capacity);
	CELLS(t, "clocks", HANDLE_CPU_CLOCK);
	CELLS(t, "operating-points-v2", HANDLE_POINTS + kind_of_cpu(topology, cpu));
	CELLS(t, "dynamic-power-coefficient", 1 + capacity * capacity / 2048);
}

/* The clock has one frequency, and so each table has one operating point: all CPUs run at it. */
static void put_operating_points(struct tree *t, const struct ktstr_topology *topology)
{
	begin_node(t, "cpu-clk");
	put_text(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", CPU_HZ);
	CELLS(t, "phandle", HANDLE_CPU_CLOCK);
	end_node(t);
	for (unsigned kind = 0; kind < KTSTR_KINDS_MAX && topology->kinds[kind].cores; kind++) {
		begin_node(t, "opp-table-%u", kind);
		put_text(t, "compatible", "operating-points-v2");
		put_flag(t, "opp-shared");
		CELLS(t, "phandle", HANDLE_POINTS + kind);
		begin_node(t, "opp-%u", CPU_HZ);
		CELLS(t, "opp-hz", 0, CPU_HZ);
		CELLS(t, "opp-microvolt", 900000);
		end_node(t);
		end_node(t);
	}
}

static void put_cpu(struct tree *t, const struct ktstr_topology *topology, unsigned cpu)
{
	begin_node(t, "cpu@%x", affinity_of(cpu));
	put_text(t, "device_type", "cpu");
	put_text(t, "compatible", "arm,armv8");
	put_text(t, "enable-method", "psci");
	CELLS(t, "reg", affinity_of(cpu));
	CELLS(t, "phandle", HANDLE_CPU + cpu);
	CELLS(t, "next-level-cache", HANDLE_CORE + cpu / topology->threads);
	CELLS(t, "i-cache-size", 0x8000);
	CELLS(t, "i-cache-line-size", 64);
	CELLS(t, "i-cache-sets", 128);
	CELLS(t, "d-cache-size", 0x8000);
	CELLS(t, "d-cache-line-size", 64);
	CELLS(t, "d-cache-sets", 128);
	if (topology_has_kinds(topology))
		put_capacity(t, topology, cpu);
	if (topology->numa_nodes > 1)
		CELLS(t, "numa-node-id", node_of_cpu(topology, cpu));
	end_node(t);
}

static void put_cache(struct tree *t, const char *name, unsigned number, unsigned level, uint32_t size,
		      enum phandle self, unsigned next)
{
	begin_node(t, "%s%u", name, number);
	put_text(t, "compatible", "cache");
	CELLS(t, "cache-level", level);
	put_flag(t, "cache-unified");
	CELLS(t, "cache-size", size);
	CELLS(t, "cache-line-size", 64);
	CELLS(t, "cache-sets", size / 64 / 16);
	CELLS(t, "phandle", self + number);
	if (next)
		CELLS(t, "next-level-cache", next);
	end_node(t);
}

/* Each LLC is a socket with one cluster. */
static void put_cpu_map(struct tree *t, const struct ktstr_topology *topology)
{
	unsigned cpu = 0;
	begin_node(t, "cpu-map");
	for (unsigned llc = 0; llc < topology->llcs; llc++) {
		begin_node(t, "socket%u", llc);
		begin_node(t, "cluster0");
		for (unsigned core = 0; core < topology->cores; core++) {
			begin_node(t, "core%u", core);
			for (unsigned thread = 0; thread < topology->threads; thread++, cpu++) {
				if (topology->threads > 1)
					begin_node(t, "thread%u", thread);
				CELLS(t, "cpu", HANDLE_CPU + cpu);
				if (topology->threads > 1)
					end_node(t);
			}
			end_node(t);
		}
		end_node(t);
		end_node(t);
	}
	end_node(t);
}

static void put_cpus(struct tree *t, const struct ktstr_topology *topology)
{
	begin_node(t, "cpus");
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 0);
	put_cpu_map(t, topology);
	for (unsigned cpu = 0; cpu < topology_cpus(topology); cpu++)
		put_cpu(t, topology, cpu);
	for (unsigned core = 0; core < topology->llcs * topology->cores; core++)
		put_cache(t, "l2-cache", core, 2, 0x80000, HANDLE_CORE, HANDLE_LLC + core / topology->cores);
	for (unsigned llc = 0; llc < topology->llcs; llc++)
		put_cache(t, "l3-cache", llc, 3, 0x1000000, HANDLE_LLC, 0);
	end_node(t);
}

static void put_distances(struct tree *t, const struct ktstr_topology *topology)
{
	uint32_t matrix[GUEST_NODES_MAX * GUEST_NODES_MAX * 3];
	size_t count = 0;
	unsigned nodes = topology->numa_nodes;
	if (nodes < 2 || nodes > GUEST_NODES_MAX)
		return;
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned j = 0; j < nodes; j++) {
			matrix[count++] = i;
			matrix[count++] = j;
			matrix[count++] = topology_distance(topology, i, j);
		}
	begin_node(t, "distance-map");
	put_text(t, "compatible", "numa-distance-map-v1");
	put_cells(t, "distance-matrix", matrix, count);
	end_node(t);
}

/* --- the rest of the machine -------------------------------------------------------------------------------------- */

static void put_timer(struct tree *t)
{
	begin_node(t, "timer");
	put_text(t, "compatible", "arm,armv8-timer");
	/* secure, non-secure, virtual, hypervisor */
	CELLS(t, "interrupts", INTERRUPT_PPI, 13, LEVEL_HIGH, INTERRUPT_PPI, 14, LEVEL_HIGH, INTERRUPT_PPI, 11,
	      LEVEL_HIGH, INTERRUPT_PPI, 10, LEVEL_HIGH);
	put_flag(t, "always-on");
	end_node(t);
}

static void put_interrupt_controller(struct tree *t)
{
	begin_node(t, "intc@8000000");
	put_text(t, "compatible", "arm,gic-v3");
	CELLS(t, "#interrupt-cells", 3);
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	put_flag(t, "interrupt-controller");
	put_flag(t, "ranges");
	CELLS(t, "#redistributor-regions", 1);
	CELLS(t, "reg", 0, GIC_DISTRIBUTOR_ADDRESS, 0, GIC_DISTRIBUTOR_BYTES, 0, GIC_REDISTRIBUTORS_ADDRESS, 0,
	      GIC_REDISTRIBUTORS_BYTES);
	CELLS(t, "phandle", HANDLE_GIC);
	end_node(t);
}

static void put_uart(struct tree *t)
{
	begin_node(t, "apb-pclk");
	put_text(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", 24000000);
	CELLS(t, "phandle", HANDLE_CLOCK);
	end_node(t);
	begin_node(t, "pl011@9000000");
	TEXTS(t, "compatible", "arm,pl011\0arm,primecell");
	CELLS(t, "reg", 0, UART_ADDRESS, 0, UART_BYTES);
	CELLS(t, "interrupts", INTERRUPT_SPI, 1, LEVEL_HIGH);
	CELLS(t, "clocks", HANDLE_CLOCK, HANDLE_CLOCK);
	TEXTS(t, "clock-names", "uartclk\0apb_pclk");
	end_node(t);
}

/* The four pins of each of four slots, rotated; the mask repeats that for the other slots. */
static void put_pci_interrupts(struct tree *t)
{
	uint32_t map[4 * 4 * 10], *at = map;
	for (unsigned slot = 0; slot < 4; slot++)
		for (unsigned pin = 0; pin < 4; pin++) {
			const uint32_t row[10] = { slot << 11,
						   0,
						   0,
						   pin + 1,
						   HANDLE_GIC,
						   0,
						   0,
						   INTERRUPT_SPI,
						   PCI_INTERRUPT_FIRST + (slot + pin) % 4,
						   LEVEL_HIGH };
			memcpy(at, row, sizeof(row));
			at += ARRAY_SIZE(row);
		}
	put_cells(t, "interrupt-map", map, ARRAY_SIZE(map));
	CELLS(t, "interrupt-map-mask", 3 << 11, 0, 0, 7);
}

static void put_pci(struct tree *t)
{
	begin_node(t, "pcie@10000000");
	put_text(t, "compatible", "pci-host-ecam-generic");
	put_text(t, "device_type", "pci");
	CELLS(t, "#address-cells", 3);
	CELLS(t, "#size-cells", 2);
	CELLS(t, "#interrupt-cells", 1);
	CELLS(t, "linux,pci-domain", 0);
	CELLS(t, "bus-range", 0, 0xff);
	put_flag(t, "dma-coherent");
	CELLS(t, "reg", PCI_CONFIG_HIGH, PCI_CONFIG_LOW, 0, PCI_CONFIG_BYTES);
	CELLS(t, "ranges", 0x1000000, 0, 0, 0, PCI_PORTS_ADDRESS, 0, PCI_PORTS_BYTES, 0x2000000, 0, PCI_MEMORY_ADDRESS,
	      0, PCI_MEMORY_ADDRESS, 0, PCI_MEMORY_BYTES);
	put_pci_interrupts(t);
	end_node(t);
}

static void put_firmware(struct tree *t)
{
	begin_node(t, "psci");
	TEXTS(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	put_text(t, "method", "hvc");
	end_node(t);
}

/* "no-map": a kernel with STRICT_DEVMEM lets PID 1 map only what is not its RAM. */
static void put_reserved(struct tree *t)
{
	uint64_t log = boards[ARCH_AARCH64].log;
	begin_node(t, "reserved-memory");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	put_flag(t, "ranges");
	begin_node(t, "event-log@%lx", log);
	CELLS(t, "reg", (uint32_t)(log >> 32), (uint32_t)log, 0, GUEST_LOG_BYTES);
	put_flag(t, "no-map");
	end_node(t);
	end_node(t);
}

static void put_root(struct tree *t, const struct ktstr_topology *topology)
{
	begin_node(t, "%s", "");
	put_text(t, "compatible", "linux,dummy-virt");
	put_text(t, "model", "linux,dummy-virt");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	CELLS(t, "interrupt-parent", HANDLE_GIC);
	begin_node(t, "chosen");
	put_text(t, "stdout-path", "/pl011@9000000");
	end_node(t);
	put_firmware(t);
	put_reserved(t);
	put_cpus(t, topology);
	if (topology_has_kinds(topology))
		put_operating_points(t, topology);
	put_distances(t, topology);
	put_timer(t);
	put_interrupt_controller(t);
	put_uart(t);
	put_pci(t);
	end_node(t);
}

int devicetree_write(const struct vm_config *c, struct buf *out)
{
	_cleanup_free_ void *room = calloc(1, TREE_BYTES_MAX);
	struct tree t = { .fdt = room };
	if (!room)
		return -ENOMEM;
	note_error(&t, fdt_create(room, (int)TREE_BYTES_MAX));
	note_error(&t, fdt_finish_reservemap(room));
	put_root(&t, &c->topology);
	note_error(&t, fdt_finish(room));
	if (t.error)
		return t.error == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
	buf_append(out, room, fdt_totalsize(room));
	return out->failed ? -ENOMEM : 0;
}
