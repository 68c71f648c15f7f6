/* SPDX-License-Identifier: GPL-2.0-only */
/* image.c -- see image.h. */
#include <fcntl.h>
#include <lz4.h>
#include <lz4hc.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "image/cpio.h"
#include "image/elf.h"
#include "image/image.h"

extern const char blob_init_start[], blob_init_end[];

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define BASE_LAYOUT	 "3" /* part of a kept base's name: what is packed around its files */
#define BASES_MAX	 64  /* that are kept, of each kind: some 150 MiB */
#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

/* --- LZ4 legacy frames -------------------------------------------------------------------------------------------- */

static void put_le32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

int lz4_legacy(const struct buf *data, bool best, struct buf *ret)
{
	size_t bound = (size_t)LZ4_compressBound((int)LZ4_LEGACY_BLOCK);
	_cleanup_free_ char *block = malloc(bound);
	if (!block)
		return -ENOMEM;
	put_le32(ret, LZ4_LEGACY_MAGIC);
	for (size_t at = 0; at < data->len; at += LZ4_LEGACY_BLOCK) {
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
		return FAIL(err, EXIT_BAD_DATA, -E2BIG, "more than %d files in an initramfs", ITEMS_MAX);
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

static int add_program(struct packer *p, const char *from, const char *to, struct err **err)
{
	int r = from ? add_item(p, from, to, 0755, err) : 0;
	return from && r == 0 ? closure_add(&p->closure, from, err) : r;
}

/* Of a script, what its first line names; it may be in the archive already. */
static int add_interpreter(struct packer *p, const char *script, struct err **err)
{
	char line[256] = "";
	_cleanup_close_ int fd = open(script, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n < 4 || strncmp(line, "#!", 2))
		return 0;
	line[n] = '\0';
	char *program = line + 2 + strspn(line + 2, " \t");
	program[strcspn(program, " \t\n")] = '\0';
	if (*program != '/')
		return 0;
	for (size_t i = 0; i < p->items; i++)
		if (!strcmp(p->item[i].to, program + 1))
			return 0;
	return add_program(p, program, program + 1, err);
}

static int add_includes(struct packer *p, const struct image_include *include, size_t count, struct err **err)
{
	for (size_t i = 0; i < count; i++) {
		struct stat st;
		const char *from = include[i].from;
		if (stat(from, &st) < 0)
			return FAIL_SYS(err, -errno, "include file '%s'", from);
		if (!S_ISREG(st.st_mode))
			return FAIL(err, EXIT_BAD_DATA, -EINVAL, "include file '%s' is not a regular file", from);
		int r = add_item(p, from, include[i].to, st.st_mode, err);
		if (r == 0)
			r = closure_add(&p->closure, from, err);
		if (r == 0)
			r = add_interpreter(p, from, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_libraries(struct packer *p, size_t from, struct err **err)
{
	int r = 0;
	for (size_t i = from; i < p->closure.count && r == 0; i++)
		r = add_item(p, p->closure.file[i].path, p->closure.file[i].path + 1, 0755, err);
	return r;
}

static int collect_common(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	int r = add_item(p, NULL, "init", 0755, err);
	if (r == 0 && spec->test)
		r = closure_add(&p->closure, spec->test, err);
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

static int hash_file(struct siphash *h, const char *path, const atomic_bool *cancel, struct err **err)
{
	char chunk[16384];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return FAIL_SYS(err, -errno, "open '%s'", path);
	for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) != 0;) {
		if (is_cancelled(cancel))
			return -ECANCELED;
		if (n < 0)
			return FAIL_SYS(err, -errno, "read '%s'", path);
		siphash_update(h, chunk, (size_t)n);
	}
	return 0;
}

static int cache_name(const struct packer *p, const struct image_base_spec *spec, char **ret, struct err **err)
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
	/* Where they all are is said in a file of the binary's own part. */
	for (size_t i = 0; i < p->closure.count; i++)
		siphash_string(&h, p->closure.file[i].path);
	const char *end = spec->plain ? "" : ".lz4";
	if (r == 0 && asprintf(ret, "%016lx.cpio%s", siphash_final(&h), end) < 0)
		r = -ENOMEM;
	return r;
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

/* Every directory on the way to @path, outermost first. */
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

/* ELF files go in without the sections that nothing loads. */
static int pack_item(struct packer *p, const struct item *i, struct err **err)
{
	_cleanup_buf_ struct buf content = BUF_NULL;
	int r = pack_parents(p, i->to);
	if (r == 0 && !i->from)
		cpio_file(&p->cpio, i->to, i->mode, blob_init_start, (size_t)(blob_init_end - blob_init_start));
	else if (r == 0 && (r = elf_load_image(i->from, &content, err)) == 0)
		cpio_file(&p->cpio, i->to, i->mode, content.data, content.len);
	return r;
}

/*
 * The guest has no ld.so.cache, so a library from a directory that only the cache or LD_LIBRARY_PATH knew would not be
 * found there: PID 1 puts the directories of all of them into its children's LD_LIBRARY_PATH.
 */
static int pack_library_dirs(struct packer *p)
{
	_cleanup_buf_ struct buf dirs = BUF_NULL;
	for (size_t i = 0; i < p->closure.count; i++) {
		_cleanup_free_ char *dir = path_dirname(p->closure.file[i].path);
		_cleanup_free_ char *line = NULL;
		if (!dir || asprintf(&line, "%s:", dir) < 0)
			return -ENOMEM;
		if (!strstr(buf_str(&dirs), line))
			buf_puts(&dirs, line);
	}
	if (dirs.len)
		cpio_file(&p->cpio, "ktstr.libs", 0644, dirs.data, dirs.len - 1);
	return dirs.failed ? -ENOMEM : 0;
}

static int compress(const struct buf *cpio, bool best, struct buf *ret)
{
	return cpio->failed ? -ENOMEM : lz4_legacy(cpio, best, ret);
}

static int pack(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "tmp", "run" };
	int r = 0;
	for (size_t i = 0; spec->part == IMAGE_COMMON && i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = pack_dir(p, dirs[i]);
	for (size_t i = 0; i < p->items && r == 0; i++)
		r = is_cancelled(cancel_of(spec)) ? -ECANCELED : pack_item(p, &p->item[i], err);
	if (r == 0 && spec->part == IMAGE_OWN)
		r = pack_library_dirs(p);
	cpio_trailer(&p->cpio);
	return r == 0 && p->cpio.out.failed ? -ENOMEM : r;
}

static int in_memory(const struct buf *content, int *ret_fd, struct err **err)
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
	r = pack(p, spec, err);
	if (r == 0 && !spec->plain)
		r = compress(&p->cpio.out, name != NULL, &packed);
	if (r < 0)
		return r;
	const struct buf *content = spec->plain ? &p->cpio.out : &packed;
	/* Failing to keep it costs the next run a moment, not this one its result. */
	if (name && cachefile_store(spec->cache_dir, name, content->data, content->len, spec->use) == 0)
		cachefile_trim(spec->cache_dir, strstr(name, ".cpio"), BASES_MAX);
	return in_memory(content, ret_fd, err);
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

/* --- the suffix --------------------------------------------------------------------------------------------------- */

static int put_line(struct buf *out, const char *key, const char *value, struct err **err)
{
	if (strchr(value, '\n'))
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "%s: '%s' has a newline in it", key, value);
	buf_appendf(out, "%s=%s\n", key, value);
	return 0;
}

static int put_lines(struct buf *out, const char *key, const char *const *values, struct err **err)
{
	int r = 0;
	for (size_t i = 0; values && values[i] && r == 0; i++)
		r = put_line(out, key, values[i], err);
	return r;
}

int image_suffix(const struct image_suffix_spec *s, struct buf *ret, struct err **err)
{
	_cleanup_buf_ struct buf conf = BUF_NULL;
	_cleanup_(cpio_done) struct cpio cpio = CPIO_NULL;
	int r = s->test ? put_line(&conf, "test", s->test, err) : 0;
	buf_appendf(&conf, "seed=%lu\nduration_ns=%lu\nlimit_ns=%lu\n", s->seed, s->duration_ns, s->limit_ns);
	if (r == 0 && s->scheduler)
		r = put_line(&conf, "scheduler", "/scheduler", err);
	for (unsigned i = 0; r == 0 && i < IMAGE_STAGED_MAX && s->staged[i].name; i++) {
		r = put_line(&conf, "staged", s->staged[i].name, err);
		buf_appendf(&conf, "staged_arg=/staged.%u\nstaged_attach_s=%u\n", i, s->staged[i].attach_timeout_s);
		if (r == 0)
			r = put_lines(&conf, "staged_arg", s->staged[i].args, err);
	}
	if (s->scheduler)
		buf_appendf(&conf, "attach_s=%u\n", s->attach_timeout_s);
	if (s->load_cpu)
		buf_appendf(&conf, "load_cpu=%u\n", s->load_cpu);
	for (size_t i = 0; i < ARRAY_SIZE(s->sched_args) && r == 0; i++)
		r = put_lines(&conf, "sched_arg", s->sched_args[i], err);
	if (r == 0)
		r = put_lines(&conf, "sysctl", s->sysctls, err);
	if (r < 0)
		return r;
	cpio_file(&cpio, "ktstr.conf", 0644, conf.data, conf.len);
	/* The last file of the last archive: when it is there, the kernel had room to unpack everything before it. */
	cpio_file(&cpio, ".ktstr_init_ok", 0644, NULL, 0);
	cpio_trailer(&cpio);
	r = conf.failed ? -ENOMEM : 0;
	if (r == 0 && s->plain)
		buf_append(ret, cpio.out.data, cpio.out.len);
	else if (r == 0)
		r = compress(&cpio.out, false, ret);
	r = cpio.out.failed || ret->failed ? -ENOMEM : r;
	return r < 0 ? FAIL_SYS(err, r, "build the initramfs") : 0;
}

int image_memfd(const int part_fd[IMAGE_PARTS], const struct buf *suffix, int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = memfd_new("ktstr-initrd", 0);
	int r = fd < 0 ? FAIL_SYS(err, fd, "write the initramfs") : 0;
	for (int i = 0; i < IMAGE_PARTS && r == 0; i++)
		r = fd_copy(part_fd[i], fd, NULL, err);
	if (r < 0)
		return r;
	r = fd_write_full(fd, suffix->data, suffix->len);
	if (r < 0)
		return FAIL_SYS(err, r, "write the initramfs");
	*ret_fd = TAKE_FD(fd);
	return 0;
}
