/* SPDX-License-Identifier: GPL-2.0-only */
/* cpio.c -- see cpio.h. */
#include <string.h>
#include <sys/stat.h>

#include "image/cpio.h"

void cpio_done(struct cpio *c)
{
	buf_done(&c->out);
}

int cpio_check_path(const char *path, struct err **err)
{
	bool bad = !*path || *path == '/' || !strncmp(path, ".ktstr_", 7);
	for (const char *p = path; p && !bad; p = strchr(p, '/')) {
		p += *p == '/';
		bad = !strncmp(p, "..", 2) && (p[2] == '/' || !p[2]);
	}
	return bad ? FAIL(err, ERR_DATA, -EINVAL, "'%s' cannot be a path in the guest's initramfs", path) : 0;
}

/* Header, name, padding to 4; behind it come content and padding to 4. */
static void put_header(struct cpio *c, const char *path, unsigned mode, unsigned links, size_t len)
{
	unsigned name_len = (unsigned)strlen(path) + 1;
	buf_appendf(&c->out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", c->inode++, mode, 0u, 0u,
		    links, 0u, (unsigned)len, 0u, 0u, 0u, 0u, name_len, 0u);
	buf_append(&c->out, path, name_len);
	buf_align(&c->out, 4);
}

static void write_entry(struct cpio *c, const char *path, unsigned mode, unsigned links, const void *data, size_t len)
{
	put_header(c, path, mode, links, len);
	buf_append(&c->out, data, len);
	buf_align(&c->out, 4);
}

void cpio_dir(struct cpio *c, const char *path)
{
	write_entry(c, path, S_IFDIR | 0755, 2, NULL, 0);
}

void cpio_file(struct cpio *c, const char *path, mode_t mode, const void *data, size_t len)
{
	write_entry(c, path, S_IFREG | (mode & 0777), 1, data, len);
}

void cpio_link(struct cpio *c, const char *path, const char *target)
{
	write_entry(c, path, S_IFLNK | 0777, 1, target, strlen(target));
}

void cpio_file_begin(struct cpio *c, const char *path, mode_t mode, size_t len)
{
	put_header(c, path, S_IFREG | (mode & 0777), 1, len);
}

void cpio_file_end(struct cpio *c)
{
	buf_align(&c->out, 4);
}

void cpio_trailer(struct cpio *c)
{
	write_entry(c, "TRAILER!!!", 0, 1, NULL, 0);
	buf_align(&c->out, 512);
}
