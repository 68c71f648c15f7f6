/* SPDX-License-Identifier: GPL-2.0-only */
/* image.c -- see image.h. */
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

#define LZ4_LEGACY_MAGIC  0x184c2102u
#define LZ4_LEGACY_BLOCK  ((size_t)8 << 20)
#define INCLUDE_BYTES_MAX ((size_t)1 << 30)

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

/* --- the base ----------------------------------------------------------------------------------------------------- */

struct packer {
	struct cpio cpio;
	struct closure closure;
	char *dirs[1024];	/* already in the archive */
	size_t dir_count;
};

static void packer_done(struct packer *p)
{
	cpio_done(&p->cpio);
	closure_done(&p->closure);
	for (size_t i = 0; i < p->dir_count; i++)
		free(p->dirs[i]);
}

static bool have_dir(const struct packer *p, const char *dir)
{
	for (size_t i = 0; i < p->dir_count; i++)
		if (!strcmp(p->dirs[i], dir))
			return true;
	return false;
}

static int add_dir(struct packer *p, const char *dir)
{
	if (have_dir(p, dir))
		return 0;
	char *copy = p->dir_count < ARRAY_SIZE(p->dirs) ? strdup(dir) : NULL;
	if (!copy)
		return -ENOMEM;
	p->dirs[p->dir_count++] = copy;
	cpio_dir(&p->cpio, dir);
	return 0;
}

/* Every directory on the way to @path, outermost first. */
static int add_parents(struct packer *p, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;
	for (char *slash = copy ? strchr(copy, '/') : NULL; slash && r == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = add_dir(p, copy);
		*slash = '/';
	}
	return r;
}

/* Packs host file @from as @to; ELF files without the sections that nothing loads. */
static int add_file(struct packer *p, const char *from, const char *to, mode_t mode, struct err **err)
{
	_cleanup_buf_ struct buf content = BUF_NULL;
	int r = cpio_check_path(to, err);
	if (r == 0)
		r = elf_load_image(from, &content, err);
	if (r == 0)
		r = add_parents(p, to);
	if (r == 0)
		cpio_file(&p->cpio, to, mode, content.data, content.len);
	return r;
}

static int add_program(struct packer *p, const char *from, const char *to, struct err **err)
{
	int r = from ? add_file(p, from, to, 0755, err) : 0;
	return from && r == 0 ? closure_add(&p->closure, from, err) : r;
}

static int add_includes(struct packer *p, const char *const *files, struct err **err)
{
	for (size_t i = 0; files && files[i]; i++) {
		struct stat st;
		_cleanup_free_ char *to = path_join("include-files", path_basename(files[i]));
		if (stat(files[i], &st) < 0)
			return FAIL_SYS(err, -errno, "include file '%s'", files[i]);
		if (!S_ISREG(st.st_mode))
			return FAIL(err, EXIT_BAD_DATA, -EINVAL, "include file '%s' is not a regular file", files[i]);
		int r = to ? add_file(p, files[i], to, st.st_mode, err) : -ENOMEM;
		if (r == 0)
			r = closure_add(&p->closure, files[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_init(struct packer *p, const char *instead, struct err **err)
{
	if (instead)
		return add_file(p, instead, "init", 0755, err);
	cpio_file(&p->cpio, "init", 0755, blob_init_start, (size_t)(blob_init_end - blob_init_start));
	return 0;
}

static int pack_base(struct packer *p, const struct image_base_spec *spec, struct err **err)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "tmp", "run" };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = add_dir(p, dirs[i]);
	if (r == 0)
		r = add_init(p, spec->init, err);
	if (r == 0)
		r = add_program(p, spec->test, "test", err);
	if (r == 0)
		r = add_program(p, spec->scheduler, "scheduler", err);
	if (r == 0)
		r = add_includes(p, spec->include_files, err);
	for (size_t i = 0; i < p->closure.count && r == 0; i++)
		r = add_file(p, p->closure.file[i].path, p->closure.file[i].path + 1, 0755, err);
	cpio_trailer(&p->cpio);
	return r == 0 && p->cpio.out.failed ? -ENOMEM : r;
}

static char *cache_path(const char *dir, const struct buf *raw)
{
	struct siphash hash;
	char *path = NULL;
	siphash_init(&hash);
	siphash_update(&hash, raw->data, raw->len);
	return asprintf(&path, "%s/%016lx-%zu.cpio.lz4", dir, siphash_final(&hash), raw->len) < 0 ? NULL : path;
}

static int compress_base(const struct buf *raw, const char *cache_dir, struct buf *ret, struct err **err)
{
	_cleanup_free_ char *path = cache_dir ? cache_path(cache_dir, raw) : NULL;
	if (path && file_read(path, BUF_BYTES_MAX, ret, NULL) == 0)
		return 0;
	int r = lz4_legacy(raw, path != NULL, ret);
	if (r < 0)
		return FAIL_SYS(err, r, "compress the initramfs");
	/* Failing to keep it costs the next run a moment, not this one its result. */
	if (path && mkdir_parents(cache_dir, 0755, NULL) == 0)
		file_write_atomic(path, ret->data, ret->len, 0644, NULL);
	return 0;
}

int image_base(const struct image_base_spec *spec, struct buf *ret, uint64_t *ret_raw, struct err **err)
{
	struct packer *p = calloc(1, sizeof(*p));
	if (!p)
		return FAIL_SYS(err, -ENOMEM, "build the initramfs");
	int r = pack_base(p, spec, err);
	if (r == 0)
		r = compress_base(&p->cpio.out, spec->cache_dir, ret, err);
	*ret_raw = p->cpio.out.len;
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
	r = cpio.out.failed || conf.failed ? -ENOMEM : lz4_legacy(&cpio.out, false, ret);
	return r < 0 ? FAIL_SYS(err, r, "build the initramfs") : 0;
}

int image_memfd(const struct buf *base, const struct buf *suffix, int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = memfd_new("ktstr-initrd", 0);
	int r = fd < 0 ? fd : fd_write_full(fd, base->data, base->len);
	if (r == 0)
		r = fd_write_full(fd, suffix->data, suffix->len);
	if (r < 0)
		return FAIL_SYS(err, r, "write the initramfs");
	*ret_fd = TAKE_FD(fd);
	return 0;
}
