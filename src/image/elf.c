/* SPDX-License-Identifier: GPL-2.0-only */
/* elf.c -- see elf.h. ELF files come from users and builds, so every value in them is checked before use. */
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "image/elf.h"
#include "image/ldcache.h"

#define ELF_BYTES_MAX ((size_t)1 << 30)

/* What the dynamic section of a file requires. */
struct needs {
	char *interp, *rpath, *runpath;
	char *lib[128];
	size_t count;
};

static void needs_done(struct needs *n)
{
	free(n->interp);
	free(n->rpath);
	free(n->runpath);
	for (size_t i = 0; i < n->count; i++)
		free(n->lib[i]);
}

void closure_done(struct closure *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->file[i].path);
		free(c->file[i].name);
	}
	c->count = 0;
}

/* --- reading one file --------------------------------------------------------------------------------------------- */

static void read_interp(Elf *elf, const GElf_Phdr *ph, struct needs *n)
{
	size_t size;
	const char *raw = elf_rawfile(elf, &size);
	if (raw && !n->interp && ph->p_offset < size && ph->p_filesz <= size - ph->p_offset)
		n->interp = strndup(raw + ph->p_offset, ph->p_filesz);
}

static void read_dynamic(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct needs *n)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Dyn dyn;
	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		const char *text = elf_strptr(elf, sh->sh_link, dyn.d_un.d_val);
		if (!text)
			continue;
		if (dyn.d_tag == DT_NEEDED && n->count < ARRAY_SIZE(n->lib))
			n->lib[n->count++] = strdup(text);
		else if (dyn.d_tag == DT_RPATH && !n->rpath)
			n->rpath = strdup(text);
		else if (dyn.d_tag == DT_RUNPATH && !n->runpath)
			n->runpath = strdup(text);
	}
}

static void read_needs(Elf *elf, struct needs *n)
{
	size_t headers = 0;
	GElf_Phdr ph;
	GElf_Shdr sh;
	if (elf_getphdrnum(elf, &headers) == 0)
		for (size_t i = 0; i < headers; i++)
			if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_INTERP)
				read_interp(elf, &ph, n);
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));)
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_DYNAMIC)
			read_dynamic(elf, scn, &sh, n);
}

/* Returns 1 for an ELF file, 0 for another kind. */
static int needs_of(const char *path, struct needs *ret, struct err **err)
{
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool is_elf = elf && elf_kind(elf) == ELF_K_ELF;
	*ret = (struct needs){ 0 };
	if (is_elf)
		read_needs(elf, ret);
	elf_end(elf);
	return is_elf;
}

/* --- finding libraries -------------------------------------------------------------------------------------------- */

static bool is_our_elf(const char *path)
{
	unsigned char ident[20];
	_cleanup_close_ int fd = file_open(path, NULL);
	if (fd < 0 || fd_read_full(fd, ident, sizeof(ident)) < 0)
		return false;
	return !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS64 &&
	       ident[18] == arch_names[arch_host()].elf_machine;
}

static char *expand_origin(const char *dir, size_t len, const char *origin)
{
	struct buf out = BUF_NULL;
	static const char *const names[] = { "${ORIGIN}", "$ORIGIN" };
	for (size_t i = 0; i < len;) {
		size_t skip = 0;
		for (size_t k = 0; k < ARRAY_SIZE(names) && !skip; k++)
			if (len - i >= strlen(names[k]) && !strncmp(dir + i, names[k], strlen(names[k])))
				skip = strlen(names[k]);
		if (skip)
			buf_puts(&out, origin);
		else
			buf_append(&out, dir + i, 1);
		i += skip ? skip : 1;
	}
	return buf_steal(&out);
}

/* Looks for @name in the directories of a colon-separated list. @fixed: the entry was a plain absolute path. */
static char *search_list(const char *list, const char *name, const char *origin, bool *fixed)
{
	for (const char *p = list; p && *p;) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *dir = expand_origin(p, len, origin);
		char *path = dir && *dir ? path_join(dir, name) : NULL;
		*fixed = *p == '/' && !memchr(p, '$', len);
		if (path && is_our_elf(path))
			return path;
		free(path);
		p += len + (p[len] == ':');
	}
	return NULL;
}

/*
 * @by_name: the guest's loader will not find it by its directory, because there is no LD_LIBRARY_PATH in the guest, and
 * $ORIGIN is another directory there.
 */
static char *find_library(const char *name, const struct needs *n, const char *origin, bool *by_name)
{
	char defaults[160];
	snprintf(defaults, sizeof(defaults),
		 "/lib/%s:/usr/lib/%s:/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib64:/usr/local/lib",
		 arch_names[arch_host()].triple, arch_names[arch_host()].triple);
	bool fixed = false;
	*by_name = false;
	if (strchr(name, '/'))
		return strdup(name);
	char *path = n->runpath ? NULL : search_list(n->rpath, name, origin, &fixed);
	if (path) {
		*by_name = !fixed;
		return path;
	}
	*by_name = true;
	path = search_list(environment_get(ENV_LD_LIBRARY_PATH), name, origin, &fixed);
	if (path)
		return path;
	path = search_list(n->runpath, name, origin, &fixed);
	if (path) {
		*by_name = !fixed;
		return path;
	}
	path = ldcache_find("/etc/ld.so.cache", name);
	return path ? path : search_list(defaults, name, origin, &fixed);
}

static struct closure_file *find_path(struct closure *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->file[i].path, path))
			return &c->file[i];
	return NULL;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The guest's loader can have only one file for each name. */
static int check_name(const struct closure *c, const char *name, const char *path, struct err **err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct closure_file *f = &c->file[i];
		if (!f->by_name || !f->name || strcmp(f->name, name) || same_file(f->path, path))
			continue;
		return FAIL(err, ERR_DATA, -EEXIST,
			    "two programs of this test need different files for the library %s: '%s' and '%s'; link "
			    "one of them statically, or give it an absolute run path (-Wl,-rpath,DIR)",
			    name, f->path, path);
	}
	return 0;
}

/* Adds one file and what it needs. Takes over @path. @name: NULL if the program has the path itself. */
static int add_file(struct closure *c, char *path, const char *name, bool by_name, struct err **err)
{
	struct closure_file *f = find_path(c, path);
	int r = by_name ? check_name(c, name, path, err) : 0;
	if (r == 0 && !f && c->count == CLOSURE_FILES_MAX)
		r = FAIL(err, ERR_DATA, -E2BIG, "more than %d shared libraries", CLOSURE_FILES_MAX);
	char *copy = r == 0 && name && (!f || !f->name) ? strdup(name) : NULL;
	if (r < 0 || f) {
		free(path);
		if (r == 0 && copy)
			f->name = copy;
		if (r == 0)
			f->by_name |= by_name;
		return r;
	}
	c->file[c->count++] = (struct closure_file){ .path = path, .name = copy, .by_name = by_name };
	return closure_add(c, path, err);
}

/*
 * Adds libraries that glibc loads at run time, and that no ELF header names. libgcc_s unwinds the stack for
 * pthread_cancel(), pthread_exit() and backtrace(). A guest uses only the name services files and dns, which are part
 * of libc (/etc/nsswitch.conf). A library that this machine lacks is missing in the guest too.
 */
static int add_loaded_by_libc(struct closure *c, struct err **err)
{
	static const struct needs none = { 0 };
	bool by_name;
	char *path = find_library("libgcc_s.so.1", &none, "", &by_name);
	return path ? add_file(c, path, "libgcc_s.so.1", by_name, err) : 0;
}

static int add_library(struct closure *c, const char *path, const struct needs *n, const char *name, const char *origin,
		       struct err **err)
{
	bool by_name;
	char *lib = find_library(name, n, origin, &by_name);
	if (!lib)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "'%s' needs %s, which is not on this machine; install it or name its directory in "
			    "LD_LIBRARY_PATH",
			    path, name);
	if (*lib != '/') {
		free(lib);
		return FAIL(err, ERR_DATA, -EINVAL,
			    "'%s' needs '%s', a path that depends on the current directory; link it with -L and -l, or "
			    "give the library a name (-Wl,-soname)",
			    path, name);
	}
	int r = add_file(c, lib, strchr(name, '/') ? NULL : name, by_name, err);
	return r == 0 && !strcmp(name, "libc.so.6") ? add_loaded_by_libc(c, err) : r;
}

static int add_needs(struct closure *c, const char *path, const struct needs *n, struct err **err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_free_ char *origin = path_dirname(real ? real : path);
	char *interp = n->interp ? strdup(n->interp) : NULL;
	int r = interp ? add_file(c, interp, NULL, false, err) : 0;
	for (size_t i = 0; i < n->count && r == 0; i++)
		r = add_library(c, path, n, n->lib[i], origin, err);
	return r;
}

int closure_add(struct closure *c, const char *path, struct err **err)
{
	struct needs n = { 0 };
	int r = needs_of(path, &n, err);
	if (r < 0)
		return r;
	r = r ? add_needs(c, path, &n, err) : 0;
	needs_done(&n);
	return r;
}

/* --- content for the archive -------------------------------------------------------------------------------------- */

static size_t loaded_end(const struct buf *file)
{
	Elf *elf = elf_memory(file->data, file->len);
	size_t headers = 0, end = 0;
	GElf_Phdr ph;
	if (elf && elf_kind(elf) == ELF_K_ELF && elf_getphdrnum(elf, &headers) == 0)
		for (size_t i = 0; i < headers; i++)
			if (gelf_getphdr(elf, (int)i, &ph) && ph.p_filesz <= file->len && ph.p_offset <= file->len)
				end = MAX_OF(end, (size_t)(ph.p_offset + ph.p_filesz));
	elf_end(elf);
	return end <= file->len ? end : 0;
}

int elf_load_image(const char *path, struct buf *ret, struct err **err)
{
	int r = file_read(path, ELF_BYTES_MAX, ret, err);
	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	size_t end = loaded_end(ret);
	if (!end || ret->len < sizeof(Elf64_Ehdr) || ret->data[EI_CLASS] != ELFCLASS64)
		return 0;
	Elf64_Ehdr eh;
	memcpy(&eh, ret->data, sizeof(eh));
	eh.e_shoff = 0;
	eh.e_shnum = eh.e_shstrndx = 0;
	memcpy(ret->data, &eh, sizeof(eh));
	ret->len = end;
	return 0;
}

static int api_of_note(Elf_Scn *scn, uint32_t *ret)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Nhdr note;
	size_t name_at, desc_at;
	if (!data || !gelf_getnote(data, 0, &note, &name_at, &desc_at) || note.n_descsz != sizeof(*ret) ||
	    note.n_namesz != 6 || memcmp((const char *)data->d_buf + name_at, "ktstr", 6))
		return -ENOENT;
	memcpy(ret, (const char *)data->d_buf + desc_at, sizeof(*ret));
	return 0;
}

int elf_arch(const char *path, enum arch *ret)
{
	Elf64_Ehdr h;
	_cleanup_close_ int fd = file_open(path, NULL);
	if (fd < 0)
		return fd;
	if (fd_pread_full(fd, &h, sizeof(h), 0) < 0 || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOENT;
	return arch_of_elf(h.e_machine, ret) ? 0 : -ENOENT;
}

const char *elf_emulator(const char *path)
{
	enum arch arch;
	return elf_arch(path, &arch) == 0 && arch != arch_host() ? arch_names[arch].qemu_user : NULL;
}

bool elf_is_truncated(const char *path)
{
	Elf64_Ehdr h = { 0 };
	struct stat st;
	_cleanup_close_ int fd = file_open(path, NULL);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	ssize_t n = pread(fd, &h, sizeof(h), 0);
	if (n < SELFMAG || memcmp(h.e_ident, ELFMAG, SELFMAG))
		return false;
	if (n < (ssize_t)sizeof(h))
		return true;
	uint64_t size = (uint64_t)st.st_size, sections = (uint64_t)h.e_shnum * h.e_shentsize;
	return h.e_ident[EI_CLASS] == ELFCLASS64 && (h.e_shoff > size || sections > size - h.e_shoff);
}

int elf_api_version(const char *path, uint32_t *ret)
{
	_cleanup_close_ int fd = file_open(path, NULL);
	if (fd < 0)
		return fd;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	size_t names;
	GElf_Shdr sh;
	int r = -ENOENT;
	if (elf && elf_kind(elf) == ELF_K_ELF && elf_getshdrstrndx(elf, &names) == 0)
		for (Elf_Scn *scn = NULL; r < 0 && (scn = elf_nextscn(elf, scn));) {
			const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
			if (name && sh.sh_type == SHT_NOTE && !strcmp(name, ".note.ktstr"))
				r = api_of_note(scn, ret);
		}
	elf_end(elf);
	return r;
}
