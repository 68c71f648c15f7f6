/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h -- the interface of a virtual machine: a child process with shared memory, an event log, a console, and an end.
 * A backend is a table of functions; vmm/accel.h chooses it.
 */
#ifndef KTSTR_VMM_VM_H
#define KTSTR_VMM_VM_H

#include <ktstr/topology.h>

#include "base/arch.h"
#include "base/time.h"
#include "reactor/machine.h"
#include "vmm/confine/confinement.h"
#include "vmm/guestmem.h"
#include "vmm/mark.h"
#include "vmm/observe.h"
#include "vmm/pinning.h"
#include "vmm/vcpu_times.h"
#include "vmm/vmdevices.h"
#include "vmm/wirelog.h"

#define VM_COUNTERS_MAX	     16
#define VM_PERF_SETTINGS_MAX 16
#define VM_DILATION_MAX	     32
#define CONSOLE_BYTES_MAX    ((size_t)1 << 20) /* a guest that writes more is ended */

struct vm_config {
	enum arch arch;
	struct ktstr_topology topology;
	uint64_t memory_mib;
	const char *kernel; /* image or ELF file that the backend boots; must outlive the VM */
	int initrd_fd;	    /* not consumed */
	/*
	 * Where the backend fills it in (vm_backend.fills_initrd): what belongs to the begin of the initramfs; the file
	 * `initrd_fd` has a hole there. Not consumed. NULL: nothing. Not with `real_time`.
	 */
	const int *initrd_common;
	const char *const *kargs; /* further kernel command line words, or NULL */
	uint64_t seed;
	unsigned icount_shift;	/* tcg: an instruction takes 2^N ns */
	unsigned lag_ns;	/* tcg: vCPUs have clocks that differ by at most this; 0: one shared clock */
	unsigned time_dilation; /* kvm: how many times slower guest time runs, up to VM_DILATION_MAX; 0: 1 */
	bool late_cpus;		/* tcg: the kernel boots with one processor, and PID 1 brings the others up */
	bool perf;		/* kvm: perf mode, see vmm/kvm/perf.h */
	const struct observe_config *observe; /* tcg: stop the guest to look at it; copied by start(); NULL: never */
	uint32_t marks; /* kvm: bits of enum wire_mark_kind: a vCPU waits at such a mark until vm_backend.mark_seen() */
	bool whole_memory;		  /* kvm: all memory that the guest changes is in our files, also a clone's */
	const struct vm_devices *devices; /* further devices; on tcg no console; NULL: none */
	const uint64_t *affinity;	  /* host CPUs of the VM's process, in the form of child_spec; NULL: any */
	const int *cgroup;		  /* control group to enter, in the form of child_spec, or NULL */
	const struct vm_pinning *pinning; /* for perf mode, copied by start(); NULL: nothing is pinned */
	bool verbose;			  /* print the whole kernel log on the console */
	/*
	 * tcg: the kernel chooses where it runs. `kernel` is an image that does this (vmm/qemu/kernel_seed.h), and the
	 * observer's hooks are set once it has chosen.
	 */
	bool kaslr;
	bool real_time; /* tcg: time passes as on the host, also while the guest sleeps: not deterministic */
	/*
	 * A stream socket that is connected to a port of the guest, for base/session_frame.h; or NULL. A parked
	 * machine has the port, but nothing is connected to it. On kvm the port is the console hvc0.
	 */
	const int *terminal;
	bool terminal_serial; /* tcg: the port is the second serial port, for kernels without virtio */
	bool park;	      /* stop at the guest's park point (VM_END_PARKED), for vm_backend.save() */
	/*
	 * The parked machine to clone, or NULL. The settings above must equal those of the parked machine, except for
	 * `seed` and for `initrd_fd` from `initrd_known` on: these bytes, at most CLONE_PAYLOAD_BYTES_MAX, are the
	 * clone's payload. Must outlive the VM.
	 */
	const struct snapshot *clone;
	struct constant_files *files; /* that machines of one reactor share; must outlive the VM; or NULL */
	uint64_t initrd_known;	      /* bytes of the initramfs that the parked machine was booted with */
};

enum vm_end {
	VM_RUNNING,
	VM_END_EXIT,   /* the guest ended it by the exit port, or powered off */
	VM_END_RESET,  /* the guest reset itself: a panic, or a triple fault */
	VM_END_KILLED, /* by vm_backend.kill() */
	VM_END_PARKED, /* it stopped at the park point, and can be saved */
	VM_END_DIED,   /* the process ended in a way that a guest cannot request */
};

/* A setting that perf mode asks of the host, and its outcome. */
struct vm_perf_setting {
	const char *name;	 /* static: "huge-pages" */
	uint32_t asked, granted; /* numbers: one per vCPU, per node, or per machine */
	char why[96];		 /* reason of the last refusal; "": none */
};

struct vm;
struct snapshot;

/* Resource usage of the VM's process so far. */
struct vm_usage {
	bool known;	   /* false: there is no process */
	bool stopped;	   /* by a signal, a debugger or its monitor, at present */
	bool waited_known; /* `waited` is valid: the host's kernel keeps it */
	nsec_t cpu;	   /* CPU time of all its threads */
	nsec_t waited;	   /* time in which its present threads could run but had no CPU, summed over them */
	nsec_t held;	   /* time in which the observer's owner held the guest; known even without a process */
};

struct vm_backend {
	const char *name;
	bool fills_initrd; /* the machine's process fills in vm_config.initrd_common */
	bool vcpu_threads; /* one host thread per vCPU, in host time; else one thread that counts instructions */
	/* Returns why @c cannot run here (the reason of a Skip), or NULL. Static, or in @out. */
	const char *(*refuses)(const struct vm_config *c, char *out, size_t size);
	/* Makes a VM that does not run yet; NULL when out of memory. */
	struct vm *(*create)(void);
	int (*start)(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		     struct err **err);
	/* Reads the next record of the event log: see wirelog_next(). */
	int (*next_record)(struct vm *vm, struct wire_item *ret, struct err **err);
	/*
	 * Parking and cloning; NULL where a backend has neither. describe() appends everything that a parked machine
	 * depends on, except for kernel, initramfs and seed; equal bytes mean an equal machine. save() writes a
	 * snapshot file, only once the VM has ended as VM_END_PARKED; it blocks.
	 */
	int (*describe)(const struct vm_config *c, struct buf *out, struct err **err);
	int (*save)(struct vm *vm, int fd, struct err **err);
	/* The memory of a VM that was started, until destroy() or take_memory(). NULL: it is not in our files. */
	const struct guestmem *(*memory)(const struct vm *vm);
	/*
	 * Of the observer (vm_config.observe). Why there is none, in @why or static text; NULL: there is one. Blocks
	 * for about 0.1 s of CPU time.
	 */
	const char *(*observer_lack)(char *why, size_t size);
	/*
	 * All of these only while vm.stop is set; NULL where there never is an observer. resume() lets the guest go on.
	 * set_hook() adds a hook, or changes the kind of the one with this id; -ENOSPC: too many. hook_state() works
	 * always; -ENOENT: unknown id.
	 */
	void (*resume)(struct vm *vm);
	int (*set_hook)(struct vm *vm, const struct observe_hook *h, struct err **err);
	void (*set_until)(struct vm *vm, const struct observe_until *until); /* stop there, too */
	void (*set_place)(struct vm *vm, const struct observe_place *place); /* of a randomised kernel */
	int (*hook_state)(const struct vm *vm, uint32_t id, struct observe_hook_state *ret);
	/*
	 * The points at which vCPUs were held back by chance, or that were given: copies at most @max, and returns how
	 * many there are. Works always.
	 */
	unsigned (*points)(const struct vm *vm, struct observe_point *out, unsigned max);
	/* In which orders vCPUs executed hooks so far. Works always; false: the guest is not observed. */
	bool (*orders)(const struct vm *vm, struct observe_orders *ret);
	/*
	 * Of counted instructions (observe_config.functions). add_program() only while vm.stop is set; the number of a
	 * program is how many were added before; -ENOSPC: too many. profile() works always; false: nothing is counted.
	 */
	int (*add_program)(struct vm *vm, const struct observe_program *p);
	bool (*profile)(const struct vm *vm, struct observe_profile *ret);
	/*
	 * While it is stopped at its end, and all records were read: its process is the one that frees its memory,
	 * which is not to be had any more.
	 */
	void (*leave_memory)(struct vm *vm);
	/* Hands its memory to the caller, once `ended`. No nodes where the memory is not in our files. */
	struct guestmem (*take_memory)(struct vm *vm);
	/* Ends the VM; `ended` follows. @diagnose: keep the state of its processors first. */
	void (*kill)(struct vm *vm, bool diagnose);
	/* Call it once `ended`, or when it was never started. */
	void (*destroy)(struct vm *vm);
	/* What vm_usage() returns. NULL: that of the process `pid`. */
	struct vm_usage (*usage)(const struct vm *vm);
	/*
	 * Of a backend whose guests can be looked at while they run: the times of @vcpus vCPUs' threads. Returns how
	 * many are known. NULL: they have no threads of their own.
	 */
	unsigned (*vcpu_times)(struct vm *vm, unsigned vcpus, struct vcpu_time *ret);
	/*
	 * Of the same: the last mark so far; its vCPU waits there for mark_seen(). False: there is none. NULL: there
	 * are never any.
	 */
	bool (*mark)(const struct vm *vm, struct vm_mark *ret);
	void (*mark_seen)(struct vm *vm, uint64_t number);
	/* Of the same: sends a signal to its process, if that still runs. */
	void (*signal)(struct vm *vm, int signal);
};

struct vm {
	const struct vm_backend *backend;
	struct notice changed; /* new records, console output, or the end */
	struct notice stopped; /* `stop` was set, or it never will be again: the end, or `observer_damaged` */
	/*
	 * The guest does not run until resume(). Its memory does not change, and may be written to, except for
	 * instructions. Kill works. NULL: it runs, or has ended.
	 */
	const struct observe_stop *stop;
	bool observer_damaged;	 /* its channel had content that we did not write; the guest runs on unobserved */
	bool frozen;		 /* vm_freeze() has stopped its process */
	nsec_t held, held_since; /* time in earlier stops and freezes; when the present one began */
	bool paused;		 /* its process runs, but no vCPU does, because somebody told its monitor so */
	bool ended;
	enum vm_end end;
	pid_t pid;		    /* the process, until it has ended; 0: none */
	int status;		    /* of the process, as waitpid(2) */
	uint64_t cpu_usec, rss_kib; /* of the process, once ended */
	uint64_t dropped;	    /* records that did not fit into the log */
	uint32_t digest;	    /* CRC-32 of the log's records so far */
	struct buf console;	    /* the guest kernel's serial output so far, raw */
	bool console_overflow;
	struct buf diagnosis;		    /* state of the processors at the kill, where asked for */
	struct buf stderr_text;		    /* output of the VM's process on stderr */
	struct confine_outcome confinement; /* of its process, once ended */
	const char *const *counter_names;   /* names of the backend's counters per vCPU, or NULL; static */
	uint64_t *counter; /* `counters` values for each vCPU in turn; malloc'd, owned by the VM until taken */
	unsigned counters, counted_vcpus;
	const char *const *event_names; /* names of the sums of the machine's events, or NULL; static */
	uint64_t event[VM_COUNTERS_MAX];
	unsigned events;
	struct vm_perf_setting perf_setting[VM_PERF_SETTINGS_MAX]; /* of perf mode; empty where it was not asked for */
	unsigned perf_settings;
	nsec_t started, hello; /* host time; hello: when the first record was read */
};

struct vm_usage vm_usage(const struct vm *vm);
/* How long we have held the guest so far. */
nsec_t vm_held(const struct vm *vm);

#endif
