#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a test asks to see of its guest from outside: snapshots by name, periodic ones and those of changed variables,
variables of a BPF program written and measured, and a post_vm function on the host that judges them. All of it is the
same each time that the test runs with one seed."""
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

VTIME = 1 << 40
DURATION_MS, SNAPSHOTS = 1000, 5


def run(kernel, scratch, name, test):
    """The run, its sidecar, and the file of its snapshots as bytes."""
    done = Run('test', '--kernel', kernel['key'], '--seed', '7', '--json', '--no-capture', '-E', f'test(=ktstr/{test})', BUILD + '/tests/seen',
               env={'KTSTR_SIDECAR_DIR': scratch / name})
    sidecars, files = scratch.sidecars(name), glob.glob(scratch / name + '/*.snapshots.json')
    if not check(len(sidecars) == 1 and len(files) == 1, f'{name}: a sidecar and a file of snapshots', done):
        finish()
    with open(sidecars[0], encoding='utf-8') as f:
        sidecar = json.load(f)
    with open(files[0], 'rb') as f:
        return done, sidecar, f.read()


def variables(snapshot):
    return {v['name']: v['value'].get('value') for m in snapshot['dump']['maps'] if m.get('active') and 'value' in m
            for v in m['value'].get('members', [])}


def check_periodic(taken):
    periodic = [s for s in taken if s['periodic']]
    check([s['name'] for s in periodic] == [f'periodic_{i:03}' for i in range(SNAPSHOTS)], 'the periodic ones have numbers', periodic)
    due = [0.1 * DURATION_MS + (i + 1) * 0.8 * DURATION_MS / (SNAPSHOTS + 1) for i in range(SNAPSHOTS)]
    wrong = [(s['name'], s['time_ms'], at) for s, at in zip(periodic, due)
             if not at <= s['time_ms'] <= at + 200 or abs(s['time_ms'] - s['boundary_offset_ms'] - at) > 0.01]
    check(not wrong, 'each is taken at the first sample after it is due', wrong)


def check_looks(done, sidecar, content):
    snapshots = json.loads(content)['snapshots']
    named = {s['name']: s for s in snapshots}
    check(done.status == 0 and sidecar['verdict'] == 'pass', 'the test passes, judged by its post_vm', (done, sidecar['details']))
    said = re.search(r'begin at (\S+) ms, middle at (\S+) ms in step 1', done.err + done.out)
    check(said and 0 <= float(said.group(1)) < 200 and 0.475 * DURATION_MS <= float(said.group(2)) < 0.65 * DURATION_MS, "post_vm's output is shown", done)
    seen = sidecar['snapshots']
    check((seen['periodic_target'], seen['periodic_fired']) == (SNAPSHOTS, SNAPSHOTS), 'all periodic ones were taken', seen)
    check_periodic(seen['taken'])
    times = [s['time_ms'] for s in seen['taken']]
    check(times == sorted(times), 'the list is in the order of time', times)
    forks = [s for s in seen['taken'] if s['name'].startswith('watch_total_forks_')]
    check(forks and any(s['step'] == 1 for s in forks), 'a changed variable of the kernel gives a snapshot', seen)
    begin = variables(named['begin'])
    check(VTIME <= begin['vtime_now'] < 2 * VTIME, 'a variable was written before the first operation', begin)
    queue = {m['name']: m for m in named['middle']['dump']['maps']}['stats']['percpu_entries']
    check(len(queue) == 2 and len(queue[1]['per_cpu']) == 2, 'a snapshot has the maps of the scheduler', queue)
    check(named['middle']['dump']['task_enrichments'] and named['middle']['dump']['reason'] == 'the test asked for it',
          'and all else that a dump has', list(named['middle']['dump']))
    metrics = sidecar['map_metrics']
    check(metrics.get('scx_simp_vtime', 0) >= VTIME and metrics.get('scx_simp_queued', 0) > 0, 'values of maps are metrics', metrics)


def check_complains(done, sidecar):
    texts = [d['message'] for d in sidecar['details']]
    check(done.status == 1 and sidecar['verdict'] == 'fail', 'post_vm fails the test', (done, texts))
    expected = [
        r"bpf_map_write changed nothing: variable 'fifo_sched': it is a constant in '\S*\.rodata': the kernel has put its value",
        r'^vtime_now \(each\): value \d+ at sample periodic_000 \(\+\d+ms\) is not at most 0$',
        r"^snapshot 'middle': there is no variable 'no_such_variable'; there are: .*vtime_now",
        r"^'stats\[1\]' of snapshot 'middle' is a per-CPU value; choose one of 2 CPUs with ktstr_value_cpu\(\)$",
    ]
    missing = [pattern for pattern in expected if not any(re.search(pattern, text) for text in texts)]
    check(not missing, 'each problem is told, with what there is instead', (missing, texts))


def main():
    kernel = need_kernel('snapshots')
    before = machines()
    with Scratch() as scratch:
        done, sidecar, content = run(kernel, scratch, 'looks', 'looks')
        check_looks(done, sidecar, content)
        print(f'# {len(content) // 1024} KiB for {len(sidecar["snapshots"]["taken"])} snapshots')
        _, again, same = run(kernel, scratch, 'again', 'looks')
        check(same == content and again['map_metrics'] == sidecar['map_metrics'], 'the same seed gives the same snapshots',
              (again['snapshots'], sidecar['snapshots']))
        done, sidecar, _ = run(kernel, scratch, 'complains', 'complains')
        check_complains(done, sidecar)
    check_nothing_left('nothing is left behind', before)
    finish(at_least=14)


main()
