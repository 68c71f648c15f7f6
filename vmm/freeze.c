/* SPDX-License-Identifier: GPL-2.0-only */
/* freeze.c -- see freeze.h. */
#include "vmm/freeze.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>

#include "base/process.h"

void vm_freeze(struct vm *vm)
{
	if (vm->frozen || vm->ended)
		return;
	vm->frozen = true;
	vm->held_since = nsec_now();
	if (vm->backend->signal)
		vm->backend->signal(vm, SIGSTOP);
}

void vm_thaw(struct vm *vm)
{
	if (!vm->frozen)
		return;
	vm->held += nsec_now() - vm->held_since;
	vm->frozen = false;
	if (vm->backend->signal)
		vm->backend->signal(vm, SIGCONT);
}

/* The process as a whole counts as stopped as soon as its first thread does. */
bool vm_is_frozen(const struct vm *vm)
{
	char path[64];
	unsigned running = 0, stopped = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", vm->pid);
	DIR *threads = vm->pid > 0 ? opendir(path) : NULL;
	for (struct dirent *e; threads && (e = readdir(threads));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", vm->pid, e->d_name);
		bool is_stopped = process_state(path) == 'T';
		stopped += is_stopped;
		running += !is_stopped;
	}
	if (threads)
		closedir(threads);
	return stopped && !running;
}
