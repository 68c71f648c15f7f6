#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Schedules an hour of a test of 2 s on 2 CPUs: from clones beside boots, in one interleaved run, with as many machines
at once as there are CPUs. CPU time is that of all processes.

    bench/explore.py [BUILD [SCHEDULES [ROUNDS]]]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
SCHEDULES = int(sys.argv[2]) if len(sys.argv) > 2 else 20
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
EXAMPLES = BUILD + '/tests/examples'
TEST = 'test(=ktstr/simple_crowd)'


def campaign(start, count, first):
    """Wall and CPU seconds of so many schedules."""
    with tempfile.TemporaryDirectory() as out:
        began = time.monotonic()
        child = subprocess.Popen([BUILD + '/ktstr', 'explore', '--json', '--seeds', str(count), '--perturb', f'seed={first}',
                                  '--start', start, '-E', TEST, EXAMPLES],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ, KTSTR_SIDECAR_DIR=out))
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
    end = json.loads(said.splitlines()[-1])
    if child.returncode or end['passed'] != count:
        sys.exit(f'{end["passed"]} of {count} schedules passed')
    return wall, usage.ru_utime + usage.ru_stime


def main():
    for start in ('clone', 'boot'):
        campaign(start, 2, 1)  # from here on, what is kept between runs is there
    rounds = [(start, campaign(start, SCHEDULES, 1 + SCHEDULES * (n + 1))) for n in range(ROUNDS) for start in ('clone', 'boot')]
    row = {'name': f'schedules an hour, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}', 'n': ROUNDS, 'schedules': SCHEDULES}
    for start in ('clone', 'boot'):
        mine = [times for which, times in rounds if which == start]
        row[start + '_an_hour'] = round(statistics.median(3600 * SCHEDULES / wall for wall, _ in mine))
        row[start + '_cpu_s_each'] = round(statistics.median(cpu / SCHEDULES for _, cpu in mine), 2)
    print(json.dumps(row))


main()
