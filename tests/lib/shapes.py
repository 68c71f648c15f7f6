# SPDX-License-Identifier: GPL-2.0-only
"""shapes.py -- the gauntlet's topologies, from the table in the source, and the sysfs content that a guest must show.
"""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REMOTE, LOCAL = 20, 10


def presets():
    """[(name, "2n4l4c1t")], without presets that are not part of the gauntlet."""
    found = []
    with open(os.path.join(ROOT, 'src/topo/presets.c'), encoding='ascii') as f:
        for line in f:
            m = re.search(r'\{ "([^"]+)", [^,]+, SHAPE\((\d+), (\d+), (\d+), (\d+)\)', line)
            if m and 'verifier_only' not in line:
                found.append((m[1], '{}n{}l{}c{}t'.format(*m.groups()[1:])))
    return found


def cpulist(text):
    cpus = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def parse_shown(console):
    """{path: [line]} from the output of tests/vm/sysfs_init."""
    shown = {}
    for line in console.splitlines():
        path, bar, value = line.rstrip('\r').partition('|')
        if bar and path.startswith('/'):
            shown.setdefault(path, []).append(value)
    return shown


def per_cpu(shown, tail, count):
    paths = [f'/sys/devices/system/cpu/cpu{n}/{tail}' for n in range(count)]
    return [cpulist(shown[path][0]) if path in shown else None for path in paths]


def topology_problems(topology, shown):
    """{what: the wrong value}: packages, SMT siblings, last-level caches, nodes' CPUs, distances."""
    nodes, llcs, cores, threads = (int(n) for n in re.findall(r'\d+', topology))
    count, per_llc = llcs * cores * threads, cores * threads

    def groups(size):
        return [list(range(n - n % size, n - n % size + size)) for n in range(count)]
    size = count // nodes
    node = '/sys/devices/system/node/node{}/{}'
    have = {
        'packages': (per_cpu(shown, 'topology/package_cpus_list', count), groups(per_llc)),
        'SMT siblings': (per_cpu(shown, 'topology/core_cpus_list', count), groups(threads)),
        'last-level caches': (per_cpu(shown, 'cache/index3/shared_cpu_list', count), groups(per_llc)),
        'nodes': ([cpulist(shown.get(node.format(n, 'cpulist'), ['999'])[0]) for n in range(nodes)],
                  [list(range(n * size, n * size + size)) for n in range(nodes)]),
        'distances': ([shown.get(node.format(n, 'distance'), [''])[0].split() for n in range(nodes)],
                      [[str(LOCAL if i == j else REMOTE) for j in range(nodes)] for i in range(nodes)]),
        'CPUs online': ([cpulist(v) for v in shown.get('/sys/devices/system/cpu/online', [])], [list(range(count))]),
        'no further node': ([p for p in shown if p.startswith(node.format(nodes, ''))], []),
    }
    return {what: seen for what, (seen, want) in have.items() if seen != want}
