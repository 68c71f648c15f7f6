/* SPDX-License-Identifier: GPL-2.0-only */
/* tally.c -- counts the records of events.h in the orchestrator. */
#include <linux/kvm.h>
#include <string.h>

#include "reactor/shmring.h"
#include "vmm/kvm/events.h"

const char *const vm_tally_names[VM_TALLY_MAX] = {
	[VM_TALLY_RECORDS] = "records",		[VM_TALLY_DROPPED] = "dropped",
	[VM_TALLY_DAMAGED] = "damaged",		[VM_TALLY_IO_EXITS] = "io_exits",
	[VM_TALLY_MMIO_EXITS] = "mmio_exits",	[VM_TALLY_EOI_EXITS] = "eoi_exits",
	[VM_TALLY_OTHER_EXITS] = "other_exits", [VM_TALLY_CONSOLE_BYTES] = "console_bytes",
	[VM_TALLY_PAUSES] = "pauses",		[VM_TALLY_HEARTBEATS] = "heartbeats",
	[VM_TALLY_CPU_NS] = "vcpu_cpu_ns",	[VM_TALLY_STEAL_NS] = "vcpu_steal_ns",
};

static bool copy_payload(const struct shmring_item *item, void *to, size_t size)
{
	if (item->length != size)
		return false;
	memcpy(to, item->payload, size);
	return true;
}

static bool count_exit(struct vm_tally_state *t, const struct shmring_item *item)
{
	struct vm_event_exit e;
	if (!copy_payload(item, &e, sizeof(e)))
		return false;
	t->sum[e.reason == KVM_EXIT_IO		 ? VM_TALLY_IO_EXITS
	       : e.reason == KVM_EXIT_MMIO	 ? VM_TALLY_MMIO_EXITS
	       : e.reason == KVM_EXIT_IOAPIC_EOI ? VM_TALLY_EOI_EXITS
						 : VM_TALLY_OTHER_EXITS]++;
	return true;
}

static bool count_console(struct vm_tally_state *t, const struct shmring_item *item)
{
	struct vm_event_console e;
	if (!copy_payload(item, &e, sizeof(e)))
		return false;
	/* Several vCPUs report the total, and their rings are read one after the other: keep the largest. */
	if (e.bytes > t->sum[VM_TALLY_CONSOLE_BYTES])
		t->sum[VM_TALLY_CONSOLE_BYTES] = e.bytes;
	return true;
}

/* Heartbeats come in rounds, vCPU by vCPU; a round with a missing vCPU is not counted. */
static bool count_heartbeat(struct vm_tally_state *t, unsigned vcpus, const struct shmring_item *item)
{
	struct vm_event_heartbeat e;
	if (!copy_payload(item, &e, sizeof(e)) || e.vcpu >= MIN_OF(vcpus, (unsigned)GUEST_CPUS_MAX))
		return false;
	t->last[e.vcpu] = (struct vcpu_time){ .known = e.cpu_ns > 0, .cpu_ns = e.cpu_ns, .wait_ns = e.steal_ns };
	t->sum[VM_TALLY_HEARTBEATS]++;
	if (e.vcpu == 0)
		t->cpu_ns = t->steal_ns = t->round = 0;
	if (e.vcpu != t->round)
		return true;
	t->cpu_ns += e.cpu_ns;
	t->steal_ns += e.steal_ns;
	if (++t->round == vcpus) {
		t->sum[VM_TALLY_CPU_NS] = t->cpu_ns;
		t->sum[VM_TALLY_STEAL_NS] = t->steal_ns;
	}
	return true;
}

static bool count_state(struct vm_tally_state *t, const struct shmring_item *item)
{
	struct vm_event_state e;
	bool good = copy_payload(item, &e, sizeof(e));
	t->sum[VM_TALLY_PAUSES] += good && e.state == VM_EVENT_STATE_PAUSED;
	return good;
}

void vm_tally_record(struct vm_tally_state *t, unsigned vcpus, const struct shmring_item *item)
{
	struct vm_event_end end;
	bool good = item->type == VM_EVENT_EXIT	       ? count_exit(t, item)
		    : item->type == VM_EVENT_CONSOLE   ? count_console(t, item)
		    : item->type == VM_EVENT_STATE     ? count_state(t, item)
		    : item->type == VM_EVENT_HEARTBEAT ? count_heartbeat(t, vcpus, item)
		    : item->type == VM_EVENT_END       ? copy_payload(item, &end, sizeof(end))
						       : false;
	t->sum[VM_TALLY_RECORDS]++;
	t->sum[VM_TALLY_DAMAGED] += !good;
}
