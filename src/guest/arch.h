/* SPDX-License-Identifier: GPL-2.0-only */
/* arch.h -- what differs between the architectures of guests: instructions, and the ways to reach the machine. */
#ifndef KTSTR_GUEST_ARCH_H
#define KTSTR_GUEST_ARCH_H

#include <errno.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>

#include <ktstr/wire.h>

/* pvpanic's "panicked": QEMU can be told to pause at it. Our own VMM accepts any value. */
#define ARCH_PARK_VALUE 1

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/io.h>

#define ARCH_AUDIT	   AUDIT_ARCH_X86_64
#define ARCH_COUNTER_CLOCK "tsc" /* the kernel's clocksource that is this counter; the start of its name */

static inline int64_t arch_counter(void)
{
	return (int64_t)__builtin_ia32_rdtsc();
}

/* Ticks per second; 0: unknown, so it has to be measured. */
static inline uint64_t arch_counter_hz(void)
{
	return 0;
}

static inline void arch_pause(void)
{
	__builtin_ia32_pause();
}

static inline bool arch_is_tcg(void)
{
	unsigned eax, ebx = 0, ecx = 0, edx = 0;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	return ebx == 0x54474354u && ecx == 0x43544743u; /* "TCGTCGTCGTCG" */
}

/* Ends the machine by its exit port. Returns if it cannot. */
static inline void arch_end_machine(uint16_t port)
{
	if (iopl(3) == 0)
		outl(0, port);
}

/* Writes to the machine's port for marks. */
static inline void arch_write_mark(uint16_t port, const uint32_t *word, unsigned words, uint32_t kind)
{
	if (iopl(3) < 0)
		return;
	outl(0, (uint16_t)(port + WIRE_MARK_PORT_BEGIN));
	for (unsigned i = 0; i < words; i++)
		outl(word[i], (uint16_t)(port + WIRE_MARK_PORT_WORD));
	outl(kind, (uint16_t)(port + WIRE_MARK_PORT_KIND));
	iopl(0);
}

/* Stops the machine to be saved, within one instruction, by a write to its park port. 0: it was saved, and goes on. */
static inline int arch_park(uint16_t port)
{
	if (iopl(3) < 0)
		return -ENODEV;
	outb(ARCH_PARK_VALUE, port);
	return 0;
}

#elif defined(__aarch64__)
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARCH_AUDIT	   AUDIT_ARCH_AARCH64
#define ARCH_COUNTER_CLOCK "arch_sys_counter"

static inline int64_t arch_counter(void)
{
	uint64_t count;
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
	return (int64_t)count;
}

static inline uint64_t arch_counter_hz(void)
{
	uint64_t hz;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

static inline void arch_pause(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* QEMU's own processor model has no implementer and the part number 'Q'. Other models are not recognized. */
static inline bool arch_is_tcg(void)
{
	uint64_t id = UINT64_MAX;
	if (getauxval(AT_HWCAP) & 1u << 11) /* HWCAP_CPUID: the kernel lets programs read this register */
		__asm__ volatile("mrs %0, midr_el1" : "=r"(id));
	return id >> 24 == 0 && (id >> 4 & 0xfff) == 0x051;
}

/* Ends the machine by a semihosting call, which QEMU accepts from programs if it is told to. @port: unused. */
static inline void arch_end_machine(uint16_t port)
{
	static const uint64_t block[2] = { 0x20026, 1 };  /* ADP_Stopped_ApplicationExit, status */
	register uint64_t operation __asm__("x0") = 0x20; /* SYS_EXIT_EXTENDED */
	register const uint64_t *argument __asm__("x1") = block;
	(void)port;
	__asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
}

/* Maps the first register of the PCI device in slot @slot. NULL: there is no such device. */
static inline volatile uint8_t *arch_map_pci(uint16_t slot)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0/enable", slot);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		return NULL;
	close(fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0/resource0", slot);
	fd = open(path, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

/* This architecture's machines have no port for marks. */
static inline void arch_write_mark(uint16_t port, const uint32_t *word, unsigned words, uint32_t kind)
{
	(void)port;
	(void)word;
	(void)words;
	(void)kind;
}

/* @port: the slot of pvpanic's PCI device. */
static inline int arch_park(uint16_t port)
{
	volatile uint8_t *device = arch_map_pci(port);
	if (!device)
		return -ENODEV;
	*device = ARCH_PARK_VALUE;
	return 0;
}

#else
#error "this architecture is not supported in guests"
#endif

#endif
