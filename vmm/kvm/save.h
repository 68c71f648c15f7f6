/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * save.h -- the state of a machine on KVM without its memory: every vCPU, the interrupt controllers, the clock, our own
 * devices. It is written to a file and read from one, so each value that is read is checked, here or by KVM.
 *
 * It is plain memory, valid for one build and one boot of the host: the snapshot's name (kvm_describe() in backend.c)
 * depends on both.
 */
#ifndef KTSTR_VMM_KVM_SAVE_H
#define KTSTR_VMM_KVM_SAVE_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/serial.h"

#define SAVE_MAGIC     0x31565350564d564bull
#define SAVE_VERSION   2u
#define SAVE_MSRS_MAX  512u
#define SAVE_XSAVE_MAX 12288u /* bytes; with AMX's tiles it is 11008 */
#define SAVE_IRQCHIPS  3u     /* both PICs and the I/O APIC, as KVM_GET_IRQCHIP numbers them */

struct save_head {
	uint64_t magic;
	uint32_t version, vcpus;
	struct kvm_clock_data clock;
	struct kvm_irqchip irqchip[SAVE_IRQCHIPS];
	struct serial serial; /* without its pointers */
	struct pm pm;
	uint32_t irq_level;
};

/* A vCPU's time: its time stamp counter, and the deadline of its local APIC's timer. */
struct save_time {
	uint64_t tsc, deadline; /* MSRs; a deadline of 0: none */
	uint64_t offset;	/* difference of the counter from the host's, modulo 2^64 */
	uint32_t offset_known;	/* KVM reported `offset` (KVM_VCPU_TSC_OFFSET) */
};

struct save_vcpu {
	struct kvm_mp_state mp_state;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct save_time time;
	uint8_t xsave[SAVE_XSAVE_MAX];
	uint32_t msrs; /* all but those in `time` */
	struct kvm_msr_entry msr[SAVE_MSRS_MAX];
};

/* The file has the head, then the vCPUs by their index. */
struct kvm_guest;
struct kvm_vcpu;

/*
 * Asks KVM for everything that save_take() needs and a confined process may not ask for. -ENOTSUP: such a guest cannot
 * be saved.
 */
int save_prepare(struct kvm_guest *g, struct err **err);
/* Reads the whole state. All vCPUs are paused. */
int save_take(struct kvm_guest *g, struct buf *ret, struct err **err);

/* Checks that @data is the state of a machine with @vcpus vCPUs; -EBADMSG when it is not. */
int save_check(const struct buf *data, unsigned vcpus);
/* Restores one vCPU without its time. On its own thread, after its CPUID is set. */
int save_give_vcpu(struct kvm_vcpu *v, const struct buf *saved, struct err **err);
/* Restores the machine, and the time of all vCPUs. All vCPUs have the rest of their state, and none runs. */
int save_give_machine(struct kvm_guest *g, const struct buf *saved, struct err **err);

#endif
