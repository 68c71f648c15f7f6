#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Guest seconds per CPU second of the host with 1, 2, 4, 8 and 64 busy CPUs, where they run in parallel and where they
share one clock; the work that they do, and that as many workers on one CPU do, compared with one worker's; the worst
gap between a worker's turns; and the wall time until a guest says hello.

    bench/parallel.py [BUILD [CPUS...]]

Then what tasks exchange that talk by futexes, pipes, epoll and signals, compared with the shortest lag that matters to
them, 1 us.

Two guests that differ only in how long their CPUs are busy are subtracted from each other, so that boot and shutdown
do not count. Wall time is meaningful only on an otherwise idle host.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
CPUS = [int(n) for n in sys.argv[2:]] or [1, 2, 4, 8, 64]
MODES = ('shared', 'parallel')
SHORT, LONG = 1, 3      # seconds, as in parallel.c
TALKS = ('futex', 'pipe', 'epoll', 'signal')


def run_test(key, suite, test, *options):
    """The sidecar of one guest."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([BUILD + '/ktstr', 'test', '--kernel', key, '--accel', 'tcg', *options, '-E', f'test(=ktstr/{test})',
                               BUILD + suite], capture_output=True, text=True, env=dict(os.environ, KTSTR_SIDECAR_DIR=out))
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        with open(glob.glob(out + '/*.ktstr.json')[0]) as f:
            return json.load(f)


def measure(key, mode, name, seconds):
    sidecar = run_test(key, '/bench/parallel', f'{name}_for_{seconds}', '--tcg-time', mode)
    # Where parallel time is not possible, ktstr falls back to a shared clock.
    if sidecar['tcg_time'] != mode:
        sys.exit(f'this QEMU has no {mode} time')
    return sidecar


def work(short, long):
    """An instruction takes 2^shift ns, and the shift depends on the number of CPUs: work per emulated speed."""
    return (long['stats']['total_iterations'] - short['stats']['total_iterations']) * 2 ** long['icount_shift']


def main():
    key, one = kernels.newest(BUILD)['key'], {}
    for cpus in CPUS:
        line = {'name': f'{cpus} busy CPUs'}
        for mode in MODES:
            short, long = (measure(key, mode, f'busy_{cpus}', seconds) for seconds in (SHORT, LONG))
            cpu_s = (long['vm_cpu_us'] - short['vm_cpu_us']) / 1e6
            one.setdefault(mode, work(short, long))
            line[mode + '_guest_s_per_cpu_s'] = round((LONG - SHORT) / cpu_s, 3)
            line[mode + '_work'] = round(work(short, long) / one[mode], 3)
            line[mode + '_gap_ms'] = long['stats']['worst_gap_ms']
            line[mode + '_hello_s'] = round(min(short['boot_ns'], long['boot_ns']) / 1e9, 1)
        line['packed_work'] = round(work(*(measure(key, 'parallel', f'packed_{cpus}', seconds) for seconds in (SHORT, LONG)))
                                    / one['parallel'], 3)
        print(json.dumps(line), flush=True)
    for talk in TALKS:
        usual, short = (run_test(key, '/tests/parallel', 'talk_' + talk, '--tcg-lag', lag)['stats']['total_iterations']
                        for lag in ('5us', '1us'))
        print(json.dumps({'name': f'talk by {talk}', 'exchanges': usual, 'compared_with_1_us': round(usual / short, 4)}), flush=True)


main()
