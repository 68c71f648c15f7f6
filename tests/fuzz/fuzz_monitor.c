/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a guest kernel, which its guest can fill with anything, under all walkers, samples and translations.
 * An input is a list of records of 14 bytes: where in which object, how many bytes, what is written. Changes are undone
 * after each input.
 */
#include "base/json.h"
#include "fuzz.h"
#include "kernel_image.h"
#include "monitor/program_lines.h"
#include "monitor/sample.h"
#include "monitor/stall.h"

#define RECORD_BYTES 14
#define RECORDS_MAX  64
#define NODES_MAX    2000

static struct kimage k;
static struct sampler *sampler;
static struct stall_fields stall_fields;
static struct sample sample, again;
static struct layout layout;
static uint64_t hash, tree, idr, nodes, aux;

static int visit(struct view *v, uint64_t node, void *arg)
{
	uint64_t value;
	view_read_u64(v, node, 8, &value);
	return ++*(unsigned *)arg > NODES_MAX;
}

static int visit_value(struct view *v, uint64_t index, uint64_t value, void *arg)
{
	(void)index;
	return visit(v, value, arg);
}

static int visit_group(struct view *v, const struct walk_cgroup *c, void *arg)
{
	return visit(v, c->cgroup, arg);
}

/* A hash table with two buckets in use, a tree of three nodes, an array of two levels. */
static void add_containers(void)
{
	nodes = kimage_alloc(&k, 64 * 8);
	hash = kimage_alloc(&k, 64);
	tree = kimage_alloc(&k, 16);
	uint64_t table = kimage_alloc(&k, 64 + 8 * 8), top = kimage_alloc(&k, 1024), low = kimage_alloc(&k, 1024);
	kimage_set(&k, hash, "rhashtable", "tbl", table);
	kimage_set(&k, table, "bucket_table", "size", 8);
	kimage_put(&k, table + 64, nodes);
	kimage_put(&k, table + 72, nodes + 64);
	kimage_put(&k, nodes, nodes + 192);
	kimage_put(&k, nodes + 192, 1);
	kimage_set(&k, tree, "rb_root", "rb_node", nodes + 256);
	kimage_set(&k, nodes + 256, "rb_node", "rb_left", nodes + 320);
	kimage_set(&k, nodes + 256, "rb_node", "rb_right", nodes + 384);
	idr = kimage_member(&k, kimage_symbol(&k, "prog_idr"), "idr", "idr_rt");
	kimage_set(&k, idr, "xarray", "xa_head", top | 2);
	kimage_set(&k, top, "xa_node", "shift", 6);
	kimage_put(&k, kimage_member(&k, top, "xa_node", "slots"), low | 2);
	kimage_put(&k, kimage_member(&k, low, "xa_node", "slots") + 8, nodes + 448);
}

/* Four lines of a BPF program. */
static void add_program(void)
{
	uint64_t strings = kimage_alloc(&k, 48), btf = kimage_alloc(&k, 48), addresses = kimage_alloc(&k, 32),
		 records = kimage_alloc(&k, 64);
	aux = kimage_alloc(&k, 192);
	kimage_set(&k, aux, "bpf_prog_aux", "ksym.prog", 1);
	kimage_set(&k, aux, "bpf_prog_aux", "linfo", records);
	kimage_set(&k, aux, "bpf_prog_aux", "jited_linfo", addresses);
	kimage_set(&k, aux, "bpf_prog_aux", "nr_linfo", 4);
	kimage_set(&k, aux, "bpf_prog_aux", "btf", btf);
	kimage_set(&k, btf, "btf", "strings", strings);
	kimage_set(&k, btf, "btf", "hdr.str_len", 48);
}

static void begin(void)
{
	kimage_open(&k, &(struct kimage_layout){ .cpus = 3 });
	kimage_fill(&k, 4, 3);
	add_containers();
	add_program();
	layout_init(&layout, k.image.types);
	kimage_put(&k, kimage_symbol(&k, "scx_root"), kimage_alloc(&k, 256));
	sampler = sampler_new(&k.image);
	stall_find_fields(&stall_fields, k.image.types);
	if (!sampler)
		abort();
}

/* Where records are applied to: parts of the memory in which something is. */
static uint64_t place(uint8_t which, uint16_t offset)
{
	switch (which % 8) {
	case 0:
		return kimage_symbol(&k, "_text") + 0x1000 + offset % 0x9000;
	case 1:
		return kimage_per_cpu(&k, "runqueues", which / 8 % 3) + offset % 256;
	case 2:
		return kimage_per_cpu(&k, "kernel_cpustat", 0) + offset % 0x3000;
	case 3:
		return kimage_symbol(&k, "init_top_pgt") + offset % 4096;
	default:
		/* Objects are behind each other. */
		return k.layout.page_offset + 0x400000 + offset % (k.next - 0x400000);
	}
}

/* Values are numbers, or pointers to what is there: otherwise all mutations would be torn at once. */
static uint64_t value_of(uint8_t kind, uint64_t raw)
{
	switch (kind % 4) {
	case 0:
		return raw;
	case 1:
		return place((uint8_t)(raw >> 32), (uint16_t)raw) & ~7ull;
	case 2:
		return raw & 0xff;
	default:
		return place((uint8_t)(raw >> 32), (uint16_t)raw) | 2;
	}
}

static struct {
	uint64_t at, former;
} change[RECORDS_MAX];
static unsigned changes;

static uint64_t physical(uint64_t kva)
{
	return kva >= 0xffffffff80000000u ? kva - 0xffffffff80000000u : kva - k.layout.page_offset;
}

static void apply(const uint8_t *record)
{
	uint16_t offset;
	uint64_t raw;
	memcpy(&offset, record + 1, sizeof(offset));
	memcpy(&raw, record + 4, sizeof(raw));
	uint64_t value = value_of(record[3], raw), at = place(record[0], offset);
	/* The view may be damaged already, so the former content is read from memory itself. */
	const uint8_t *from = guestmem_at(&k.memory, physical(at), sizeof(raw));
	if (!from || changes == RECORDS_MAX)
		return;
	change[changes].at = at;
	memcpy(&change[changes++].former, from, sizeof(raw));
	kimage_write(&k, at, &value, 1 + record[12] % 8);
}

static void undo(void)
{
	while (changes) {
		changes--;
		kimage_put(&k, change[changes].at, change[changes].former);
	}
}

static void look(void)
{
	unsigned seen = 0;
	enum walk_end how;
	struct stall stall;
	uint64_t pa;
	if (view_refresh(&k.view) < 0) {
		view_init(&k.view, &k.image, &k.memory, 0);
		view_find_slides(&k.view, 0, 0);
		view_refresh(&k.view);
	}
	view_translate(&k.view, 0xffffc90000000000u, &pa);
	walk_tasks(&k.view, NODES_MAX, visit, &seen);
	walk_cgroups(&k.view, "/", NODES_MAX, visit_group, &seen, &how);
	walk_cgroups(&k.view, "/cg_1", NODES_MAX, visit_group, &seen, &how);
	walk_rhashtable(&k.view, hash, NODES_MAX, visit, &seen);
	walk_rbtree(&k.view, tree, NODES_MAX, visit, &seen);
	walk_xarray(&k.view, idr, NODES_MAX, visit_value, &seen);
	walk_list(&k.view, nodes, NODES_MAX, visit, &seen);
	walk_hlist(&k.view, nodes, NODES_MAX, visit, &seen);
	struct code_lines lines;
	program_lines_read(&k.view, &layout, aux + layout.field[LAYOUT_AUX_KSYM].offset, 0, 0x1000, &lines);
	code_lines_done(&lines);
	stall_scan(&stall_fields, &k.view, NODES_MAX, &stall);
	/* The text of hundreds of CPUs that are not there only takes time. */
	if (sample_take(sampler, &k.view, SAMPLE_ALL, 0, "/", &sample) == 0 && sample.cpus <= 8)
		json_decref(sample_to_json(sampler, &sample));
	sample_take_running(sampler, &k.view, SAMPLE_ALL, 0, "/", &sample, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!sampler)
		begin();
	for (unsigned i = 0; i < RECORDS_MAX && size >= RECORD_BYTES; i++, data += RECORD_BYTES, size -= RECORD_BYTES)
		apply(data);
	/* The changed kernel is looked at once for all records, as a guest changes many things between two looks. */
	look();
	undo();
	return 0;
}
