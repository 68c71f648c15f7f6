/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.c -- unpacks an initramfs image as the kernel would, in a guest that was booted without it. */
#include <errno.h>
#include <fcntl.h>
#if HAVE_LZ4
#include <lz4.h>
#endif
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "guest/init/unpack.h"

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

/* --- cpio, format "newc": only directories, files and symbolic links ---------------------------------------------- */

struct entry {
	unsigned mode;
	size_t size;
	const char *name, *content;
};

#define CPIO_MAGIC "070701"
#define CPIO_HEAD  110

/* Parses eight hexadecimal digits; -1 on error. */
static int64_t hex_field(const char *head, unsigned field)
{
	int64_t value = 0;
	for (const char *c = head + 6 + 8 * (size_t)field, *end = c + 8; c < end; c++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = *c ? strchr(digits, *c) : NULL;
		if (!digit)
			return -1;
		value = value << 4 | (digit - digits);
	}
	return value;
}

static size_t aligned(size_t at)
{
	return (at + 3) & ~(size_t)3;
}

/* Reads the entry at @at and advances @at past it; 0 at the end. Archives follow each other, with zeros in between. */
static int next_entry(const char *data, size_t len, size_t *at, struct entry *ret)
{
	while (*at < len && !data[*at])
		++*at;
	if (*at == len)
		return 0;
	if (len - *at < CPIO_HEAD || memcmp(data + *at, CPIO_MAGIC, sizeof(CPIO_MAGIC) - 1))
		return -EBADMSG;
	const char *head = data + *at;
	int64_t mode = hex_field(head, 1), size = hex_field(head, 6), name_len = hex_field(head, 11);
	size_t name = *at + CPIO_HEAD;
	if (mode < 0 || size < 0 || name_len < 2 || (size_t)name_len > len - name || data[name + (size_t)name_len - 1])
		return -EBADMSG;
	/* Aligned relative to the archive's start, which is itself aligned within the image. */
	size_t content = aligned(name + (size_t)name_len);
	if (content > len || (size_t)size > len - content)
		return -EBADMSG;
	*ret = (struct entry){
		.mode = (unsigned)mode, .size = (size_t)size, .name = data + name, .content = data + content
	};
	*at = MIN_OF(aligned(content + (size_t)size), len);
	return 1;
}

/* Like the kernel, replaces what an earlier archive left under that name. */
static int write_link(int root, const struct entry *e)
{
	_cleanup_free_ char *target = strndup(e->content, e->size);
	if (!target)
		return -ENOMEM;
	unlinkat(root, e->name, 0);
	return symlinkat(target, root, e->name) < 0 ? -errno : 0;
}

static int write_file(int root, const struct entry *e)
{
	unlinkat(root, e->name, 0);
	_cleanup_close_ int fd = openat(root, e->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_full(fd, e->content, e->size);
	return r < 0 ? r : fchmod(fd, e->mode & 07777) < 0 ? -errno : 0;
}

static int unpack_entry(int root, const struct entry *e)
{
	if (!strcmp(e->name, "TRAILER!!!") || !strcmp(e->name, "init"))
		return 0;
	if (S_ISDIR(e->mode))
		return mkdirat(root, e->name, e->mode & 07777) < 0 && errno != EEXIST ? -errno : 0;
	if (S_ISLNK(e->mode))
		return write_link(root, e);
	return S_ISREG(e->mode) ? write_file(root, e) : -EBADMSG;
}

static int unpack_cpio(int root, const char *data, size_t len)
{
	struct entry e;
	size_t at = 0;
	int r;
	while ((r = next_entry(data, len, &at, &e)) > 0 && (r = unpack_entry(root, &e)) == 0)
		;
	return r;
}

#if HAVE_LZ4

/* --- LZ4 legacy: a magic, then blocks of length and data; another magic starts the next stream -------------------- */

struct frames {
	const uint8_t *data;
	size_t len, at;
};

/* Returns the next block in @ret; 0 at the end. */
static int next_block(struct frames *f, const uint8_t **ret, uint32_t *ret_len)
{
	uint32_t word;
	do {
		if (f->len - f->at < sizeof(word))
			return f->at == f->len && f->len ? 0 : -EBADMSG;
		memcpy(&word, f->data + f->at, sizeof(word));
		f->at += sizeof(word);
		if (f->at == sizeof(word) && word != LZ4_LEGACY_MAGIC)
			return -EBADMSG;
	} while (word == LZ4_LEGACY_MAGIC);
	if (!word || word > f->len - f->at || word > LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
		return -EBADMSG;
	*ret = f->data + f->at;
	*ret_len = word;
	f->at += word;
	return 1;
}

static int count_blocks(struct frames f, size_t *ret)
{
	const uint8_t *block;
	uint32_t len;
	size_t count = 0;
	int r;
	while ((r = next_block(&f, &block, &len)) > 0)
		count++;
	*ret = count;
	return r;
}

static int decompress(struct frames f, char *to, size_t room, size_t *ret)
{
	const uint8_t *block;
	uint32_t len;
	size_t done = 0;
	int r;
	while ((r = next_block(&f, &block, &len)) > 0) {
		int max = (int)MIN_OF(room - done, LZ4_LEGACY_BLOCK);
		int n = LZ4_decompress_safe((const char *)block, to + done, (int)len, max);
		if (n < 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	*ret = done;
	return r;
}

static int unpack_lz4(const void *image, size_t len, int root)
{
	struct frames frames = { .data = image, .len = len };
	size_t blocks, size;
	int r = count_blocks(frames, &blocks);
	if (r < 0 || blocks > UNPACK_BYTES_MAX / LZ4_LEGACY_BLOCK)
		return -EBADMSG;
	if (!blocks)
		return 0;
	size_t room = blocks * LZ4_LEGACY_BLOCK;
	void *data = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED)
		return -errno;
	r = decompress(frames, data, room, &size);
	if (r == 0)
		r = unpack_cpio(root, data, size);
	munmap(data, room);
	return r;
}

#else /* a build for another architecture, for which there was no library */

static int unpack_lz4(const void *image, size_t len, int root)
{
	(void)image, (void)len, (void)root;
	return -EOPNOTSUPP;
}

#endif

int unpack_image(const void *image, size_t len, int root)
{
	bool plain = len >= CPIO_HEAD && !memcmp(image, CPIO_MAGIC, sizeof(CPIO_MAGIC) - 1);
	return plain ? unpack_cpio(root, image, len) : unpack_lz4(image, len, root);
}
