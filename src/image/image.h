/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image.h -- a test's initramfs: what nearly all tests share (PID 1, a small Linux around it, the libraries of the
 * test binary), what is this binary's own (itself, scheduler, include files, their libraries), each made once and kept
 * by its content, and a small suffix that says which test this boot is for. A parked machine (run/clone_template.h) has
 * the first of them.
 *
 * The first is a plain archive; the others are LZ4 legacy frames (magic 0x184c2102) behind it, which the kernel's unlz4
 * reads back to back as one stream. All of it blocks and is for the offload pool.
 */
#ifndef KTSTR_IMAGE_IMAGE_H
#define KTSTR_IMAGE_IMAGE_H

#include <stdbool.h>

#include "base/cachefile.h"

#define IMAGE_STAGED_MAX 8
#define IMAGE_BUSYBOX	 "busybox" /* the program that guests have a shell and the usual tools from */

/* A file of the host, and its path in the archive, without a leading '/'. */
struct image_include {
	const char *from, *to;
};

enum image_part { IMAGE_COMMON, IMAGE_OWN, IMAGE_PARTS };

struct image_base_spec {
	enum image_part part;		     /* the common one does not hang on what is below `test` */
	const char *test;		     /* test binary, or NULL */
	const char *scheduler;		     /* scheduler binary, or NULL */
	const char *const *staged;	     /* further ones, /staged.0 and on; NULL-terminated; NULL: none */
	const struct image_include *include; /* regular files; programs and scripts bring what they need to run */
	size_t includes;
	const char *cache_dir;		 /* NULL: not kept */
	const struct cachefile_use *use; /* or NULL */
	bool plain;			 /* not compressed, as the common part is in any case */
};

/* What the suffix says; the guest reads it from /ktstr.conf as KEY=VALUE lines. */
struct image_suffix_spec {
	const char *test; /* name, or NULL: say hello and end */
	uint64_t seed, duration_ns, limit_ns;
	bool scheduler;
	struct image_staged {
		const char *name;
		const char *const *args; /* NULL-terminated or NULL */
		unsigned attach_timeout_s;
	} staged[IMAGE_STAGED_MAX];	  /* of the base's, in their order; ends at the first without a name */
	unsigned load_cpu;		  /* CPU + 1; 0: anywhere */
	unsigned attach_timeout_s;	  /* of the scheduler */
	const char *const *sched_args[2]; /* the scheduler's, then the test's; each NULL-terminated or NULL */
	const char *const *sysctls;
	const char *const *environment; /* "NAME=value" for all of the guest's programs; or NULL */
	bool plain;			/* as its base */
};

/* A part, compressed, as a file that the caller closes: the cache's, where it is there; packed and kept, where not. */
int image_base(const struct image_base_spec *spec, int *ret_fd, struct err **err);
int image_suffix(const struct image_suffix_spec *spec, struct buf *ret, struct err **err);
/* A memfd with parts and suffix, which the caller closes. The parts are copied without passing through our memory. */
int image_memfd(const int part_fd[IMAGE_PARTS], const struct buf *suffix, const atomic_bool *cancel, int *ret_fd,
		struct err **err);

/* One LZ4 legacy stream of @data. @best: high compression, for what is kept. @cancel: or NULL; then -ECANCELED. */
int lz4_legacy(const struct buf *data, bool best, const atomic_bool *cancel, struct buf *ret);

#endif
