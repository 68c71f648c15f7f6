#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the host trees beside this file: sysfs as the kernel's documentation describes it, for machines of every
shape.

A line is a path below "/", a tab, and the file's first line. "[0-3,8]" in a path stands for each of these numbers, so
that files with the same content are one line. "# allowed LIST" is what the process may use there.
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CPU, NODE = 'sys/devices/system/cpu', 'sys/devices/system/node'


def text(cpus):
    """The kernel's list format."""
    out, cpus = [], sorted(cpus)
    while cpus:
        last = 0
        while last + 1 < len(cpus) and cpus[last + 1] == cpus[last] + 1:
            last += 1
        out.append(str(cpus[0]) if not last else f'{cpus[0]}-{cpus[last]}')
        cpus = cpus[last + 1:]
    return ','.join(out)


class Tree:
    def __init__(self, about, cpus, present=None, allowed=None):
        self.lines = [f'# {about}']
        if allowed is not None:
            self.lines.append(f'# allowed {text(allowed)}')
        self.add(f'{CPU}/online', text(cpus))
        self.add(f'{CPU}/present', text(present or cpus))

    def add(self, path, content):
        self.lines.append(f'{path}\t{content}')

    def each(self, cpus, leaf, content):
        self.add(f'{CPU}/cpu[{text(cpus)}]/{leaf}', content)

    def cores(self, groups):
        for g in groups:
            self.each(g, 'topology/core_cpus_list', text(g))
            if len(groups) <= 8:  # the older name of the same file
                self.each(g, 'topology/thread_siblings_list', text(g))

    def packages(self, groups):
        for n, g in enumerate(groups):
            self.each(g, 'topology/package_cpus_list', text(g))
            self.each(g, 'topology/physical_package_id', n)

    def cache(self, index, level, kind, groups):
        every = [c for g in groups for c in g]
        self.each(every, f'cache/index{index}/level', level)
        self.each(every, f'cache/index{index}/type', kind)
        for g in groups:
            self.each(g, f'cache/index{index}/shared_cpu_list', text(g))

    def caches(self, cores, l3, l2=None):
        if len(cores) <= 16:
            self.cache(0, 1, 'Data', cores)
            self.cache(1, 1, 'Instruction', cores)
        self.cache(2, 2, 'Unified', l2 or cores)
        if l3:
            self.cache(3, 3, 'Unified', l3)

    def nodes(self, table, distances):
        """table: {id: (cpus, MiB)}"""
        self.add(f'{NODE}/online', text(table))
        for row, (n, (cpus, mib)) in enumerate(table.items()):
            self.add(f'{NODE}/node{n}/cpulist', text(cpus))
            self.add(f'{NODE}/node{n}/meminfo', f'Node {n} MemTotal:       {mib * 1024} kB')
            self.add(f'{NODE}/node{n}/distance', ' '.join(map(str, distances[row])))

    def write(self, name):
        with open(os.path.join(HERE, name + '.txt'), 'w') as f:
            f.write('\n'.join(self.lines) + '\n')


def chunks(cpus, size):
    cpus = list(cpus)
    return [cpus[i:i + size] for i in range(0, len(cpus), size)]


def smt(cores, gap):
    """Cores numbered first, their second threads @gap later."""
    return [[c, c + gap] for c in cores]


def both(groups, gap):
    return [g + [c + gap for c in g] for g in groups]


def distances(n, other):
    return [[10 if a == b else other(a, b) for b in range(n)] for a in range(n)]


def uniform(name, about, sockets, cores, llc_cores, nodes_a_socket=1, threads=2, other=None, memory=65536, l3=True, **kw):
    """Sockets of equal cores, an L3 every @llc_cores; node n is the n-th share of the cores."""
    total = sockets * cores
    first = range(total)
    t = Tree(about, range(total * threads), **kw)
    pairs = smt(first, total) if threads == 2 else [[c] for c in first]
    wide = (lambda g: both(g, total)) if threads == 2 else (lambda g: g)
    t.cores(pairs)
    t.packages(wide(chunks(first, cores)))
    t.caches(pairs, wide(chunks(first, llc_cores)) if l3 else None)
    nodes = sockets * nodes_a_socket
    groups = wide(chunks(first, total // nodes))
    near = other or (lambda a, b: 12 if a // nodes_a_socket == b // nodes_a_socket else 32)
    t.nodes({n: (g, memory) for n, g in enumerate(groups)}, distances(nodes, near))
    return t


def main():
    t = Tree('a virtual machine with one CPU', [0])
    t.cores([[0]])
    t.packages([[0]])
    t.caches([[0]], None)
    t.nodes({0: ([0], 1024)}, [[10]])
    t.write('one-cpu')

    # Six fast cores with two threads, eight small ones whose L2 is shared by four; one L3 over all.
    fast, small = [[2 * c, 2 * c + 1] for c in range(6)], [[c] for c in range(12, 20)]
    t = Tree('a desktop with fast and small cores', range(20))
    t.cores(fast + small)
    t.packages([list(range(20))])
    t.caches(fast + small, [list(range(20))], fast + chunks(range(12, 20), 4))
    t.add('sys/devices/cpu_core/cpus', '0-11')
    t.add('sys/devices/cpu_atom/cpus', '12-19')
    t.nodes({0: (range(20), 32768)}, [[10]])
    t.write('hybrid-desktop')

    # As above, with two more small cores outside the L3.
    t = Tree('a laptop whose two slowest cores have no L3', range(14))
    fast, small, slow = [[2 * c, 2 * c + 1] for c in range(2)], [[c] for c in range(4, 12)], [[12], [13]]
    t.cores(fast + small + slow)
    t.packages([list(range(14))])
    t.caches(fast + small + slow, [list(range(12))], fast + chunks(range(4, 12), 4) + [[12, 13]])
    t.add('sys/devices/cpu_atom/cpus', '4-13')
    t.nodes({0: (range(14), 16384)}, [[10]])
    t.write('hybrid-laptop')

    uniform('ccx-desktop', 'a desktop with two core complexes', 1, 16, 8).write('ccx-desktop')
    uniform('ccx', 'two sockets, four nodes each, an L3 every four cores', 2, 64, 4, 4).write('two-socket-ccx')
    uniform('512', 'two sockets of 128 cores with two threads: 512 CPUs', 2, 128, 8).write('cpus-512')
    uniform('8', 'eight sockets of 28 cores', 8, 28, 28,
            other=lambda a, b: 21 if a // 4 == b // 4 and (a + b) % 4 != 1 else 31).write('eight-socket')

    # Sub-NUMA clustering: the L3 belongs to the socket, each node is half of it.
    uniform('snc', 'two sockets with sub-NUMA clustering', 2, 24, 24, 2,
            other=lambda a, b: 11 if a // 2 == b // 2 else 21).write('sub-numa')

    t = Tree('an ARM server: one thread a core, one cache over all', range(64))
    single = [[c] for c in range(64)]
    t.cores(single)
    t.packages([list(range(64))])
    t.caches(single, [list(range(64))])
    t.nodes({0: (range(64), 131072)}, [[10]])
    t.write('arm-server')

    t = Tree('an ARM server whose system cache is not described: the last cache is each core its own', range(80))
    single = [[c] for c in range(80)]
    t.cores(single)
    t.packages([list(range(80))])
    t.caches(single, None)
    t.nodes({0: (range(80), 131072)}, [[10]])
    t.write('arm-private-caches')

    t = Tree('an ARM board with four small and four big cores', range(8))
    t.cores([[c] for c in range(8)])
    t.packages([list(range(8))])
    t.caches([[c] for c in range(8)], [list(range(8))])
    t.each(range(4), 'cpu_capacity', 381)
    t.each(range(4, 8), 'cpu_capacity', 1024)
    t.write('arm-big-little')

    # Two sockets and a memory expander: node 2 has memory and no CPU.
    t = Tree('two sockets and a CXL memory node', range(64))
    pairs, halves = smt(range(32), 32), both(chunks(range(32), 16), 32)
    t.cores(pairs)
    t.packages(halves)
    t.caches(pairs, halves)
    t.nodes({0: (halves[0], 65536), 1: (halves[1], 65536), 2: ([], 262144)}, [[10, 21, 14], [21, 10, 24], [14, 24, 10]])
    t.write('cxl')

    # The second socket's memory modules are missing.
    t = Tree('a node that has CPUs and no memory', range(16))
    single, halves = [[c] for c in range(16)], chunks(range(16), 8)
    t.cores(single)
    t.packages(halves)
    t.caches(single, halves)
    t.nodes({0: (halves[0], 65536), 1: (halves[1], 0)}, [[10, 20], [20, 10]])
    t.write('node-without-memory')

    uniform('c', 'a container on a shared server: eight of its 64 CPUs', 1, 32, 8,
            allowed=[4, 5, 6, 9, 36, 37, 38, 41]).write('container')

    # As many hypervisors show it: packages, but no cache directory.
    t = Tree('a virtual machine without cache directories', range(16))
    t.cores(chunks(range(16), 2))
    t.packages(chunks(range(16), 8))
    for g in chunks(range(16), 8):
        t.each(g, 'topology/die_cpus_list', text(g))
    t.nodes({0: (range(16), 32768)}, [[10]])
    t.write('no-cache-directories')

    t = Tree('nothing but a list of CPUs', range(6))
    t.write('bare')

    # SMT is off: the second threads are offline and in no list; node 1 is unplugged.
    t = Tree('two of three nodes, second threads offline', [c for c in range(24) if c < 12 and not 4 <= c < 8], range(24))
    left = [[0, 1, 2, 3], [8, 9, 10, 11]]
    single = [[c] for g in left for c in g]
    t.cores(single)
    t.packages(left)
    t.caches(single, left)
    t.nodes({0: (left[0], 16384), 2: (left[1], 16384)}, [[10, 20], [20, 10]])
    t.write('offline-and-holes')

    # Files contradict each other, as firmware and hypervisors can make them.
    t = Tree('a tree that contradicts itself', range(8))
    t.cores([[0, 1], [2, 3], [4], [5], [6], [7]])
    t.each([4], 'topology/core_cpus_list', '4-5')
    t.packages([[0, 1, 2, 3, 4, 5, 6, 7]])
    t.caches([[c] for c in range(8)], None)
    t.each(range(8), 'cache/index3/level', 3)
    t.each([0, 1, 2], 'cache/index3/shared_cpu_list', '0-7')
    t.each([3], 'cache/index3/shared_cpu_list', '3')
    t.each([4, 5], 'cache/index3/shared_cpu_list', '4-5')
    t.each([6], 'cache/index3/shared_cpu_list', '0-1,6')
    t.each([7], 'cache/index3/shared_cpu_list', 'seven')
    t.nodes({0: (range(6), 8192), 1: (range(4, 7), 8192)}, [[10, 5], [300, 10]])
    t.write('contradictory')

    uniform('dual', 'two sockets of 24 cores with two threads', 2, 24, 24, other=lambda a, b: 21).write('two-socket')


main()
