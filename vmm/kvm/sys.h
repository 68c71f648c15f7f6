/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sys.h -- the system calls on /dev/kvm as a table, so that tests can stand in for the kernel and fail the n-th call.
 * Everything below vmm/kvm goes through it; of the boot probe, only the making of its machine.
 */
#ifndef KTSTR_VMM_KVM_SYS_H
#define KTSTR_VMM_KVM_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_sys {
	/* Each returns a negative errno on failure. Descriptors are the caller's to close(2). */
	int (*open)(void *data, const char *path);
	int (*ioctl)(void *data, int fd, unsigned long request, void *arg);
	/* Shared, readable and writable; from 2 MiB on, at a multiple of 2 MiB. */
	int (*map)(void *data, int fd, size_t size, void **ret);
	void (*unmap)(void *data, void *p, size_t size);
	/* Large pages for [@p, @p + @size), multiples of 2 MiB, whatever is there already; else nothing changes. */
	int (*collapse)(void *data, void *p, size_t size);
	/* For perf mode, on what map() gave. On host NUMA node @node alone, or PIN_ANY; 1: it reads back otherwise. */
	int (*bind)(void *data, void *p, size_t size, unsigned node);
	/* Huge pages, where it is not made of them already; before it is touched. */
	int (*want_huge)(void *data, int fd, void *p, size_t size);
	/* All of it present and writable. */
	int (*populate)(void *data, void *p, size_t size);
	/* Whether at least nine tenths of it are huge pages. */
	bool (*is_huge)(void *data, int fd, const void *p, size_t size);
	void *data;
};

extern const struct kvm_sys kvm_sys_real;

/* An ioctl whose argument is a number. */
static inline int sys_ioctl_number(const struct kvm_sys *s, int fd, unsigned long request, unsigned long number)
{
	return s->ioctl(s->data, fd, request, (void *)(uintptr_t)number);
}

static inline int sys_ioctl(const struct kvm_sys *s, int fd, unsigned long request, void *arg)
{
	return s->ioctl(s->data, fd, request, arg);
}

/*
 * A new machine's descriptor, or a negative errno. KVM gives up with -EINTR when a signal comes at the wrong time: it
 * is asked again, after pauses that double.
 */
int sys_create_vm(const struct kvm_sys *s, int kvm);

#endif
