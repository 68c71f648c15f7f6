/* SPDX-License-Identifier: GPL-2.0-only */
/* snapshot.c -- see snapshot.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "vmm/snapshot.h"

#define CHUNK_BYTES ((size_t)256 << 10)

static uint64_t page_up(uint64_t at)
{
	return (at + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
}

static uint32_t checksum(const struct snapshot_head *h, const struct snapshot_extent *extent, const struct buf *state)
{
	const size_t from = offsetof(struct snapshot_head, backend);
	uint32_t crc = crc32_update(0, (const uint8_t *)h + from, sizeof(*h) - from);
	crc = crc32_update(crc, extent, h->extents * sizeof(*extent));
	return crc32_update(crc, state->data, state->len);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

struct extents {
	struct snapshot_extent *item;
	uint32_t count, room;
};

static int add_page(struct extents *x, uint32_t node, uint64_t at)
{
	struct snapshot_extent *last = x->count ? &x->item[x->count - 1] : NULL;
	if (last && last->node == node && last->at + last->bytes == at) {
		last->bytes += SNAPSHOT_PAGE;
		return 0;
	}
	if (x->count == x->room) {
		uint32_t room = x->room ? 2 * x->room : 1024;
		void *more = room <= SNAPSHOT_EXTENTS_MAX ? realloc(x->item, room * sizeof(*x->item)) : NULL;
		if (!more)
			return -ENOMEM;
		x->item = more;
		x->room = room;
	}
	x->item[x->count++] = (struct snapshot_extent){ .at = at, .bytes = SNAPSHOT_PAGE, .node = node };
	return 0;
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, SNAPSHOT_PAGE - 1);
}

/* Reads only pages that were ever touched: reading a hole through the mapping would allocate it. */
static int find_pages(const struct guestmem *m, uint32_t node, struct extents *x)
{
	int fd = m->node[node].fd, r = 0;
	off_t size = (off_t)m->node[node].size;
	for (off_t at = 0, end; at < size && r == 0; at = end) {
		at = lseek(fd, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		for (off_t page = at; page < MIN_OF(end, size) && r == 0; page += SNAPSHOT_PAGE)
			if (!is_zero(m->node[node].map + page))
				r = add_page(x, node, (uint64_t)page);
	}
	return r;
}

static int write_pages(int fd, uint64_t at, const struct guestmem *m, const struct extents *x)
{
	int r = 0;
	for (uint32_t i = 0; i < x->count && r == 0; i++) {
		const struct snapshot_extent *e = &x->item[i];
		r = fd_pwrite_full(fd, m->node[e->node].map + e->at, e->bytes, (off_t)at);
		at += e->bytes;
	}
	return r;
}

static int write_file(int fd, struct snapshot_head *h, const struct extents *x, const struct buf *state,
		      const struct guestmem *m)
{
	uint64_t table = x->count * sizeof(*x->item), state_at = sizeof(*h) + table;
	h->extents = x->count;
	h->crc = checksum(h, x->item, state);
	int r = fd_pwrite_full(fd, h, sizeof(*h), 0);
	if (r == 0)
		r = fd_pwrite_full(fd, x->item, table, sizeof(*h));
	if (r == 0)
		r = fd_pwrite_full(fd, state->data, state->len, (off_t)state_at);
	/* The file ends on a page boundary even without pages. */
	if (r == 0 && ftruncate(fd, (off_t)page_up(state_at + state->len)) < 0)
		r = -errno;
	return r == 0 ? write_pages(fd, page_up(state_at + state->len), m, x) : r;
}

int snapshot_write(int fd, const char *backend, const struct guestmem *m, const struct buf *state, struct err **err)
{
	struct snapshot_head head = {
		.magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION, .nodes = m->nodes, .state_bytes = state->len
	};
	struct extents x = { 0 };
	int r = state->len && state->len <= SNAPSHOT_STATE_MAX ? 0 : -EMSGSIZE;
	snprintf(head.backend, sizeof(head.backend), "%s", backend);
	for (uint32_t i = 0; i < m->nodes && r == 0; i++) {
		head.node_bytes[i] = m->node[i].size;
		r = find_pages(m, i, &x);
	}
	if (r == 0)
		r = write_file(fd, &head, &x, state, m);
	free(x.item);
	return r < 0 ? FAIL_SYS(err, r, "write the machine's snapshot") : 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool head_is_sound(const struct snapshot_head *h)
{
	if (h->magic != SNAPSHOT_MAGIC || h->version != SNAPSHOT_VERSION || !h->nodes || h->nodes > GUEST_NODES_MAX ||
	    h->extents > SNAPSHOT_EXTENTS_MAX || !h->state_bytes || h->state_bytes > SNAPSHOT_STATE_MAX ||
	    h->backend[sizeof(h->backend) - 1])
		return false;
	for (unsigned i = 0; i < GUEST_NODES_MAX; i++)
		if (i < h->nodes ? h->node_bytes[i] % SNAPSHOT_PAGE != 0 : h->node_bytes[i] != 0)
			return false;
	return true;
}

/* Every extent lies in its node, and the file ends where the last one does. */
static bool extents_are_sound(const struct snapshot *s, uint64_t file_bytes)
{
	uint64_t left = file_bytes - s->pages_at;
	for (uint32_t i = 0; i < s->head.extents; i++) {
		const struct snapshot_extent *e = &s->extent[i];
		if (e->node >= s->head.nodes || !e->bytes || e->bytes % SNAPSHOT_PAGE || e->at % SNAPSHOT_PAGE ||
		    e->at > s->head.node_bytes[e->node] || e->bytes > s->head.node_bytes[e->node] - e->at ||
		    e->bytes > left)
			return false;
		left -= e->bytes;
	}
	return !left;
}

static int read_parts(struct snapshot *s, uint64_t file_bytes)
{
	uint64_t table = s->head.extents * sizeof(*s->extent), state_at = sizeof(s->head) + table;
	s->pages_at = page_up(state_at + s->head.state_bytes);
	if (s->pages_at > file_bytes)
		return -EBADMSG;
	s->extent = malloc(MAX_OF(table, 1));
	buf_zeros(&s->state, s->head.state_bytes);
	if (!s->extent || s->state.failed)
		return -ENOMEM;
	int r = fd_pread_full(s->fd, s->extent, table, sizeof(s->head));
	if (r == 0)
		r = fd_pread_full(s->fd, s->state.data, s->head.state_bytes, (off_t)state_at);
	if (r < 0)
		return r;
	bool good = checksum(&s->head, s->extent, &s->state) == s->head.crc && extents_are_sound(s, file_bytes);
	return good ? 0 : -EBADMSG;
}

int snapshot_read(int fd, struct snapshot *ret, struct err **err)
{
	struct snapshot s = { .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
	struct stat st;
	int r = s.fd < 0 || fstat(s.fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		r = fd_pread_full(s.fd, &s.head, sizeof(s.head), 0);
	if (r == 0)
		r = head_is_sound(&s.head) ? read_parts(&s, (uint64_t)st.st_size) : -EBADMSG;
	if (r == -ENODATA)
		r = -EBADMSG;
	if (r < 0) {
		snapshot_done(&s);
		return FAIL_SYS(err, r, "read a machine's snapshot");
	}
	*ret = s;
	return 0;
}

/* --- cloning ------------------------------------------------------------------------------------------------------ */

/* The part of an extent that lies in a range of guest-physical memory, and its pages' offset in the file. */
struct piece {
	uint64_t at, bytes, in_file;
};

static uint64_t node_address(const struct snapshot *s, unsigned node)
{
	uint64_t address = 0;
	for (unsigned i = 0; i < node; i++)
		address += s->head.node_bytes[i];
	return address;
}

static struct piece clip_extent(const struct snapshot *s, uint32_t i, uint64_t in_file, uint64_t from, uint64_t to)
{
	const struct snapshot_extent *e = &s->extent[i];
	uint64_t node = node_address(s, e->node), first = MAX_OF(node + e->at, from);
	uint64_t end = MIN_OF(node + e->at + e->bytes, to);
	return (struct piece){ .at = first - node,
			       .bytes = end > first ? end - first : 0,
			       .in_file = in_file + (first - node - e->at) };
}

/* Uses read and write, not a mapping: a truncated file is an error here, not a SIGBUS. */
static int copy_piece(const struct snapshot *s, const struct piece *p, int to, void *chunk)
{
	int r = 0;
	for (uint64_t done = 0; done < p->bytes && r == 0; done += CHUNK_BYTES) {
		size_t n = MIN_OF(p->bytes - done, CHUNK_BYTES);
		r = fd_pread_full(s->fd, chunk, n, (off_t)(p->in_file + done));
		if (r == 0)
			r = fd_pwrite_full(to, chunk, n, (off_t)(p->at + done));
	}
	return r;
}

static int map_piece(const struct snapshot *s, const struct piece *p, void *base)
{
	const int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
	void *to = (uint8_t *)base + p->at;
	if (!p->bytes)
		return 0;
	return mmap(to, p->bytes, PROT_READ | PROT_WRITE, flags, s->fd, (off_t)p->in_file) == to ? 0 : -errno;
}

int snapshot_map(const struct snapshot *s, unsigned node, void *base, uint64_t from, uint64_t to, struct err **err)
{
	uint64_t in_file = s->pages_at;
	int r = s->head.extents > SNAPSHOT_MAPS_MAX ? -E2BIG : 0;
	for (uint32_t i = 0; i < s->head.extents && r == 0; i++) {
		const struct piece before = clip_extent(s, i, in_file, 0, from),
				   after = clip_extent(s, i, in_file, to, UINT64_MAX);
		if (s->extent[i].node == node)
			r = map_piece(s, &before, base);
		if (s->extent[i].node == node && r == 0)
			r = map_piece(s, &after, base);
		in_file += s->extent[i].bytes;
	}
	return r < 0 ? FAIL_SYS(err, r, "map a clone's memory") : 0;
}

int snapshot_fill(const struct snapshot *s, const struct guestmem *m, uint64_t from, uint64_t to, struct err **err)
{
	_cleanup_free_ void *chunk = malloc(CHUNK_BYTES);
	uint64_t in_file = s->pages_at;
	int r = chunk ? 0 : -ENOMEM;
	for (unsigned i = 0; i < GUEST_NODES_MAX && r == 0; i++)
		if (s->head.node_bytes[i] != (i < m->nodes ? m->node[i].size : 0))
			r = -EINVAL;
	for (uint32_t i = 0; i < s->head.extents && r == 0; i++) {
		const struct piece p = clip_extent(s, i, in_file, from, to);
		r = copy_piece(s, &p, m->node[s->extent[i].node].fd, chunk);
		in_file += s->extent[i].bytes;
	}
	return r < 0 ? FAIL_SYS(err, r, "fill a clone's memory") : 0;
}

void snapshot_done(struct snapshot *s)
{
	fd_close(s->fd);
	free(s->extent);
	buf_done(&s->state);
	*s = SNAPSHOT_NULL;
}
