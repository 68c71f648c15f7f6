/* SPDX-License-Identifier: GPL-2.0-only */
/* A snapshot file, and the state of a KVM machine in it. */
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "fuzz.h"
#include "vmm/kvm/save.h"
#include "vmm/snapshot.h"

#define FILL_BYTES_MAX (4u << 20)

/* Corrects the CRC: inputs with a random CRC would never reach the code behind the check. */
static void mend(int fd, const uint8_t *data, size_t size)
{
	const size_t from = offsetof(struct snapshot_head, backend);
	struct snapshot_head head;
	if (size < sizeof(head))
		return;
	memcpy(&head, data, sizeof(head));
	uint64_t end = sizeof(head) + (uint64_t)head.extents * sizeof(struct snapshot_extent) + head.state_bytes;
	if (head.state_bytes > size || end > size)
		return;
	head.crc = crc32_update(0, data + from, end - from);
	fd_pwrite_full(fd, &head, sizeof(head), 0);
}

static void fill(const struct snapshot *s)
{
	struct guestmem m;
	uint64_t total = 0;
	for (unsigned i = 0; i < s->head.nodes; i++)
		total += MIN_OF(s->head.node_bytes[i], FILL_BYTES_MAX + 1);
	if (total > FILL_BYTES_MAX || !(total >> 20) || guestmem_init(&m, s->head.nodes, total >> 20, NULL) < 0)
		return;
	snapshot_fill(s, &m, 0, UINT64_MAX, NULL);
	guestmem_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot s;
	_cleanup_close_ int fd = memfd_new("fuzz", 0);
	if (fd < 0 || fd_write_full(fd, data, size) < 0)
		return 0;
	mend(fd, data, size);
	if (snapshot_read(fd, &s, NULL) < 0)
		return 0;
	save_check(&s.state, 1);
	fill(&s);
	snapshot_done(&s);
	return 0;
}
