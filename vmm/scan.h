/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scan.h -- the part that all backends share: the guest's memory, event log, console and stderr_text, and a machine
 * that reads them on a timer. Each backend has a second machine for the child process; the VM has ended when both have.
 */
#ifndef KTSTR_VMM_SCAN_H
#define KTSTR_VMM_SCAN_H

#include "vmm/guestmem.h"
#include "vmm/vm.h"

struct vm_scan {
	struct machine machine;
	struct vm *vm;
	struct guestmem memory;
	struct wirelog log;
	int console_fd, stderr_fd; /* memory files that the child writes to */
	int state_fd;		   /* to write the state of a machine that parks, or to read a clone's; else -1 */
	unsigned live;		   /* number of machines that have not ended */
	enum vm_end (*how)(struct vm *vm); /* called when both have ended */
};

#define VM_SCAN_NULL ((struct vm_scan){ .console_fd = -1, .stderr_fd = -1, .state_fd = -1 })

/* Makes guest memory and the files. vm_scan_done() is due whatever the result. */
int vm_scan_init(struct vm_scan *s, struct vm *vm, const struct vm_config *c, struct err **err);
/*
 * Fills a clone's memory with its origin's pages and the clone's payload. @log_only fills in only the event log's
 * pages: the child maps the others (snapshot_map()). Blocks, for the offload pool.
 */
int vm_scan_fill(struct vm_scan *s, const struct vm_config *c, bool log_only, struct err **err);
/* vm_backend.save(). */
int vm_scan_save(struct vm_scan *s, int fd, struct err **err);
/* Starts the reading machine. The backend has started its child, and starts its own machine beside this one. */
void vm_scan_start(struct vm_scan *s, struct reactor *r, struct machine *parent, enum vm_end (*how)(struct vm *vm));
/* The backend's machine calls it at its end: the scanner reads once more, then the VM ends. */
void vm_scan_child_ended(struct vm_scan *s);
/* vm_backend.leave_memory(). */
void vm_scan_leave_memory(struct vm_scan *s);
/* vm_backend.take_memory(). */
struct guestmem vm_scan_take_memory(struct vm_scan *s);
int vm_scan_next_record(struct vm_scan *s, struct wire_item *ret, struct err **err);
/* Frees its memory, and the texts of the VM. */
void vm_scan_done(struct vm_scan *s);

#endif
