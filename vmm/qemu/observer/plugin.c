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
#include <string.h>
#include <unistd.h>

#include "vmm/qemu/observer/observer.h"
#include "vmm/qemu/preload/handoff.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define PROBE_ARGUMENT	"probe=on"
#define BLOCKS_ARGUMENT "blocks=on"
#define PAGE_BYTES	4096
#define PAGES_BITS	(1 << 16) /* those of 256 MiB are all different */
#define BLOCKS		(1u << 16)
#define SLOT_BITS	16 /* of a callback's argument: the hook; above, the instructions that are left of the block */

_Static_assert(OBSERVE_HOOKS_MAX < 1 << SLOT_BITS, "a slot fits");

/* --- QEMU's interface --------------------------------------------------------------------------------------------- */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translation_fn(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void execution_fn(unsigned vcpu, void *data);

enum { REGISTERS_ARE_NOT_USED, REGISTERS_ARE_READ };
enum { ADD_U64 };

EXPORT extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

struct plugin_functions {
	void (*on_translation)(qemu_plugin_id_t id, translation_fn *fn);
	size_t (*instructions)(const struct qemu_plugin_tb *block);
	struct qemu_plugin_insn *(*instruction)(const struct qemu_plugin_tb *block, size_t index);
	uint64_t (*address)(const struct qemu_plugin_insn *i);
	void (*on_execution)(struct qemu_plugin_insn *i, execution_fn *fn, int flags, void *data);
	/* Only for profiles; NULL: this QEMU does not have them. */
	void (*on_block)(struct qemu_plugin_tb *block, execution_fn *fn, int flags, void *data);
	void (*add_at_block)(struct qemu_plugin_tb *block, int operation, void *at, uint64_t value);
	void (*add_at_instruction)(struct qemu_plugin_insn *i, int operation, void *at, uint64_t value);
	/* Not for plugins: to throw all translations away while no vCPU executes. */
	void (*begin_exclusive)(void);
	void (*end_exclusive)(void);
	void (*flush)(struct cpu *cpu);
};

static const struct {
	size_t offset;
	const char *name;
	bool may_lack;
} functions[] = {
	{ offsetof(struct plugin_functions, on_translation), "qemu_plugin_register_vcpu_tb_trans_cb", false },
	{ offsetof(struct plugin_functions, instructions), "qemu_plugin_tb_n_insns", false },
	{ offsetof(struct plugin_functions, instruction), "qemu_plugin_tb_get_insn", false },
	{ offsetof(struct plugin_functions, address), "qemu_plugin_insn_vaddr", false },
	{ offsetof(struct plugin_functions, on_execution), "qemu_plugin_register_vcpu_insn_exec_cb", false },
	{ offsetof(struct plugin_functions, on_block), "qemu_plugin_register_vcpu_tb_exec_cb", true },
	{ offsetof(struct plugin_functions, add_at_block), "qemu_plugin_register_vcpu_tb_exec_inline", true },
	{ offsetof(struct plugin_functions, add_at_instruction), "qemu_plugin_register_vcpu_insn_exec_inline", true },
	{ offsetof(struct plugin_functions, begin_exclusive), "start_exclusive", false },
	{ offsetof(struct plugin_functions, end_exclusive), "end_exclusive", false },
	{ offsetof(struct plugin_functions, flush), "tb_flush", false },
};

/* Sets of the kernel's pages by a hash of their numbers, so a page can seem to be in one that is not. */
struct pages {
	uint64_t bits[PAGES_BITS / 64];
};

/* Global, because QEMU's callbacks take no context. */
static struct {
	bool loaded, probe;
	const char *missing; /* a function that this QEMU does not have */
	struct plugin_functions call;
	const struct qemu_internals *qemu;
	struct observe_hook hook[OBSERVE_HOOKS_MAX]; /* private copies */
	unsigned hooks;
	struct pages hooked;	 /* with a hook */
	struct pages translated; /* of which some instruction was translated */
	struct block {
		uint64_t address;
		unsigned size;
	} block[BLOCKS]; /* sizes of blocks, by a hash of their addresses */
	uint64_t slide;	 /* of the kernel's image */
	bool flush;	 /* a hook may be at an instruction that was translated without it */
} plugin;

/* --- hooks -------------------------------------------------------------------------------------------------------- */

static unsigned page_bit(uint64_t address)
{
	uint64_t page = address / PAGE_BYTES;
	return (unsigned)((page ^ page / PAGES_BITS) % PAGES_BITS);
}

static bool has_page(const struct pages *p, uint64_t address)
{
	return p->bits[page_bit(address) / 64] >> page_bit(address) % 64 & 1;
}

static void add_page(struct pages *p, uint64_t address)
{
	p->bits[page_bit(address) / 64] |= UINT64_C(1) << page_bit(address) % 64;
}

static void add_hook(struct channel_hook *h)
{
	const struct observe_hook hook = h->hook;
	plugin.hook[plugin.hooks++] = hook;
	add_page(&plugin.hooked, hook.address);
	h->in_force = !has_page(&plugin.translated, hook.address);
	plugin.flush |= !h->in_force;
}

/* A randomised kernel was found. For a profile, what was translated before is translated again: it has names now. */
static void read_place(const struct observe_place *place)
{
	memory_set_maps(place->map);
	plugin.flush |= profile_wanted() && place->text_slide != plugin.slide;
	plugin.slide = place->text_slide;
	profile_set_slide(plugin.slide);
}

/* Takes over the kernel's place, and hooks that the orchestrator has added or changed. */
static void read_hooks(void)
{
	struct channel *c = stop_channel();
	read_place(&c->place);
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
	plugin.translated = (struct pages){ 0 };
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
	if (h->kind == OBSERVE_HOLD)
		perturb_hit(h, left);
	if (h->kind == OBSERVE_HOLD || h->kind == OBSERVE_ORDER)
		perturb_note_order(h, vcpu);
	if (h->kind != OBSERVE_STOP)
		return;
	stop_guest(h, vcpu, stop_time(left));
	read_hooks();
}

/* QEMU has counted all instructions of a block when its first one is executed, so @left are those not executed yet. */
static void hook_instruction(struct qemu_plugin_insn *instruction, size_t left)
{
	uint64_t address = plugin.call.address(instruction);
	for (uintptr_t i = 0; i < plugin.hooks; i++) {
		if (plugin.hook[i].address == address)
			plugin.call.on_execution(instruction, on_hook, REGISTERS_ARE_READ,
						 (void *)(i | left << SLOT_BITS));
	}
}

static struct block *block_at(uint64_t address)
{
	return &plugin.block[(address ^ address / BLOCKS) % BLOCKS];
}

/* QEMU also translates parts of blocks, for ends of turns. They do not count. */
static void note_block(uint64_t address, size_t size)
{
	struct block *b = block_at(address);
	if (b->address != address || b->size < size)
		*b = (struct block){ address, (unsigned)size };
}

unsigned observer_next_block(const struct cpu *cpu)
{
	uint64_t address = stop_rip(cpu);
	const struct block *b = block_at(address);
	return b->address == address ? b->size : 0;
}

/* A block of user space only adds to a number. The stack pointer of others is in memory when they begin. */
static void count_block(struct qemu_plugin_tb *block, uint64_t address, size_t instructions)
{
	if (address < OBSERVE_ADDRESS_MIN) {
		plugin.call.add_at_block(block, ADD_U64, profile_user(), instructions);
		return;
	}
	void *data = (void *)profile_describe(address, instructions).packed;
	plugin.call.on_block(block, profile_count, REGISTERS_ARE_NOT_USED, data);
	for (size_t i = 0; i < instructions && profile_executions(address); i++) {
		struct qemu_plugin_insn *one = plugin.call.instruction(block, i);
		uint64_t *at = profile_executions(plugin.call.address(one));
		if (at)
			plugin.call.add_at_instruction(one, ADD_U64, at, 1);
	}
}

static void on_code(unsigned vcpu, void *data)
{
	(void)vcpu;
	perturb_code((unsigned)(uintptr_t)data);
}

/* The instructions of a block follow each other, and it has at most two pages. */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	size_t count = plugin.call.instructions(block);
	(void)id;
	if (!count)
		return;
	uint64_t first = plugin.call.address(plugin.call.instruction(block, 0));
	uint64_t last = plugin.call.address(plugin.call.instruction(block, count - 1));
	note_block(first, count);
	if (profile_wanted())
		count_block(block, first, count);
	if (first < OBSERVE_ADDRESS_MIN)
		return;
	add_page(&plugin.translated, first);
	add_page(&plugin.translated, last);
	if (perturb_wants_code(first))
		plugin.call.on_execution(plugin.call.instruction(block, 0), on_code, REGISTERS_ARE_NOT_USED,
					 (void *)count);
	if (!has_page(&plugin.hooked, first) && !has_page(&plugin.hooked, last))
		return;
	for (size_t i = 0; i < count; i++)
		hook_instruction(plugin.call.instruction(block, i), count - i);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static const char *find_functions(void)
{
	for (size_t i = 0; i < COUNT(functions); i++) {
		void *f = dlsym(RTLD_DEFAULT, functions[i].name);
		if (!f && !functions[i].may_lack)
			return functions[i].name;
		memcpy((char *)&plugin.call + functions[i].offset, &f, sizeof(f));
	}
	return NULL;
}

/*
 * With a plugin that sees translations, QEMU's long blocks have fewer instructions. Turns of parallel time end between
 * blocks, so such a machine gets a plugin, whether it is observed or not.
 */
static void ignore_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	(void)id;
	(void)block;
}

/* QEMU calls it before it has vCPUs. Later, a request for translations would be work for each of them. */
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	plugin.missing = find_functions();
	if (argc > 0 && !strcmp(argv[0], BLOCKS_ARGUMENT)) {
		if (!plugin.missing)
			plugin.call.on_translation(id, ignore_translation);
		return plugin.missing ? -1 : 0;
	}
	plugin.loaded = true;
	plugin.probe = argc > 0 && !strcmp(argv[0], PROBE_ARGUMENT);
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

const char *observer_start(const struct qemu_internals *q, void (*hold)(int64_t ns))
{
	plugin.qemu = q;
	perturb_start(hold);
	const char *missing = plugin.missing ? plugin.missing : stop_start(q);
	if (!missing && profile_wanted() &&
	    (!plugin.call.on_block || !plugin.call.add_at_block || !plugin.call.add_at_instruction))
		missing = "a plugin's callbacks for blocks";
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

int64_t observer_time_left(unsigned vcpu)
{
	return plugin.loaded && !plugin.probe ? stop_time_left(vcpu) : INT64_MAX;
}

int64_t observer_hold_turn(unsigned vcpu)
{
	return plugin.loaded && !plugin.probe ? perturb_turn(vcpu) : 0;
}

int64_t observer_hold_interrupt(bool by_timer)
{
	return plugin.loaded && !plugin.probe ? perturb_interrupt(by_timer ? OBSERVE_TIMER : OBSERVE_IPI) : 0;
}

void observer_reached(unsigned vcpu)
{
	stop_reached(vcpu);
	read_hooks();
}
