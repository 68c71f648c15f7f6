#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Dumps a real guest of 240 CPUs whose kernel crashed with 5,000 tasks, from the memory that was kept: CPU and wall
time, as text and as JSON, beside copying that memory, which a tool of another machine needs first.

    bench/wide_dump.py [BUILD [ROUNDS]]
"""
import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7


def crash(key, out):
    """The path of the crashed guest's memory."""
    subprocess.run([BUILD + '/ktstr', 'test', '--kernel', key, '--accel', 'tcg', '--keep-memory', '-E', 'test(=ktstr/wide_crash)',
                    BUILD + '/tests/soak/wide'], env=dict(os.environ, KTSTR_SIDECAR_DIR=out), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    cores = glob.glob(out + '/*.vmcore')
    return cores[0] if cores else sys.exit('the memory of wide_crash was not kept; run the test by hand')


def timed(*command):
    """(wall, CPU) seconds, and the output."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def report(what, *command):
    times = [timed(*command) for _ in range(ROUNDS)]
    wall, cpu = (statistics.median(t[i] for t in times) for i in (0, 1))
    print(f'{what:40s} {wall * 1e3:7.0f} ms wall  {cpu * 1e3:7.0f} ms CPU  {len(times[-1][2]):9d} bytes')
    return times[-1][2]


def main():
    kernel = kernels.newest(BUILD)
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as out:
        core = crash(kernel['key'], out)
        dump = [BUILD + '/ktstr', 'dump', core, '--vmlinux', kernel['path'] + '/vmlinux']
        told = json.loads(timed(*dump, '--json')[2])
        print(f"{told['kernel']['cpus']} CPUs, {told['tasks_seen']} tasks, {told['tasks_waiting']} of them wait; "
              f"{told['bad_reads']} addresses were not readable; median of {ROUNDS}")
        report('ktstr dump', *dump)
        report('ktstr dump --json', *dump, '--json')
        report('copying the memory (cp)', 'cp', '--sparse=always', core, out + '/copy')


if __name__ == '__main__':
    main()
