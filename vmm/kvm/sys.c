/* SPDX-License-Identifier: GPL-2.0-only */
/* sys.c -- see sys.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/kvm/sys.h"

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

static int real_map(void *data, int fd, size_t size, void **ret)
{
	(void)data;
	/* Nothing is populated ahead of time: a guest touches a small part of its memory. */
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

static void real_unmap(void *data, void *p, size_t size)
{
	(void)data;
	munmap(p, size);
}

const struct kvm_sys kvm_sys_real = { real_open, real_ioctl, real_map, real_unmap, NULL };
