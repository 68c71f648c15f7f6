/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_image.c -- see kernel_image.h. */
#include <bpf/btf.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "kernel_image.h"

#define START_KERNEL_MAP 0xffffffff80000000u
#define TEXT		 0xffffffff81000000u
#define IMAGE_BYTES	 0x100000u
#define FIRST_FREE	 0x400000u
#define PAGE		 4096u
#define CPUS_MAX	 VIEW_CPUS_MAX

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "kernel_image: %s\n", what);
	abort();
}

/* --- types -------------------------------------------------------------------------------------------------------- */

struct member {
	const char *name,
		*type; /* an integer, "*" (pointer), "#N" (bit field of u32), a struct that was defined above */
	uint32_t offset, count; /* elements; 0: no array, -1: an array without a length */
};

#define FLEXIBLE ((uint32_t)-1)

static const struct {
	const char *name;
	uint32_t size;
	struct member member[24];
} structs[] = {
	{ "atomic_t", 4, { { "counter", "s32", 0 } } },
	{ "list_head", 16, { { "next", "*", 0 }, { "prev", "*", 8 } } },
	{ "rb_node", 24, { { "__rb_parent_color", "u64", 0 }, { "rb_left", "*", 8 }, { "rb_right", "*", 16 } } },
	{ "rb_root", 16, { { "rb_node", "*", 8 } } },
	{ "xarray", 24, { { "xa_flags", "u32", 0 }, { "xa_head", "*", 16 } } },
	{ "xa_node", 1024, { { "offset", "u8", 0 }, { "shift", "u8", 3 }, { "slots", "*", 16, 64 } } },
	{ "idr", 32, { { "idr_base", "u32", 0 }, { "idr_rt", "xarray", 8 } } },
	{ "rhash_head", 8, { { "next", "*", 0 } } },
	{ "rhashtable", 64, { { "tbl", "*", 24 } } },
	{ "bucket_table",
	  64,
	  { { "nest", "u32", 4 }, { "size", "u32", 8 }, { "future_tbl", "*", 16 }, { "buckets", "*", 64, FLEXIBLE } } },
	{ "signal_struct", 64, { { "thread_head", "list_head", 40 } } },
	{ "scx_dsq_list_node", 24, { { "flags", "u32", 0 }, { "node", "list_head", 8 } } },
	{ "scx_dispatch_q",
	  72,
	  { { "lock", "u32", 0 },
	    { "nr", "u32", 12 },
	    { "id", "u64", 16 },
	    { "list", "list_head", 24 },
	    { "seq", "u32", 40 },
	    { "hash_node", "rhash_head", 48 } } },
	{ "scx_rq",
	  120,
	  { { "flags", "u32", 0 },
	    { "nr_running", "u32", 4 },
	    { "local_dsq", "scx_dispatch_q", 32 },
	    { "runnable_list", "list_head", 104 } } },
	{ "sched_info",
	  32,
	  { { "pcount", "u64", 0 },
	    { "run_delay", "u64", 8 },
	    { "last_arrival", "u64", 16 },
	    { "last_queued", "u64", 24 } } },
	{ "rq",
	  256,
	  { { "nr_running", "u32", 4 },
	    { "clock", "u64", 8 },
	    { "scx", "scx_rq", 16 },
	    { "curr", "*", 136 },
	    { "rq_sched_info", "sched_info", 144 },
	    { "sd", "*", 176 },
	    { "nr_switches", "u64", 184 },
	    { "nr_iowait", "atomic_t", 192 },
	    { "idle", "*", 200 } } },
	{ "kernel_cpustat", 80, { { "cpustat", "u64", 0, 10 } } },
	{ "sched_domain",
	  96,
	  { { "parent", "*", 8 },
	    { "level", "s32", 16 },
	    { "flags", "s32", 20 },
	    { "span_weight", "u32", 24 },
	    { "lb_count", "u32", 32, 3 },
	    { "max_newidle_lb_cost", "u64", 48 } } },
	{ "sched_ext_entity",
	  96,
	  { { "runnable_node", "list_head", 8 },
	    { "runnable_at", "u64", 32 },
	    { "dsq", "*", 40 },
	    { "dsq_list", "scx_dsq_list_node", 48 },
	    { "dsq_vtime", "u64", 72 } } },
	{ "task_struct",
	  288,
	  { { "__state", "u32", 8 },
	    { "pid", "s32", 12 },
	    { "tgid", "s32", 16 },
	    { "low", "#3", 20 },
	    { "on_cpu", "s32", 24 },
	    { "on_rq", "s32", 28 },
	    { "comm", "char", 32, 16 },
	    { "cpu", "u32", 48 },
	    { "sched_class", "*", 56 },
	    { "tasks", "list_head", 64 },
	    { "signal", "*", 96 },
	    { "thread_node", "list_head", 104 },
	    { "real_parent", "*", 120 },
	    { "scx", "sched_ext_entity", 128 },
	    { "sched_info", "sched_info", 232 } } },
	{ "kernfs_node", 32, { { "name", "*", 8 } } },
	{ "cgroup_subsys_state", 64, { { "sibling", "list_head", 16 }, { "children", "list_head", 40 } } },
	{ "psi_group", 256, { { "total", "u64", 8, 12 }, { "avg", "u64", 104, 18 } } },
	{ "task_cputime", 24, { { "sum_exec_runtime", "u64", 8 } } },
	{ "cgroup_base_stat", 32, { { "cputime", "task_cputime", 0 } } },
	{ "cgroup_rstat_cpu", 64, { { "bstat", "cgroup_base_stat", 16 } } },
	{ "css_set", 32, { { "nr_tasks", "s32", 20 } } },
	{ "cgrp_cset_link", 48, { { "cset", "*", 8 }, { "cset_link", "list_head", 24 } } },
	{ "task_group", 96, { { "css", "cgroup_subsys_state", 0 }, { "shares", "u64", 72 } } },
	{ "cgroup",
	  256,
	  { { "self", "cgroup_subsys_state", 8 },
	    { "kn", "*", 96 },
	    { "subsys", "*", 104, 3 },
	    { "cset_links", "list_head", 128 },
	    { "rstat_cpu", "*", 144 },
	    { "psi", "*", 152 } } },
	{ "cgroup_root", 512, { { "cgrp", "cgroup", 64 } } },
	{ "bpf_prog_stats", 24, { { "misses", "u64", 0 }, { "cnt", "u64", 8 }, { "nsecs", "u64", 16 } } },
	{ "bpf_prog",
	  64,
	  { { "type", "u32", 8 }, { "jited_len", "u32", 12 }, { "stats", "*", 24 }, { "aux", "*", 32 } } },
	{ "bpf_ksym", 48, { { "start", "u64", 8 }, { "end", "u64", 16 }, { "prog", "u8", 40 } } },
	{ "btf_header", 16, { { "str_len", "u32", 12 } } },
	{ "btf", 48, { { "hdr", "btf_header", 8 }, { "strings", "*", 32 } } },
	{ "bpf_prog_aux",
	  192,
	  { { "id", "u32", 4 },
	    { "verified_insns", "u32", 8 },
	    { "name", "char", 16, 16 },
	    { "ksym", "bpf_ksym", 64 },
	    { "linfo", "*", 120 },
	    { "nr_linfo", "u32", 132 },
	    { "jited_linfo", "*", 136 },
	    { "btf", "*", 152 } } },
	{ "scx_event_stats",
	  24,
	  { { "SCX_EV_SELECT_CPU_FALLBACK", "s64", 0 }, { "SCX_EV_DISPATCH_KEEP_LAST", "s64", 8 } } },
	{ "scx_sched_pcpu", 64, { { "event_stats", "scx_event_stats", 16 } } },
	{ "sched_ext_ops", 160, { { "name", "char", 24, 128 } } },
	{ "scx_sched",
	  256,
	  { { "ops", "sched_ext_ops", 0 },
	    { "exit_kind", "atomic_t", 168 },
	    { "bypass_depth", "s32", 172 },
	    { "pcpu", "*", 176 },
	    { "watchdog_timeout", "u64", 184 },
	    { "dsq_hash", "rhashtable", 192 } } },
	{ "bpf_map",
	  80,
	  { { "map_type", "u32", 4 },
	    { "key_size", "u32", 8 },
	    { "value_size", "u32", 12 },
	    { "max_entries", "u32", 16 },
	    { "id", "u32", 24 },
	    { "name", "char", 32, 16 },
	    { "btf", "*", 48 } } },
	{ "bpf_array", 80, { { "map", "bpf_map", 0 }, { "value", "u8", 80, FLEXIBLE } } },
	{ "bucket", 16, { { "head", "*", 0 } } },
	{ "bpf_htab", 96, { { "map", "bpf_map", 0 }, { "buckets", "*", 80 }, { "n_buckets", "u32", 88 } } },
	{ "htab_elem", 24, { { "next", "*", 0 }, { "key", "u8", 24, FLEXIBLE } } },
	{ "bpf_queue_stack",
	  96,
	  { { "map", "bpf_map", 0 },
	    { "head", "u32", 80 },
	    { "tail", "u32", 84 },
	    { "size", "u32", 88 },
	    { "elements", "u8", 96, FLEXIBLE } } },
	{ "bpf_devmap_val", 8, { { "ifindex", "u32", 0 }, { "id", "u32", 4 } } },
	{ "bpf_dtab_netdev",
	  40,
	  { { "index_hlist", "list_head", 8 }, { "idx", "u32", 24 }, { "val", "bpf_devmap_val", 28 } } },
	{ "bpf_dtab", 96, { { "map", "bpf_map", 0 }, { "dev_index_head", "*", 80 }, { "n_buckets", "u32", 88 } } },
	{ "bpf_shtab_bucket", 24, { { "head", "*", 0 } } },
	{ "bpf_shtab_elem", 40, { { "sk", "*", 8 }, { "node", "list_head", 24 }, { "key", "u8", 40, FLEXIBLE } } },
	{ "bpf_shtab", 96, { { "map", "bpf_map", 0 }, { "buckets", "*", 80 }, { "buckets_num", "u32", 88 } } },
};

static const struct {
	const char *name;
	int64_t value;
} enumerators[] = {
	{ "CPUTIME_USER", 0 },
	{ "CPUTIME_SYSTEM", 2 },
	{ "CPUTIME_IDLE", 5 },
	{ "PSI_IO_SOME", 0 },
	{ "PSI_IO_FULL", 1 },
	{ "PSI_MEM_SOME", 2 },
	{ "PSI_MEM_FULL", 3 },
	{ "PSI_CPU_SOME", 4 },
	{ "PSI_CPU_FULL", 5 },
	{ "cpu_cgrp_id", 1 },
	{ "BPF_PROG_TYPE_STRUCT_OPS", 27 },
};

static int type_id(struct btf *b, const char *type)
{
	if (!strcmp(type, "*"))
		return btf__add_ptr(b, 0);
	int id = btf__find_by_name(b, *type == '#' ? "u32" : type);
	must(id > 0, type);
	return id;
}

/* Types of members come first: a struct takes its members while it is the last type. */
static int array_of(struct btf *b, const struct member *m)
{
	uint32_t count = m->count == FLEXIBLE ? 0 : m->count;
	return btf__add_array(b, btf__find_by_name(b, "u32"), type_id(b, m->type), count);
}

static void add_struct(struct btf *b, size_t i)
{
	int ids[ARRAY_SIZE(structs[0].member)] = { 0 };
	const struct member *m = structs[i].member;
	for (unsigned n = 0; n < ARRAY_SIZE(ids) && m[n].name; n++)
		ids[n] = m[n].count ? array_of(b, &m[n]) : type_id(b, m[n].type);
	must(btf__add_struct(b, structs[i].name, structs[i].size) > 0, structs[i].name);
	for (unsigned n = 0; n < ARRAY_SIZE(ids) && m[n].name; n++) {
		unsigned bits = *m[n].type == '#' ? (unsigned)(m[n].type[1] - '0') : 0;
		must(btf__add_field(b, m[n].name, ids[n], m[n].offset * 8 + (bits ? 2 : 0), bits) == 0, m[n].name);
	}
}

static struct btf *make_types(void)
{
	struct btf *b = btf__new_empty();
	must(b, "no BTF");
	btf__add_int(b, "u8", 1, 0);
	btf__add_int(b, "char", 1, BTF_INT_CHAR);
	btf__add_int(b, "u32", 4, 0);
	btf__add_int(b, "s32", 4, BTF_INT_SIGNED);
	btf__add_int(b, "u64", 8, 0);
	btf__add_int(b, "s64", 8, BTF_INT_SIGNED);
	btf__add_enum(b, NULL, 4);
	for (size_t i = 0; i < ARRAY_SIZE(enumerators); i++)
		btf__add_enum_value(b, enumerators[i].name, enumerators[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(structs); i++)
		add_struct(b, i);
	return b;
}

/* --- vmlinux ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint64_t address, size;
	unsigned char type;
} symbols[] = {
	{ "_text", TEXT, 0, STT_NOTYPE },
	{ "do_idle", TEXT + 0x100, 0x80, STT_FUNC },
	{ "schedule", TEXT + 0x200, 0x100, STT_FUNC },
	{ "entry_SYSCALL_64", TEXT + 0x400, 0x40, STT_FUNC },
	{ "linux_banner", TEXT + 0x1000, sizeof(KIMAGE_BANNER), STT_OBJECT },
	{ "phys_base", TEXT + 0x2000, 8, STT_OBJECT },
	{ "page_offset_base", TEXT + 0x2008, 8, STT_OBJECT },
	{ "__pgtable_l5_enabled", TEXT + 0x2010, 4, STT_OBJECT },
	{ "nr_cpu_ids", TEXT + 0x2014, 4, STT_OBJECT },
	{ "jiffies_64", TEXT + 0x2018, 8, STT_OBJECT },
	{ "scx_root", TEXT + 0x2020, 8, STT_OBJECT },
	{ "scx_nr_rejected", TEXT + 0x2028, 8, STT_OBJECT },
	{ "scx_watchdog_timestamp", TEXT + 0x2030, 8, STT_OBJECT },
	{ "prog_idr", TEXT + 0x2100, 32, STT_OBJECT },
	{ "map_idr", TEXT + 0x2180, 32, STT_OBJECT },
	{ "psi_system", TEXT + 0x2200, 256, STT_OBJECT },
	{ "__per_cpu_offset", TEXT + 0x3000, 8 * CPUS_MAX, STT_OBJECT },
	{ "init_top_pgt", TEXT + 0x5000, PAGE, STT_OBJECT },
	{ "init_task", TEXT + 0x6000, 288, STT_OBJECT },
	{ "cgrp_dfl_root", TEXT + 0x7000, 512, STT_OBJECT },
	{ "twice", TEXT + 0x8008, 8, STT_OBJECT },
	{ "twice", TEXT + 0x8000, 8, STT_OBJECT },
	{ "ext_sched_class", TEXT + 0x8100, 64, STT_OBJECT },
	{ "_end", TEXT + IMAGE_BYTES, 0, STT_NOTYPE },
	{ "runqueues", 0x1000, 256, STT_OBJECT },
	{ "kernel_cpustat", 0, 80, STT_OBJECT },
	{ "current_task", 0x200, 8, STT_OBJECT },
};

static void add_symbols(struct buf *table, struct buf *names)
{
	buf_zeros(table, sizeof(Elf64_Sym));
	buf_zeros(names, 1);
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		Elf64_Sym y = { .st_name = (Elf64_Word)names->len,
				.st_info = ELF64_ST_INFO(STB_GLOBAL, symbols[i].type),
				.st_shndx = 1,
				.st_value = symbols[i].address,
				.st_size = symbols[i].size };
		buf_append(table, &y, sizeof(y));
		buf_append(names, symbols[i].name, strlen(symbols[i].name) + 1);
	}
}

static void add_section(struct buf *file, Elf64_Shdr *sh, uint32_t type, const void *data, size_t len)
{
	buf_align(file, 8);
	sh->sh_type = type;
	sh->sh_offset = file->len;
	sh->sh_size = len;
	sh->sh_addralign = 1;
	buf_append(file, data, len);
}

static int write_vmlinux(void)
{
	static const char section_names[] = "\0.rodata\0.BTF\0.symtab\0.strtab\0.shstrtab";
	Elf64_Shdr sh[6] = { 0 };
	_cleanup_buf_ struct buf file = BUF_NULL, table = BUF_NULL, names = BUF_NULL;
	struct btf *types = make_types();
	uint32_t size;
	const void *raw = btf__raw_data(types, &size);
	add_symbols(&table, &names);
	buf_zeros(&file, sizeof(Elf64_Ehdr));
	add_section(&file, &sh[1], SHT_PROGBITS, KIMAGE_BANNER, sizeof(KIMAGE_BANNER));
	add_section(&file, &sh[2], SHT_PROGBITS, raw, size);
	add_section(&file, &sh[3], SHT_SYMTAB, buf_str(&table), table.len);
	add_section(&file, &sh[4], SHT_STRTAB, buf_str(&names), names.len);
	add_section(&file, &sh[5], SHT_STRTAB, section_names, sizeof(section_names));
	sh[1].sh_addr = TEXT + 0x1000;
	sh[3].sh_link = 4;
	sh[3].sh_entsize = sizeof(Elf64_Sym);
	for (unsigned i = 1, at = 1; i < 6; at += (unsigned)strlen(section_names + at) + 1)
		sh[i++].sh_name = at;
	buf_align(&file, 8);
	Elf64_Ehdr h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_ehsize = sizeof(h),
			 .e_shoff = file.len,
			 .e_shentsize = sizeof(sh[0]),
			 .e_shnum = 6,
			 .e_shstrndx = 5 };
	buf_append(&file, sh, sizeof(sh));
	memcpy(file.data, &h, sizeof(h));
	int fd = memfd_new("vmlinux", 0);
	must(fd >= 0 && fd_write_full(fd, file.data, file.len) == 0, "no vmlinux");
	btf__free(types);
	return fd;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void write_physical(struct kimage *k, uint64_t pa, const void *data, size_t len)
{
	if (k->layout.low_memory && pa >= (4ull << 30))
		pa -= (4ull << 30) - k->layout.low_memory;
	must(guestmem_write(&k->memory, pa, data, len) == 0, "a write beyond the guest's memory");
}

static uint64_t physical(const struct kimage *k, uint64_t kva)
{
	return kva >= START_KERNEL_MAP ? kva - k->layout.text_slide + k->layout.moved - START_KERNEL_MAP
				       : kva - k->layout.page_offset;
}

void kimage_write(struct kimage *k, uint64_t kva, const void *data, size_t len)
{
	write_physical(k, physical(k, kva), data, len);
}

void kimage_put(struct kimage *k, uint64_t kva, uint64_t value)
{
	kimage_write(k, kva, &value, sizeof(value));
}

uint64_t kimage_member(const struct kimage *k, uint64_t object, const char *structure, const char *path)
{
	struct field f = types_field(k->image.types, structure, path);
	must(field_present(f), path);
	return object + f.offset;
}

void kimage_set(struct kimage *k, uint64_t object, const char *structure, const char *path, uint64_t value)
{
	struct field f = types_field(k->image.types, structure, path);
	must(field_present(f) && f.size <= sizeof(value), path);
	kimage_write(k, object + f.offset, &value, f.size);
}

static uint64_t link_address(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		if (!strcmp(symbols[i].name, name))
			return symbols[i].address;
	must(false, name);
	return 0;
}

uint64_t kimage_symbol(const struct kimage *k, const char *name)
{
	return link_address(name) + k->layout.text_slide;
}

uint64_t kimage_per_cpu(const struct kimage *k, const char *name, unsigned cpu)
{
	return k->layout.page_offset + KIMAGE_PER_CPU_AT + (uint64_t)cpu * KIMAGE_PER_CPU_GAP + link_address(name);
}

static uint64_t alloc_pages(struct kimage *k, uint64_t size, uint64_t align)
{
	k->next = (k->next + align - 1) & ~(align - 1);
	uint64_t at = k->next;
	k->next += size;
	/* The image is in the way. */
	if (at < 0x1000000 + k->layout.moved + IMAGE_BYTES && k->next > 0x1000000 + k->layout.moved) {
		at = 0x1000000 + k->layout.moved + IMAGE_BYTES;
		k->next = at + size;
	}
	return at;
}

uint64_t kimage_alloc(struct kimage *k, uint64_t size)
{
	return k->layout.page_offset + alloc_pages(k, size, 64);
}

static uint64_t read_physical(const struct kimage *k, uint64_t pa)
{
	uint64_t value;
	const uint8_t *at = guestmem_at(&k->memory, pa, sizeof(value));
	must(at, "a page table outside");
	memcpy(&value, at, sizeof(value));
	return value;
}

void kimage_map(struct kimage *k, uint64_t kva, uint64_t pa, unsigned level)
{
	uint64_t table = k->root, at = 0;
	for (unsigned i = k->layout.five_levels ? 5 : 4; i-- > level;) {
		at = table + (kva >> (12 + 9 * i) & 511) * 8;
		if (i == level)
			break;
		uint64_t entry = read_physical(k, at);
		if (!entry) {
			entry = alloc_pages(k, PAGE, PAGE) | 0x63;
			write_physical(k, at, &entry, sizeof(entry));
		}
		table = entry & ~0xfffull;
	}
	uint64_t entry = pa | 0x8000000000000063u | (level ? 0x80 : 0);
	write_physical(k, at, &entry, sizeof(entry));
}

void kimage_list_init(struct kimage *k, uint64_t head)
{
	kimage_put(k, head, head);
	kimage_put(k, head + 8, head);
}

void kimage_list_add(struct kimage *k, uint64_t head, uint64_t node)
{
	uint64_t last = read_physical(k, physical(k, head + 8));
	kimage_put(k, node, head);
	kimage_put(k, node + 8, last);
	kimage_put(k, last, node);
	kimage_put(k, head + 8, node);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static uint64_t new_thread(struct kimage *k, unsigned pid, unsigned tgid, const char *comm, uint64_t signal)
{
	uint64_t task = kimage_alloc(k, types_size(k->image.types, "task_struct"));
	char name[16] = "";
	snprintf(name, sizeof(name), "%s", comm);
	kimage_set(k, task, "task_struct", "pid", pid);
	kimage_set(k, task, "task_struct", "tgid", tgid);
	kimage_set(k, task, "task_struct", "signal", signal);
	kimage_write(k, kimage_member(k, task, "task_struct", "comm"), name, sizeof(name));
	kimage_list_add(k, kimage_member(k, signal, "signal_struct", "thread_head"),
			kimage_member(k, task, "task_struct", "thread_node"));
	return task;
}

uint64_t kimage_add_task(struct kimage *k, unsigned pid, const char *comm, unsigned threads)
{
	uint64_t signal = kimage_alloc(k, types_size(k->image.types, "signal_struct"));
	kimage_list_init(k, kimage_member(k, signal, "signal_struct", "thread_head"));
	uint64_t leader = new_thread(k, pid, pid, comm, signal);
	for (unsigned i = 0; i < threads; i++)
		new_thread(k, pid + 1 + i, pid, comm, signal);
	kimage_list_add(k, kimage_member(k, kimage_symbol(k, "init_task"), "task_struct", "tasks"),
			kimage_member(k, leader, "task_struct", "tasks"));
	return leader;
}

uint64_t kimage_add_cgroup(struct kimage *k, uint64_t parent, const char *name)
{
	uint64_t root = kimage_member(k, kimage_symbol(k, "cgrp_dfl_root"), "cgroup_root", "cgrp");
	uint64_t cgroup = parent ? kimage_alloc(k, types_size(k->image.types, "cgroup")) : root;
	uint64_t node = kimage_alloc(k, types_size(k->image.types, "kernfs_node"));
	uint64_t text = kimage_alloc(k, strlen(name) + 1);
	kimage_write(k, text, name, strlen(name) + 1);
	kimage_set(k, node, "kernfs_node", "name", text);
	kimage_set(k, cgroup, "cgroup", "kn", node);
	kimage_list_init(k, kimage_member(k, cgroup, "cgroup", "self.children"));
	kimage_list_init(k, kimage_member(k, cgroup, "cgroup", "cset_links"));
	if (parent)
		kimage_list_add(k, kimage_member(k, parent, "cgroup", "self.children"),
				kimage_member(k, cgroup, "cgroup", "self.sibling"));
	return cgroup;
}

void kimage_fill(struct kimage *k, unsigned tasks, unsigned cgroups)
{
	uint64_t task = 0, root = kimage_add_cgroup(k, 0, "");
	kimage_list_init(k, kimage_member(k, kimage_symbol(k, "init_task"), "task_struct", "tasks"));
	for (unsigned i = 0; i < tasks; i++)
		task = kimage_add_task(k, i + 1, "worker", 0);
	for (unsigned i = 0; i < cgroups; i++) {
		char name[16];
		snprintf(name, sizeof(name), "cg_%u", i);
		kimage_add_cgroup(k, root, name);
	}
	for (unsigned cpu = 0; cpu < k->layout.cpus; cpu++) {
		uint64_t rq = kimage_per_cpu(k, "runqueues", cpu), below = 0;
		for (unsigned level = 3; level-- > 0;) {
			uint64_t domain = kimage_alloc(k, types_size(k->image.types, "sched_domain"));
			kimage_set(k, domain, "sched_domain", "parent", below);
			kimage_set(k, domain, "sched_domain", "level", level);
			below = domain;
		}
		kimage_set(k, rq, "rq", "sd", below);
		kimage_set(k, rq, "rq", "nr_running", cpu + 1);
		kimage_set(k, rq, "rq", "clock", 1000 + cpu);
		kimage_set(k, rq, "rq", "curr", task);
		kimage_list_init(k, kimage_member(k, rq, "rq", "scx.runnable_list"));
	}
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static void write_image(struct kimage *k)
{
	const struct kimage_layout *l = &k->layout;
	uint32_t five = l->five_levels, cpus = l->cpus;
	kimage_write(k, kimage_symbol(k, "linux_banner"), KIMAGE_BANNER, sizeof(KIMAGE_BANNER));
	kimage_put(k, kimage_symbol(k, "phys_base"), l->moved - l->text_slide);
	kimage_put(k, kimage_symbol(k, "page_offset_base"), l->page_offset);
	kimage_write(k, kimage_symbol(k, "__pgtable_l5_enabled"), &five, sizeof(five));
	kimage_write(k, kimage_symbol(k, "nr_cpu_ids"), &cpus, sizeof(cpus));
	for (unsigned i = 0; i < cpus; i++)
		kimage_put(k, kimage_symbol(k, "__per_cpu_offset") + i * 8,
			   l->page_offset + KIMAGE_PER_CPU_AT + (uint64_t)i * KIMAGE_PER_CPU_GAP);
	k->root = physical(k, kimage_symbol(k, "init_top_pgt"));
	kimage_map(k, TEXT + l->text_slide, 0x1000000 + l->moved, 1);
}

void kimage_open(struct kimage *k, const struct kimage_layout *layout)
{
	*k = (struct kimage){ .layout = *layout, .fd = write_vmlinux(), .next = FIRST_FREE };
	struct kimage_layout *l = &k->layout;
	l->mib = l->mib ? l->mib : 32;
	l->cpus = l->cpus ? l->cpus : 2;
	if (!l->page_offset)
		l->page_offset = l->five_levels ? 0xff11000000000000u : 0xffff888000000000u;
	k->next = MAX_OF(k->next, (uint64_t)KIMAGE_PER_CPU_AT + (uint64_t)l->cpus * KIMAGE_PER_CPU_GAP);
	snprintf(k->vmlinux, sizeof(k->vmlinux), "/proc/self/fd/%d", k->fd);
	must(guestmem_init(&k->memory, 1, l->mib, NULL) == 0, "no guest memory");
	must(symbols_open(k->vmlinux, &k->image.symbols, NULL) == 0, "no symbols");
	must(types_open(k->vmlinux, &k->image.types, NULL) == 0, "no types");
	write_image(k);
	view_init(&k->view, &k->image, &k->memory, l->low_memory);
	must(!view_find_slides(&k->view, 0, 0), "no slides");
	must(view_refresh(&k->view) == 0, "no CPUs");
}

void kimage_close(struct kimage *k)
{
	guestmem_done(&k->memory);
	types_close(k->image.types);
	symbols_close(k->image.symbols);
	k->fd = fd_close(k->fd);
}
