/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * turn_end.c -- lets a turn end between two blocks of instructions.
 *
 * QEMU translates instructions in blocks. When a block has more instructions than are left of a turn, QEMU translates
 * the rest of the turn as a block of its own, which in most cases is executed once. With turns of a few hundred
 * instructions, that takes longer than all else. QEMU has no setting for it. But cpu_exec() first calls
 * icount_update(), and ends the turn if nothing is left of it afterwards (accel/tcg/cpu-exec.c, cpu_loop_exec_tb() and
 * cpu_handle_interrupt()). That call is redirected here: its target is replaced in QEMU's code.
 */
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/qemu/preload/turn_end.h"

#define CALL_OPCODE 0xe8 /* CALL rel32; Intel SDM, volume 2, CALL */
#define CALL_BYTES  5
#define PAGE_BYTES  4096ul
#define NEAR_BYTES  (1ul << 30) /* a relative call reaches 2 GiB */
#define NEAR_STEP   (1ul << 20)

struct search {
	uintptr_t inside; /* an address of the object whose code is searched */
	uintptr_t target;
	unsigned char *call; /* the last one found */
	unsigned calls;
};

static void search_code(struct search *s, unsigned char *code, size_t size)
{
	for (size_t i = 0; i + CALL_BYTES <= size; i++) {
		int32_t distance;
		if (code[i] != CALL_OPCODE)
			continue;
		memcpy(&distance, code + i + 1, sizeof(distance));
		if ((uintptr_t)(code + i + CALL_BYTES) + (uintptr_t)(intptr_t)distance != s->target)
			continue;
		s->call = code + i;
		s->calls++;
	}
}

static int search_object(struct dl_phdr_info *object, size_t size, void *data)
{
	struct search *s = data;
	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + p->p_vaddr;
		if (p->p_type == PT_LOAD && p->p_flags & PF_X && s->inside - start < p->p_memsz)
			search_code(s, (unsigned char *)start, p->p_filesz);
	}
	return 0;
}

/* A jump to @target, near enough for a relative call. NULL: there is no room. */
static unsigned char *make_jump(const unsigned char *near, void (*target)(struct cpu *cpu))
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

/* The main thread may execute other instructions of the same page, so that stays executable. */
static bool replace_target(unsigned char *call, const unsigned char *target)
{
	unsigned char *first = (unsigned char *)((uintptr_t)call & ~(PAGE_BYTES - 1));
	size_t size = (size_t)(call + CALL_BYTES - first);
	int32_t distance = (int32_t)(target - (call + CALL_BYTES));
	if (mprotect(first, size, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return false;
	memcpy(call + 1, &distance, sizeof(distance));
	return mprotect(first, size, PROT_READ | PROT_EXEC) == 0;
}

const char *turn_end_redirect(const struct qemu_internals *q, void (*ran_out)(struct cpu *cpu))
{
	struct search s = { .inside = (uintptr_t)q->call.exec, .target = (uintptr_t)q->call.account };
	dl_iterate_phdr(search_object, &s);
	if (s.calls != 1)
		return "the one call of icount_update() by cpu_exec()";
	unsigned char *jump = make_jump(s.call, ran_out);
	return jump && replace_target(s.call, jump) ? NULL : "code that can be changed";
}
