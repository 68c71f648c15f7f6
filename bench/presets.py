#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One test over every preset that tcg supports: wall time, peak memory, and the order in which machines started.

    bench/presets.py [BUILD [FILTER]]

For comparison, the same run also starts the presets in the order of their table, one process each, as many at once as
there are CPUs; and it prints the time of either order by the estimates and by the measured CPU time. No run knows times
from another. Wall times are meaningful only on an otherwise idle machine; the CPU time of other processes is printed.
"""
import collections
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import kernels
from family import Peak

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
FILTER = sys.argv[2] if len(sys.argv) > 2 else 'test(/^gauntlet.everywhere/)'
TESTS = BUILD + '/tests/trust'
SLOTS = len(os.sched_getaffinity(0))


def ktstr(scratch, *args):
    env = dict(os.environ, KTSTR_SIDECAR_DIR=scratch)
    done = subprocess.run([BUILD + '/ktstr', 'test', '--gauntlet', *args, TESTS], capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def finished(out):
    """{name: (seconds of its machine, CPU seconds)}; all must have passed."""
    done = [e for e in map(json.loads, out.splitlines()) if e['event'] == 'test-finished' and e['verdict'] != 'skip']
    bad = [e for e in done if e['verdict'] != 'pass']
    if bad:
        sys.exit('\n'.join(f"{e['name']}: {e['verdict']}: {e['cause']}" for e in bad))
    return {e['name']: (e['wall_ns'] / 1e9, cpu_s(e['sidecar'])) for e in done}


def cpu_s(sidecar):
    with open(sidecar) as f:
        return json.load(f)['vm_cpu_us'] / 1e6


def measured(work):
    began, peak = time.monotonic(), Peak()
    peak.start()
    result = work()
    wall = time.monotonic() - began
    peak.over.set()
    peak.join()
    return result, wall, peak.most // 1024


def starts(path):
    """{name: seconds from the start of the run to the machine's}, from a trace."""
    with open(path) as f:
        trace = json.load(f)
    state, name, began = {}, {}, {}
    for e in trace if isinstance(trace, list) else trace['traceEvents']:
        if e['ph'] == 'B' and e.get('cat') == 'machine':
            name[e['tid']] = e['name']
        elif e['ph'] == 'B' and e['name'] == 'booting':
            began.setdefault(name.get(e['tid']), e['ts'] / 1e6)
    return began


def planned(scratch, common):
    trace = scratch + '/trace.json'
    out, wall, mib = measured(lambda: ktstr(scratch + '/planned', *common, '--json', '--trace', trace, '-E', FILTER))
    return finished(out), starts(trace), wall, mib


def declared(scratch, common, names):
    """The reference: each slot takes the next preset of the table."""
    left, seconds = collections.deque(names), {}

    def slot(number):
        while left:
            name = left.popleft()
            seconds.update(finished(ktstr(f'{scratch}/declared-{number}-{len(left)}', *common, '--json', '-j1', '-E', f'test(={name})')))

    def all_slots():
        threads = [threading.Thread(target=slot, args=(i,)) for i in range(SLOTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    _, wall, mib = measured(all_slots)
    if len(seconds) != len(names):
        sys.exit(f'{len(seconds)} of {len(names)} presets ended')
    return seconds, wall, mib


def others_cpu_s():
    """CPU seconds of all other processes since boot, without this process and its dead children."""
    with open('/proc/stat') as f:
        user, nice, system = map(int, f.readline().split()[1:4])
    mine = os.times()
    return (user + nice + system) / os.sysconf('SC_CLK_TCK') - sum(mine[:4])


def makespan(order, seconds):
    slots = [0.0] * SLOTS
    for name in order:
        slots[slots.index(min(slots))] += seconds[name]
    return max(slots)


def show_starts(took, began, estimate, memory_mib, table):
    print(f"{'began, in this order':34} {'at s':>6} {'estimate':>8} {'took s':>6} {'CPU s':>6} {'memory MiB':>10}  in the table")
    for name in sorted(took, key=began.get):
        print(f"{name.split('/')[-1]:34} {began[name]:6.1f} {estimate[name]:8.1f} {took[name][0]:6.1f} {took[name][1]:6.1f} "
              f'{memory_mib[name]:10d}  {table.index(name) + 1}')


def show_way(what, order, result, others, estimate):
    took, wall, mib = result
    cpu = {name: t[1] for name, t in took.items()}
    print(f'{what:22} {wall:7.1f} {others / wall:11.2f} {mib:8d} {makespan(order, estimate):14.1f} {makespan(order, cpu):13.1f}', flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        common = ('--kernel', kernels.newest(BUILD)['key'], '--accel', 'tcg')
        dry = [json.loads(line) for line in ktstr(scratch, *common, '--dry-run', '--json', '-E', FILTER).splitlines()]
        case = {e['name']: e for e in dry if not e['skip']}
        table = [line.split()[0] for line in ktstr(scratch, '--list', '-E', FILTER).splitlines() if line.split()[0] in case]
        estimate = {name: e['estimate_ns'] / 1e9 for name, e in case.items()}
        others = [others_cpu_s()]
        took, began, wall, mib = planned(scratch, common)
        others.append(others_cpu_s())
        show_starts(took, began, estimate, {name: e['memory_mib'] for name, e in case.items()}, table)
        for e in dry:
            if e['skip']:
                print(f"{e['name'].split('/')[-1]:34} {e['skip']}")
        print(f'{len(took)} presets, {SLOTS} at once')
        print(f"{'':22} {'wall s':>7} {'others CPUs':>11} {'peak MiB':>8} {'by estimates s':>14} {'by CPU time s':>13}")
        show_way('planned order', list(case), (took, wall, mib), others[1] - others[0], estimate)
        rival = declared(scratch, common, table)
        show_way('order of the table', table, rival, others_cpu_s() - others[1], estimate)


main()
