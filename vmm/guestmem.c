/* SPDX-License-Identifier: GPL-2.0-only */
/* guestmem.c -- see guestmem.h. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/file.h"
#include "topo/topology.h"
#include "vmm/guestmem.h"

#define HUGE_PAGE_BYTES ((uint64_t)2 << 20)

static int huge_file(uint64_t size)
{
	_cleanup_close_ int fd = -1;
	if (size % HUGE_PAGE_BYTES)
		return -EINVAL;
	fd = memfd_create("ktstr-guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int init_node(struct guestmem *m, unsigned i, uint64_t address, uint64_t size, bool huge)
{
	m->node[i].address = address;
	m->node[i].size = size;
	m->node[i].fd = huge ? huge_file(size) : memfd_new("ktstr-guest-ram", size);
	if (m->node[i].fd < 0)
		return m->node[i].fd;
	/*
	 * Sealed: the guest may have taken over the machine's process, and a file that it shrinks would be a SIGBUS
	 * here.
	 */
	if (fcntl(m->node[i].fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	/* Reserves huge pages now: one that is missing later would be a SIGBUS. */
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED | (huge ? 0 : MAP_NORESERVE), m->node[i].fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	m->node[i].map = map;
	return 0;
}

void guestmem_plan_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib)
{
	uint64_t at = 0;
	*m = (struct guestmem){ .nodes = t->numa_nodes, .log = GUEST_LOG_ADDRESS };
	for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++)
		m->node[i].fd = -1;
	for (unsigned i = 0; i < m->nodes; i++) {
		m->node[i].address = at;
		m->node[i].size = topology_node_mib(t, i, total_mib) << 20;
		at += m->node[i].size;
	}
}

void guestmem_plan(struct guestmem *m, unsigned nodes, uint64_t total_mib)
{
	const struct ktstr_topology t = { .numa_nodes = nodes };
	guestmem_plan_for(m, &t, total_mib);
}

void guestmem_place(struct guestmem *m, uint64_t ram, uint64_t log)
{
	uint64_t first = m->node[0].address;
	for (unsigned i = 0; i < m->nodes; i++)
		m->node[i].address += ram - first;
	m->log = log;
}

int guestmem_init_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib, bool huge,
		      struct err **err)
{
	guestmem_plan_for(m, t, total_mib);
	for (unsigned i = 0; i < m->nodes; i++) {
		uint64_t size = m->node[i].size;
		int r = init_node(m, i, m->node[i].address, size, huge);
		if (r < 0 && huge) {
			m->node[i].fd = fd_close(m->node[i].fd);
			r = init_node(m, i, m->node[i].address, size, false);
		}
		if (r < 0) {
			guestmem_done(m);
			return FAIL_SYS(err, r, "map guest memory: %lu MiB", size >> 20);
		}
	}
	return 0;
}

int guestmem_init(struct guestmem *m, unsigned nodes, uint64_t total_mib, struct err **err)
{
	const struct ktstr_topology t = { .numa_nodes = nodes };
	return guestmem_init_for(m, &t, total_mib, false, err);
}

void guestmem_done(struct guestmem *m)
{
	for (unsigned i = 0; i < m->nodes; i++) {
		if (m->node[i].map)
			munmap((void *)m->node[i].map, m->node[i].size);
		fd_close(m->node[i].fd);
	}
	*m = (struct guestmem){ 0 };
}

const uint8_t *guestmem_at(const struct guestmem *m, uint64_t address, uint64_t len)
{
	for (unsigned i = 0; i < m->nodes; i++) {
		uint64_t first = m->node[i].address, size = m->node[i].size;
		if (address >= first && address - first < size)
			return len <= size - (address - first) ? m->node[i].map + (address - first) : NULL;
	}
	return NULL;
}

int guestmem_write(const struct guestmem *m, uint64_t address, const void *data, size_t len)
{
	for (unsigned i = 0; i < m->nodes; i++) {
		uint64_t first = m->node[i].address, size = m->node[i].size;
		if (address >= first && address - first < size && len <= size - (address - first))
			return fd_pwrite_full(m->node[i].fd, data, len, (off_t)(address - first));
	}
	return -EFAULT;
}
