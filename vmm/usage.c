/* SPDX-License-Identifier: GPL-2.0-only */
/* usage.c -- whether a VM's process could run at all: lateness of a stopped machine is not a fault of the guest. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/process.h"
#include "vmm/vm.h"

static bool is_stopped(pid_t pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	char state = process_state(path);
	return state == 'T' || state == 't';
}

/* The second number of a thread's schedstat is the time that it waited on a run queue. */
static bool add_wait(pid_t pid, const char *thread, nsec_t *sum)
{
	char path[64];
	unsigned long ran, waited;
	_cleanup_buf_ struct buf text = BUF_NULL;
	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, thread);
	if (file_read(path, 4096, &text, NULL) < 0 || sscanf(buf_str(&text), "%lu %lu", &ran, &waited) != 2)
		return false;
	*sum += (nsec_t)waited;
	return true;
}

static bool read_waits(pid_t pid, nsec_t *ret)
{
	char path[32];
	bool any = false;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	for (struct dirent *e; threads && (e = readdir(threads));)
		any |= e->d_name[0] != '.' && add_wait(pid, e->d_name, ret);
	if (threads)
		closedir(threads);
	return any;
}

nsec_t vm_held(const struct vm *vm)
{
	return vm->held + (vm->stop || vm->frozen ? nsec_now() - vm->held_since : 0);
}

struct vm_usage vm_usage(const struct vm *vm)
{
	if (vm->backend && vm->backend->usage)
		return vm->backend->usage(vm);
	struct vm_usage u = { .held = vm_held(vm) };
	struct timespec ts;
	clockid_t clock;
	if (vm->pid <= 0 || clock_getcpuclockid(vm->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return u;
	u.known = true;
	u.cpu = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	u.stopped = vm->paused || (!vm->frozen && is_stopped(vm->pid));
	u.waited_known = read_waits(vm->pid, &u.waited);
	return u;
}
