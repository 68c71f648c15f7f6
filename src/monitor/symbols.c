/* SPDX-License-Identifier: GPL-2.0-only */
/* symbols.c -- see symbols.h. */
#define XXH_INLINE_ALL
#include <gelf.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/cachefile.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "monitor/symbols.h"

#define SYMBOLS_MAX ((size_t)1 << 21)
#define NAMES_MAX   ((size_t)256 << 20)

struct symbol {
	uint64_t address, size;
	uint64_t room; /* bytes to the end of its section */
	uint32_t name; /* offset in `names` */
	uint32_t hash; /* of its name */
	bool function, object;
};

/* Indexes of symbols, by address. */
struct index {
	uint32_t *symbol;
	size_t count;
};

/* Names are hashed, not sorted: every run looks up a few dozen, and few runs need the symbols by address. */
struct symbols {
	struct symbol *symbol; /* as in the file */
	size_t count;
	uint32_t *slot; /* 1 + an index of `symbol`, by the hash of its name, then the next that is free; 0: free */
	size_t slots;	/* a power of two */
	char *names;	/* ends with a NUL */
	size_t names_len;
	void *map; /* of the cached file, in which the three are; NULL: they were allocated */
	size_t map_len;
	char banner[SYMBOLS_BANNER_MAX];
	pthread_mutex_t lock; /* of what follows, which is made when it is needed first */
	bool sorted;
	struct index functions, objects;
};

static const char *name_of(const struct symbols *s, const struct symbol *y)
{
	return s->names + y->name;
}

void symbols_close(struct symbols *s)
{
	if (!s)
		return;
	if (s->map) {
		munmap(s->map, s->map_len);
	} else {
		free(s->symbol);
		free(s->slot);
		free(s->names);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->functions.symbol);
	free(s->objects.symbol);
	free(s);
}
DEFINE_CLEANUP(struct symbols *, symbols_close)

static void elf_end_p(Elf **elf)
{
	elf_end(*elf);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int by_address(const void *a, const void *b, void *arg)
{
	const struct symbols *s = arg;
	const struct symbol *x = &s->symbol[*(const uint32_t *)a], *y = &s->symbol[*(const uint32_t *)b];
	/* Of aliases, the one with a size comes last, and so is the one that is found. */
	if (x->address == y->address)
		return (x->size > y->size) - (x->size < y->size);
	return x->address > y->address ? 1 : -1;
}

/* What symbols need to know of their sections. */
struct sections {
	struct section {
		uint64_t end;
		bool code;
	} * section;
	size_t count;
};

static int read_sections(Elf *elf, struct sections *ret)
{
	GElf_Shdr sh;
	if (elf_getshdrnum(elf, &ret->count) != 0)
		return -EBADMSG;
	ret->section = calloc(ret->count + 1, sizeof(*ret->section));
	if (!ret->section)
		return -ENOMEM;
	for (size_t i = 0; i < ret->count; i++) {
		Elf_Scn *scn = elf_getscn(elf, i);
		if (scn && gelf_getshdr(scn, &sh))
			ret->section[i] = (struct section){ sh.sh_addr + sh.sh_size, sh.sh_flags & SHF_EXECINSTR };
	}
	return 0;
}

static void sections_done(struct sections *s)
{
	free(s->section);
}

static struct section section_of(const struct sections *s, const Elf64_Sym *y)
{
	return y->st_shndx < SHN_LORESERVE && y->st_shndx < s->count ? s->section[y->st_shndx] : (struct section){ 0 };
}

static void add_symbol(struct symbols *s, const struct sections *sections, const Elf64_Sym *y, size_t names_len)
{
	unsigned type = ELF64_ST_TYPE(y->st_info);
	struct section section = section_of(sections, y);
	const char *name = s->names + y->st_name;
	if (y->st_shndx == SHN_UNDEF || y->st_name == 0 || y->st_name >= names_len ||
	    (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE))
		return;
	s->symbol[s->count++] = (struct symbol){
		.address = y->st_value,
		.size = y->st_size,
		.room = section.end > y->st_value ? section.end - y->st_value : 0,
		.name = y->st_name,
		.hash = (uint32_t)XXH3_64bits(name, strlen(name)),
		/* Entry code in assembler has symbols without a type. */
		.function = type == STT_FUNC || (type == STT_NOTYPE && section.code),
		/* Offsets of per-CPU variables are not addresses. */
		.object = type == STT_OBJECT && y->st_size && y->st_value >> 63,
	};
}

static int copy_names(struct symbols *s, Elf *elf, size_t index, size_t *ret_len)
{
	Elf_Scn *scn = elf_getscn(elf, index);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	if (!data || !data->d_buf || !data->d_size || data->d_size > NAMES_MAX)
		return -EBADMSG;
	s->names = malloc(data->d_size + 1);
	if (!s->names)
		return -ENOMEM;
	memcpy(s->names, data->d_buf, data->d_size);
	s->names[data->d_size] = '\0';
	s->names_len = data->d_size + 1;
	*ret_len = data->d_size;
	return 0;
}

/* The slot of the symbol with this name, or the free one where it belongs. There always is a free one. */
static uint32_t *slot_of(const struct symbols *s, const char *name, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &s->slot[i & (s->slots - 1)];
		const struct symbol *y = *slot ? &s->symbol[*slot - 1] : NULL;
		if (!y || (y->hash == hash && !strcmp(name_of(s, y), name)))
			return slot;
	}
}

/* Of equal names, the one with the lowest address is found. */
static int index_names(struct symbols *s)
{
	for (s->slots = 64; s->slots < 2 * s->count;)
		s->slots *= 2;
	s->slot = calloc(s->slots, sizeof(*s->slot));
	if (!s->slot)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++) {
		uint32_t *slot = slot_of(s, name_of(s, &s->symbol[i]), s->symbol[i].hash);
		if (!*slot || s->symbol[*slot - 1].address > s->symbol[i].address)
			*slot = (uint32_t)i + 1;
	}
	return 0;
}

static int read_table(struct symbols *s, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t names_len = 0, count = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	if (!data || !data->d_buf || count > SYMBOLS_MAX)
		return -EBADMSG;
	int r = copy_names(s, elf, sh->sh_link, &names_len);
	if (r < 0)
		return r;
	_cleanup_(sections_done) struct sections sections = { 0 };
	r = read_sections(elf, &sections);
	if (r < 0)
		return r;
	s->symbol = malloc((count + 1) * sizeof(*s->symbol));
	if (!s->symbol)
		return -ENOMEM;
	/* libelf has converted them to this machine's byte order, and aligned them. */
	const Elf64_Sym *symbol = data->d_buf;
	for (size_t i = 0; i < count; i++)
		add_symbol(s, &sections, &symbol[i], names_len);
	return index_names(s);
}

/* Copies the text at @address out of the section that holds it. */
static void read_banner(struct symbols *s, Elf *elf)
{
	uint64_t at = symbols_find(s, "linux_banner");
	size_t size = 0;
	const char *raw = at ? elf_rawfile(elf, &size) : NULL;
	for (Elf_Scn *scn = NULL; raw && (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_PROGBITS || at < sh.sh_addr ||
		    at - sh.sh_addr >= sh.sh_size || sh.sh_offset >= size || sh.sh_size > size - sh.sh_offset)
			continue;
		size_t len = MIN_OF((size_t)(sh.sh_size - (at - sh.sh_addr)), sizeof(s->banner) - 1);
		memcpy(s->banner, raw + sh.sh_offset + (at - sh.sh_addr), len);
		return;
	}
}

static int read_elf(struct symbols *s, Elf *elf)
{
	GElf_Ehdr head;
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &head) || gelf_getclass(elf) != ELFCLASS64 ||
	    (head.e_machine != EM_X86_64 && head.e_machine != EM_AARCH64))
		return -ENOEXEC;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_SYMTAB)
			continue;
		int r = read_table(s, elf, scn, &sh);
		if (r == 0)
			read_banner(s, elf);
		return r;
	}
	return -ENODATA;
}

static int refuse(struct err **err, int r, const char *vmlinux)
{
	if (r == -ENOEXEC)
		return FAIL(err, ERR_DATA, r, "read the symbols of %s: not an x86-64 or aarch64 kernel (ELF)", vmlinux);
	if (r == -ENODATA)
		return FAIL(err, ERR_DATA, r, "read the symbols of %s: the file has no symbol table", vmlinux);
	if (r == -EBADMSG)
		return FAIL(err, ERR_DATA, r, "read the symbols of %s: its symbol table is damaged", vmlinux);
	return FAIL_SYS(err, r, "read the symbols of %s", vmlinux);
}

int symbols_open(const char *vmlinux, struct symbols **ret, struct err **err)
{
	_cleanup_close_ int fd = file_open(vmlinux, err);
	if (fd < 0)
		return fd;
	_cleanup_(symbols_close_p) struct symbols *s = calloc(1, sizeof(*s));
	if (!s)
		return FAIL_SYS(err, -ENOMEM, "read the symbols of %s", vmlinux);
	pthread_mutex_init(&s->lock, NULL);
	elf_version(EV_CURRENT);
	_cleanup_(elf_end_p) Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	int r = elf ? read_elf(s, elf) : -ENOEXEC;
	if (r < 0)
		return refuse(err, r, vmlinux);
	*ret = TAKE_PTR(s);
	return 0;
}

/* --- the cached file ---------------------------------------------------------------------------------------------- */

#define FILE_SUFFIX ".symbols"
#define FILES_MAX   16
#define FILE_MAGIC  0x31424d59534b5453ull /* count up when struct symbol changes */

/* Then symbols, slots and names, in this host's byte order. */
struct file_head {
	uint64_t magic, count, slots, names_len;
	char banner[SYMBOLS_BANNER_MAX];
};

/* Only what was kept of this very file is used: one that was replaced or written to has another name. */
static bool file_name(const char *vmlinux, char out[48])
{
	struct siphash h;
	siphash_init(&h);
	bool known = cachefile_identify(vmlinux, &h);
	snprintf(out, 48, "%016lx" FILE_SUFFIX, siphash_final(&h));
	return known;
}

static bool is_whole(const struct file_head *h, size_t size)
{
	return size >= sizeof(*h) && h->magic == FILE_MAGIC && h->count <= SYMBOLS_MAX && h->slots > h->count &&
	       h->slots <= 4 * SYMBOLS_MAX && !(h->slots & (h->slots - 1)) && h->names_len &&
	       h->names_len <= NAMES_MAX &&
	       size == sizeof(*h) + h->count * sizeof(struct symbol) + h->slots * sizeof(uint32_t) + h->names_len;
}

static int map_file(int fd, struct symbols *s)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct file_head))
		return -EBADMSG;
	s->map_len = (size_t)st.st_size;
	/* Sizes that are missing are set in our own copy of a page; see set_missing_sizes(). */
	void *map = mmap(NULL, s->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	s->map = map;
	const struct file_head *head = map;
	if (!is_whole(head, s->map_len) || ((const char *)map)[s->map_len - 1])
		return -EBADMSG;
	s->count = head->count;
	s->slots = head->slots;
	s->names_len = head->names_len;
	memcpy(s->banner, head->banner, sizeof(s->banner) - 1);
	s->symbol = (struct symbol *)(head + 1);
	s->slot = (uint32_t *)(s->symbol + s->count);
	s->names = (char *)(s->slot + s->slots);
	return 0;
}

static int open_kept(const char *dir, const char *name, struct symbols **ret)
{
	_cleanup_close_ int fd = -1;
	_cleanup_(symbols_close_p) struct symbols *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	int r = cachefile_open(dir, name, NULL, &fd);
	if (r == 0)
		r = map_file(fd, s);
	if (r == 0)
		*ret = TAKE_PTR(s);
	return r;
}

/* If it cannot be kept, the next run reads the kernel again. */
static void keep(const char *dir, const char *name, const struct symbols *s)
{
	_cleanup_(cachefile_done) struct cachefile f = CACHEFILE_NULL;
	struct file_head head = {
		.magic = FILE_MAGIC, .count = s->count, .slots = s->slots, .names_len = s->names_len
	};
	memcpy(head.banner, s->banner, sizeof(head.banner));
	int r = cachefile_begin(&f, dir, name);
	if (r == 0)
		r = fd_write_full(f.fd, &head, sizeof(head));
	if (r == 0)
		r = fd_write_full(f.fd, s->symbol, s->count * sizeof(*s->symbol));
	if (r == 0)
		r = fd_write_full(f.fd, s->slot, s->slots * sizeof(*s->slot));
	if (r == 0)
		r = fd_write_full(f.fd, s->names, s->names_len);
	if (r == 0 && cachefile_commit(&f, NULL) == 0)
		cachefile_trim(dir, FILE_SUFFIX, FILES_MAX);
}

int symbols_open_cached(const char *vmlinux, const char *dir, struct symbols **ret, struct err **err)
{
	char name[48];
	bool named = dir && file_name(vmlinux, name);
	if (named && open_kept(dir, name, ret) == 0)
		return 0;
	int r = symbols_open(vmlinux, ret, err);
	if (r == 0 && named)
		keep(dir, name, *ret);
	return r;
}

/* --- look-ups ----------------------------------------------------------------------------------------------------- */

static const struct symbol *find(const struct symbols *s, const char *name)
{
	uint32_t slot = *slot_of(s, name, (uint32_t)XXH3_64bits(name, strlen(name)));
	return slot ? &s->symbol[slot - 1] : NULL;
}

bool symbols_look_up(const struct symbols *s, const char *name, uint64_t *ret)
{
	const struct symbol *y = find(s, name);
	*ret = y ? y->address : 0;
	return y;
}

uint64_t symbols_find(const struct symbols *s, const char *name)
{
	const struct symbol *y = find(s, name);
	return y ? y->address : 0;
}

uint64_t symbols_size(const struct symbols *s, const char *name)
{
	const struct symbol *y = find(s, name);
	return y ? y->size : 0;
}

/* --- by address --------------------------------------------------------------------------------------------------- */

static int sort(struct symbols *s, struct index *index, bool functions)
{
	index->symbol = calloc(s->count + 1, sizeof(*index->symbol));
	if (!index->symbol)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++) {
		if (functions ? s->symbol[i].function : s->symbol[i].object)
			index->symbol[index->count++] = (uint32_t)i;
	}
	qsort_r(index->symbol, index->count, sizeof(*index->symbol), by_address, s);
	return 0;
}

/* Code without a size reaches to what follows in its section. */
static void set_missing_sizes(struct symbols *s)
{
	for (size_t i = 0; i + 1 < s->functions.count; i++) {
		struct symbol *y = &s->symbol[s->functions.symbol[i]];
		if (!y->size)
			y->size = MIN_OF(s->symbol[s->functions.symbol[i + 1]].address - y->address, y->room);
	}
}

/* Without memory for it, no address has a name. */
static void sort_once(struct symbols *s)
{
	pthread_mutex_lock(&s->lock);
	if (!s->sorted && sort(s, &s->functions, true) == 0 && sort(s, &s->objects, false) == 0)
		set_missing_sizes(s);
	s->sorted = true;
	pthread_mutex_unlock(&s->lock);
}

/* The symbol with the highest address that is not above @at. */
static const struct symbol *symbol_at(const struct symbols *s, const struct index *index, uint64_t at)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->symbol[index->symbol[middle]].address <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &s->symbol[index->symbol[low - 1]] : NULL;
}

static bool format(struct symbols *s, const struct index *index, uint64_t at, char out[SYMBOL_TEXT_MAX])
{
	sort_once(s);
	const struct symbol *y = symbol_at(s, index, at);
	if (!y || at - y->address >= MAX_OF(y->size, (uint64_t)1)) {
		snprintf(out, SYMBOL_TEXT_MAX, "0x%lx", at);
		return false;
	}
	char name[SYMBOL_TEXT_MAX - 40];
	text_copy_line(name, sizeof(name), name_of(s, y), strlen(name_of(s, y)));
	snprintf(out, SYMBOL_TEXT_MAX, "%s+0x%lx/0x%lx", name, at - y->address, y->size);
	return true;
}

bool symbols_format(struct symbols *s, uint64_t at, char out[SYMBOL_TEXT_MAX])
{
	return format(s, &s->functions, at, out);
}

bool symbols_format_object(struct symbols *s, uint64_t at, char out[SYMBOL_TEXT_MAX])
{
	return format(s, &s->objects, at, out);
}

void symbols_functions(struct symbols *s, void (*each)(void *data, uint64_t address, const char *name), void *data)
{
	sort_once(s);
	for (size_t i = 0; i < s->functions.count; i++) {
		const struct symbol *y = &s->symbol[s->functions.symbol[i]];
		bool last = i + 1 == s->functions.count;
		if (last || s->symbol[s->functions.symbol[i + 1]].address != y->address)
			each(data, y->address, name_of(s, y));
	}
}

const char *symbols_banner(const struct symbols *s)
{
	return s->banner;
}
