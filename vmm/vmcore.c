/* SPDX-License-Identifier: GPL-2.0-only */
/* vmcore.c -- see vmcore.h. The format: System V ABI, gABI 4.1, "Program Header". */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "vmm/vmcore.h"

#define PAGE_BYTES 4096u
#define RUN_BYTES  (256u * PAGE_BYTES) /* at most this much per write */

#define GAP_END ((uint64_t)4 << 30)

struct pieces {
	struct {
		const uint8_t *from;
		uint64_t address, size; /* guest-physical */
	} piece[GUEST_REGIONS_MAX];
	unsigned count;
};

/* Divides each node into the part below the gap and the part above it. */
static void split_at_gap(const struct guestmem *m, uint64_t low_memory, struct pieces *ret)
{
	uint64_t gap = low_memory ? low_memory : UINT64_MAX;
	*ret = (struct pieces){ 0 };
	for (unsigned i = 0; i < m->nodes; i++) {
		uint64_t address = m->node[i].address, size = m->node[i].size;
		uint64_t below = address < gap ? MIN_OF(size, gap - address) : 0;
		if (below)
			ret->piece[ret->count++] = (typeof(ret->piece[0])){ m->node[i].map, address, below };
		if (below < size)
			ret->piece[ret->count++] =
				(typeof(ret->piece[0])){ m->node[i].map + below, address + below - gap + GAP_END,
							 size - below };
	}
}

static int write_headers(int fd, const struct pieces *p, enum arch arch)
{
	struct {
		Elf64_Ehdr file;
		Elf64_Phdr piece[GUEST_REGIONS_MAX];
	} h = { .file = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_CORE,
			  .e_machine = arch_names[arch].elf_machine,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = (Elf64_Half)p->count } };
	_Static_assert(sizeof(h) <= PAGE_BYTES, "memory begins on the second page");
	uint64_t at = PAGE_BYTES;
	for (unsigned i = 0; i < p->count; i++) {
		h.piece[i] = (Elf64_Phdr){ .p_type = PT_LOAD,
					   .p_flags = PF_R | PF_W | PF_X,
					   .p_offset = at,
					   .p_paddr = p->piece[i].address,
					   .p_filesz = p->piece[i].size,
					   .p_memsz = p->piece[i].size,
					   .p_align = PAGE_BYTES };
		at += p->piece[i].size;
	}
	int r = ftruncate(fd, (off_t)at) < 0 ? -errno : 0;
	return r == 0 ? fd_pwrite_full(fd, &h, sizeof(h), 0) : r;
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_BYTES - 1);
}

/* Returns the length of the pages from @at up to the next page of zeros, at most RUN_BYTES. */
static uint64_t run_of(const uint8_t *at, uint64_t left)
{
	uint64_t n = 0;
	while (n < left && n < RUN_BYTES && !is_zero(at + n))
		n += PAGE_BYTES;
	return n;
}

static int write_piece(int fd, const uint8_t *from, uint64_t size, uint64_t offset, const atomic_bool *cancel)
{
	int r = 0;
	for (uint64_t at = 0; r == 0 && at < size;) {
		uint64_t run = run_of(from + at, size - at);
		if (is_cancelled(cancel))
			return -ECANCELED;
		if (run)
			r = fd_pwrite_full(fd, from + at, run, (off_t)(offset + at));
		at += run ? run : PAGE_BYTES;
	}
	return r;
}

static int write_all(int fd, const struct pieces *p, enum arch arch, const atomic_bool *cancel)
{
	uint64_t offset = PAGE_BYTES;
	int r = write_headers(fd, p, arch);
	for (unsigned i = 0; i < p->count && r == 0; i++) {
		r = write_piece(fd, p->piece[i].from, p->piece[i].size, offset, cancel);
		offset += p->piece[i].size;
	}
	return r;
}

int vmcore_write(const struct guestmem *m, const struct vmcore_machine *machine, int dir, const char *name,
		 const atomic_bool *cancel, struct err **err)
{
	struct pieces pieces;
	_cleanup_free_ char *fresh = NULL;
	if (asprintf(&fresh, "%s.new", name) < 0)
		return -ENOMEM;
	split_at_gap(m, machine->low_memory, &pieces);
	_cleanup_close_ int fd = file_create_at(dir, fresh, 0600);
	int r = fd < 0 ? fd : write_all(fd, &pieces, machine->arch, cancel);
	if (r == 0)
		r = rename_durable(fd, dir, fresh, name, 0);
	if (r < 0 && fd >= 0)
		unlinkat(dir, fresh, 0);
	return r < 0 ? FAIL_SYS(err, r, "write the guest's memory to %s", name) : 0;
}
