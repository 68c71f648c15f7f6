/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image.h -- makes a test's initramfs from three parts. The common part has what nearly all tests share: PID 1, a small
 * Linux around it, and the libraries of the test binary. The binary's own part has the test binary, schedulers, include
 * files and their libraries. Both are made once and cached by their content. The suffix is small and names the test of
 * this boot. A parked machine (run/clone_template.h) has only the common part.
 *
 * The common part is a plain archive. The others follow it as LZ4 legacy frames (magic 0x184c2102), which the kernel's
 * unlz4 reads as one stream. All functions block and are for the offload pool.
 */
#ifndef KTSTR_IMAGE_IMAGE_H
#define KTSTR_IMAGE_IMAGE_H

#include <stdbool.h>

#include "base/arch.h"
#include "base/cachefile.h"

#define IMAGE_STAGED_MAX 8
#define IMAGE_BUSYBOX	 "busybox" /* program with a shell and the usual tools for guests */

/* A file of the host, and its path in the archive, without a leading '/'. */
struct image_include {
	const char *from, *to;
};

enum image_part { IMAGE_COMMON, IMAGE_OWN, IMAGE_PARTS };

struct image_base_spec {
	enum arch arch;
	enum image_part part;	   /* the common part does not use the fields from `scheduler` to `includes` */
	const char *test;	   /* test binary, or NULL */
	const char *scheduler;	   /* scheduler binary, or NULL */
	const char *const *staged; /* further schedulers, /staged.0 and up; NULL-terminated; NULL: none */
	const struct image_include *include; /* regular files; programs and scripts bring what they need to run */
	size_t includes;
	const char *cache_dir;		 /* NULL: no cache */
	const struct cachefile_use *use; /* or NULL */
	bool plain;			 /* not compressed; the common part never is */
};

/* Content of the suffix; the guest reads it from /ktstr.conf as KEY=VALUE lines. */
struct image_suffix_spec {
	const char *test; /* name; NULL: the guest only boots, sends its hello record and ends */
	uint64_t seed, duration_ns, limit_ns;
	bool scheduler;
	const struct image_made {
		const char *to;
		mode_t mode;
		struct buf content;
	} * coverage; /* files with which programs count the code that they execute, until one without `to`; or NULL */
	struct image_staged {
		const char *name;
		const char *const *args[2]; /* each NULL-terminated or NULL */
		unsigned attach_timeout_s;
	} staged[IMAGE_STAGED_MAX];	  /* in the order of the base's `staged`; ends at the first without a name */
	unsigned load_cpu;		  /* CPU + 1; 0: anywhere */
	unsigned attach_timeout_s;	  /* of the scheduler */
	const char *const *sched_args[3]; /* for its configuration, its own, the test's; NULL-terminated or NULL */
	const char *const *builtin_enable, *const *builtin_disable; /* instead of a scheduler's program; or NULL */
	const char *cgroup_parent, *workload_root; /* control groups that PID 1 makes; the second holds the workload */
	const char *scenario;			   /* text of a scenario file (/ktstr.scenario); or NULL */
	bool describe;				   /* the test tells which scenario it runs: WIRE_DESCRIBE */
	const char *config_path, *config;	   /* a file of the guest and its content; both or none */
	const struct image_session {
		const char *command; /* NULL: a shell with a terminal */
		bool input;	     /* the command's standard input comes from the host */
		unsigned columns, rows;
		uint64_t clock; /* the date, in seconds */
	} * session;		/* instead of a test; or NULL */
	const struct image_devices {
		const char *disk;  /* file system, or "raw"; NULL: no disk */
		const char *mount; /* or NULL */
		bool read_only;
		const char *const *networks; /* names of their interfaces, NULL-terminated; or NULL */
	} * devices;			     /* that PID 1 sets up; or NULL */
	const char *const *sysctls;
	const char *const *environment; /* "NAME=value" for all of the guest's programs; or NULL */
	bool plain;			/* as its base */
};

/* Opens a part; the caller closes the descriptor. If the cache does not have the part, it is made and cached. */
int image_base(const struct image_base_spec *spec, int *ret_fd, struct err **err);
int image_suffix(const struct image_suffix_spec *spec, struct buf *ret, struct err **err);
/*
 * Makes a memfd with parts and suffix; the caller closes it. The kernel copies the parts (sendfile). @hole: another
 * process will copy the common part, which comes first, into a hole.
 */
int image_memfd(const int part_fd[IMAGE_PARTS], bool hole, const struct buf *suffix, const atomic_bool *cancel,
		int *ret_fd, struct err **err);

/* One LZ4 legacy stream of @data. @best: high compression, for parts that are cached. @cancel: may be NULL. */
int lz4_legacy(const struct buf *data, bool best, const atomic_bool *cancel, struct buf *ret);

#endif
