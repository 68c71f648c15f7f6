/* SPDX-License-Identifier: GPL-2.0-only */
/* core_file.c -- see core_file.h. The format: System V ABI, gABI 4.1, "Program Header". */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "monitor/core_file.h"

#define HEADERS_MAX 64
#define PAGE_BYTES  4096u

static int read_head(int fd, Elf64_Ehdr *h)
{
	int r = fd_pread_full(fd, h, sizeof(*h), 0);
	if (r < 0)
		return r;
	bool fits = !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
		    h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_type == ET_CORE && h->e_machine == EM_X86_64 &&
		    h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum <= HEADERS_MAX &&
		    h->e_phoff <= INT64_MAX - HEADERS_MAX * sizeof(Elf64_Phdr);
	return fits ? 0 : -EBADMSG;
}

static bool overlaps(const struct guestmem *m, const Elf64_Phdr *p)
{
	for (unsigned i = 0; i < m->nodes; i++)
		if (p->p_paddr < m->node[i].address + m->node[i].size && m->node[i].address < p->p_paddr + p->p_filesz)
			return true;
	return false;
}

static int add_segment(struct guestmem *m, int fd, const Elf64_Phdr *p, uint64_t file_bytes)
{
	if (p->p_type != PT_LOAD || !p->p_filesz)
		return 0;
	if (m->nodes == GUEST_REGIONS_MAX || p->p_offset > file_bytes || p->p_filesz > file_bytes - p->p_offset ||
	    p->p_offset % PAGE_BYTES || p->p_filesz % PAGE_BYTES || p->p_paddr % PAGE_BYTES || p->p_paddr > INT64_MAX ||
	    overlaps(m, p))
		return -EBADMSG;
	void *map = mmap(NULL, p->p_filesz, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)p->p_offset);
	if (map == MAP_FAILED)
		return -errno;
	m->node[m->nodes].address = p->p_paddr;
	m->node[m->nodes].size = p->p_filesz;
	m->node[m->nodes++].map = map;
	return 0;
}

static int read_segments(struct guestmem *m, int fd)
{
	struct stat st;
	Elf64_Ehdr h;
	int r = fstat(fd, &st) < 0 ? -errno : read_head(fd, &h);
	for (unsigned i = 0; r == 0 && i < h.e_phnum; i++) {
		Elf64_Phdr p;
		r = fd_pread_full(fd, &p, sizeof(p), (off_t)(h.e_phoff + i * sizeof(p)));
		if (r == 0)
			r = add_segment(m, fd, &p, (uint64_t)st.st_size);
	}
	return r < 0 ? r : m->nodes ? 0 : -EBADMSG;
}

int core_open(const char *path, struct guestmem *ret, struct err **err)
{
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	*ret = (struct guestmem){ 0 };
	for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++)
		ret->node[i].fd = -1;
	int r = read_segments(ret, fd);
	if (r == 0)
		return 0;
	guestmem_done(ret);
	if (r == -EBADMSG || r == -ENODATA || r == -EIO)
		return FAIL(err, ERR_DATA, -EBADMSG, "read guest memory from %s: not a core that ktstr wrote", path);
	return FAIL_SYS(err, r, "read guest memory from %s", path);
}
