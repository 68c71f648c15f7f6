/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plugin.c -- a plugin of QEMU's TCG that hooks instructions by address. When QEMU translates an instruction at a
 * hooked address, it is asked to call on_hook() before each execution; all other instructions stay as they are.
 *
 * QEMU's header for plugins is not installed by distributions. The few declarations below are those of version 1 of its
 * interface (QEMU: include/qemu/qemu-plugin.h), and the functions are looked up by name, so that the library also loads
 * into a QEMU that has no plugins.
 */
#include <dlfcn.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/qemu/observer/observer.h"
#include "vmm/qemu/preload/handoff.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define PROBE_ARGUMENT "probe=on"
#define PAGE_BYTES     4096
#define FILTER_BITS    16384
#define SLOT_BITS      16 /* of a callback's argument: the hook; above, the instructions that are left of the block */

_Static_assert(OBSERVE_HOOKS_MAX < 1 << SLOT_BITS, "a slot fits");

/* --- QEMU's interface --------------------------------------------------------------------------------------------- */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translation_fn(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void execution_fn(unsigned vcpu, void *data);

enum { REGISTERS_ARE_READ = 1 };

EXPORT extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

struct plugin_functions {
	void (*on_translation)(qemu_plugin_id_t id, translation_fn *fn);
	size_t (*instructions)(const struct qemu_plugin_tb *block);
	struct qemu_plugin_insn *(*instruction)(const struct qemu_plugin_tb *block, size_t index);
	uint64_t (*address)(const struct qemu_plugin_insn *i);
	void (*on_execution)(struct qemu_plugin_insn *i, execution_fn *fn, int flags, void *data);
	/* Not for plugins: to throw all translations away while no vCPU executes. */
	void (*begin_exclusive)(void);
	void (*end_exclusive)(void);
	void (*flush)(struct cpu *cpu);
};

static const struct {
	size_t offset;
	const char *name;
} functions[] = {
	{ offsetof(struct plugin_functions, on_translation), "qemu_plugin_register_vcpu_tb_trans_cb" },
	{ offsetof(struct plugin_functions, instructions), "qemu_plugin_tb_n_insns" },
	{ offsetof(struct plugin_functions, instruction), "qemu_plugin_tb_get_insn" },
	{ offsetof(struct plugin_functions, address), "qemu_plugin_insn_vaddr" },
	{ offsetof(struct plugin_functions, on_execution), "qemu_plugin_register_vcpu_insn_exec_cb" },
	{ offsetof(struct plugin_functions, begin_exclusive), "start_exclusive" },
	{ offsetof(struct plugin_functions, end_exclusive), "end_exclusive" },
	{ offsetof(struct plugin_functions, flush), "tb_flush" },
};

/* A page of the kernel in which instructions were translated: a bit for each byte at which one begins. */
struct page {
	uint64_t number;
	uint64_t begins[PAGE_BYTES / 64];
};

/* Global, because QEMU's callbacks take no context. */
static struct {
	bool loaded, probe;
	const char *missing; /* a function that this QEMU does not have */
	struct plugin_functions call;
	const struct qemu_internals *qemu;
	struct observe_hook hook[OBSERVE_HOOKS_MAX]; /* private copies */
	unsigned hooks;
	uint64_t filter[FILTER_BITS / 64]; /* bits by hash of the hooks' addresses */
	void *pages;			   /* struct page by number: tsearch(3) */
	bool flush;			   /* a hook is at an instruction that was translated without it */
} plugin;

/* --- what was translated ------------------------------------------------------------------------------------------ */

static int compare_pages(const void *a, const void *b)
{
	uint64_t x = ((const struct page *)a)->number, y = ((const struct page *)b)->number;
	return (x > y) - (x < y);
}

static struct page *find_page(uint64_t address)
{
	const struct page key = { .number = address / PAGE_BYTES };
	struct page **found = tfind(&key, &plugin.pages, compare_pages);
	return found ? *found : NULL;
}

/* Without memory, a later hook at this address would be missed, so the process ends. */
static struct page *add_page(uint64_t address)
{
	struct page *p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->number = address / PAGE_BYTES;
	if (!tsearch(p, &plugin.pages, compare_pages))
		abort();
	return p;
}

static struct page *note_translated(struct page *last, uint64_t address)
{
	struct page *p = last && last->number == address / PAGE_BYTES ? last : find_page(address);
	if (!p)
		p = add_page(address);
	p->begins[address % PAGE_BYTES / 64] |= UINT64_C(1) << address % 64;
	return p;
}

static bool was_translated(uint64_t address)
{
	const struct page *p = find_page(address);
	return p && p->begins[address % PAGE_BYTES / 64] >> address % 64 & 1;
}

/* --- hooks -------------------------------------------------------------------------------------------------------- */

static unsigned filter_bit(uint64_t address)
{
	return (unsigned)((address ^ address >> 14) % FILTER_BITS);
}

static void add_hook(struct channel_hook *h)
{
	const struct observe_hook hook = h->hook;
	plugin.hook[plugin.hooks++] = hook;
	plugin.filter[filter_bit(hook.address) / 64] |= UINT64_C(1) << filter_bit(hook.address) % 64;
	h->in_force = !was_translated(hook.address);
	plugin.flush |= !h->in_force;
}

/* Takes over hooks that the orchestrator has added or changed. */
static void read_hooks(void)
{
	struct channel *c = stop_channel();
	for (unsigned i = 0; i < plugin.hooks; i++)
		plugin.hook[i].kind = c->hook[i].hook.kind;
	while (plugin.hooks < c->hooks && plugin.hooks < OBSERVE_HOOKS_MAX)
		add_hook(&c->hook[plugin.hooks]);
}

/*
 * QEMU itself asks a vCPU to do this, which would end its turn. Between turns nobody executes, so it can be done at
 * once. The guest is translated anew, to the same instructions.
 */
static void flush_translations(void)
{
	plugin.call.begin_exclusive();
	plugin.call.flush(*plugin.qemu->current);
	plugin.call.end_exclusive();
	tdestroy(plugin.pages, free);
	plugin.pages = NULL;
	plugin.flush = false;
	for (unsigned i = 0; i < plugin.hooks; i++)
		stop_channel()->hook[i].in_force = true;
}

/* The vCPU is about to execute a hooked instruction. */
static void on_hook(unsigned vcpu, void *data)
{
	unsigned slot = (uintptr_t)data % (1u << SLOT_BITS), left = (unsigned)((uintptr_t)data >> SLOT_BITS);
	const struct observe_hook *h = &plugin.hook[slot];
	if (h->kind == OBSERVE_OFF)
		return;
	stop_channel()->hook[slot].hits++;
	if (h->kind == OBSERVE_RECORD)
		stop_record(h, vcpu, stop_time(left));
	if (h->kind != OBSERVE_STOP)
		return;
	stop_guest(h, vcpu, stop_time(left));
	read_hooks();
}

/* QEMU has counted all instructions of a block when its first one is executed, so @left are those not executed yet. */
static void hook_instruction(struct qemu_plugin_insn *instruction, uint64_t address, size_t left)
{
	unsigned bit = filter_bit(address);
	if (!(plugin.filter[bit / 64] >> bit % 64 & 1))
		return;
	for (uintptr_t i = 0; i < plugin.hooks; i++) {
		if (plugin.hook[i].address == address)
			plugin.call.on_execution(instruction, on_hook, REGISTERS_ARE_READ,
						 (void *)(i | left << SLOT_BITS));
	}
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	struct page *page = NULL;
	size_t count = plugin.call.instructions(block);
	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *instruction = plugin.call.instruction(block, i);
		uint64_t address = plugin.call.address(instruction);
		if (address < OBSERVE_ADDRESS_MIN)
			return;
		page = note_translated(page, address);
		hook_instruction(instruction, address, count - i);
	}
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static const char *find_functions(void)
{
	for (size_t i = 0; i < COUNT(functions); i++) {
		void *f = dlsym(RTLD_DEFAULT, functions[i].name);
		if (!f)
			return functions[i].name;
		memcpy((char *)&plugin.call + functions[i].offset, &f, sizeof(f));
	}
	return NULL;
}

/* QEMU calls it before it has vCPUs. Later, a request for translations would be work for each of them. */
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	plugin.loaded = true;
	plugin.probe = argc > 0 && !strcmp(argv[0], PROBE_ARGUMENT);
	plugin.missing = find_functions();
	if (plugin.probe || plugin.missing)
		return 0;
	stop_open();
	read_hooks();
	plugin.call.on_translation(id, on_translation);
	return 0;
}

bool observer_wanted(void)
{
	return plugin.loaded;
}

const char *observer_start(const struct qemu_internals *q)
{
	plugin.qemu = q;
	const char *missing = plugin.missing ? plugin.missing : stop_start(q);
	if (!missing && plugin.probe)
		_exit(0);
	return missing;
}

void observer_between_turns(void)
{
	if (stop_if_due())
		read_hooks();
	if (plugin.flush)
		flush_translations();
}
