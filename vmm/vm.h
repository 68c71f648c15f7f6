/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h -- a virtual machine as the rest of ktstr sees it: a child process with shared memory, an event log, a console,
 * and an end. A backend is a table of functions; which one runs is decided by vmm/accel.h.
 */
#ifndef KTSTR_VMM_VM_H
#define KTSTR_VMM_VM_H

#include <ktstr/topology.h>

#include "base/time.h"
#include "reactor/machine.h"
#include "vmm/confine/confinement.h"
#include "vmm/guestmem.h"
#include "vmm/pinning.h"
#include "vmm/vmdevices.h"
#include "vmm/wirelog.h"

#define VM_COUNTERS_MAX	     16
#define VM_PERF_SETTINGS_MAX 16
#define VM_DILATION_MAX	     32
#define CONSOLE_BYTES_MAX    ((size_t)1 << 20) /* a guest that writes more is ended */

struct vm_config {
	struct ktstr_topology topology;
	uint64_t memory_mib;
	const char *kernel;	  /* image or ELF file that the backend boots; must outlive the VM */
	int initrd_fd;		  /* not consumed */
	const char *const *kargs; /* further kernel command line words, or NULL */
	uint64_t seed;
	unsigned icount_shift;		  /* tcg: 2^N ns an instruction */
	unsigned time_dilation;		  /* kvm: host seconds in one of the guest's, up to VM_DILATION_MAX; 0: 1 */
	bool late_cpus;			  /* tcg: the kernel boots one processor, and PID 1 brings the others up */
	bool perf;			  /* kvm: perf mode, see vmm/kvm/perf.h */
	const struct vm_devices *devices; /* kvm: further devices; NULL: none */
	const uint64_t *affinity;	  /* host CPUs of the VM's process, as child_spec has them; NULL: any */
	const int *cgroup;		  /* likewise the control group to enter, or NULL */
	const struct vm_pinning *pinning; /* for perf mode, copied by start(); NULL: nobody planned */
	bool verbose;			  /* the whole kernel log on the console */
	bool park;			  /* ends at the guest's park point (VM_END_PARKED), for vm_backend.save() */
	/*
	 * A clone of this parked machine, or NULL. Everything above says what that one was made of; it must be the
	 * same, but for `seed`, and `initrd_fd` from `initrd_known` on is what the guest is given when it goes on: at
	 * most VM_ORDER_BYTES_MAX. Must outlive the VM.
	 */
	const struct snapshot *clone;
	uint64_t initrd_known; /* bytes; of what stands before it, the parked machine was made */
};

enum vm_end {
	VM_RUNNING,
	VM_END_EXIT,   /* the guest asked for it: the exit port, or power off */
	VM_END_RESET,  /* the guest reset itself: a panic, or a triple fault */
	VM_END_KILLED, /* by us */
	VM_END_PARKED, /* it stands at the park point, and can be saved */
	VM_END_DIED,   /* the process ended by itself, in a way no guest asks for */
};

/* Something that perf mode asks of the host, and what came of it. */
struct vm_perf_setting {
	const char *name;	 /* static: "huge-pages" */
	uint32_t asked, granted; /* times: once a vCPU, a node, or the machine */
	char why[96];		 /* of the last refusal; "": none */
};

struct vm;
struct snapshot;

struct vm_backend {
	const char *name;
	bool vcpu_threads; /* a host thread a vCPU, in host time; otherwise one for all, counting instructions */
	/* What stands against running @c here, or NULL: a Skip's reason. Static, or in @out. */
	const char *(*refuses)(const struct vm_config *c, char *out, size_t size);
	/* A VM that is not running yet; NULL when out of memory. */
	struct vm *(*create)(void);
	int (*start)(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		     struct err **err);
	/* The next record of the event log: as wirelog_next(). */
	int (*next_record)(struct vm *vm, struct wire_item *ret, struct err **err);
	/*
	 * Parking and cloning; NULL where a backend has neither. describe() appends everything but kernel, initramfs
	 * and seed that a parked machine hangs on: the same bytes whenever that is the same. save() writes a snapshot
	 * file; only once the VM has ended as VM_END_PARKED, and it blocks.
	 */
	int (*describe)(const struct vm_config *c, struct buf *out, struct err **err);
	int (*save)(struct vm *vm, int fd, struct err **err);
	/* Its memory, for whoever wants to go on looking; once `ended`. No nodes where it is not in our files. */
	struct guestmem (*take_memory)(struct vm *vm);
	/* Ends it; `ended` follows. @diagnose: ask first where its processors are, and keep the answer. */
	void (*kill)(struct vm *vm, bool diagnose);
	/* Only once `ended`, or never started. */
	void (*destroy)(struct vm *vm);
};

struct vm {
	const struct vm_backend *backend;
	struct notice changed; /* new records, console output, or the end */
	bool ended;
	enum vm_end end;
	pid_t pid;		    /* of the process, until it has ended; 0: it has none */
	int status;		    /* of the process, as waitpid(2) */
	uint64_t cpu_usec, rss_kib; /* of the process, once ended */
	uint64_t dropped;	    /* records the log had no room for */
	uint32_t digest;	    /* of the log's records so far */
	struct buf console;	    /* the guest kernel's serial output so far, raw */
	bool console_overflow;
	struct buf diagnosis;		    /* processor states at the kill, where asked for */
	struct buf stderr_text;		    /* what the VM's own process wrote to stderr */
	struct confine_outcome confinement; /* of its process, once ended */
	const char *const *counter_names;   /* of the backend's counters of a vCPU, or NULL; static */
	uint64_t *counter;		    /* `counters` of each vCPU in turn; malloc'd, the VM's until it is taken */
	unsigned counters, counted_vcpus;
	const char *const *event_names; /* what the machine's own threads reported, or NULL; static */
	uint64_t event[VM_COUNTERS_MAX];
	unsigned events;
	struct vm_perf_setting perf_setting[VM_PERF_SETTINGS_MAX]; /* of perf mode; none where it was not asked for */
	unsigned perf_settings;
	nsec_t started, hello; /* host time; hello: when the first record was seen */
};

/* What the VM's process has had of the host so far. */
struct vm_usage {
	bool known;   /* false: it has no process, or it is gone */
	bool stopped; /* by a signal or a debugger, at this moment */
	nsec_t cpu;   /* CPU time of all its threads */
};
struct vm_usage vm_usage(const struct vm *vm);

#endif
