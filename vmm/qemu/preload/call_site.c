/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * call_site.c -- see call_site.h.
 *
 * Debian's QEMU for x86 guests has TCG in a module. The calls that the module makes of its own functions go through its
 * table of symbols, so that the definitions of a preloaded library come first. QEMU for other guests has TCG in the
 * program, which calls its functions directly. There the calls themselves are changed. The callers are in the same
 * source files or in files that are linked beside them, so only code near the function is searched: further away, bytes
 * that look like a call are not one.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/qemu/preload/call_site.h"

#define CALL_OPCODE 0xe8 /* CALL rel32; Intel SDM, volume 2, CALL */
#define JUMP_OPCODE 0xe9 /* JMP rel32 */
#define CALL_BYTES  5	 /* of either */
#define PAGE_BYTES  4096ul
#define NEAR_BYTES  (1ul << 30) /* a relative call reaches 2 GiB */
#define NEAR_STEP   (1ul << 20)
#define BESIDE	    (64ul << 10)

unsigned call_site_find(unsigned char *first, size_t size, const void *target, unsigned char **ret)
{
	unsigned calls = 0;
	for (size_t i = 0; i + CALL_BYTES <= size; i++) {
		int32_t distance;
		if (first[i] != CALL_OPCODE)
			continue;
		memcpy(&distance, first + i + 1, sizeof(distance));
		if ((uintptr_t)(first + i + CALL_BYTES) + (uintptr_t)(intptr_t)distance != (uintptr_t)target)
			continue;
		*ret = first + i;
		calls++;
	}
	return calls;
}

/* A jump to @target, near enough for a relative call. NULL: there is no room. */
static unsigned char *make_jump(const unsigned char *near, const void *target)
{
	static const unsigned char jump[] = { 0xff, 0x25, 0, 0, 0, 0 }; /* JMP [rip + 0], to the address behind it */
	uintptr_t end = (uintptr_t)near & ~(PAGE_BYTES - 1);
	unsigned char *page = MAP_FAILED;
	for (uintptr_t at = end - NEAR_BYTES; page == MAP_FAILED && at < end; at += NEAR_STEP)
		page = mmap((void *)at, PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	memcpy(page, jump, sizeof(jump));
	memcpy(page + sizeof(jump), &target, sizeof(target));
	return mprotect(page, PAGE_BYTES, PROT_READ | PROT_EXEC) < 0 ? NULL : page;
}

/* Another thread may execute other instructions of the same page, so that stays executable. */
static bool write_jump(unsigned char *at, unsigned char opcode, const void *to)
{
	unsigned char *jump = make_jump(at, to);
	unsigned char *first = (unsigned char *)((uintptr_t)at & ~(PAGE_BYTES - 1));
	size_t size = (size_t)(at + CALL_BYTES - first);
	if (!jump || mprotect(first, size, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return false;
	int32_t distance = (int32_t)(jump - (at + CALL_BYTES));
	memcpy(at + 1, &distance, sizeof(distance));
	*at = opcode;
	return mprotect(first, size, PROT_READ | PROT_EXEC) == 0;
}

bool call_site_redirect(unsigned char *call, const void *to)
{
	return write_jump(call, CALL_OPCODE, to);
}

bool call_site_replace(unsigned char *function, const void *by)
{
	return write_jump(function, JUMP_OPCODE, by);
}

/* --- a program with TCG in it ------------------------------------------------------------------------------------- */

struct search {
	unsigned char *target, *first;
	size_t size;
};

/* The code beside the target, as far as it is in the same segment. */
static int find_beside(struct dl_phdr_info *object, size_t size, void *data)
{
	struct search *s = data;
	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + p->p_vaddr, at = (uintptr_t)s->target;
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || at - start >= p->p_filesz)
			continue;
		uintptr_t from = at - start > BESIDE ? at - BESIDE : start;
		uintptr_t end = start + p->p_filesz - at > BESIDE ? at + BESIDE : start + p->p_filesz;
		s->first = (unsigned char *)from;
		s->size = end - from;
		return 1;
	}
	return 0;
}

static bool is_in_this_library(const void *address)
{
	Dl_info other, own;
	return dladdr(address, &other) && dladdr(__extension__(void *) is_in_this_library, &own) &&
	       other.dli_fbase == own.dli_fbase;
}

void call_site_replace_builtin(const struct call_site_replaced *functions, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct search s = { .target = dlsym(RTLD_DEFAULT, functions[i].name) };
		unsigned char *call = NULL;
		if (!s.target || is_in_this_library(s.target) || !dl_iterate_phdr(find_beside, &s))
			continue;
		if (call_site_find(s.first, s.size, s.target, &call) == 1)
			call_site_redirect(call, functions[i].by);
	}
}
