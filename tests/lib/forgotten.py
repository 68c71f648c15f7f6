#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Finds tasks that a sched_ext scheduler has forgotten, in a guest's memory (ktstr test --keep-memory): runnable for
many seconds, in one of the scheduler's dispatch queues or in none, while CPUs are idle.

    tests/lib/forgotten.py KERNEL-DIRECTORY CORE CPUS

The kernel's structures are found by its symbols (nm) and types (pahole). The guest controls their content, so every
address is looked up in the core, and every list has a limit.
"""
import re
import struct
import subprocess
import sys

LONG_S = 5			# longer than any slice, by far
TASKS_MAX = 100000
BUILT_IN = 1 << 63		# SCX_DSQ_FLAG_BUILTIN: queues of the kernel, not of the scheduler
KERNEL_MAP, DIRECT_MAP = 0xffffffff80000000, 0xffff888000000000
FIELDS = {'task_struct': ('__state', 'on_cpu', 'on_rq', 'sched_class', 'scx', 'tasks', 'pid', 'comm'),
          'sched_ext_entity': ('dsq', 'runnable_at'), 'scx_dispatch_q': ('id', 'nr')}


def offsets(vmlinux, name, fields):
    shown = subprocess.run(['pahole', '-C', name, vmlinux], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r'^\t(?:\S.*[ *])(\w+)(?:\[\d+\])?;\s+/\*\s+(\d+)\s+\d+ \*/', shown, re.M)
    return {field: int(dict(rows)[field]) for field in fields}


def symbols(vmlinux):
    shown = subprocess.run(['nm', vmlinux], capture_output=True, text=True, check=True).stdout
    return {name: int(value, 16) for value, _, name in (line.split() for line in shown.splitlines() if line[0] != ' ')}


class Memory:
    """A guest's RAM, by kernel-virtual address."""

    def __init__(self, path, symbol):
        with open(path, 'rb') as f:
            self.file = f.read()
        count = struct.unpack_from('<H', self.file, 56)[0]
        heads = [struct.unpack_from('<IIQQQQQQ', self.file, 64 + 56 * i) for i in range(count)]
        self.pieces = [(h[4], h[2], h[5]) for h in heads]	# address, offset, bytes
        self.direct = DIRECT_MAP
        if 'page_offset_base' in symbol:
            self.direct = self.u64(symbol['page_offset_base']) or DIRECT_MAP

    def at(self, virtual, size):
        physical = virtual - (KERNEL_MAP if virtual >= KERNEL_MAP else self.direct)
        for address, offset, length in self.pieces:
            if address <= physical and physical + size <= address + length:
                start = offset + physical - address
                return self.file[start:start + size]
        raise ValueError(f'no memory at {virtual:#x}')

    def u32(self, virtual):
        return struct.unpack('<I', self.at(virtual, 4))[0]

    def u64(self, virtual):
        return struct.unpack('<Q', self.at(virtual, 8))[0]


class Task:
    def __init__(self, memory, address, where, ext, jiffies, hz):
        task, scx, queue = where['task_struct'], where['sched_ext_entity'], where['scx_dispatch_q']
        self.comm = memory.at(address + task['comm'], 16).split(b'\0')[0].decode(errors='replace')
        self.pid = memory.u32(address + task['pid'])
        self.ext = memory.u64(address + task['sched_class']) == ext
        self.running = bool(memory.u32(address + task['on_cpu']))
        self.ready = memory.u32(address + task['on_rq']) == 1 and not memory.u32(address + task['__state'])
        dsq = memory.u64(address + task['scx'] + scx['dsq'])
        waits_from = memory.u64(address + task['scx'] + scx['runnable_at'])
        self.queue = memory.u64(dsq + queue['id']) if dsq else None
        self.waits_s = (jiffies - waits_from) / hz

    def forgotten(self):
        lies = not (self.queue or 0) & BUILT_IN
        return self.ext and self.ready and not self.running and lies and self.waits_s >= LONG_S

    def __str__(self):
        where = 'no dispatch queue' if self.queue is None else f'dispatch queue {self.queue:#x}'
        return f'{self.comm}[{self.pid}] is ready to run for {self.waits_s:.1f} s in {where}'


def tasks(kernel, core):
    vmlinux = kernel + '/vmlinux'
    symbol = symbols(vmlinux)
    where = {name: offsets(vmlinux, name, fields) for name, fields in FIELDS.items()}
    with open(kernel + '/config', encoding='ascii') as f:
        hz = int(re.search(r'^CONFIG_HZ=(\d+)$', f.read(), re.M)[1])
    memory = Memory(core, symbol)
    jiffies, first = memory.u64(symbol['jiffies_64']), symbol['init_task']
    at, link = first, where['task_struct']['tasks']
    for _ in range(TASKS_MAX):
        yield Task(memory, at, where, symbol['ext_sched_class'], jiffies, hz)
        at = memory.u64(at + link) - link
        if at == first:
            return
    raise ValueError('a list of tasks without an end')


def forgotten(kernel, core, cpus):
    """One text per task; none if no CPU was idle, because then some tasks have to wait."""
    everybody = list(tasks(kernel, core))
    idle = cpus - sum(task.running for task in everybody if task.pid)
    return [f'{task}, and {idle} of {cpus} CPUs are idle' for task in everybody if task.forgotten() and idle > 0]


if __name__ == '__main__':
    print('\n'.join(forgotten(sys.argv[1], sys.argv[2], int(sys.argv[3]))) or 'none')
