/* SPDX-License-Identifier: GPL-2.0-only */
/* usage.c -- whether a VM's process could run at all: lateness of a stopped machine is not a fault of the guest. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "vmm/vm.h"

/* The state follows the name, which may contain any character: proc(5). */
static bool is_stopped(pid_t pid)
{
	char path[32];
	_cleanup_buf_ struct buf stat = BUF_NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, 4096, &stat, NULL) < 0)
		return false;
	const char *behind_name = strrchr(buf_str(&stat), ')');
	return behind_name && behind_name[1] == ' ' && (behind_name[2] == 'T' || behind_name[2] == 't');
}

struct vm_usage vm_usage(const struct vm *vm)
{
	struct vm_usage u = { 0 };
	struct timespec ts;
	clockid_t clock;
	if (vm->pid <= 0 || clock_getcpuclockid(vm->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return u;
	u.known = true;
	u.cpu = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	u.stopped = is_stopped(vm->pid);
	return u;
}
