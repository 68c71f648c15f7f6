/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sys.h -- the system calls on /dev/kvm as a table, so that tests can replace the kernel and fail the n-th call. All of
 * vmm/kvm uses it; the boot probe uses it only to create its machine.
 */
#ifndef KTSTR_VMM_KVM_SYS_H
#define KTSTR_VMM_KVM_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_sys {
	/* Each returns a negative errno on failure. The caller closes the descriptors with close(2). */
	int (*open)(void *data, const char *path);
	int (*ioctl)(void *data, int fd, unsigned long request, void *arg);
	/* Maps @fd shared, readable and writable; at a multiple of 2 MiB where @size is 2 MiB or more. */
	int (*map)(void *data, int fd, size_t size, void **ret);
	void (*unmap)(void *data, void *p, size_t size);
	/* Replaces the pages of [@p, @p + @size), multiples of 2 MiB, by large ones. A failure changes nothing. */
	int (*collapse)(void *data, void *p, size_t size);
	/*
	 * For perf mode, on a mapping of map(): binds it to host NUMA node @node, or to none with PIN_ANY. 1: another
	 * policy was read back.
	 */
	int (*bind)(void *data, void *p, size_t size, unsigned node);
	/* Asks for huge pages, unless the file has them already. Call it before the memory is touched. */
	int (*want_huge)(void *data, int fd, void *p, size_t size);
	/* Makes all pages present and writable. */
	int (*populate)(void *data, void *p, size_t size);
	/* Whether at least nine tenths of the memory are huge pages. */
	bool (*is_huge)(void *data, int fd, const void *p, size_t size);
	void *data;
};

extern const struct kvm_sys kvm_sys_real;

/* For ioctls whose argument is a number. */
static inline int sys_ioctl_number(const struct kvm_sys *s, int fd, unsigned long request, unsigned long number)
{
	return s->ioctl(s->data, fd, request, (void *)(uintptr_t)number);
}

static inline int sys_ioctl(const struct kvm_sys *s, int fd, unsigned long request, void *arg)
{
	return s->ioctl(s->data, fd, request, arg);
}

/*
 * Creates a machine and returns its descriptor, or a negative errno. KVM fails with -EINTR when a signal comes at the
 * wrong time: the call is repeated after pauses that double.
 */
int sys_create_vm(const struct kvm_sys *s, int kvm);

#endif
