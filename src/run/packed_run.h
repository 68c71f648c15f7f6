/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packed_run.h -- all that decides one run of a machine on tcg, apart from the programs that start it: kernel,
 * initramfs, seed, processors, perturbation. Whoever has it can make the same run again. What the run was is there,
 * too, so that it can be compared. As JSON it is the manifest of a pack (pack.h).
 */
#ifndef KTSTR_RUN_PACKED_RUN_H
#define KTSTR_RUN_PACKED_RUN_H

#include "base/json.h"
#include "vmm/vm.h"

#define PACKED_RUN_SCHEMA  "ktstr.pack"
#define PACKED_RUN_VERSION 1
#define PACKED_FILE_MAX	   (UINT64_C(2) << 30)
#define PACKED_KARGS_MAX   256

enum packed_file {
	PACKED_KERNEL,	 /* what is booted */
	PACKED_VMLINUX,	 /* its symbols and types; may be missing */
	PACKED_INITRD,	 /* all programs of the guest */
	PACKED_SNAPSHOT, /* of a run that began as a clone */
	PACKED_FILES,
};
extern const char *const packed_file_names[PACKED_FILES];

/* A file of the run. Without one: fd -1, size 0. */
struct packed_content {
	int fd;
	uint64_t size, hash; /* SipHash of its bytes */
};

/* What the run was. */
struct packed_outcome {
	uint32_t digest;	   /* of the guest's events */
	uint64_t records, last_ns; /* guest time of the last event */
	unsigned failure;	   /* enum watch_failure: what was seen from outside */
	uint64_t failed_ns;
	char verdict[16], cause[300]; /* of the first result; "": there was none */
};

/* Where the run was made: what another machine may lack or have in another version. */
struct packed_origin {
	char qemu[120], cpu[120], ktstr[60], kernel[80];
};

struct packed_run {
	char test[200];
	struct ktstr_topology topology;
	uint64_t memory_mib, seed, initrd_known;
	unsigned icount_shift, lag_ns, watchdog_s;
	bool late_cpus, verbose, cloned, kaslr;
	nsec_t patience, boot_deadline, setup_deadline, run_deadline;
	char **kargs; /* NULL: none */
	struct observe_perturb perturb;
	struct observe_point *points; /* of `perturb` */
	struct packed_outcome outcome;
	struct packed_origin origin;
	struct packed_content file[PACKED_FILES];
};

void packed_run_init(struct packed_run *p);
void packed_run_done(struct packed_run *p);
/* The manifest. NULL: no memory. */
json_t *packed_run_json(const struct packed_run *p);
/*
 * Reads a manifest, which may come from anywhere; the files have sizes and hashes, and no descriptors. @ret is
 * initialised, and may be half filled after an error. -EBADMSG: the error names what is wrong.
 */
int packed_run_parse(const json_t *json, struct packed_run *ret, struct err **err);

#endif
