/* SPDX-License-Identifier: GPL-2.0-only */
/* view.c -- see view.h. */
#include <string.h>

#include "monitor/translate.h"
#include "monitor/view.h"

#define PAGE_OFFSET_4 0xffff888000000000u
#define PAGE_OFFSET_5 0xff11000000000000u
#define SLIDE_STEP    (2ull << 20) /* CONFIG_PHYSICAL_ALIGN is at least this */
#define BANNER_START  "Linux version "

/* --- set-up ------------------------------------------------------------------------------------------------------- */

static uint64_t end_of_ram(const struct guestmem *m, uint64_t low_memory)
{
	uint64_t end = 0;
	for (unsigned i = 0; i < m->nodes && i < GUEST_REGIONS_MAX; i++)
		end = MAX_OF(end, m->node[i].address + m->node[i].size);
	return low_memory && end > low_memory ? end - low_memory + (4ull << 30) : end;
}

void view_init(struct view *v, const struct kernel_image *image, const struct guestmem *memory, uint64_t low_memory)
{
	uint64_t start = symbols_find(image->symbols, "_text"), end = symbols_find(image->symbols, "_end");
	*v = (struct view){ .image = image,
			    .memory = memory,
			    .page_offset = PAGE_OFFSET_4,
			    .low_memory = low_memory,
			    .ram_end = end_of_ram(memory, low_memory),
			    .image_start = start,
			    .image_size = end > start && end - start <= KERNEL_MAP_BYTES ? end - start : 0 };
}

/* The kernel's version text at @pa is that of the file. Where the file has none, any version is right. */
static bool banner_is_at(const struct view *v, uint64_t pa)
{
	const char *its = symbols_banner(v->image->symbols);
	const char *want = *its ? its : BANNER_START;
	const uint8_t *at = translate_physical(v, pa, strlen(want));
	return at && !memcmp(at, want, strlen(want));
}

static uint64_t banner_address(const struct view *v)
{
	return symbols_find(v->image->symbols, "linux_banner");
}

/* A variable of the image, by the present slides. */
static bool read_variable(const struct view *v, const char *name, void *out, size_t size)
{
	uint64_t pa, at = view_symbol(v, name);
	const uint8_t *from = at && translate_linear(v, at, &pa) ? translate_physical(v, pa, size) : NULL;
	if (from)
		memcpy(out, from, size);
	return from;
}

static void find_page_tables(struct view *v)
{
	v->direct.size = 0;
	uint32_t five = 0;
	uint64_t base, root = view_symbol(v, "init_top_pgt");
	if (!root)
		root = view_symbol(v, "swapper_pg_dir");
	if (!root || !translate_linear(v, root, &v->page_root))
		v->page_root = 0;
	v->five_levels = read_variable(v, "__pgtable_l5_enabled", &five, sizeof(five)) && five == 1;
	v->page_offset = v->five_levels ? PAGE_OFFSET_5 : PAGE_OFFSET_4;
	if (read_variable(v, "page_offset_base", &base, sizeof(base)) && base >> 63 && !(base % SLIDE_STEP))
		v->page_offset = base;
}

/* --- slides ------------------------------------------------------------------------------------------------------- */

static void set_slides(struct view *v, uint64_t text_slide, uint64_t phys_base)
{
	v->text_slide = text_slide;
	v->phys_base = phys_base;
	find_page_tables(v);
}

/* True if the kernel's own page tables map its version text to where these slides say that it is. */
static bool slides_fit(struct view *v, uint64_t text_slide, uint64_t phys_base)
{
	uint64_t pa, runtime = banner_address(v) + text_slide;
	set_slides(v, text_slide, phys_base);
	return v->page_root && translate_walk(v, v->page_root, runtime, &pa) &&
	       pa == runtime - START_KERNEL_MAP + phys_base && banner_is_at(v, pa);
}

static bool find_by_registers(struct view *v, uint64_t cr3, uint64_t lstar)
{
	uint64_t entry = symbols_find(v->image->symbols, "entry_SYSCALL_64");
	uint64_t variable = symbols_find(v->image->symbols, "phys_base"), pa, base;
	uint64_t slide = lstar - entry;
	if (!cr3 || !lstar || !entry || !variable)
		return false;
	for (int five = 0; five < 2; five++) {
		v->five_levels = five;
		const uint8_t *at =
			translate_walk(v, cr3, variable + slide, &pa) ? translate_physical(v, pa, sizeof(base)) : NULL;
		if (!at)
			continue;
		memcpy(&base, at, sizeof(base));
		if (slides_fit(v, slide, base))
			return true;
	}
	return false;
}

/* The kernel is at a multiple of SLIDE_STEP above where it was linked for, in both kinds of memory. */
static bool find_by_search(struct view *v)
{
	uint64_t linked = banner_address(v) - START_KERNEL_MAP;
	for (uint64_t moved = 0; moved < v->ram_end; moved += SLIDE_STEP) {
		if (!banner_is_at(v, linked + moved))
			continue;
		for (uint64_t slide = 0; slide < KERNEL_MAP_BYTES; slide += SLIDE_STEP)
			if (slides_fit(v, slide, moved - slide))
				return true;
	}
	return false;
}

const char *view_find_slides(struct view *v, uint64_t cr3, uint64_t lstar)
{
	if (!banner_address(v) || !v->image_size)
		return "vmlinux lacks the symbols linux_banner, _text and _end";
	if (find_by_registers(v, cr3, lstar) || find_by_search(v))
		return NULL;
	set_slides(v, 0, 0);
	return "the guest's memory does not hold the kernel of this vmlinux: it has not started yet, or is another one";
}

/* --- what the kernel sets up at boot ------------------------------------------------------------------------------ */

static int check_banner(const struct view *v)
{
	char text[sizeof(BANNER_START)] = "";
	uint64_t at = banner_address(v), pa;
	if (!at || !translate_linear(v, at + v->text_slide, &pa))
		return -ESTALE;
	if (banner_is_at(v, pa))
		return 0;
	read_variable(v, "linux_banner", text, sizeof(text) - 1);
	return strcmp(text, BANNER_START) ? -EAGAIN : -ESTALE;
}

static unsigned count_cpus(const struct view *v)
{
	uint64_t mask[VIEW_CPUS_MAX / 64] = { 0 };
	uint64_t size = symbols_size(v->image->symbols, "__cpu_possible_mask");
	uint32_t count = 0;
	if (read_variable(v, "nr_cpu_ids", &count, sizeof(count)))
		return MIN_OF(count, (uint32_t)VIEW_CPUS_MAX);
	read_variable(v, "__cpu_possible_mask", mask, MIN_OF(size, sizeof(mask)));
	for (unsigned i = 0; i < VIEW_CPUS_MAX; i++)
		if (mask[i / 64] >> (i % 64) & 1)
			count = i + 1;
	return count;
}

/* Before it sets up the areas of its CPUs, a kernel has the same value for all: where the image holds the data. */
static bool is_boot_offset(const struct view *v, uint64_t offset)
{
	uint64_t load = symbols_find(v->image->symbols, "__per_cpu_load");
	return !offset || (load && (offset == load || offset == load + v->text_slide));
}

int view_refresh(struct view *v)
{
	memset(v->cached, 0, sizeof(v->cached));
	int r = check_banner(v);
	if (r < 0)
		return r;
	find_page_tables(v);
	uint64_t offset[VIEW_CPUS_MAX] = { 0 };
	unsigned cpus = count_cpus(v);
	uint64_t size = symbols_size(v->image->symbols, "__per_cpu_offset");
	size = MIN_OF(size ? size : sizeof(offset), cpus * sizeof(offset[0]));
	if (!cpus || !read_variable(v, "__per_cpu_offset", offset, size) || is_boot_offset(v, offset[0]))
		return -EAGAIN;
	for (unsigned i = 0; i < VIEW_CPUS_MAX; i++)
		v->per_cpu_offset[i] = is_boot_offset(v, offset[i]) ? 0 : offset[i];
	v->cpus = cpus;
	return 0;
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

uint64_t view_symbol(const struct view *v, const char *name)
{
	uint64_t at = symbols_find(v->image->symbols, name);
	return at ? at + v->text_slide : 0;
}

uint64_t view_per_cpu_pointer(const struct view *v, uint64_t pointer, unsigned cpu)
{
	if (cpu >= v->cpus || !v->per_cpu_offset[cpu])
		return 0;
	return pointer + v->per_cpu_offset[cpu];
}

bool view_per_cpu_template(const struct view *v, const char *name, uint64_t *ret)
{
	if (!symbols_look_up(v->image->symbols, name, ret))
		return false;
	/* Up to Linux 6.14 these symbols begin at 0 and do not move. */
	if (*ret >= START_KERNEL_MAP)
		*ret += v->text_slide;
	return true;
}

uint64_t view_per_cpu(const struct view *v, const char *name, unsigned cpu)
{
	uint64_t at;
	return view_per_cpu_template(v, name, &at) ? view_per_cpu_pointer(v, at, cpu) : 0;
}

bool view_translate(const struct view *v, uint64_t kva, uint64_t *ret)
{
	return translate_linear(v, kva, ret) || (v->page_root && translate_walk(v, v->page_root, kva, ret));
}

/* --- reads -------------------------------------------------------------------------------------------------------- */

/* Our mapping of the page of @kva, by the guest's page tables. */
static const uint8_t *page_at(struct view *v, uint64_t kva)
{
	uint64_t page = kva & ~(uint64_t)(PAGE_BYTES - 1), pa;
	unsigned slot = (page / PAGE_BYTES) % VIEW_PAGES;
	if (page && v->cached[slot].page == page)
		return v->cached[slot].at;
	if (!v->page_root || !translate_walk(v, v->page_root, page, &pa))
		return NULL;
	const uint8_t *at = translate_physical(v, pa, PAGE_BYTES);
	if (at) {
		v->cached[slot].page = page;
		v->cached[slot].at = at;
	}
	return at;
}

/* Remembers the node of RAM that @pa, which is RAM, is in, where the direct map shows all of it in one piece. */
static void remember_node(struct view *v, uint64_t pa)
{
	for (unsigned i = 0; i < v->memory->nodes && !v->low_memory; i++) {
		uint64_t first = v->memory->node[i].address, size = v->memory->node[i].size;
		if (pa < first || pa - first >= size)
			continue;
		v->direct.start = v->page_offset + first;
		v->direct.size = size;
		v->direct.at = v->memory->node[i].map;
	}
}

static const uint8_t *find_bytes(struct view *v, uint64_t kva, size_t len)
{
	uint64_t pa;
	if (!translate_linear(v, kva, &pa)) {
		const uint8_t *page = page_at(v, kva);
		return page ? page + kva % PAGE_BYTES : NULL;
	}
	const uint8_t *at = translate_physical(v, pa, len);
	if (at && kva - v->page_offset == pa)
		remember_node(v, pa);
	return at;
}

/* Our mapping of @len bytes that are in one page. */
static inline const uint8_t *bytes_at(struct view *v, uint64_t kva, size_t len)
{
	uint64_t offset = kva - v->direct.start;
	if (offset < v->direct.size && len <= v->direct.size - offset)
		return v->direct.at + offset;
	return find_bytes(v, kva, len);
}

static size_t left_in_page(uint64_t kva)
{
	return PAGE_BYTES - kva % PAGE_BYTES;
}

static bool bad_read(struct view *v, void *out, size_t len)
{
	memset(out, 0, len);
	v->bad_reads++;
	return false;
}

bool view_read(struct view *v, uint64_t kva, void *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t part = MIN_OF(len - done, left_in_page(kva + done));
		const uint8_t *at = bytes_at(v, kva + done, part);
		if (!at)
			return bad_read(v, out, len);
		memcpy((uint8_t *)out + done, at, part);
		done += part;
	}
	return true;
}

static inline bool read_scalar(struct view *v, uint64_t kva, unsigned size, uint64_t *ret)
{
	*ret = 0;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return false;
	if (kva % size)
		return view_read(v, kva, ret, size);
	const uint8_t *at = bytes_at(v, kva, size);
	if (!at)
		return bad_read(v, ret, sizeof(*ret));
	if (size == 8)
		*ret = __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
	else if (size == 4)
		*ret = __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
	else if (size == 2)
		*ret = __atomic_load_n((const uint16_t *)at, __ATOMIC_RELAXED);
	else
		*ret = __atomic_load_n(at, __ATOMIC_RELAXED);
	return true;
}

bool view_read_u64(struct view *v, uint64_t kva, unsigned size, uint64_t *ret)
{
	return read_scalar(v, kva, size, ret);
}

bool view_read_field(struct view *v, uint64_t kva, struct field f, uint64_t *ret)
{
	uint64_t value;
	*ret = 0;
	if (!field_present(f) || !read_scalar(v, kva + f.offset, f.size, &value))
		return false;
	*ret = field_value(f, value);
	return true;
}

bool view_read_text(struct view *v, uint64_t kva, char *out, size_t size)
{
	for (size_t done = 0; done + 1 < size;) {
		size_t part = MIN_OF(size - 1 - done, left_in_page(kva + done));
		const uint8_t *at = bytes_at(v, kva + done, part);
		if (!at)
			return bad_read(v, out, size);
		memcpy(out + done, at, part);
		if (memchr(out + done, '\0', part))
			return true;
		done += part;
	}
	out[size - 1] = '\0';
	return true;
}

/* --- writes ------------------------------------------------------------------------------------------------------- */

/* Guest memory has an address for each byte of RAM, without the gap. */
static uint64_t place_in_memory(const struct view *v, uint64_t pa)
{
	return v->low_memory && pa >= (4ull << 30) ? pa - (4ull << 30) + v->low_memory : pa;
}

int view_write(struct view *v, uint64_t kva, const void *data, size_t len)
{
	uint64_t pa;
	for (size_t done = 0; done < len; done += left_in_page(kva + done))
		if (!view_translate(v, kva + done, &pa) || !translate_physical(v, pa, 1))
			return -EFAULT;
	for (size_t done = 0; done < len;) {
		size_t part = MIN_OF(len - done, left_in_page(kva + done));
		if (!view_translate(v, kva + done, &pa))
			return -EFAULT;
		int r = guestmem_write(v->memory, place_in_memory(v, pa), (const uint8_t *)data + done, part);
		if (r < 0)
			return r;
		done += part;
	}
	return 0;
}
