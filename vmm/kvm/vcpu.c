/* SPDX-License-Identifier: GPL-2.0-only */
/* vcpu.c -- see vcpu.h. The handlers are in the order in which they run. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/time.h"
#include "vmm/kvm/events.h"
#include "vmm/kvm/perf.h"
#include "vmm/kvm/save.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/vcpu_times.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"
#include "vmm/x86/msr.h"

#define KICK_SIGNAL	 SIGRTMIN
#define APIC_BASE_X2APIC (1u << 10) /* IA32_APIC_BASE.EXTD: Intel SDM vol. 3, 11.12.1 */

enum vcpu_state { VCPU_SETUP, VCPU_READY, VCPU_RUNNING, VCPU_PAUSED, VCPU_ENDED };

static enum vcpu_state fail_vcpu(struct kvm_vcpu *v, struct err *err)
{
	lifecycle_end(&v->guest->life, KVM_GUEST_FAILED, 0, err);
	return VCPU_ENDED;
}

/* --- SETUP -------------------------------------------------------------------------------------------------------- */

static int set_cpuid(struct kvm_vcpu *v, struct err **err)
{
	struct kvm_guest *g = v->guest;
	_cleanup_free_ struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(c->entries[0]));
	if (!c)
		return FAIL_SYS(err, -ENOMEM, "describe its features");
	c->nent = CPUID_ENTRIES_MAX;
	int r = cpuid_for_vcpu(g->cpuid, &g->config->topology, v->index, c);
	if (r == 0 && g->config->perf)
		cpuid_set_realtime(c);
	if (r == 0)
		r = sys_ioctl(g->sys, v->fd, KVM_SET_CPUID2, c);
	if (r == 0 && g->config->perf)
		perf_check_hint(v);
	return r < 0 ? FAIL_SYS(err, r, "set its features (CPUID)") : 0;
}

static int set_msrs(struct kvm_vcpu *v, struct err **err)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + MSR_BOOT_MAX * sizeof(struct kvm_msr_entry)];
	} msrs = { 0 };
	msrs.head.nmsrs = msr_boot_list(msrs.head.entries);
	/* KVM stops at the first register that it refuses, and returns how many it set. */
	int r = sys_ioctl(v->guest->sys, v->fd, KVM_SET_MSRS, &msrs);
	if (r < 0)
		return FAIL_SYS(err, r, "set its model-specific registers");
	if ((unsigned)r < msrs.head.nmsrs)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "KVM refuses model-specific register 0x%x",
			    msrs.head.entries[r].index);
	return 0;
}

/* The first processor starts in the kernel; the others wait for its INIT and SIPI, as after power on. */
static int set_registers(struct kvm_vcpu *v, struct err **err)
{
	const struct kvm_sys *sys = v->guest->sys;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	if (v->index)
		return 0;
	int r = sys_ioctl(sys, v->fd, KVM_GET_SREGS, &sregs);
	if (r < 0)
		return FAIL_SYS(err, r, "read its registers");
	x86_entry_sregs(&v->guest->entry, &sregs);
	/* Linux leaves out processors whose ids do not fit the APIC mode in which it finds the first one. */
	if (v->guest->split)
		sregs.apic_base |= APIC_BASE_X2APIC;
	x86_entry_regs(&v->guest->entry, &regs);
	r = sys_ioctl(sys, v->fd, KVM_SET_SREGS, &sregs);
	if (r == 0)
		r = sys_ioctl(sys, v->fd, KVM_SET_REGS, &regs);
	return r < 0 ? FAIL_SYS(err, r, "set its registers") : 0;
}

static int create_vcpu(struct kvm_vcpu *v, struct err **err)
{
	struct kvm_guest *g = v->guest;
	void *run = NULL;
	v->fd = sys_ioctl_number(g->sys, g->vm, KVM_CREATE_VCPU, x86_apic_id(&g->config->topology, v->index));
	if (v->fd < 0)
		return FAIL_SYS(err, v->fd, "create it");
	int r = g->sys->map(g->sys->data, v->fd, g->run_size, &run);
	if (r < 0)
		return FAIL_SYS(err, r, "map what it shares with KVM");
	pthread_mutex_lock(&g->life.lock);
	v->run = run;
	pthread_mutex_unlock(&g->life.lock);
	return 0;
}

/* Opened here because a confined thread cannot open files. */
static void open_counters(struct kvm_vcpu *v)
{
	v->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (v->stats_fd >= 0)
		kvm_stats_open(v->stats_fd, &v->stats);
}

static enum vcpu_state run_setup(struct kvm_vcpu *v)
{
	struct kvm_guest *g = v->guest;
	struct err *err = NULL;
	if (g->config->perf)
		perf_prepare_thread(v);
	int r = create_vcpu(v, &err);
	if (r == 0)
		r = set_cpuid(v, &err);
	if (r == 0 && g->origin.state.len)
		r = save_give_vcpu(v, &g->origin.state, &err);
	else if (r == 0 && (r = set_msrs(v, &err)) == 0)
		r = set_registers(v, &err);
	if (r < 0) {
		err_wrap(&err, r, "set up vCPU %u", v->index);
		return fail_vcpu(v, err);
	}
	/* Before the first KVM_RUN: KVM answers this only for a vCPU that does not run. */
	v->stats_fd = sys_ioctl(g->sys, v->fd, KVM_GET_STATS_FD, NULL);
	if (g->config->events)
		open_counters(v);
	return VCPU_READY;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

#define EVENT_WRITE (1u << 31)

static bool is_console(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port >= X86_PORT_COM1 &&
	       run->io.port < X86_PORT_COM1 + X86_COM_PORTS;
}

static void report_exit(struct kvm_vcpu *v)
{
	const struct kvm_run *run = v->run;
	struct vm_event_exit e = { .time_ns = (uint64_t)nsec_now(), .reason = run->exit_reason };
	if (e.reason == KVM_EXIT_IO) {
		e.address = run->io.port;
		e.size = run->io.size * run->io.count | (run->io.direction == KVM_EXIT_IO_OUT ? EVENT_WRITE : 0);
	} else if (e.reason == KVM_EXIT_MMIO) {
		e.address = run->mmio.phys_addr;
		e.size = run->mmio.len | (run->mmio.is_write ? EVENT_WRITE : 0);
	} else if (e.reason == KVM_EXIT_IOAPIC_EOI) {
		e.address = run->eoi.vector;
	}
	shmring_put(&v->events, VM_EVENT_EXIT, &e, sizeof(e));
}

/* After an access to the console: reports it if a line was written out. Two vCPUs may both report the same number. */
static void report_console(struct kvm_vcpu *v, uint64_t before)
{
	struct vm_event_console e = { .bytes = devices_console_bytes(&v->guest->devices) };
	if (e.bytes == before)
		return;
	e.time_ns = (uint64_t)nsec_now();
	shmring_put(&v->events, VM_EVENT_CONSOLE, &e, sizeof(e));
}

static void report_state(struct kvm_vcpu *v, enum vm_event_states state)
{
	struct vm_event_state e = { .time_ns = (uint64_t)nsec_now(), .state = state };
	if (v->guest->config->events)
		shmring_put(&v->events, VM_EVENT_STATE, &e, sizeof(e));
}

/* --- READY: an INIT to a processor that does not exist yet would be lost ------------------------------------------ */

static enum vcpu_state ready(struct kvm_vcpu *v)
{
	struct kvm_guest *g = v->guest;
	struct err *err = NULL;
	int r = 0;
	pthread_mutex_lock(&g->life.lock);
	bool last = g->life.ready + 1 == g->vcpus;
	if (last && g->origin.state.len)
		r = save_give_machine(g, &g->origin.state, &err);
	if (last && g->config->perf)
		perf_check_clock(g);
	if (r == 0 && ++g->life.ready == g->vcpus)
		pthread_cond_broadcast(&g->life.changed);
	while (r == 0 && g->life.ready < g->vcpus && atomic_load(&g->life.command) != KVM_COMMAND_END)
		pthread_cond_wait(&g->life.changed, &g->life.lock);
	pthread_mutex_unlock(&g->life.lock);
	if (r == 0 && g->config->confined)
		r = confine_apply(&g->confine[CONFINE_VCPU], &err);
	return r < 0 ? fail_vcpu(v, err) : VCPU_RUNNING;
}

/* --- RUNNING ------------------------------------------------------------------------------------------------------ */

static enum vcpu_state on_io(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	if (run->io.data_offset + (uint64_t)run->io.size * run->io.count > v->guest->run_size)
		return VCPU_RUNNING;
	bus_port(&v->guest->bus, run->io.port, run->io.direction == KVM_EXIT_IO_OUT, data, run->io.size, run->io.count);
	return VCPU_RUNNING;
}

static enum vcpu_state on_mmio(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	uint32_t size = MIN_OF(run->mmio.len, (uint32_t)sizeof(run->mmio.data));
	bus_memory(&v->guest->bus, run->mmio.phys_addr, run->mmio.is_write, run->mmio.data, size);
	return VCPU_RUNNING;
}

/* The in-kernel interrupt controller handles halts. One comes here only where a guest halts for ever. */
static enum vcpu_state on_nothing(struct kvm_vcpu *v)
{
	(void)v;
	return VCPU_RUNNING;
}

/* Split irqchip: our I/O APIC needs the end of interrupt. */
static enum vcpu_state on_eoi(struct kvm_vcpu *v)
{
	devices_eoi(&v->guest->devices, v->run->eoi.vector);
	return VCPU_RUNNING;
}

static enum vcpu_state on_reset(struct kvm_vcpu *v)
{
	lifecycle_end(&v->guest->life, KVM_GUEST_RESET, v->run->exit_reason, NULL);
	return VCPU_ENDED;
}

static enum vcpu_state on_failed_entry(struct kvm_vcpu *v)
{
	struct err *err = NULL;
	FAIL(&err, ERR_MISSING, -EIO, "vCPU %u: the processor refuses to enter the guest, reason 0x%llx", v->index,
	     v->run->fail_entry.hardware_entry_failure_reason);
	return fail_vcpu(v, err);
}

static enum vcpu_state on_internal_error(struct kvm_vcpu *v)
{
	struct err *err = NULL;
	struct kvm_regs regs = { 0 };
	sys_ioctl(v->guest->sys, v->fd, KVM_GET_REGS, &regs);
	FAIL(&err, ERR_MISSING, -EIO, "vCPU %u: KVM cannot continue at address 0x%llx (internal error %u%s)", v->index,
	     regs.rip, v->run->internal.suberror,
	     v->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? ", an instruction that it does not emulate"
								       : "");
	return fail_vcpu(v, err);
}

static const struct {
	const char *name;
	enum vcpu_state (*run)(struct kvm_vcpu *v);
} exits[] = {
	[KVM_EXIT_UNKNOWN] = { "unknown", NULL },
	[KVM_EXIT_IO] = { "io", on_io },
	[KVM_EXIT_HLT] = { "hlt", on_nothing },
	[KVM_EXIT_MMIO] = { "mmio", on_mmio },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { "irq window", on_nothing },
	[KVM_EXIT_SHUTDOWN] = { "shutdown", on_reset },
	[KVM_EXIT_FAIL_ENTRY] = { "fail entry", on_failed_entry },
	[KVM_EXIT_INTR] = { "intr", on_nothing },
	[KVM_EXIT_INTERNAL_ERROR] = { "internal error", on_internal_error },
	[KVM_EXIT_SYSTEM_EVENT] = { "system event", on_reset },
	[KVM_EXIT_IOAPIC_EOI] = { "ioapic eoi", on_eoi },
};

static enum vcpu_state on_exit_reason(struct kvm_vcpu *v)
{
	uint32_t reason = v->run->exit_reason;
	struct err *err = NULL;
	bool console = is_console(v->run);
	uint64_t before = console ? devices_console_bytes(&v->guest->devices) : 0;
	v->exits++;
	if (v->guest->config->events && !console)
		report_exit(v);
	if (reason < ARRAY_SIZE(exits) && exits[reason].run) {
		enum vcpu_state next = exits[reason].run(v);
		if (v->guest->config->events && console)
			report_console(v, before);
		return next;
	}
	FAIL(&err, ERR_MISSING, -EIO, "vCPU %u: KVM left the guest for the unexpected reason %u", v->index, reason);
	return fail_vcpu(v, err);
}

static enum vcpu_state running(struct kvm_vcpu *v)
{
	const struct kvm_sys *sys = v->guest->sys;
	enum vcpu_state next = VCPU_RUNNING;
	while (next == VCPU_RUNNING) {
		unsigned command = atomic_load(&v->guest->life.command);
		if (command != KVM_COMMAND_RUN)
			return command == KVM_COMMAND_PAUSE ? VCPU_PAUSED : VCPU_ENDED;
		int r = sys_ioctl(sys, v->fd, KVM_RUN, NULL);
		if (r == 0) {
			next = on_exit_reason(v);
		} else if (r == -EINTR || r == -EAGAIN) {
			/* The command is read after this, so a kick that comes in between is not lost. */
			__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		} else {
			struct err *err = NULL;
			FAIL_SYS(&err, r, "run vCPU %u", v->index);
			return fail_vcpu(v, err);
		}
	}
	return next;
}

/* --- PAUSED ------------------------------------------------------------------------------------------------------- */

/*
 * KVM completes an access to a device only at the next entry: it moves the guest past the instruction, then leaves at
 * once because of immediate_exit. Registers saved before that would repeat the access.
 */
static void complete_access(struct kvm_vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	sys_ioctl(v->guest->sys, v->fd, KVM_RUN, NULL);
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

static enum vcpu_state paused(struct kvm_vcpu *v)
{
	struct kvm_guest *g = v->guest;
	if (g->config->park)
		complete_access(v);
	pthread_mutex_lock(&g->life.lock);
	g->life.paused++;
	report_state(v, VM_EVENT_STATE_PAUSED);
	pthread_cond_broadcast(&g->life.changed);
	while (atomic_load(&g->life.command) == KVM_COMMAND_PAUSE)
		pthread_cond_wait(&g->life.changed, &g->life.lock);
	g->life.paused--;
	pthread_mutex_unlock(&g->life.lock);
	report_state(v, VM_EVENT_STATE_RUNS);
	return VCPU_RUNNING;
}

static enum vcpu_state (*const states[])(struct kvm_vcpu *v) = {
	[VCPU_SETUP] = run_setup,
	[VCPU_READY] = ready,
	[VCPU_RUNNING] = running,
	[VCPU_PAUSED] = paused,
};

static void *vcpu_main(void *arg)
{
	struct kvm_vcpu *v = arg;
	char name[16];
	snprintf(name, sizeof(name), VCPU_THREAD_PREFIX "%u", v->index);
	prctl(PR_SET_NAME, name);
	for (enum vcpu_state state = VCPU_SETUP; state != VCPU_ENDED;)
		state = states[state](v);
	report_state(v, VM_EVENT_STATE_ENDED);
	return NULL;
}

/* --- from outside ------------------------------------------------------------------------------------------------- */

static void do_nothing(int sig)
{
	(void)sig;
}

void vcpu_install_kick(void)
{
	struct sigaction action = { .sa_handler = do_nothing };
	sigaction(KICK_SIGNAL, &action, NULL);
}

void vcpu_init(struct kvm_vcpu *v, struct kvm_guest *g, unsigned index)
{
	*v = (struct kvm_vcpu){ .guest = g, .index = index, .fd = -1, .stats_fd = -1, .schedstat_fd = -1 };
}

/* Blocks every signal but the kick in the new thread; the starting thread handles the others. */
int vcpu_start(struct kvm_vcpu *v, struct err **err)
{
	sigset_t all, before;
	sigfillset(&all);
	sigdelset(&all, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&v->thread, NULL, vcpu_main, v);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return FAIL_SYS(err, -r, "start the thread of vCPU %u", v->index);
	v->started = true;
	return 0;
}

void vcpu_kick(struct kvm_vcpu *v)
{
	if (v->run)
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->started)
		pthread_kill(v->thread, KICK_SIGNAL);
}

void vcpu_join(struct kvm_vcpu *v)
{
	if (v->started)
		pthread_join(v->thread, NULL);
	v->started = false;
}

/* "CPU_NS STEAL_NS SLICES": Documentation/scheduler/sched-stats.rst. Zeros where the kernel has no such file. */
static void read_schedstat(int fd, uint64_t *ret_cpu, uint64_t *ret_steal)
{
	uint64_t value[3] = { 0 };
	char text[80] = "";
	unsigned at = 0;
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text) - 1, 0) : -1;
	for (ssize_t i = 0; i < n && at < 3; i++)
		if (text[i] >= '0' && text[i] <= '9')
			value[at] = value[at] * 10 + (uint64_t)(text[i] - '0');
		else
			at++;
	*ret_cpu = value[0];
	*ret_steal = value[1];
}

void vcpu_beat(const struct kvm_vcpu *v, struct vm_event_heartbeat *beat)
{
	read_schedstat(v->schedstat_fd, &beat->cpu_ns, &beat->steal_ns);
	if (v->stats_fd >= 0)
		kvm_stats_add(v->stats_fd, &v->stats, beat->stat);
}

void vcpu_dump(struct kvm_vcpu *v, struct buf *out)
{
	const struct kvm_sys *sys = v->guest->sys;
	struct kvm_regs r;
	struct kvm_sregs s;
	if (v->fd < 0 || sys_ioctl(sys, v->fd, KVM_GET_REGS, &r) < 0 || sys_ioctl(sys, v->fd, KVM_GET_SREGS, &s) < 0) {
		buf_appendf(out, "CPU#%u: no registers\n", v->index);
		return;
	}
	buf_appendf(out, "CPU#%u\nRIP=%016llx RFL=%08llx RSP=%016llx RBP=%016llx\n", v->index, r.rip, r.rflags, r.rsp,
		    r.rbp);
	buf_appendf(out, "RAX=%016llx RBX=%016llx RCX=%016llx RDX=%016llx\n", r.rax, r.rbx, r.rcx, r.rdx);
	buf_appendf(out, "RSI=%016llx RDI=%016llx R8 =%016llx R9 =%016llx\n", r.rsi, r.rdi, r.r8, r.r9);
	buf_appendf(out, "R10=%016llx R11=%016llx R12=%016llx R13=%016llx\n", r.r10, r.r11, r.r12, r.r13);
	buf_appendf(out, "R14=%016llx R15=%016llx CS =%04x GS =%016llx\n", r.r14, r.r15, s.cs.selector, s.gs.base);
	buf_appendf(out, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx EFER=%llx\n", s.cr0, s.cr2, s.cr3, s.cr4,
		    s.efer);
}

void vcpu_done(struct kvm_vcpu *v)
{
	if (v->run)
		v->guest->sys->unmap(v->guest->sys->data, v->run, v->guest->run_size);
	v->run = NULL;
	v->stats_fd = fd_close(v->stats_fd);
	v->schedstat_fd = fd_close(v->schedstat_fd);
	v->fd = fd_close(v->fd);
}
