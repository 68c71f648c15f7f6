/* SPDX-License-Identifier: GPL-2.0-only */
/* confine.c -- see confine.h. */
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/kvm/confine.h"

#define MAIN (1u << CONFINE_MAIN)
#define VCPU (1u << CONFINE_VCPU)
#define DEVS (1u << CONFINE_DEVICE)
#define BOTH (MAIN | VCPU)
#define ALL  (BOTH | DEVS)

const struct confine_rule confine_rules[] = {
	{ SCMP_SYS(ioctl), VCPU, "run the guest", CONFINE_REQUEST, KVM_RUN },
	{ SCMP_SYS(ioctl), VCPU, "the serial port's interrupt", CONFINE_REQUEST, KVM_IRQ_LINE },
	{ SCMP_SYS(ioctl), VCPU, "our own I/O APIC's interrupts, where APIC ids exceed 254", CONFINE_REQUEST,
	  KVM_SIGNAL_MSI },
	{ SCMP_SYS(ioctl), VCPU, "routes of our own I/O APIC's pins", CONFINE_REQUEST, KVM_SET_GSI_ROUTING },
	{ SCMP_SYS(ioctl), BOTH, "registers of a vCPU: diagnosis, and errors of KVM's emulation", CONFINE_REQUEST,
	  KVM_GET_REGS },
	{ SCMP_SYS(ioctl), MAIN, "diagnosis", CONFINE_REQUEST, KVM_GET_SREGS },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_MP_STATE },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_XCRS },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_DEBUGREGS },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_LAPIC },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_XSAVE },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_XSAVE2 },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_MSRS },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_DEVICE_ATTR },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_VCPU_EVENTS },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_IRQCHIP },
	{ SCMP_SYS(ioctl), MAIN, "save a parked machine", CONFINE_REQUEST, KVM_GET_CLOCK },
	{ SCMP_SYS(write), ALL, "consoles; diagnosis for the orchestrator; eventfds" },
	{ SCMP_SYS(pread64), MAIN | DEVS, "KVM's statistics; the vCPU threads' times; a disk" },
	{ SCMP_SYS(pwrite64), DEVS, "a disk" },
	{ SCMP_SYS(fdatasync), DEVS, "a disk's flush" },
	{ SCMP_SYS(read), DEVS, "doorbells; input of the console" },
	{ SCMP_SYS(poll), MAIN | DEVS, "wait for the guest's end, a signal, or a doorbell" },
	{ SCMP_SYS(restart_syscall), ALL, "made by the kernel after a signal" },
	{ SCMP_SYS(futex), ALL, "locks and conditions" },
	{ SCMP_SYS(tgkill), MAIN, "kick a vCPU", CONFINE_SELF },
	{ SCMP_SYS(getpid), MAIN, "pthread_kill" },
	{ SCMP_SYS(rt_sigprocmask), ALL, "pthread_kill; the end of a thread" },
	{ SCMP_SYS(rt_sigreturn), ALL, "back from a kick" },
	{ SCMP_SYS(clock_gettime), ALL, "the time, where the clock is not readable from user space" },
	{ SCMP_SYS(brk), ALL, "malloc" },
	{ SCMP_SYS(mmap), ALL, "malloc", CONFINE_NOT_EXEC },
	{ SCMP_SYS(munmap), ALL, "free" },
	{ SCMP_SYS(mprotect), ALL, "malloc in a thread", CONFINE_NOT_EXEC },
	{ SCMP_SYS(madvise), ALL, "the stack of a thread that ends" },
	{ SCMP_SYS(close), ALL, "take the guest apart" },
	{ SCMP_SYS(exit), ALL, "the end of a thread" },
	{ SCMP_SYS(exit_group), ALL, "the end of the process" },
	{ 0 },
};

static int add_rule(scmp_filter_ctx filter, const struct confine_rule *rule)
{
	struct scmp_arg_cmp compare = { 0 };
	switch (rule->argument) {
	case CONFINE_ANY:
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule->syscall, 0);
	case CONFINE_REQUEST:
		compare = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, rule->request);
		break;
	case CONFINE_SELF:
		compare = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
		break;
	case CONFINE_NOT_EXEC:
		compare = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
		break;
	}
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->syscall, 1, &compare);
}

static int add_rules(scmp_filter_ctx filter, enum confine_kind kind)
{
	int r = 0;
	for (const struct confine_rule *rule = confine_rules; rule->why && r == 0; rule++)
		if (rule->kinds & 1u << kind)
			r = add_rule(filter, rule);
	return r;
}

/* libseccomp 2.5 can export a program only to a file. */
static int read_program(int fd, struct confine *ret)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size % (off_t)sizeof(struct sock_filter))
		return -EPROTO;
	struct sock_filter *code = malloc((size_t)st.st_size);
	if (!code)
		return -ENOMEM;
	int r = fd_pread_full(fd, code, (size_t)st.st_size, 0);
	if (r < 0) {
		free(code);
		return r;
	}
	ret->program =
		(struct sock_fprog){ .len = (unsigned short)((size_t)st.st_size / sizeof(*code)), .filter = code };
	return 0;
}

int confine_build(enum confine_kind kind, struct confine *ret, struct err **err)
{
	_cleanup_close_ int fd = memfd_new("ktstr-seccomp", 0);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = fd < 0 ? fd : filter ? add_rules(filter, kind) : -ENOMEM;
	if (r == 0)
		r = seccomp_export_bpf(filter, fd);
	if (r == 0)
		r = read_program(fd, ret);
	seccomp_release(filter);
	return r < 0 ? FAIL_SYS(err, r, "build the system call filter") : 0;
}

int confine_apply(const struct confine *c, struct err **err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &c->program) < 0)
		return FAIL_SYS(err, -errno, "confine a thread");
	return 0;
}

void confine_done(struct confine *c)
{
	free(c->program.filter);
	*c = (struct confine){ 0 };
}
