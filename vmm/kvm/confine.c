/* SPDX-License-Identifier: GPL-2.0-only */
/* confine.c -- see confine.h. */
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "vmm/kvm/confine.h"

#define MAIN (1u << CONFINE_MAIN)
#define VCPU (1u << CONFINE_VCPU)
#define DEVS (1u << CONFINE_DEVICE)
#define BOTH (MAIN | VCPU)
#define ALL  (BOTH | DEVS)

const struct confine_rule confine_rules[] = {
	{ SCMP_SYS(ioctl), VCPU, KVM_RUN, "run the guest" },
	{ SCMP_SYS(ioctl), VCPU, KVM_IRQ_LINE, "the serial port's interrupt" },
	{ SCMP_SYS(ioctl), VCPU, KVM_SIGNAL_MSI, "our own I/O APIC's interrupts, where APIC ids exceed 254" },
	{ SCMP_SYS(ioctl), VCPU, KVM_SET_GSI_ROUTING, "what our own I/O APIC's pins send" },
	{ SCMP_SYS(ioctl), BOTH, KVM_GET_REGS, "where a vCPU is: diagnosis, and instructions that KVM cannot do" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_SREGS, "diagnosis" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_MP_STATE, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_XCRS, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_DEBUGREGS, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_LAPIC, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_XSAVE, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_XSAVE2, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_MSRS, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_DEVICE_ATTR, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_VCPU_EVENTS, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_IRQCHIP, "save a parked machine" },
	{ SCMP_SYS(ioctl), MAIN, KVM_GET_CLOCK, "save a parked machine" },
	{ SCMP_SYS(write), ALL, 0, "consoles; words to the orchestrator; eventfds" },
	{ SCMP_SYS(pread64), MAIN | DEVS, 0, "KVM's statistics; the vCPU threads' times; a disk" },
	{ SCMP_SYS(pwrite64), DEVS, 0, "a disk" },
	{ SCMP_SYS(fdatasync), DEVS, 0, "a disk's flush" },
	{ SCMP_SYS(read), DEVS, 0, "doorbells; what is typed on the console" },
	{ SCMP_SYS(poll), MAIN | DEVS, 0, "wait for the guest's end, a signal, or a doorbell" },
	{ SCMP_SYS(restart_syscall), ALL, 0, "the kernel's own, after a signal" },
	{ SCMP_SYS(futex), ALL, 0, "locks and conditions" },
	{ SCMP_SYS(tgkill), MAIN, 0, "kick a vCPU" },
	{ SCMP_SYS(getpid), MAIN, 0, "pthread_kill" },
	{ SCMP_SYS(rt_sigprocmask), ALL, 0, "pthread_kill; the end of a thread" },
	{ SCMP_SYS(rt_sigreturn), ALL, 0, "back from a kick" },
	{ SCMP_SYS(clock_gettime), ALL, 0, "the time, where the clock is not readable from user space" },
	{ SCMP_SYS(brk), ALL, 0, "malloc" },
	{ SCMP_SYS(mmap), ALL, 0, "malloc" },
	{ SCMP_SYS(munmap), ALL, 0, "free" },
	{ SCMP_SYS(mprotect), ALL, 0, "malloc in a thread" },
	{ SCMP_SYS(madvise), ALL, 0, "the stack of a thread that ends" },
	{ SCMP_SYS(close), ALL, 0, "take the guest apart" },
	{ SCMP_SYS(exit), ALL, 0, "the end of a thread" },
	{ SCMP_SYS(exit_group), ALL, 0, "the end of the process" },
	{ 0 },
};

static int add_rules(scmp_filter_ctx filter, enum confine_kind kind)
{
	int r = 0;
	for (const struct confine_rule *rule = confine_rules; rule->why && r == 0; rule++) {
		if (!(rule->kinds & 1u << kind))
			continue;
		if (rule->request)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule->syscall, 1,
					     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, rule->request));
		else
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule->syscall, 0);
	}
	return r;
}

/* libseccomp 2.5 writes programs to files only. */
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
	ret->program = (struct sock_fprog){.len = (unsigned short)((size_t)st.st_size / sizeof(*code)), .filter = code};
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
