/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86_ram TOPOLOGY MIB KERNEL INITRD CMDLINE FILE -- writes a guest's RAM as it is before the first instruction:
 * kernel, initramfs, boot parameters, ACPI tables. Prints the registers to start with in hexadecimal: rip rsi rsp cr3
 * gdt gdt_limit.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/parse.h"
#include "topo/topology.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"

#define IMAGE_BYTES_MAX ((size_t)1 << 30)

static int map_file(const char *path, const struct x86_ram *plan, struct x86_ram *ret)
{
	uint64_t bytes = plan->region[plan->count - 1].address + plan->region[plan->count - 1].size;
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = *plan;
	for (unsigned i = 0; i < ret->count; i++)
		ret->region[i].host = map + ret->region[i].address;
	return 0;
}

static int write_ram(char **arg, struct x86_entry *e, struct err **err)
{
	_cleanup_buf_ struct buf kernel = BUF_NULL, initrd = BUF_NULL;
	struct ktstr_topology t;
	struct x86_ram plan, ram;
	uint64_t mib;
	int r = topology_parse(arg[0], &t, err);
	if (r == 0)
		r = parse_u64(arg[1], &mib);
	if (r == 0)
		r = x86_ram_plan(t.numa_nodes, mib, &plan, err);
	if (r == 0)
		r = file_read(arg[2], IMAGE_BYTES_MAX, &kernel, err);
	if (r == 0)
		r = file_read(arg[3], IMAGE_BYTES_MAX, &initrd, err);
	if (r == 0)
		r = map_file(arg[5], &plan, &ram);
	if (r < 0)
		return r;
	struct boot_config c = { .kernel = (uint8_t *)kernel.data,
				 .kernel_len = kernel.len,
				 .cmdline = arg[4],
				 .initrd = (uint8_t *)initrd.data,
				 .initrd_len = initrd.len };
	struct acpi_config a = { .topology = t, .ram = &ram, .virtio = X86_VIRTIO_MAX };
	if (!acpi_build(&a, X86_ACPI, x86_ram_at(&ram, X86_ACPI, X86_ACPI_BYTES_MAX), X86_ACPI_BYTES_MAX))
		return -ENOSPC;
	return boot_load(&c, &ram, e, err);
}

int main(int argc, char **argv)
{
	struct x86_entry e;
	_cleanup_err_ struct err *err = NULL;
	int r = argc == 7 ? write_ram(argv + 1, &e, &err) : -EINVAL;
	if (r < 0) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		if (err)
			err_format(err, &text);
		fprintf(stderr, "x86_ram: %s (%d)\n", buf_str(&text), r);
		return 1;
	}
	struct kvm_sregs s = { 0 };
	struct kvm_regs g;
	x86_entry_sregs(&e, &s);
	x86_entry_regs(&e, &g);
	printf("%llx %llx %llx %llx %llx %x\n", g.rip, g.rsi, g.rsp, s.cr3, s.gdt.base, s.gdt.limit);
	return 0;
}
