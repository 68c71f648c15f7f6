/* SPDX-License-Identifier: GPL-2.0-only */
/* cleanup.h -- local variables that are freed at the end of their scope, and macros that move ownership out of them. */
#ifndef KTSTR_BASE_CLEANUP_H
#define KTSTR_BASE_CLEANUP_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
/* MIN_OF and MAX_OF evaluate each argument once. @n numbers the variables, because uses can be nested. */
#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define PICK_(a, op, b, n)                                                                    \
	__extension__({                                                                       \
		__auto_type PASTE(first_, n) = (a);                                           \
		__auto_type PASTE(second_, n) = (b);                                          \
		PASTE(first_, n) op PASTE(second_, n) ? PASTE(first_, n) : PASTE(second_, n); \
	})
#define MIN_OF(a, b)	  PICK_(a, <, b, __COUNTER__)
#define MAX_OF(a, b)	  PICK_(a, >, b, __COUNTER__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines `fn##_p`, the form that _cleanup_() calls, for a destructor that takes the value itself. */
#define DEFINE_CLEANUP(type, fn)               \
	static inline void fn##_p(type *value) \
	{                                      \
		if (*value)                    \
			fn(*value);            \
	}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Closes @fd unless it is negative. Returns -1, so that `fd = fd_close(fd)` leaves no stale number. Keeps errno. */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
	return -1;
}

static inline void cleanup_close(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_close_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

#define TAKE_PTR(p)                 \
	({                          \
		typeof(p) _t = (p); \
		(p) = NULL;         \
		_t;                 \
	})
#define TAKE_FD(fd)            \
	({                     \
		int _t = (fd); \
		(fd) = -1;     \
		_t;            \
	})

#endif
