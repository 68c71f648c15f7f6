/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profile.c -- counts the kernel's instructions by call path (struct observe_path). All of it runs on the vCPU thread,
 * before each block of instructions.
 *
 * A function that is called begins with the stack pointer at its return address. When a later block has a higher stack
 * pointer, the function has returned. So the functions that have not returned are known for each stack: those of tasks,
 * which are switched, and those of interrupts. Nothing is known of the kernel's data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/qemu/observer/observer.h"

#define STACK_BITS   14 /* Linux: THREAD_SIZE of x86-64 is 16 KiB, and stacks are aligned to it */
#define STACKS_BITS  15 /* of the hash table */
#define STACKS_MAX   ((1u << STACKS_BITS) / 4 * 3)
#define FRAMES_MAX   120
#define SLOTS_BITS   20		/* of the hash table of paths: four times as many as there are paths */
#define BEHIND_LAST  (1u << 20) /* bytes of the kernel's last function, at most */
#define STATUS_ERROR 70		/* EX_SOFTWARE of sysexits.h */

_Static_assert(1u << SLOTS_BITS >= 2 * OBSERVE_PATHS_MAX, "there always is a free slot");

/* A function that has not returned. */
struct frame {
	uint64_t stack_pointer;
	uint32_t path;
};

struct stack {
	uint64_t number;
	uint32_t depth;
	uint32_t base; /* the path that calls the first frame */
	struct frame frame[FRAMES_MAX];
};

struct vcpu_state {
	uint64_t number; /* of its stack */
	struct stack *stack;
	uint32_t path; /* that was executed last */
	bool switches; /* the last block was of such a function */
};

/* Global, because QEMU's callbacks take no context. */
static struct {
	const struct qemu_internals *qemu;
	size_t stack_pointer;
	struct profile_channel *channel;
	uint64_t slide; /* of the kernel's image */
	uint32_t paths;
	struct vcpu_state vcpu[OBSERVE_CPUS_MAX];
	struct stack *stack[1u << STACKS_BITS];
	unsigned stacks;
	struct stack none;		 /* of code on a stack of user space */
	uint32_t slot[1u << SLOTS_BITS]; /* paths by caller and function; 0: free */
} here;

/* --- start -------------------------------------------------------------------------------------------------------- */

void profile_open(void)
{
	struct profile_channel *c = MAP_FAILED;
	struct stat st;
	if (fstat(QEMU_FD_PROFILE, &st) == 0 && (size_t)st.st_size >= sizeof(*c))
		c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, QEMU_FD_PROFILE, 0);
	if (c == MAP_FAILED || c->magic != CHANNEL_MAGIC || c->size != sizeof(*c)) {
		fprintf(stderr, "the file for the profile is not of this build of ktstr\n");
		_exit(STATUS_ERROR);
	}
	here.channel = c;
	here.paths = c->paths = 1;
	c->path[0].function = OBSERVE_UNKNOWN_CODE;
}

void profile_start(const struct qemu_internals *q, size_t stack_pointer)
{
	here.qemu = q;
	here.stack_pointer = stack_pointer;
}

bool profile_wanted(void)
{
	return here.channel;
}

void profile_set_slide(uint64_t text_slide)
{
	here.slide = text_slide;
}

uint64_t *profile_user(void)
{
	return &here.channel->user;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* The function with the highest address that is not above @address, of the kernel as it was linked; -1: none. */
static int64_t find_function(uint64_t address)
{
	const struct profile_channel *c = here.channel;
	uint32_t low = 0, high = c->functions;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (c->function[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	bool behind = low == c->functions && low && address - c->function[low - 1].address > BEHIND_LAST;
	return behind ? -1 : (int64_t)low - 1;
}

/* Of programs at one place, the last: the others are gone. */
static int64_t find_program(uint64_t address)
{
	const struct profile_channel *c = here.channel;
	for (uint32_t i = c->programs; i--;) {
		if (address >= c->program[i].start && address < c->program[i].end)
			return i;
	}
	return -1;
}

/* NULL: it is not counted there. */
static uint64_t *counter_in(const struct observe_program *code, uint64_t address)
{
	uint64_t at = code->counters + (address - code->start);
	return at < OBSERVE_CODE_MAX ? &here.channel->executions[at] : NULL;
}

uint64_t *profile_executions(uint64_t address)
{
	const struct profile_channel *c = here.channel;
	for (uint32_t i = 0; i < c->pieces; i++) {
		if (address - here.slide >= c->piece[i].start && address - here.slide < c->piece[i].end)
			return counter_in(&c->piece[i], address - here.slide);
	}
	int64_t i = c->count_code ? find_program(address) : -1;
	return i < 0 ? NULL : counter_in(&c->program[i], address);
}

union profile_block profile_describe(uint64_t address, size_t instructions)
{
	const struct profile_channel *c = here.channel;
	union profile_block b = { .packed = 0 };
	b.function = OBSERVE_UNKNOWN_CODE;
	b.instructions = (uint16_t)instructions;
	int64_t i = find_function(address - here.slide);
	if (i >= 0) {
		b.function = (uint32_t)i;
		b.starts = c->function[i].address == address - here.slide;
		b.flags = (uint8_t)c->function[i].flags;
		return b;
	}
	i = find_program(address);
	if (i >= 0) {
		b.function = c->functions + (uint32_t)i;
		b.starts = c->program[i].start == address;
	}
	return b;
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static uint32_t *slot_of(uint32_t caller, uint32_t function)
{
	uint64_t hash = ((uint64_t)caller << 32 | function) * UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t i = (uint32_t)(hash >> (64 - SLOTS_BITS));; i = (i + 1) % (1u << SLOTS_BITS)) {
		const struct observe_path *p = &here.channel->path[here.slot[i]];
		if (!here.slot[i] || (p->caller == caller && p->function == function))
			return &here.slot[i];
	}
}

/* Without room for another path, that of the caller. */
static uint32_t path_of(uint32_t caller, uint32_t function)
{
	uint32_t *slot = slot_of(caller, function);
	if (*slot)
		return *slot;
	if (here.paths == OBSERVE_PATHS_MAX)
		return caller;
	here.channel->path[here.paths] = (struct observe_path){ .caller = caller, .function = function };
	*slot = here.paths++;
	here.channel->paths = here.paths;
	return *slot;
}

/* --- stacks ------------------------------------------------------------------------------------------------------- */

static struct stack *find_stack(uint64_t number)
{
	uint32_t i = (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - STACKS_BITS));
	for (; here.stack[i]; i = (i + 1) % (1u << STACKS_BITS)) {
		if (here.stack[i]->number == number)
			return here.stack[i];
	}
	struct stack *s = here.stacks < STACKS_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return &here.none;
	s->number = number;
	here.stacks++;
	here.stack[i] = s;
	return s;
}

static void change_stack(struct vcpu_state *v, uint64_t number)
{
	v->number = number;
	v->stack = number >> (63 - STACK_BITS) ? find_stack(number) : &here.none;
	if (v->stack == &here.none)
		here.none.depth = here.none.base = 0;
}

/* A function that begins here overwrites the return address of one that began here before. */
static void drop_returned(struct stack *s, uint64_t stack_pointer, bool starts)
{
	while (s->depth && s->frame[s->depth - 1].stack_pointer + (starts ? 0 : 1) <= stack_pointer)
		s->depth--;
}

static uint32_t enter(struct stack *s, uint64_t stack_pointer, uint32_t caller, uint32_t function)
{
	uint32_t path = path_of(caller, function);
	if (s->depth < FRAMES_MAX)
		s->frame[s->depth++] = (struct frame){ stack_pointer, path };
	here.channel->path[path].calls++;
	return path;
}

/*
 * The first function on a stack was called by what ran on the stack before: an interrupt's entry changes to a stack of
 * its own. It was not if tasks were switched.
 */
static uint32_t caller_on(struct stack *s, const struct vcpu_state *v, bool changed)
{
	if (s->depth)
		return s->frame[s->depth - 1].path;
	if (changed && s != &here.none)
		s->base = v->switches ? 0 : v->path;
	return s->base;
}

void profile_count(unsigned vcpu, void *data)
{
	const union profile_block b = { .packed = (uintptr_t)data };
	struct vcpu_state *v = &here.vcpu[vcpu % OBSERVE_CPUS_MAX];
	uint64_t stack_pointer = FIELD(*here.qemu->current, here.stack_pointer, const uint64_t);
	uint64_t number = stack_pointer >> STACK_BITS;
	bool changed = number != v->number || !v->stack;
	if (changed)
		change_stack(v, number);
	struct stack *s = v->stack;
	drop_returned(s, stack_pointer, b.starts);
	uint32_t path = caller_on(s, v, changed);
	if (b.flags & OBSERVE_INTERRUPTS)
		path = 0;
	if (b.starts)
		path = enter(s, stack_pointer, path, b.function);
	else if (here.channel->path[path].function != b.function)
		path = path_of(path, b.function);
	here.channel->path[path].instructions += b.instructions;
	if (here.channel->path[path].function != b.function)
		here.channel->lost += b.instructions;
	v->path = path;
	v->switches = b.flags & OBSERVE_SWITCHES;
}
