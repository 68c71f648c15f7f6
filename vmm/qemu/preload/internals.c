/* SPDX-License-Identifier: GPL-2.0-only */
/* internals.c -- see internals.h. */
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <string.h>

#include "vmm/qemu/preload/handoff.h"
#include "vmm/qemu/preload/internals.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define CPU_BYTES_MAX	(1 << 15)   /* the fields lie below it; QEMU 7.2: below 0x13a8 */
#define UNUSED_REQUEST	0x40000000u /* a bit of interrupt_request that QEMU does not use */
#define ACCELERATOR_OPS "tcg-accel-ops"

/* Not a CPU: memory in which QEMU's functions show what they read and write. */
static union {
	char bytes[CPU_BYTES_MAX];
	uint64_t words[CPU_BYTES_MAX / 8];
} probe;

#define PROBE ((struct cpu *)&probe)

/* --- functions ---------------------------------------------------------------------------------------------------- */

#define FUNCTION(field, ...)                            \
	{                                               \
		offsetof(struct qemu_functions, field), \
		{                                       \
			__VA_ARGS__                     \
		}                                       \
	}

/* A second name is the one of newer versions. */
static const struct {
	size_t offset;
	const char *names[2];
} functions[] = {
	FUNCTION(get_cpu, "qemu_get_cpu"),
	FUNCTION(lock, "qemu_mutex_lock_iothread_impl", "bql_lock_impl"),
	FUNCTION(unlock, "qemu_mutex_unlock_iothread", "bql_unlock"),
	FUNCTION(wait, "qemu_cond_wait_iothread", "qemu_cond_wait_bql"),
	FUNCTION(is_running, "runstate_is_running"),
	FUNCTION(all_idle, "all_cpu_threads_idle"),
	FUNCTION(is_idle, "cpu_thread_is_idle"),
	FUNCTION(can_run, "cpu_can_run"),
	FUNCTION(is_stopped, "cpu_is_stopped"),
	FUNCTION(serve, "qemu_wait_io_event_common", "qemu_process_cpu_events_common"),
	FUNCTION(kick, "qemu_cpu_kick"),
	FUNCTION(exit, "cpu_exit"),
	FUNCTION(exec_start, "cpu_exec_start"),
	FUNCTION(exec, "cpu_exec"),
	FUNCTION(exec_end, "cpu_exec_end"),
	FUNCTION(exec_atomic, "cpu_exec_step_atomic"),
	FUNCTION(handle_debug, "cpu_handle_guest_debug"),
	FUNCTION(icount, "icount_get_raw"),
	FUNCTION(icount_ns, "icount_get"),
	FUNCTION(to_instructions, "icount_round"),
	FUNCTION(to_ns, "icount_to_ns"),
	FUNCTION(account, "icount_update"),
	FUNCTION(skip_idle, "icount_start_warp_timer"),
	FUNCTION(deadline, "qemu_clock_deadline_ns_all"),
	FUNCTION(notify_clock, "qemu_clock_notify"),
	FUNCTION(run_timers, "qemu_clock_run_timers"),
};

static const char *find_functions(struct qemu_internals *q)
{
	for (size_t i = 0; i < COUNT(functions); i++) {
		const char *const *names = functions[i].names;
		void *f = dlsym(RTLD_DEFAULT, names[0]);
		if (!f && names[1])
			f = dlsym(RTLD_DEFAULT, names[1]);
		if (!f)
			return names[0];
		memcpy((char *)&q->call + functions[i].offset, &f, sizeof(f));
	}
	q->current = dlsym(RTLD_DEFAULT, "current_cpu");
	return q->current ? NULL : "current_cpu";
}

static const struct link_map *loaded_objects(void)
{
	struct link_map *first = NULL;
	void *program = dlopen(NULL, RTLD_LAZY);
	return program && dlinfo(program, RTLD_DI_LINKMAP, &first) == 0 ? first : NULL;
}

/* They are in QEMU's program, or in its module of TCG, whose names other libraries cannot look up. */
static void *find_original(const char *name)
{
	Dl_info info, own;
	void *ours = dlsym(RTLD_DEFAULT, name);
	/* The program's own come first. */
	if (ours && dladdr(ours, &info) && dladdr(&probe, &own) && info.dli_fbase != own.dli_fbase)
		return ours;
	for (const struct link_map *l = loaded_objects(); l; l = l->l_next) {
		void *object = *l->l_name ? dlopen(l->l_name, RTLD_NOLOAD | RTLD_LAZY) : NULL;
		void *f = object ? dlsym(object, name) : NULL;
		if (f && f != ours)
			return f;
	}
	return NULL;
}

union qemu_original internals_original(enum qemu_replaced function)
{
	static const char *const names[REPLACED_COUNT] = { "icount_handle_deadline", "tcg_handle_interrupt",
							   "rr_kick_vcpu_thread" };
	static union qemu_original found[REPLACED_COUNT];
	if (!found[function].address)
		found[function].address = find_original(names[function]);
	return found[function];
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* Returns by how much icount_update() moves the clock if the probe has @value at the offset @at. */
static int64_t shown_at(struct qemu_internals *q, size_t at, uint64_t value)
{
	int64_t before = q->call.icount();
	probe.words[at / 8] = value;
	q->call.account(PROBE);
	probe.words[at / 8] = 0;
	int64_t moved = q->call.icount() - before;
	if (moved)
		memset(&probe, 0, sizeof(probe));
	return moved;
}

/*
 * icount_update() adds budget - (extra + low) to the clock. It is shown four different numbers in each word in turn,
 * and the movement of the clock tells the field.
 */
static const char *find_turn(struct qemu_internals *q)
{
	const int64_t shown = 0x0004000300020001;
	for (size_t at = 0; at < CPU_BYTES_MAX; at += 8) {
		int64_t moved = shown_at(q, at, (uint64_t)shown);
		if (moved == shown)
			q->budget = at;
		else if (moved == -shown)
			q->extra = at;
		else if (moved < 0 && moved >= -4)
			q->low = at + 2 * (size_t)(-moved - 1);
		else if (moved)
			return "the fields that move its clock";
	}
	return q->budget && q->extra && q->low ? NULL : "the counters of a turn";
}

/* The one word of timers_state that says what icount_get_raw() says, before and after a movement of the clock. */
static const char *find_icount(struct qemu_internals *q)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;
	const int64_t *state = dlsym(RTLD_DEFAULT, "timers_state");
	if (!state || !dladdr1(state, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		return "timers_state";
	internals_set_icount(q, 0x5aa5f00f);
	for (size_t i = 0; i < symbol->st_size / sizeof(*state); i++) {
		if (state[i] != q->call.icount())
			continue;
		if (q->icount)
			return "the one counter of timers_state";
		q->icount = &state[i];
	}
	return q->icount ? NULL : "the counter of timers_state";
}

static const char *find_clock(struct qemu_internals *q)
{
	int64_t start = q->call.icount();
	const char *missing = find_turn(q);
	if (!missing)
		missing = find_icount(q);
	if (q->budget)
		internals_set_icount(q, start);
	return missing;
}

/* cpu_exit() writes 1 to exit_request, and 0xffff to a counter that it reaches by a pointer. */
static const char *find_exit_request(struct qemu_internals *q)
{
	static uint64_t counter[2];
	uintptr_t pointer = (uintptr_t)counter | 8;
	for (size_t i = 0; i < COUNT(probe.words); i++)
		probe.words[i] = pointer;
	q->call.exit(PROBE);
	for (size_t i = 0; i < COUNT(probe.words) && !q->exit_request; i++) {
		for (size_t b = 0; probe.words[i] != pointer && b < 8; b++) {
			if (FIELD(&probe, i * 8 + b, uint8_t) == 1 && (pointer >> 8 * b & 0xff) != 1)
				q->exit_request = i * 8 + b;
		}
	}
	memset(&probe, 0, sizeof(probe));
	return q->exit_request ? NULL : "exit_request";
}

/* Raises an interrupt that is none for the first vCPU. This also asks for the end of its turn, which is taken back. */
static const char *find_interrupt_request(struct qemu_internals *q)
{
	struct cpu *cpu = q->call.get_cpu(0);
	static uint32_t before[CPU_BYTES_MAX / 4];
	memcpy(before, cpu, q->low);
	q->handle_interrupt(cpu, (int)UNUSED_REQUEST);
	for (size_t at = 0; at + 4 <= q->low && !q->interrupt_request; at += 4) {
		if (FIELD(cpu, at, uint32_t) == (before[at / 4] | UNUSED_REQUEST) && !(before[at / 4] & UNUSED_REQUEST))
			q->interrupt_request = at;
	}
	FIELD(cpu, q->low + 2, uint16_t) = 0;
	if (!q->interrupt_request)
		return "interrupt_request";
	FIELD(cpu, q->interrupt_request, uint32_t) &= ~UNUSED_REQUEST;
	return NULL;
}

/* The accelerator's table of functions is a class of QEMU's object model. */
static const char *find_clocks(struct qemu_internals *q)
{
	void *(*class_by_name)(const char *) = NULL;
	void *f = dlsym(RTLD_DEFAULT, "object_class_by_name");
	memcpy(&class_by_name, &f, sizeof(f));
	const union qemu_original kick = internals_original(KICK_THREAD);
	int64_t (**ops)(void) = f ? class_by_name(ACCELERATOR_OPS) : NULL;
	for (size_t i = 0; ops && i < malloc_usable_size(ops) / sizeof(*ops); i++) {
		if (ops[i] == q->call.icount_ns && q->clocks < CLOCKS_MAX)
			q->clock[q->clocks++] = &ops[i];
		if ((void *)ops[i] == kick.address)
			q->kick = (void (**)(struct cpu *))(void *)&ops[i];
	}
	return q->clocks ? NULL : "the clock of its " ACCELERATOR_OPS;
}

static const char *find_halt_condition(struct qemu_internals *q)
{
	q->call.kick(q->call.get_cpu(0));
	q->halt_condition = handoff_last_woken();
	return q->halt_condition ? NULL : "the condition for a halted vCPU";
}

const char *internals_find_clock(struct qemu_internals *q)
{
	const char *missing = find_functions(q);
	return missing ? missing : find_clock(q);
}

const char *internals_find(struct qemu_internals *q)
{
	static const char *(*const fields[])(struct qemu_internals *) = {
		internals_find_clock, find_exit_request, find_interrupt_request, find_clocks, find_halt_condition,
	};
	const char *missing = NULL;
	q->handle_interrupt = internals_original(HANDLE_INTERRUPT).handle_interrupt;
	if (!q->handle_interrupt)
		return "tcg_handle_interrupt";
	for (size_t i = 0; i < COUNT(fields) && !missing; i++)
		missing = fields[i](q);
	return missing;
}

/* icount_update() itself writes the counter, under QEMU's lock for it. */
void internals_set_icount(const struct qemu_internals *q, int64_t instructions)
{
	FIELD(PROBE, q->budget, int64_t) = instructions - q->call.icount();
	q->call.account(PROBE);
	FIELD(PROBE, q->budget, int64_t) = 0;
}
