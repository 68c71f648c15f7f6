/* SPDX-License-Identifier: GPL-2.0-only */
/* image.c -- see image.h. */
#include <fcntl.h>
#include <lz4.h>
#include <lz4hc.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/tool.h"
#include "image/cpio.h"
#include "image/elf.h"
#include "image/image.h"
#include "image/init.h"
#include "image/ldcache.h"
#include "image/rootfs.h"
#include "image/script.h"

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define BASE_LAYOUT	 "5" /* part of a cached base's name; count up when the packing changes */
#define BASES_MAX	 64  /* cached bases of each kind */
#define KNOWN_SUFFIX	 ".known"
#define KNOWN_MAX	 512
#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

/* --- LZ4 legacy frames -------------------------------------------------------------------------------------------- */

static void put_le32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

int lz4_legacy(const struct buf *data, bool best, const atomic_bool *cancel, struct buf *ret)
{
	size_t bound = (size_t)LZ4_compressBound((int)LZ4_LEGACY_BLOCK);
	_cleanup_free_ char *block = malloc(bound);
	if (!block)
		return -ENOMEM;
	put_le32(ret, LZ4_LEGACY_MAGIC);
	for (size_t at = 0; at < data->len; at += LZ4_LEGACY_BLOCK) {
		if (is_cancelled(cancel))
			return -ECANCELED;
		int len = (int)MIN_OF(data->len - at, LZ4_LEGACY_BLOCK);
		int n = best ? LZ4_compress_HC(data->data + at, block, len, (int)bound, LZ4HC_CLEVEL_DEFAULT)
			     : LZ4_compress_default(data->data + at, block, len, (int)bound);
		if (n <= 0)
			return -EIO;
		put_le32(ret, (uint32_t)n);
		buf_append(ret, block, (size_t)n);
	}
	return ret->failed ? -ENOMEM : 0;
}

/* --- the base: first what is in it, then its name by content, and only when nobody has packed it yet, the packing - */

struct item {
	char *from; /* host path; NULL: the built-in PID 1 */
	char *to;
	mode_t mode;
};

#define ITEMS_MAX 2048

struct packer {
	struct item item[ITEMS_MAX];
	size_t items;
	struct closure closure;
	struct cpio cpio;
	char *dirs[1024]; /* already in the archive */
	size_t dir_count;
	bool has_busybox;
};

static void packer_done(struct packer *p)
{
	for (size_t i = 0; i < p->items; i++) {
		free(p->item[i].from);
		free(p->item[i].to);
	}
	for (size_t i = 0; i < p->dir_count; i++)
		free(p->dirs[i]);
	closure_done(&p->closure);
	cpio_done(&p->cpio);
}

static int add_item(struct packer *p, const char *from, const char *to, mode_t mode, struct err **err)
{
	int r = cpio_check_path(to, err);
	if (r < 0)
		return r;
	if (p->items == ITEMS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "more than %d files in an initramfs", ITEMS_MAX);
	struct item *i = &p->item[p->items];
	*i = (struct item){ .from = from ? strdup(from) : NULL, .to = strdup(to), .mode = mode };
	if ((from && !i->from) || !i->to) {
		free(i->from);
		free(i->to);
		return -ENOMEM;
	}
	p->items++;
	return 0;
}

#define SCRIPT_DEPTH_MAX 5 /* an interpreter may be a script itself; Linux follows five */

static int add_runnable(struct packer *p, const char *path, unsigned depth, struct err **err);

/* Adds a program that a script names, with everything that it needs. It may be in the archive already. */
static int add_named_program(struct packer *p, const char *from, const char *to, unsigned depth, struct err **err)
{
	for (size_t i = 0; i < p->items; i++)
		if (!strcmp(p->item[i].to, to))
			return 0;
	int r = add_item(p, from, to, 0755, err);
	return r == 0 ? add_runnable(p, from, depth + 1, err) : r;
}

/* The program's own path if the guest searches that directory; otherwise the directory that it searches first. */
static char *place_of_program(const struct script *s)
{
	_cleanup_free_ char *dir = path_dirname(s->program);
	if (!strchr(s->program_name, '/') && !(dir && rootfs_is_in_path(dir)))
		return path_join("include-files", s->program_name);
	return rootfs_place(s->program);
}

static int add_interpreter(struct packer *p, const char *path, unsigned depth, struct err **err)
{
	_cleanup_(script_done) struct script s;
	int r = script_read(path, &s, err);
	if (r < 0 || !s.interpreter || depth == SCRIPT_DEPTH_MAX)
		return r;
	_cleanup_free_ char *to = rootfs_place(s.interpreter), *program_to = s.program ? place_of_program(&s) : NULL;
	if (!to || (s.program && !program_to))
		return -ENOMEM;
	r = add_named_program(p, s.interpreter, to, depth, err);
	return r == 0 && s.program ? add_named_program(p, s.program, program_to, depth, err) : r;
}

/* Adds what a file needs to run: its libraries, and the interpreter of a script. */
static int add_runnable(struct packer *p, const char *path, unsigned depth, struct err **err)
{
	int r = closure_add(&p->closure, path, err);
	return r == 0 ? add_interpreter(p, path, depth, err) : r;
}

static int add_program(struct packer *p, const char *from, const char *to, struct err **err)
{
	int r = from ? add_item(p, from, to, 0755, err) : 0;
	return from && r == 0 ? add_runnable(p, from, 0, err) : r;
}

static int add_includes(struct packer *p, const struct image_include *include, size_t count, struct err **err)
{
	for (size_t i = 0; i < count; i++) {
		struct stat st;
		const char *from = include[i].from;
		if (stat(from, &st) < 0)
			return FAIL_SYS(err, -errno, "include file '%s'", from);
		if (!S_ISREG(st.st_mode))
			return FAIL(err, ERR_DATA, -EINVAL, "include file '%s' is not a regular file", from);
		int r = add_item(p, from, include[i].to, st.st_mode, err);
		if (r == 0)
			r = add_runnable(p, from, 0, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_libraries(struct packer *p, size_t from, struct err **err)
{
	int r = 0;
	for (size_t i = from; i < p->closure.count && r == 0; i++) {
		_cleanup_free_ char *to = rootfs_place(p->closure.file[i].path);
		r = to ? add_item(p, p->closure.file[i].path, to, 0755, err) : -ENOMEM;
	}
	return r;
}

/* Adds a shell and the usual tools, if this machine has them. */
static int add_busybox(struct packer *p, struct err **err)
{
	_cleanup_free_ char *path = tool_find(IMAGE_BUSYBOX);
	p->has_busybox = path != NULL;
	return add_program(p, path, "bin/" IMAGE_BUSYBOX, err);
}

static int collect_common(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	_cleanup_free_ char *init = NULL;
	int r = init_find(spec->arch, &init, err);
	if (r == 0)
		r = add_item(p, init, "init", 0755, err);
	if (r == 0 && spec->test)
		r = closure_add(&p->closure, spec->test, err);
	/* This machine's busybox is of no use in guests of another architecture. */
	if (r == 0 && spec->arch == arch_host())
		r = add_busybox(p, err);
	return r == 0 ? add_libraries(p, 0, err) : r;
}

static int collect_own(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	int r = add_program(p, spec->test, "test", err);
	size_t common = p->closure.count;
	if (r == 0)
		r = add_program(p, spec->scheduler, "scheduler", err);
	for (unsigned i = 0; r == 0 && spec->staged && spec->staged[i]; i++) {
		char name[24];
		snprintf(name, sizeof(name), "staged.%u", i);
		r = add_program(p, spec->staged[i], name, err);
	}
	if (r == 0)
		r = add_includes(p, spec->include, spec->includes, err);
	return r == 0 ? add_libraries(p, common, err) : r;
}

/* --- its name ----------------------------------------------------------------------------------------------------- */

static const atomic_bool *cancel_of(const struct image_base_spec *spec)
{
	return spec->use ? spec->use->cancel : NULL;
}

/*
 * The common part, which every boot has, is not compressed. Unpacking it would cost a guest more time than its size
 * costs the host, which copies it inside the kernel.
 */
static bool is_plain(const struct image_base_spec *spec)
{
	return spec->plain || spec->part == IMAGE_COMMON;
}

static int hash_file(struct siphash *h, const char *path, const atomic_bool *cancel, struct err **err)
{
	uint64_t content[2];
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	int r = cachefile_hash(fd, cancel, content);
	if (r == -ECANCELED)
		return r;
	if (r < 0)
		return FAIL_SYS(err, r, "read '%s'", path);
	siphash_update(h, content, sizeof(content));
	return 0;
}

/* The binary's own part has the paths of all libraries. */
static void hash_closure(struct siphash *h, const struct packer *p)
{
	for (size_t i = 0; i < p->closure.count; i++) {
		const struct closure_file *f = &p->closure.file[i];
		siphash_string(h, f->path);
		siphash_string(h, f->name && f->by_name ? f->name : "");
	}
}

static int hash_content(const struct packer *p, const struct image_base_spec *spec, uint64_t *ret, struct err **err)
{
	struct siphash h;
	int r = 0;
	siphash_init(&h);
	siphash_string(&h, BASE_LAYOUT);
	for (size_t i = 0; i < p->items && r == 0; i++) {
		siphash_string(&h, p->item[i].to);
		siphash_update(&h, &p->item[i].mode, sizeof(p->item[i].mode));
		if (p->item[i].from)
			r = hash_file(&h, p->item[i].from, cancel_of(spec), err);
		else
			siphash_update(&h, blob_init_start, (size_t)(blob_init_end - blob_init_start));
	}
	hash_closure(&h, p);
	*ret = siphash_final(&h);
	return r;
}

/* The same from what the file system says of the files, without reading them. False: one of them has to be read. */
static bool hash_identity(const struct packer *p, uint64_t *ret)
{
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, BASE_LAYOUT);
	for (size_t i = 0; i < p->items; i++) {
		const struct item *item = &p->item[i];
		siphash_string(&h, item->to);
		siphash_update(&h, &item->mode, sizeof(item->mode));
		/* The built-in PID 1 is a part of this program. */
		if (!cachefile_identify(item->from ?: "/proc/self/exe", &h))
			return false;
	}
	hash_closure(&h, p);
	*ret = siphash_final(&h);
	return true;
}

static int read_known(const struct image_base_spec *spec, const char *known, uint64_t *ret)
{
	_cleanup_close_ int fd = -1;
	int r = cachefile_open(spec->cache_dir, known, spec->use, &fd);
	return r < 0 ? r : fd_read_full(fd, ret, sizeof(*ret));
}

/* The content's hash. That of files which have not changed since they were hashed is in the cache. */
static int find_hash(const struct packer *p, const struct image_base_spec *spec, uint64_t *ret, struct err **err)
{
	char known[40];
	uint64_t identity = 0;
	bool settled = hash_identity(p, &identity);
	snprintf(known, sizeof(known), "%016lx" KNOWN_SUFFIX, identity);
	if (settled && read_known(spec, known, ret) == 0)
		return 0;
	int r = hash_content(p, spec, ret, err);
	if (r == 0 && settled && cachefile_store(spec->cache_dir, known, ret, sizeof(*ret), spec->use) == 0)
		cachefile_trim(spec->cache_dir, KNOWN_SUFFIX, KNOWN_MAX);
	return r;
}

static int cache_name(const struct packer *p, const struct image_base_spec *spec, char **ret, struct err **err)
{
	uint64_t hash;
	int r = find_hash(p, spec, &hash, err);
	const char *end = is_plain(spec) ? "" : ".lz4";
	return r == 0 && asprintf(ret, "%016lx.cpio%s", hash, end) < 0 ? -ENOMEM : r;
}

/* --- its content -------------------------------------------------------------------------------------------------- */

static int pack_dir(struct packer *p, const char *dir)
{
	for (size_t i = 0; i < p->dir_count; i++)
		if (!strcmp(p->dirs[i], dir))
			return 0;
	char *copy = p->dir_count < ARRAY_SIZE(p->dirs) ? strdup(dir) : NULL;
	if (!copy)
		return -ENOMEM;
	p->dirs[p->dir_count++] = copy;
	cpio_dir(&p->cpio, dir);
	return 0;
}

/* Adds all parent directories of @path, outermost first. */
static int pack_parents(struct packer *p, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;
	for (char *slash = copy ? strchr(copy, '/') : NULL; slash && r == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = pack_dir(p, copy);
		*slash = '/';
	}
	return r;
}

/* Adds a file unchanged. It may be large: it is read in pieces, so that memory holds it only once. */
static int pack_plain(struct packer *p, const struct item *i, int fd, const atomic_bool *cancel, struct err **err)
{
	char chunk[16384];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at '%s'", i->from);
	if ((uint64_t)st.st_size > BUF_BYTES_MAX)
		return FAIL(err, ERR_DATA, -EFBIG, "'%s' is larger than an initramfs can be (1 GiB)", i->from);
	cpio_file_begin(&p->cpio, i->to, i->mode, (size_t)st.st_size);
	for (size_t left = (size_t)st.st_size; left;) {
		size_t len = MIN_OF(left, sizeof(chunk));
		if (is_cancelled(cancel))
			return -ECANCELED;
		int r = fd_read_full(fd, chunk, len);
		if (r < 0)
			return FAIL_SYS(err, r, "read '%s'", i->from);
		buf_append(&p->cpio.out, chunk, len);
		left -= len;
	}
	cpio_file_end(&p->cpio);
	return 0;
}

/* ELF files are packed without sections that are not loaded. */
static int pack_item(struct packer *p, const struct item *i, const atomic_bool *cancel, struct err **err)
{
	char magic[4] = "";
	_cleanup_buf_ struct buf content = BUF_NULL;
	int r = is_cancelled(cancel) ? -ECANCELED : pack_parents(p, i->to);
	if (r < 0)
		return r;
	if (!i->from) {
		cpio_file(&p->cpio, i->to, i->mode, blob_init_start, (size_t)(blob_init_end - blob_init_start));
		return 0;
	}
	_cleanup_close_ int fd = file_open(i->from, err);
	if (fd < 0)
		return fd;
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "\177ELF", sizeof(magic)))
		return pack_plain(p, i, fd, cancel, err);
	r = elf_load_image(i->from, &content, err);
	if (r == 0)
		cpio_file(&p->cpio, i->to, i->mode, content.data, content.len);
	return r;
}

/* Adds the files and links that every guest has. */
static int pack_rootfs(struct packer *p)
{
	int r = 0;
	for (size_t i = 0; i < rootfs_entry_count && r == 0; i++) {
		const struct rootfs_entry *e = &rootfs_entries[i];
		r = pack_parents(p, e->path);
		if (r == 0 && e->kind == ROOTFS_DIR)
			r = pack_dir(p, e->path);
		else if (r == 0 && e->kind == ROOTFS_FILE)
			cpio_file(&p->cpio, e->path, 0644, e->content, strlen(e->content));
		else if (r == 0)
			cpio_link(&p->cpio, e->path, e->content);
	}
	return r;
}

static int pack_applets(struct packer *p)
{
	int r = pack_dir(p, "bin");
	if (r == 0)
		r = pack_parents(p, "usr/bin/env");
	for (size_t i = 0; rootfs_applets[i] && r == 0; i++) {
		_cleanup_free_ char *path = path_join("bin", rootfs_applets[i]);
		if (!path)
			return -ENOMEM;
		cpio_link(&p->cpio, path, IMAGE_BUSYBOX);
	}
	cpio_link(&p->cpio, "usr/bin/env", "/bin/" IMAGE_BUSYBOX);
	return r;
}

static size_t find_name(const struct ldcache_library *list, size_t count, const char *name)
{
	size_t i = 0;
	while (i < count && strcmp(list[i].soname, name))
		i++;
	return i;
}

/*
 * Programs find their libraries through the loader's cache, as on every Linux. LD_LIBRARY_PATH would be in the
 * environment of all programs of a test, and cannot contain a directory with a colon in its name.
 */
static int pack_library_cache(struct packer *p)
{
	_cleanup_buf_ struct buf cache = BUF_NULL;
	struct ldcache_library list[CLOSURE_FILES_MAX];
	size_t count = 0;
	int r = 0;
	/* Names that programs depend on come first; libraries that are found by a directory follow. */
	for (int by_name = 1; by_name >= 0; by_name--)
		for (size_t i = 0; i < p->closure.count && r == 0; i++) {
			const struct closure_file *f = &p->closure.file[i];
			if (!f->name || f->by_name != by_name || find_name(list, count, f->name) < count)
				continue;
			_cleanup_free_ char *place = rootfs_place(f->path);
			char *path = place ? path_join("", place) : NULL;
			list[count] = (struct ldcache_library){ f->name, path };
			count += path != NULL;
			r = path ? 0 : -ENOMEM;
		}
	if (r == 0)
		r = ldcache_build(list, count, &cache);
	if (r == 0)
		r = pack_dir(p, "etc");
	if (r == 0)
		cpio_file(&p->cpio, "etc/ld.so.cache", 0644, cache.data, cache.len);
	for (size_t i = 0; i < count; i++)
		free((char *)list[i].path);
	return r;
}

static void put_moved(struct buf *out, const char *path)
{
	_cleanup_free_ char *place = rootfs_place(path);
	if (place && strcmp(place, path + 1) && !strchr(path, '\n'))
		buf_appendf(out, "%s\n", path);
}

/* Lists the host paths of files that have another path in the guest. PID 1 makes links there after mounting. */
static int pack_moved(struct packer *p)
{
	_cleanup_buf_ struct buf list = BUF_NULL;
	for (size_t i = 0; i < p->closure.count; i++)
		put_moved(&list, p->closure.file[i].path);
	for (size_t i = 0; i < p->items; i++)
		if (p->item[i].from && !strncmp(p->item[i].to, ROOTFS_MOVED "/", sizeof(ROOTFS_MOVED)))
			put_moved(&list, p->item[i].to + sizeof(ROOTFS_MOVED) - 1);
	if (list.len)
		cpio_file(&p->cpio, "ktstr.moved", 0644, list.data, list.len);
	return list.failed ? -ENOMEM : 0;
}

static int pack_items(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	int r = spec->part == IMAGE_COMMON ? pack_rootfs(p) : 0;
	if (r == 0 && p->has_busybox)
		r = pack_applets(p);
	for (size_t i = 0; i < p->items && r == 0; i++)
		r = pack_item(p, &p->item[i], cancel_of(spec), err);
	if (r == 0 && spec->part == IMAGE_OWN)
		r = pack_library_cache(p);
	if (r == 0 && spec->part == IMAGE_OWN)
		r = pack_moved(p);
	cpio_trailer(&p->cpio);
	return r == 0 && p->cpio.out.failed ? -ENOMEM : r;
}

static int write_memfd(const struct buf *content, int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = memfd_new("ktstr-base", 0);
	int r = fd < 0 ? fd : fd_write_full(fd, content->data, content->len);
	if (r < 0)
		return FAIL_SYS(err, r, "write the initramfs");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_base(struct packer *p, const struct image_base_spec *spec, int *ret_fd, struct err **err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_buf_ struct buf packed = BUF_NULL;
	int r = spec->cache_dir ? cache_name(p, spec, &name, err) : 0;
	if (r < 0)
		return r;
	r = name ? cachefile_open(spec->cache_dir, name, spec->use, ret_fd) : -ENOENT;
	if (r == 0 || r == -ECANCELED)
		return r;
	r = pack_items(p, spec, err);
	if (r == 0 && !is_plain(spec))
		r = lz4_legacy(&p->cpio.out, name != NULL, cancel_of(spec), &packed);
	if (r < 0)
		return r;
	const struct buf *content = is_plain(spec) ? &p->cpio.out : &packed;
	/* If it cannot be cached, the next run makes it again. This run goes on. */
	if (name && cachefile_store(spec->cache_dir, name, content->data, content->len, spec->use) == 0)
		cachefile_trim(spec->cache_dir, strstr(name, ".cpio"), BASES_MAX);
	return write_memfd(content, ret_fd, err);
}

int image_base(const struct image_base_spec *spec, int *ret_fd, struct err **err)
{
	struct packer *p = calloc(1, sizeof(*p));
	if (!p)
		return FAIL_SYS(err, -ENOMEM, "build the initramfs");
	int r = (spec->part == IMAGE_COMMON ? collect_common : collect_own)(p, spec, err);
	if (r == 0)
		r = open_base(p, spec, ret_fd, err);
	packer_done(p);
	free(p);
	return r < 0 ? err_wrap(err, r, "build the initramfs") : 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int leave_hole(int part_fd, int fd, struct err **err)
{
	struct stat st;
	if (fstat(part_fd, &st) < 0 || lseek(fd, st.st_size, SEEK_SET) < 0)
		return FAIL_SYS(err, -errno, "write the initramfs");
	return 0;
}

int image_memfd(const int part_fd[IMAGE_PARTS], bool hole, const struct buf *suffix, const atomic_bool *cancel,
		int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = memfd_new("ktstr-initrd", 0);
	int r = fd < 0 ? FAIL_SYS(err, fd, "write the initramfs") : 0;
	for (int i = 0; i < IMAGE_PARTS && r == 0; i++)
		r = hole && i == IMAGE_COMMON ? leave_hole(part_fd[i], fd, err) : fd_copy(part_fd[i], fd, cancel, err);
	if (r < 0)
		return r;
	r = fd_write_full(fd, suffix->data, suffix->len);
	if (r < 0)
		return FAIL_SYS(err, r, "write the initramfs");
	*ret_fd = TAKE_FD(fd);
	return 0;
}
