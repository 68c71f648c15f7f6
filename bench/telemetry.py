#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The share of a worker's CPU time that its telemetry costs, by work type: CPU time per turn with it and without, in
one guest.

    bench/telemetry.py [BUILD [FILTER]]

The machine's clock counts instructions, so `instructions` is the number that telemetry executes per turn. Both sides
count their turns and make the calls; without telemetry the calls end after some ten instructions each, which are not in
the difference. `+-` is the standard error of the share over the pairs; it is large if the order in which tasks run
differs between them.
"""
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
FILTER = sys.argv[2] if len(sys.argv) > 2 else 'all()'
WORK_H = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'include', 'ktstr', 'work.h')
AIM = 1.0


def measure(scratch):
    """{type: [(nanoseconds, turns, and both without telemetry), ...]}, nanoseconds per instruction"""
    pairs, insn_ns = {}, 0
    subprocess.run([BUILD + '/ktstr', 'test', '--kernel', kernels.newest(BUILD)['key'], '--accel', 'tcg', '--keep-logs', '-E', FILTER, BUILD + '/bench/telemetry'],
                   env={**os.environ, 'KTSTR_SIDECAR_DIR': scratch}, stdout=subprocess.DEVNULL, check=True)
    for path in sorted(glob.glob(scratch + '/*.report.txt')):
        with open(path) as f:
            for name, *numbers in re.findall(r'^ *([A-Z_]+) (\d+) (\d+) (\d+) (\d+)$', f.read(), re.M):
                pairs.setdefault(name, []).append(tuple(map(int, numbers)))
    for path in glob.glob(scratch + '/*.json'):
        with open(path) as f:
            insn_ns = 2 ** json.load(f).get('icount_shift', 0)
    return pairs, insn_ns


def share(pair):
    on_ns, on_turns, off_ns, off_turns = pair
    return (1 - off_ns / off_turns * on_turns / on_ns) * 100


def show(name, pairs, insn_ns):
    """Prints a row; returns the share, or None."""
    if not pairs or not all(all(p) for p in pairs):
        print(f'{name:30} nothing was measured')
        return None
    total = [sum(column) for column in zip(*pairs)]
    on, off = total[0] / total[1], total[2] / total[3]
    error = statistics.stdev(map(share, pairs)) / len(pairs) ** 0.5
    print(f'{name:30} {on / 1000:10.2f} {off / 1000:10.2f} {(on - off) / insn_ns:12.0f} {share(total):6.2f}% {error:6.2f}')
    return share(total)


def main():
    with open(WORK_H) as f:
        types = re.findall(r'\bKTSTR_WORK_(\w+),', f.read())
    types.remove('TYPE_MAX')
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        pairs, insn_ns = measure(scratch)
    print(f"{'work type':30} {'us a turn':>10} {'without':>10} {'instructions':>12} {'share':>7} {'+-':>6}")
    shares = {}
    for name in types:
        if name in pairs or FILTER == 'all()':
            shares[name] = show(name, pairs.get(name), insn_ns)
    above = [name for name, s in shares.items() if s is not None and s > AIM]
    lost = [name for name, s in shares.items() if s is None]
    print(f"{len(shares) - len(lost)} of {len(types)} types, above {AIM:.0f} %: {' '.join(above) or 'none'}")
    sys.exit(bool(lost))


main()
