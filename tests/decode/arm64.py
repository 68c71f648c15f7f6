#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Device trees of arm64 machines, read by dtc.

    tests/decode/arm64.py BUILD

Every topology must be read back as declared: sockets, cores, threads, caches, nodes, distances.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from shapes import LOCAL, REMOTE, presets  # noqa: E402
from tap import BUILD, check, finish, skip  # noqa: E402

DUMP = os.path.join(BUILD, 'tests', 'arm64_dump')
CPUS_MAX = 123
OTHERS = '1n1l1c1t 2n2l2c2t 8n8l1c1t 2n4l3c8t 1n3l5c3t 1n1l8c1t:4x446+4x1024 1n1l8c1t:4x325+3x870+1x1024'.split()


class Node:
    def __init__(self, name):
        self.name, self.props, self.children = name, {}, []

    def child(self, name):
        return next(c for c in self.children if c.name == name)

    def named(self, start):
        return [c for c in self.children if re.fullmatch(start + r'@?[0-9a-f]*', c.name)]

    def cells(self, name):
        return [int(word, 16) for word in re.findall(r'0x[0-9a-f]+', self.props[name])]


def parse(text):
    root = Node('')
    stack = [root]
    for line in text.splitlines():
        line = line.strip()
        if line.endswith('{'):
            node = Node(line[:-1].strip())
            stack[-1].children.append(node)
            stack.append(node)
        elif line == '};':
            stack.pop()
        elif line.endswith(';') and not line.startswith('/dts-v1/'):
            name, _, value = line[:-1].partition(' = ')
            stack[-1].props[name] = value
    return root.child('/')


def decode(shape):
    tree = subprocess.run([DUMP, shape], capture_output=True, check=True).stdout
    done = subprocess.run(['dtc', '-I', 'dtb', '-O', 'dts'], input=tree, capture_output=True)
    return done.returncode, done.stderr.decode(), parse(done.stdout.decode())


def cpu_map(cpus):
    """[socket][core][thread]: number of the CPU."""
    number = {c.cells('phandle')[0]: i for i, c in enumerate(cpus.named('cpu'))}
    found = []
    for socket in cpus.child('cpu-map').children:
        cores = socket.child('cluster0').children
        found.append([[number[t.cells('cpu')[0]] for t in core.children or [core]] for core in cores])
    return found


def faults(root, nodes, llcs, cores, threads):
    cpus = root.child('cpus')
    total = llcs * cores * threads
    listed = cpus.named('cpu')
    caches = {c.cells('phandle')[0]: c for c in cpus.children if 'cache-level' in c.props}
    affinities = [c.cells('reg')[0] for c in listed]
    if affinities != [i // 16 << 8 | i % 16 for i in range(total)]:
        yield f'affinities {affinities}'
    if cpu_map(cpus) != [[[(l * cores + c) * threads + t for t in range(threads)] for c in range(cores)] for l in range(llcs)]:
        yield f'cpu-map {cpu_map(cpus)}'
    for i, cpu in enumerate(listed):
        l2 = caches[cpu.cells('next-level-cache')[0]]
        l3 = caches[l2.cells('next-level-cache')[0]]
        if l2.name != f'l2-cache{i // threads}' or l3.name != f'l3-cache{i // threads // cores}' or 'next-level-cache' in l3.props:
            yield f'cpu {i}: {l2.name}, {l3.name}'
        node = cpu.cells('numa-node-id')[0] if nodes > 1 else None
        if node != (i // (total // nodes) if nodes > 1 else None):
            yield f'cpu {i}: node {node}'
    if nodes > 1:
        matrix = root.child('distance-map').cells('distance-matrix')
        wanted = [x for i in range(nodes) for j in range(nodes) for x in (i, j, LOCAL if i == j else REMOTE)]
        if matrix != wanted:
            yield f'distances {matrix}'
    elif any(c.name == 'distance-map' for c in root.children):
        yield 'distances without nodes'


def capacity_faults(root, shape):
    """Each CPU has the capacity of its kind, the operating points of its kind, and power."""
    kinds = [(int(cores), int(capacity)) for cores, capacity in re.findall(r'(\d+)x(\d+)', shape)]
    wanted = [(capacity, kind) for kind, (cores, capacity) in enumerate(kinds) for _ in range(cores)]
    tables = {c.cells('phandle')[0]: int(c.name.rsplit('-', 1)[1]) for c in root.children if c.name.startswith('opp-table-')}
    cpus = root.child('cpus').named('cpu')
    if not kinds:
        found = [c.name for c in cpus if 'capacity-dmips-mhz' in c.props]
        return [f'capacities of {found}'] if found or tables else []
    found = [(c.cells('capacity-dmips-mhz')[0], tables[c.cells('operating-points-v2')[0]]) for c in cpus]
    power = [c.cells('dynamic-power-coefficient')[0] for c in cpus]
    return [f'capacities {found}'] if found != wanted or min(power) < 1 else []


def check_topology(shape):
    numbers = [int(n) for n in re.findall(r'\d+', shape)][:4]
    status, said, root = decode(shape)
    check(status == 0 and not said, f'{shape}: dtc has no complaint', said)
    found = list(faults(root, *numbers)) + capacity_faults(root, shape)
    check(not found, f'{shape}: the device tree is as declared', '\n'.join(found))


def main():
    if not shutil.which('dtc'):
        skip('device trees', 'dtc is not installed (Debian: device-tree-compiler)')
        finish()
    for shape in dict.fromkeys([shape for _, shape in presets()] + OTHERS):
        n, l, c, t = (int(x) for x in re.findall(r'\d+', shape)[:4])
        if l * c * t <= CPUS_MAX and n <= 8:
            check_topology(shape)
    finish(at_least=20)


main()
