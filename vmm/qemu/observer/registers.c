/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * registers.c -- where QEMU keeps a vCPU's registers. Its description of a vCPU's state for migration lists all fields
 * with their names and offsets; how such a list looks is found from the names of the first two.
 */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "vmm/qemu/observer/observer.h"

#define STATE	    "vmstate_x86_cpu"
#define FIRST	    "env.regs"
#define SECOND	    "env.eip"
#define WORDS_MAX   64 /* of an entry of the list */
#define FIELDS_MAX  1024
#define OFFSET_MAX  (1u << 20) /* of a field */
#define FIRST_BYTES (8 * GENERAL_COUNT)
/* QEMU (target/i386/cpu.h): segment registers are an array, which "env.ldt" follows; `base` is behind a selector. */
#define SEGMENTS      6
#define SEGMENT_GS    5
#define SEGMENT_BYTES 24
#define SEGMENT_BASE  8

static bool is_in_qemu(uintptr_t address)
{
	Dl_info info;
	return address && dladdr((const void *)address, &info);
}

static bool is_name(uintptr_t pointer, const char *name)
{
	return is_in_qemu(pointer) && !strcmp((const char *)pointer, name);
}

/* The list, as words: the description points to it, and its first word points to a name. */
static const uintptr_t *find_list(void)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;
	const uintptr_t *state = dlsym(RTLD_DEFAULT, STATE);
	if (!state || !dladdr1(state, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		return NULL;
	for (size_t i = 0; i < symbol->st_size / sizeof(*state); i++) {
		const uintptr_t *list = is_in_qemu(state[i]) ? (const uintptr_t *)state[i] : NULL;
		if (list && is_name(*list, FIRST))
			return list;
	}
	return NULL;
}

/* The number of words of an entry, by where the second begins; 0: not found. */
static size_t entry_words(const uintptr_t *list)
{
	for (size_t i = 1; i < WORDS_MAX; i++) {
		if (is_name(list[i], SECOND))
			return i;
	}
	return 0;
}

/* The word of an entry that is the offset: RIP follows the general registers. 0: not found. */
static size_t offset_word(const uintptr_t *list, size_t words)
{
	for (size_t i = 1; i < words; i++) {
		uintptr_t first = list[i], second = list[words + i];
		if (first && first < OFFSET_MAX && second == first + FIRST_BYTES)
			return i;
	}
	return 0;
}

static size_t offset_of(const uintptr_t *list, size_t words, size_t word, const char *name)
{
	for (size_t i = 0; i < FIELDS_MAX && list[i * words]; i++) {
		if (is_name(list[i * words], name))
			return list[i * words + word];
	}
	return 0;
}

const char *registers_find(struct register_offsets *o)
{
	const uintptr_t *list = find_list();
	size_t words = list ? entry_words(list) : 0;
	size_t word = words ? offset_word(list, words) : 0;
	if (!word)
		return "the registers in " STATE;
	o->general = offset_of(list, words, word, FIRST);
	o->rip = offset_of(list, words, word, SECOND);
	o->cr3 = offset_of(list, words, word, "env.cr[3]");
	o->lstar = offset_of(list, words, word, "env.lstar");
	size_t segments = offset_of(list, words, word, "env.segs"), behind = offset_of(list, words, word, "env.ldt");
	if (!segments || behind != segments + SEGMENTS * SEGMENT_BYTES)
		return "the segment registers in " STATE;
	o->gs = segments + SEGMENT_GS * SEGMENT_BYTES + SEGMENT_BASE;
	return o->cr3 && o->lstar ? NULL : "CR3 and MSR_LSTAR in " STATE;
}

static uint64_t word_at(const struct cpu *cpu, size_t offset)
{
	return *(const uint64_t *)((const char *)cpu + offset);
}

uint64_t registers_rip(const struct register_offsets *o, const struct cpu *cpu)
{
	return FIELD(cpu, o->rip, const uint64_t);
}

void registers_read(const struct register_offsets *o, const struct cpu *cpu, struct observe_registers *out)
{
	memcpy(out->general, (const char *)cpu + o->general, sizeof(out->general));
	out->rip = word_at(cpu, o->rip);
	out->cr3 = word_at(cpu, o->cr3);
	out->lstar = word_at(cpu, o->lstar);
}
