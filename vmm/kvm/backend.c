/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend.c -- the orchestrator's side of one `ktstr vmm` process, as a machine: SPAWN > (FILL >) RUN > REAP > DRAIN.
 * FILL is for clones only. A cancel goes to ASK instead, and from there to KILL > REAP > DRAIN. A scanner beside it
 * reads guest memory and console (vmm/scan.h).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/child.h"
#include "reactor/shmpump.h"
#include "topo/topology.h"
#include "vmm/cmdline.h"
#include "vmm/freeze.h"
#include "vmm/kvm/backend.h"
#include "vmm/kvm/config.h"
#include "vmm/kvm/device_fds.h"
#include "vmm/kvm/events.h"
#include "vmm/scan.h"

#define ASK_DEADLINE  (3 * NSEC_PER_SEC)
#define REAP_DEADLINE (10 * NSEC_PER_SEC)

/* No PCI bus to scan; reset through the keyboard controller's port, which ends the VM. */
#define KVM_CMDLINE "pci=off reboot=k ktstr.mark=0x508" /* X86_PORT_MARK */

/* The static child program, vmm/kvm/main.c. */
extern const char blob_vmm_start[], blob_vmm_end[];

struct kvm_vm {
	struct vm vm;
	struct machine life;
	struct vm_scan scan;
	struct child child;
	struct confinement confinement;
	struct shmring_area rings;
	struct shmpump pump;
	struct vm_tally_state tally;
	struct vcpu_threads threads;
	struct child_fd device_fd[DEVICE_FDS_MAX];
	unsigned device_fds;
	struct vmm_config config;
	int diag_fd, diag_peer; /* the child writes to diag_peer, we read from diag_fd */
	int report_fd, config_fd, kernel_fd, program_fd;
	char chunk[4096];
	bool diagnose, killed;
	struct vm_config origin; /* the argument of start() */
	struct offload_job filling;
	struct err *err;
};

static struct kvm_vm *kvm_of(struct vm *vm)
{
	return container_of(vm, struct kvm_vm, vm);
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

static int spawn_child(struct kvm_vm *k, struct reactor *r, const struct vm_config *c, struct err **err)
{
	static const char *const argv[] = { "ktstr", "vmm", NULL };
	struct child_fd fds[GUEST_NODES_MAX + 11 + DEVICE_FDS_MAX] = {
		{ k->config_fd, VMM_FD_CONFIG },   { k->report_fd, VMM_FD_REPORT },
		{ k->diag_peer, VMM_FD_DIAG },	   { k->scan.console_fd, VMM_FD_CONSOLE },
		{ k->program_fd, VMM_FD_PROGRAM }, { k->scan.stderr_fd, STDERR_FILENO },
		{ k->rings.fd, VMM_FD_EVENTS },	   { k->rings.doorbell, VMM_FD_DOORBELL },
	};
	unsigned count = 8;
	if (!c->clone)
		fds[count++] = (struct child_fd){ k->kernel_fd, VMM_FD_KERNEL };
	if (c->park || c->clone)
		fds[count++] = (struct child_fd){ c->clone ? c->clone->fd : k->scan.state_fd, VMM_FD_STATE };
	if (c->initrd_fd >= 0 && !c->clone)
		fds[count++] = (struct child_fd){ c->initrd_fd, VMM_FD_INITRD };
	for (unsigned i = 0; i < k->scan.memory.nodes; i++)
		fds[count++] = (struct child_fd){ k->scan.memory.node[i].fd, VMM_FD_RAM0 + (int)i };
	for (unsigned i = 0; i < k->device_fds; i++)
		fds[count++] = k->device_fd[i];
	struct child_spec spec = {
		.argv = argv, .fds = fds, .fd_count = count, .affinity = c->affinity, .cgroup = c->cgroup
	};
	int result = confinement_spawn(&k->confinement, r, &k->child, &spec, err);
	k->vm.pid = result < 0 ? 0 : k->child.pid;
	return result;
}

/* The program is static: /dev/kvm is the only file that it opens by name. */
static int describe_confinement(struct kvm_vm *k, struct err **err)
{
	int r = confinement_init(&k->confinement, k->origin.files, err);
	if (r < 0)
		return r;
	k->confinement.request->program_fd = VMM_FD_PROGRAM;
	k->confinement.request->realtime = k->config.guest.perf ? PERF_PRIORITY_MAX : 0;
	return confinement_show(&k->confinement, k->config.guest.device);
}

/* Closes our copies of the child's descriptors. Its end of the pipe is then the only one. */
static void close_spare(struct kvm_vm *k)
{
	k->diag_peer = fd_close(k->diag_peer);
	k->config_fd = fd_close(k->config_fd);
	k->kernel_fd = fd_close(k->kernel_fd);
	k->program_fd = fd_close(k->program_fd);
}

/* --- life: the child and its diagnosis ---------------------------------------------------------------------------- */

enum { LIFE_SPAWN, LIFE_FILL, LIFE_RUN, LIFE_ASK, LIFE_KILL, LIFE_REAP, LIFE_DRAIN, LIFE_COUNT };

static int fill_log(void *arg)
{
	struct kvm_vm *k = arg;
	return vm_scan_fill(&k->scan, &k->origin, !k->origin.whole_memory, &k->err);
}

/*
 * The child maps the pages of a clone's memory, and we fill in the event log, which we share with the guest. Where the
 * guest is to be looked at, we fill in all of it.
 */
static int life_spawn(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	(void)result;
	if (!k->origin.clone)
		return k->child.running ? LIFE_RUN : LIFE_REAP;
	machine_offload(m, &k->filling, fill_log, k);
	return LIFE_FILL;
}

static int life_fill(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	if (result == 0)
		result = spawn_child(k, m->reactor, &k->origin, &k->err);
	close_spare(k);
	if (result == 0)
		return LIFE_RUN;
	if (k->err)
		err_format(k->err, &k->vm.stderr_text);
	return LIFE_REAP;
}

/* Keeps the bytes that were read. False: the pipe is closed, which happens only when the child dies. */
static bool keep_diagnosis(struct kvm_vm *k, int result)
{
	if (result <= 0)
		return result == -EINTR;
	if (k->vm.diagnosis.len + (size_t)result <= VMM_DIAG_MAX)
		buf_append(&k->vm.diagnosis, k->chunk, (size_t)result);
	return true;
}

static int life_run(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	bool first = m->op.kind == OP_NOP;
	if (!first && !keep_diagnosis(k, result))
		return LIFE_REAP;
	machine_read(m, k->diag_fd, k->chunk, sizeof(k->chunk), OP_STREAM);
	return LIFE_RUN;
}

/* Entered by a cancel. SIGTERM makes the child write its vCPUs' registers and end. */
static int life_ask(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	if (result == -ECANCELED) {
		k->killed = true;
		if (!k->diagnose)
			return LIFE_KILL;
		child_kill(&k->child, SIGTERM);
		vm_thaw(&k->vm); /* else it could not answer */
	} else if (!keep_diagnosis(k, result)) {
		return LIFE_KILL;
	}
	machine_read(m, k->diag_fd, k->chunk, sizeof(k->chunk), OP_STREAM);
	return LIFE_ASK;
}

static int life_kill(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	(void)result;
	child_kill(&k->child, SIGKILL);
	return LIFE_REAP;
}

static int life_reap(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	(void)result;
	if (!k->child.running)
		return LIFE_DRAIN;
	machine_wait_child(m, &k->child);
	return LIFE_REAP;
}

/* Reads the rest of the dead child's rings. */
static int life_drain(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	(void)result;
	if (!k->pump.machine.started || k->pump.machine.ended)
		return MACHINE_END;
	machine_cancel(&k->pump.machine);
	machine_await(m, &k->pump.machine);
	return LIFE_DRAIN;
}

static const struct machine_state life_states[LIFE_COUNT] = {
	[LIFE_SPAWN] = { "spawn", life_spawn, DEADLINE_NONE, LIFE_ASK,
			 TO(LIFE_FILL) | TO(LIFE_RUN) | TO(LIFE_REAP) | TO(LIFE_ASK) },
	[LIFE_FILL] = { "fill", life_fill, DEADLINE_NONE, LIFE_ASK, TO(LIFE_RUN) | TO(LIFE_REAP) | TO(LIFE_ASK) },
	[LIFE_RUN] = { "run", life_run, DEADLINE_NONE, LIFE_ASK, TO(LIFE_ASK) | TO(LIFE_REAP) },
	[LIFE_ASK] = { "ask", life_ask, ASK_DEADLINE, LIFE_KILL, TO(LIFE_KILL) },
	[LIFE_KILL] = { "kill", life_kill, REAP_DEADLINE, LIFE_REAP, TO(LIFE_REAP) },
	[LIFE_REAP] = { "reap", life_reap, REAP_DEADLINE, LIFE_KILL, TO(LIFE_KILL) | TO(LIFE_DRAIN) },
	[LIFE_DRAIN] = { "drain", life_drain, DEADLINE_NONE, 0, TO_END, .shielded = true },
};

static enum vm_end how_it_ended(struct vm *vm)
{
	const struct kvm_vm *k = kvm_of(vm);
	if (k->killed)
		return VM_END_KILLED;
	if (!WIFEXITED(k->child.status))
		return VM_END_DIED;
	switch (WEXITSTATUS(k->child.status)) {
	case VMM_EXIT_GUEST:
		return VM_END_EXIT;
	case VMM_EXIT_RESET:
		return VM_END_RESET;
	case VMM_EXIT_PARKED:
		return VM_END_PARKED;
	default:
		return VM_END_DIED;
	}
}

static void collect_perf_settings(struct kvm_vm *k, const struct vmm_report *report)
{
	char text[96];
	_Static_assert(PERF_SETTING_MAX <= VM_PERF_SETTINGS_MAX, "room for the settings of perf mode");
	k->vm.perf_settings = k->config.guest.perf ? PERF_SETTING_MAX : 0;
	for (unsigned i = 0; i < k->vm.perf_settings; i++) {
		const struct perf_outcome *o = &report->perf[i];
		struct vm_perf_setting *w = &k->vm.perf_setting[i];
		*w = (struct vm_perf_setting){ .name = perf_setting_names[i],
					       .asked = o->asked,
					       .granted = o->granted };
		if (o->error)
			snprintf(w->why, sizeof(w->why), "%s", perf_why(o->error, text, sizeof(text)));
	}
}

static void collect_tally(struct kvm_vm *k)
{
	_Static_assert(VM_TALLY_MAX <= VM_COUNTERS_MAX, "room for what the rings came to");
	k->tally.sum[VM_TALLY_DROPPED] = shmpump_dropped(&k->pump);
	k->vm.event_names = vm_tally_names;
	k->vm.events = VM_TALLY_MAX;
	memcpy(k->vm.event, k->tally.sum, sizeof(k->tally.sum));
}

/* Leaves @vm as it is where KVM has no statistics. */
static void collect_stats(struct vm *vm, const struct vmm_report *report, unsigned vcpus)
{
	unsigned rows = MIN_OF(MIN_OF(report->counted_vcpus, vcpus), GUEST_CPUS_MAX);
	uint64_t *counter = rows ? malloc(rows * sizeof(report->stat[0])) : NULL;
	if (!counter)
		return;
	memcpy(counter, report->stat, rows * sizeof(report->stat[0]));
	free(vm->counter);
	vm->counter = counter;
	vm->counter_names = kvm_stat_names;
	vm->counters = KVM_STAT_MAX;
	vm->counted_vcpus = rows;
}

/* The child's own counts and KVM's. Any value is acceptable: they are only shown. */
static void collect_report(struct kvm_vm *k)
{
	_cleanup_free_ struct vmm_report *report = malloc(sizeof(*report));
	if (!report || fd_pread_full(k->report_fd, report, sizeof(*report), 0) < 0)
		return;
	collect_stats(&k->vm, report, topology_cpus(&k->origin.topology));
	collect_perf_settings(k, report);
}

static void life_done(struct machine *m, int result)
{
	struct kvm_vm *k = container_of(m, struct kvm_vm, life);
	(void)result;
	k->vm.pid = 0;
	k->vm.status = k->child.status;
	k->vm.cpu_usec = k->child.cpu_usec;
	k->vm.rss_kib = k->child.rss_kib;
	k->vm.confinement = confinement_outcome(&k->confinement);
	collect_report(k);
	collect_tally(k);
	vm_scan_child_ended(&k->scan);
}

static const struct machine_type life_type = { "vmm", life_states, LIFE_COUNT, life_done };

/* --- event rings -------------------------------------------------------------------------------------------------- */

static void count_record(void *data, uint32_t ring, const struct shmring_item *item)
{
	struct kvm_vm *k = data;
	(void)ring;
	vm_tally_record(&k->tally, topology_cpus(&k->config.guest.topology), item);
}

static void count_damage(void *data, uint32_t ring, const struct err *err)
{
	struct kvm_vm *k = data;
	(void)ring;
	(void)err;
	k->tally.sum[VM_TALLY_DAMAGED]++;
}

/* Without a pump the machine runs all the same, and all its rings are counted as damaged. */
static void start_pump(struct kvm_vm *k, struct reactor *r, struct machine *parent)
{
	const struct shmpump_config config = {
		.area = &k->rings, .record = count_record, .damaged = count_damage, .data = k
	};
	if (shmpump_start(&k->pump, r, parent, &config, NULL) < 0)
		k->tally.sum[VM_TALLY_DAMAGED] = k->rings.rings;
}

/* --- the backend -------------------------------------------------------------------------------------------------- */

static struct vm *kvm_create(void)
{
	struct kvm_vm *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->vm.backend = &kvm_backend;
	k->child = CHILD_NULL;
	k->confinement = CONFINEMENT_NULL;
	k->rings = SHMRING_AREA_NULL;
	k->scan = VM_SCAN_NULL;
	k->diag_fd = k->diag_peer = k->report_fd = k->config_fd = k->kernel_fd = k->program_fd = -1;
	return &k->vm;
}

static int fill_config(struct kvm_vm *k, const struct vm_config *c, struct err **err)
{
	struct kvm_guest_config *g = &k->config.guest;
	_cleanup_buf_ struct buf cmdline = BUF_NULL;
	k->config.magic = VMM_CONFIG_MAGIC;
	k->config.size = sizeof(k->config);
	*g = (struct kvm_guest_config){
		.topology = c->topology,
		.nodes = k->scan.memory.nodes,
		.kernel_fd = VMM_FD_KERNEL,
		.initrd_fd = c->initrd_fd >= 0 ? VMM_FD_INITRD : -1,
		.console_fd = VMM_FD_CONSOLE,
		.perf = c->perf,
		.time_dilation = c->time_dilation,
		.park = c->park,
		.clone = c->clone != NULL,
		.filled = c->whole_memory,
		.marks = c->marks,
		.snapshot_fd = VMM_FD_STATE,
		.device = "/dev/kvm",
		.events = true,
		.events_fd = VMM_FD_EVENTS,
		.doorbell_fd = VMM_FD_DOORBELL,
	};
	if (c->devices || c->terminal)
		g->devices = device_fds_of(c, k->device_fd, &k->device_fds);
	vm_pinning_init(&g->pinning);
	if (c->pinning)
		g->pinning = *c->pinning;
	for (unsigned i = 0; i < g->nodes; i++) {
		g->node[i].fd = VMM_FD_RAM0 + (int)i;
		g->node[i].size = k->scan.memory.node[i].size;
	}
	vm_cmdline(c, KVM_CMDLINE, &cmdline);
	if (cmdline.failed)
		return FAIL_SYS(err, -ENOMEM, "write the kernel's command line");
	if (cmdline.len >= sizeof(g->cmdline))
		return FAIL(err, ERR_DATA, -E2BIG, "cmdline too long (%zu > %zu)", cmdline.len, sizeof(g->cmdline) - 1);
	memcpy(g->cmdline, buf_str(&cmdline), cmdline.len);
	return 0;
}

static int memfd_with(const char *name, const void *data, size_t len, int *ret)
{
	*ret = memfd_new(name, 0);
	return *ret < 0 ? *ret : fd_write_full(*ret, data, len);
}

static int make_files(struct kvm_vm *k, const struct vm_config *c, struct err **err)
{
	int pair[2];
	k->kernel_fd = c->clone ? -1 : file_open(c->kernel, err);
	if (k->kernel_fd < 0 && !c->clone)
		return k->kernel_fd;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "make a pipe");
	k->diag_fd = pair[0];
	k->diag_peer = pair[1];
	k->report_fd = memfd_new("ktstr-report", sizeof(struct vmm_report));
	int r = MIN_OF(k->report_fd, 0);
	if (r == 0)
		r = memfd_with("ktstr-config", &k->config, sizeof(k->config), &k->config_fd);
	if (r == 0)
		r = k->program_fd = constant_file_open(c->files, CONSTANT_VMM, blob_vmm_start,
						       (size_t)(blob_vmm_end - blob_vmm_start));
	return r < 0 ? FAIL_SYS(err, r, "write the machine's description") : 0;
}

static int kvm_start(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		     struct err **err)
{
	struct kvm_vm *k = kvm_of(vm);
	k->origin = *c;
	int result = vm_scan_init(&k->scan, vm, c, err);
	if (result == 0)
		result = fill_config(k, c, err);
	if (result == 0)
		result = make_files(k, c, err);
	if (result == 0)
		result = describe_confinement(k, err);
	if (result == 0)
		result = shmring_area_new(topology_cpus(&c->topology) + 1, VM_EVENT_RING_BYTES, &k->rings, err);
	if (result == 0 && !c->clone)
		result = spawn_child(k, r, c, err);
	if (result < 0 || !c->clone)
		close_spare(k);
	if (result < 0)
		return result;
	start_pump(k, r, parent);
	machine_start(r, &k->life, &life_type, parent, "vmm");
	vm_scan_start(&k->scan, r, parent, how_it_ended);
	return 0;
}

static int kvm_next_record(struct vm *vm, struct wire_item *ret, struct err **err)
{
	return vm_scan_next_record(&kvm_of(vm)->scan, ret, err);
}

static void kvm_kill(struct vm *vm, bool diagnose)
{
	struct kvm_vm *k = kvm_of(vm);
	k->diagnose = diagnose;
	machine_cancel(&k->life);
}

/*
 * A saved state depends on the host and its present boot, and on the layout of our structs. The child's program is part
 * of the description because it contains all these structs.
 */
static int kvm_describe(const struct vm_config *c, struct buf *out, struct err **err)
{
	struct vm_config parked = *c;
	_cleanup_buf_ struct buf boot = BUF_NULL;
	parked.park = true;
	topology_describe(&c->topology, out);
	buf_appendf(out, " %lu MiB, %u\n", c->memory_mib, c->time_dilation);
	vm_cmdline(&parked, KVM_CMDLINE, out);
	buf_append(out, blob_vmm_start, (size_t)(blob_vmm_end - blob_vmm_start));
	int r = file_read("/proc/sys/kernel/random/boot_id", 64, &boot, err);
	buf_append(out, boot.data, boot.len);
	return r;
}

static int kvm_save(struct vm *vm, int fd, struct err **err)
{
	return vm_scan_save(&kvm_of(vm)->scan, fd, err);
}

/*
 * A clone's child has private pages of its origin, which are not in our files, unless somebody wants to look at them.
 * The same is always true of constants mapped from the kernel.
 */
static bool has_memory(const struct kvm_vm *k)
{
	return !k->origin.clone || k->origin.whole_memory;
}

static const struct guestmem *kvm_memory(const struct vm *vm)
{
	const struct kvm_vm *k = container_of(vm, struct kvm_vm, vm);
	return has_memory(k) ? &k->scan.memory : NULL;
}

static struct guestmem kvm_take_memory(struct vm *vm)
{
	struct kvm_vm *k = kvm_of(vm);
	return has_memory(k) ? vm_scan_take_memory(&k->scan) : (struct guestmem){ 0 };
}

/* Of a machine that has ended, the child's own last words. */
static unsigned kvm_vcpu_times(struct vm *vm, unsigned vcpus, struct vcpu_time *ret)
{
	struct kvm_vm *k = kvm_of(vm);
	unsigned known = 0;
	if (!vm->ended)
		return vcpu_times_read(&k->threads, vm->pid, vcpus, ret);
	for (unsigned i = 0; i < MIN_OF(vcpus, (unsigned)GUEST_CPUS_MAX); i++) {
		ret[i] = k->tally.last[i];
		known += ret[i].known;
	}
	return known;
}

static bool kvm_mark(const struct vm *vm, struct vm_mark *ret)
{
	const struct kvm_vm *k = container_of(vm, struct kvm_vm, vm);
	return fd_pread_full(k->report_fd, ret, sizeof(*ret), offsetof(struct vmm_report, mark)) == 0 && ret->number;
}

static void kvm_mark_seen(struct vm *vm, uint64_t number)
{
	off_t at = offsetof(struct vmm_report, mark) + offsetof(struct vm_mark, seen);
	(void)fd_pwrite_full(kvm_of(vm)->report_fd, &number, sizeof(number), at);
}

static void kvm_signal(struct vm *vm, int signal)
{
	child_kill(&kvm_of(vm)->child, signal);
}

static void kvm_destroy(struct vm *vm)
{
	struct kvm_vm *k = kvm_of(vm);
	child_done(&k->child);
	confinement_done(&k->confinement);
	shmpump_done(&k->pump);
	shmring_area_done(&k->rings);
	vm_scan_done(&k->scan);
	close_spare(k);
	err_free(k->err);
	fd_close(k->diag_fd);
	fd_close(k->report_fd);
	free(k->vm.counter);
	free(k);
}

static const char *kvm_observer_lack(char *why, size_t size)
{
	(void)why;
	(void)size;
	return "the kvm backend does not stop guests to observe them";
}

static const char *kvm_refuses(const struct vm_config *c, char *out, size_t size)
{
	if (c->observe)
		return kvm_observer_lack(out, size);
	if (c->kaslr)
		return "on kvm, the kernel is always at the same place (kaslr)";
	if (topology_has_kinds(&c->topology))
		return "the kvm backend has no CPUs that are not equally fast";
	if (c->devices && c->devices->pci)
		return "the kvm backend has no PCI bus";
	if (c->topology.numa_nodes <= GUEST_NODES_MAX)
		return NULL;
	snprintf(out, size, "%u NUMA nodes, this backend maps at most %d", c->topology.numa_nodes, GUEST_NODES_MAX);
	return out;
}

const struct vm_backend kvm_backend = {
	.name = "kvm",
	.vcpu_threads = true,
	.refuses = kvm_refuses,
	.create = kvm_create,
	.start = kvm_start,
	.next_record = kvm_next_record,
	.describe = kvm_describe,
	.save = kvm_save,
	.memory = kvm_memory,
	.observer_lack = kvm_observer_lack,
	.take_memory = kvm_take_memory,
	.kill = kvm_kill,
	.destroy = kvm_destroy,
	.vcpu_times = kvm_vcpu_times,
	.mark = kvm_mark,
	.mark_seen = kvm_mark_seen,
	.signal = kvm_signal,
};
