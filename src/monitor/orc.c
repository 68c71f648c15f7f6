/* SPDX-License-Identifier: GPL-2.0-only */
/* orc.c -- see orc.h. The format is that of arch/x86/include/asm/orc_types.h; the steps are those of the kernel. */
#include "monitor/orc.h"

#include <fcntl.h>
#include <gelf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_MAX 4000000u
#define CODE_FROM   0xffffffff80000000u /* the kernel, then modules and BPF programs */

/* How a register of the caller is found. */
enum orc_register {
	REG_UNDEFINED = 0,
	REG_PREV_SP = 1,
	REG_DX = 2,
	REG_DI = 3,
	REG_BP = 4,
	REG_SP = 5,
	REG_R10 = 6,
	REG_R13 = 7,
	REG_BP_INDIRECT = 8,
	REG_SP_INDIRECT = 9,
};

/*
 * Kernels of series 7 number the registers in another way, and nothing in the file says so. But nearly every entry is
 * based on the stack pointer, so the number that is frequent tells which way it is.
 */
static const uint8_t newer_numbers[16] = {
	[2] = REG_DX,  [3] = REG_SP,	  [4] = REG_BP,		 [5] = REG_DI,		[6] = REG_R10,
	[7] = REG_R13, [8] = REG_PREV_SP, [9] = REG_SP_INDIRECT, [10] = REG_BP_INDIRECT
};
#define NEWER_SP 3

enum orc_type {
	TYPE_UNDEFINED = 0,
	TYPE_END = 1,
	TYPE_CALL = 2,
	TYPE_REGS = 3,
	TYPE_IRET_REGS = 4,
};

struct entry {
	int16_t sp_offset, bp_offset;
	uint8_t sp_reg, bp_reg, type;
};

struct orc {
	uint64_t *address; /* at link time, sorted */
	struct entry *entry;
	size_t count;
};

/* struct pt_regs, as it lies on a stack. */
struct saved_registers {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

void orc_close(struct orc *o)
{
	if (!o)
		return;
	free(o->address);
	free(o->entry);
	free(o);
}
DEFINE_CLEANUP(struct orc *, orc_close)

static void elf_end_p(Elf **elf)
{
	elf_end(*elf);
}

/* --- reading the tables ------------------------------------------------------------------------------------------- */

struct section {
	const uint8_t *data;
	uint64_t address;
	size_t size;
};

static struct section find_section(Elf *elf, const char *name)
{
	size_t names;
	GElf_Shdr header;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return (struct section){ 0 };
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		const char *its = gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (!its || strcmp(its, name) != 0)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data && data->d_buf)
			return (struct section){ data->d_buf, header.sh_addr, data->d_size };
	}
	return (struct section){ 0 };
}

/* Before 6.4, types had two bits, began with the call, and the end was a bit of its own; there was no .orc_header. */
static struct entry decode(const uint8_t raw[6], bool old)
{
	struct entry e;
	memcpy(&e.sp_offset, raw, 2);
	memcpy(&e.bp_offset, raw + 2, 2);
	e.sp_reg = raw[4] & 15;
	e.bp_reg = raw[4] >> 4;
	if (!old)
		e.type = raw[5] & 7;
	else if (raw[5] & 4)
		e.type = TYPE_END;
	else
		e.type = e.sp_reg == REG_UNDEFINED ? TYPE_UNDEFINED : TYPE_CALL + (raw[5] & 3);
	return e;
}

/* -ENODATA: the registers are numbered in no way that is known. */
static int renumber(struct orc *o)
{
	size_t old = 0, newer = 0;
	for (size_t i = 0; i < o->count; i++) {
		old += o->entry[i].sp_reg == REG_SP;
		newer += o->entry[i].sp_reg == NEWER_SP;
	}
	if (MAX_OF(old, newer) < o->count / 4)
		return -ENODATA;
	for (size_t i = 0; newer > old && i < o->count; i++) {
		o->entry[i].sp_reg = newer_numbers[o->entry[i].sp_reg];
		o->entry[i].bp_reg = newer_numbers[o->entry[i].bp_reg];
	}
	return 0;
}

static int fill(struct orc *o, const struct section *ip, const struct section *unwind, bool old)
{
	size_t count = ip->size / 4;
	if (!count || count > ENTRIES_MAX || unwind->size / 6 != count)
		return -ENODATA;
	o->address = malloc(count * sizeof(*o->address));
	o->entry = malloc(count * sizeof(*o->entry));
	if (!o->address || !o->entry)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int32_t relative;
		memcpy(&relative, ip->data + i * 4, 4);
		o->address[i] = ip->address + i * 4 + (uint64_t)(int64_t)relative;
		o->entry[i] = decode(unwind->data + i * 6, old);
		if (i && o->address[i] < o->address[i - 1])
			return -EBADMSG; /* not sorted when it was built; the kernel would sort it when it boots */
	}
	o->count = count;
	return renumber(o);
}

static int read_tables(Elf *elf, struct orc **ret)
{
	struct section ip = find_section(elf, ".orc_unwind_ip"), unwind = find_section(elf, ".orc_unwind"),
		       header = find_section(elf, ".orc_header");
	_cleanup_(orc_close_p) struct orc *o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	int r = fill(o, &ip, &unwind, !header.size);
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}

int orc_open(const char *vmlinux, struct orc **ret, struct err **err)
{
	_cleanup_close_ int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return FAIL_SYS(err, -errno, "open %s", vmlinux);
	elf_version(EV_CURRENT);
	_cleanup_(elf_end_p) Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	int r = elf ? read_tables(elf, ret) : -EBADMSG;
	if (r == -ENODATA)
		return FAIL(err, ERR_DATA, r,
			    "read the unwinding tables of %s: it has none that are known; build it with %s", vmlinux,
			    "CONFIG_UNWINDER_ORC=y");
	return r < 0 ? FAIL_SYS(err, r, "read the unwinding tables of %s", vmlinux) : 0;
}

/* --- unwinding ---------------------------------------------------------------------------------------------------- */

struct state {
	struct view *view;
	uint64_t ip, sp, bp;
	uint64_t registers; /* address of struct pt_regs of the frame; 0: none, or only ip and sp are valid */
	bool interrupted;
};

/* Code that the tables do not cover (BPF programs, trampolines) keeps frame pointers. */
static const struct entry by_frame_pointer = {
	.sp_offset = 16, .bp_offset = -16, .sp_reg = REG_BP, .bp_reg = REG_PREV_SP, .type = TYPE_CALL
};

static const struct entry *find_entry(const struct orc *o, uint64_t link_address)
{
	size_t low = 0, high = o->count;
	if (!o->count || link_address < o->address[0] || link_address >= o->address[o->count - 1])
		return &by_frame_pointer;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (o->address[middle] <= link_address)
			low = middle;
		else
			high = middle;
	}
	return &o->entry[low];
}

static bool saved(struct state *s, size_t offset, uint64_t *ret)
{
	return s->registers && view_read_u64(s->view, s->registers + offset, 8, ret);
}

/* The stack pointer of the caller, as it was before the call. */
static bool previous_sp(struct state *s, const struct entry *e, uint64_t *ret)
{
	uint64_t base;
	switch (e->sp_reg) {
	case REG_SP:
		*ret = s->sp + (uint64_t)e->sp_offset;
		return true;
	case REG_BP:
		*ret = s->bp + (uint64_t)e->sp_offset;
		return true;
	case REG_SP_INDIRECT:
		if (!view_read_u64(s->view, s->sp, 8, &base))
			return false;
		*ret = base + (uint64_t)e->sp_offset;
		return true;
	case REG_BP_INDIRECT:
		return view_read_u64(s->view, s->bp + (uint64_t)e->sp_offset, 8, ret);
	case REG_R10:
		return saved(s, offsetof(struct saved_registers, r10), ret);
	case REG_R13:
		return saved(s, offsetof(struct saved_registers, r13), ret);
	case REG_DI:
		return saved(s, offsetof(struct saved_registers, di), ret);
	case REG_DX:
		return saved(s, offsetof(struct saved_registers, dx), ret);
	default:
		return false;
	}
}

/* Takes ip and sp of the caller; true also at user space, where ip is 0 then. */
static bool step_out(struct state *s, const struct entry *e, uint64_t sp)
{
	uint64_t frame = e->type == TYPE_REGS ? sp : sp - offsetof(struct saved_registers, ip), cs;
	s->registers = 0;
	s->interrupted = e->type != TYPE_CALL;
	if (e->type == TYPE_CALL) {
		s->sp = sp;
		return view_read_u64(s->view, sp - 8, 8, &s->ip);
	}
	if (!view_read_u64(s->view, frame + offsetof(struct saved_registers, cs), 8, &cs) ||
	    !view_read_u64(s->view, frame + offsetof(struct saved_registers, ip), 8, &s->ip) ||
	    !view_read_u64(s->view, frame + offsetof(struct saved_registers, sp), 8, &s->sp))
		return false;
	if (e->type == TYPE_REGS)
		s->registers = frame;
	if (cs & 3)
		s->ip = 0;
	return true;
}

static bool previous_bp(struct state *s, const struct entry *e, uint64_t sp)
{
	uint64_t bp = s->bp;
	switch (e->bp_reg) {
	case REG_UNDEFINED:
		saved(s, offsetof(struct saved_registers, bp), &s->bp);
		return true;
	case REG_PREV_SP:
		return view_read_u64(s->view, sp + (uint64_t)e->bp_offset, 8, &s->bp);
	case REG_BP:
		return view_read_u64(s->view, bp + (uint64_t)e->bp_offset, 8, &s->bp);
	default:
		return false;
	}
}

/* One frame outwards; -1: there may be more. */
static int step(const struct orc *o, struct state *s)
{
	uint64_t at = s->interrupted ? s->ip : s->ip - 1, sp, old_sp = s->sp;
	const struct entry *e = find_entry(o, at - s->view->text_slide);
	if (e->type == TYPE_END)
		return ORC_END_WHOLE;
	if (e->type == TYPE_UNDEFINED || e->type > TYPE_IRET_REGS)
		return ORC_END_NO_ENTRY;
	if (!previous_sp(s, e, &sp) || sp % 8 || !step_out(s, e, sp))
		return ORC_END_BAD_STACK;
	if (!s->ip)
		return ORC_END_WHOLE;
	if (s->ip < CODE_FROM)
		return ORC_END_BAD_STACK;
	if (!previous_bp(s, e, sp) || (e->type == TYPE_CALL && e->sp_reg == REG_SP && sp <= old_sp))
		return ORC_END_BAD_STACK;
	return -1;
}

void orc_unwind(const struct orc *o, struct view *v, struct orc_start start, struct orc_stack *ret)
{
	struct state s = {
		.view = v, .ip = start.ip, .sp = start.sp, .bp = start.bp, .interrupted = start.interrupted
	};
	int end = start.ip ? -1 : ORC_END_BAD_STACK;
	for (ret->frames = 0; end < 0; end = step(o, &s)) {
		if (ret->frames == ORC_FRAMES_MAX) {
			end = ORC_END_MANY_FRAMES;
			break;
		}
		ret->interrupted[ret->frames] = s.interrupted;
		ret->frame[ret->frames++] = s.ip;
	}
	ret->end = (enum orc_end)end;
}
