/* SPDX-License-Identifier: GPL-2.0-only */
/* sys.c -- see sys.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "vmm/kvm/sys.h"
#include "vmm/pinning.h"

static int real_open(void *data, const char *path)
{
	(void)data;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int real_ioctl(void *data, int fd, unsigned long request, void *arg)
{
	(void)data;
	int r = ioctl(fd, request, arg);
	return r < 0 ? -errno : r;
}

#define LARGE_PAGE (2ul << 20)

/* Reserves address space at a multiple of LARGE_PAGE; NULL: the caller maps anywhere. */
static void *aligned_room(size_t size)
{
	const size_t more = size + LARGE_PAGE;
	if (size < LARGE_PAGE)
		return NULL;
	uint8_t *room = mmap(NULL, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)room % LARGE_PAGE;
	if (before)
		munmap(room, before);
	munmap(room + before + size, LARGE_PAGE - before);
	return room + before;
}

static int real_map(void *data, int fd, size_t size, void **ret)
{
	(void)data;
	void *room = aligned_room(size);
	/* No MAP_POPULATE: a guest touches a small part of its memory. */
	void *p = mmap(room, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | (room ? MAP_FIXED : 0), fd, 0);
	if (p == MAP_FAILED) {
		int r = -errno;
		if (room)
			munmap(room, size);
		return r;
	}
	*ret = p;
	return 0;
}

static void real_unmap(void *data, void *p, size_t size)
{
	(void)data;
	munmap(p, size);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* The kernel collapses only ranges that have a page table, so one page of each range is read first. */
static int real_collapse(void *data, void *p, size_t size)
{
	(void)data;
	for (size_t at = 0; at < size; at += LARGE_PAGE)
		(void)*(volatile uint8_t *)((uint8_t *)p + at);
	return madvise(p, size, MADV_COLLAPSE) < 0 ? -errno : 0;
}

/* --- perf mode ---------------------------------------------------------------------------------------------------- */

#define NODES_MAX  1024
#define WORD_BITS  (8 * sizeof(unsigned long))
#define NODE_WORDS (NODES_MAX / WORD_BITS)

/* Sets the policy of the file: it holds for every process that maps it. */
static int real_bind(void *data, void *p, size_t size, unsigned node)
{
	unsigned long want[NODE_WORDS] = { 0 }, have[NODE_WORDS] = { 0 };
	int policy = -1;
	(void)data;
	if (node == PIN_ANY)
		return syscall(SYS_mbind, p, size, MPOL_DEFAULT, NULL, 0ul, 0) < 0 ? -errno : 0;
	if (node >= NODES_MAX)
		return -EINVAL;
	want[node / WORD_BITS] = 1ul << node % WORD_BITS;
	if (syscall(SYS_mbind, p, size, MPOL_BIND, want, NODES_MAX + 1ul, 0) < 0 ||
	    syscall(SYS_get_mempolicy, &policy, have, NODES_MAX + 1ul, p, MPOL_F_ADDR) < 0)
		return -errno;
	return policy == MPOL_BIND && !memcmp(want, have, sizeof(want)) ? 0 : 1;
}

static bool is_hugetlb(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

static int real_want_huge(void *data, int fd, void *p, size_t size)
{
	(void)data;
	return is_hugetlb(fd) || madvise(p, size, MADV_HUGEPAGE) == 0 ? 0 : -errno;
}

static int real_populate(void *data, void *p, size_t size)
{
	(void)data;
	return madvise(p, size, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
}

/* Returns the value of "ShmemPmdMapped:" for the mapping at @p, in KiB. */
static uint64_t pmd_mapped_kib(const void *p)
{
	static const char field[] = "ShmemPmdMapped:";
	char line[512], start[32];
	uint64_t kib = 0;
	bool inside = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)p);
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, start, strlen(start)))
			inside = true;
		else if (inside && !strncmp(line, field, sizeof(field) - 1)) {
			for (const char *at = line + sizeof(field) - 1; *at; at++)
				kib = *at >= '0' && *at <= '9' ? kib * 10 + (uint64_t)(*at - '0') : kib;
			break;
		}
	}
	if (f)
		fclose(f);
	return kib;
}

static bool real_is_huge(void *data, int fd, const void *p, size_t size)
{
	(void)data;
	return is_hugetlb(fd) || pmd_mapped_kib(p) >= (size >> 10) / 10 * 9;
}

/* --- calls that are repeated -------------------------------------------------------------------------------------- */

#define CREATE_TRIES 12 /* the last pause is 2 ms */

int sys_create_vm(const struct kvm_sys *s, int kvm)
{
	int r = -EINTR;
	for (int i = 0; i < CREATE_TRIES && r == -EINTR; i++) {
		struct timespec pause = { .tv_nsec = 1000L << i };
		if (i)
			nanosleep(&pause, NULL);
		r = sys_ioctl_number(s, kvm, KVM_CREATE_VM, 0);
	}
	return r;
}

const struct kvm_sys kvm_sys_real = {
	.open = real_open,
	.ioctl = real_ioctl,
	.map = real_map,
	.unmap = real_unmap,
	.collapse = real_collapse,
	.bind = real_bind,
	.want_huge = real_want_huge,
	.populate = real_populate,
	.is_huge = real_is_huge,
};
