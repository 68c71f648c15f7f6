#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares the output of `ktstr stats` exactly, for results that are made here. KTSTR_BLESS=1 writes the files again."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import results  # noqa: E402
from results import sidecar, write  # noqa: E402
from tap import KTSTR, check, finish  # noqa: E402

SIDES = ['--a-kernel', '6.12', '--b-kernel', '7.3']
CASES = {
    'stats.out': ['--dir', '.'],
    'stats-list.out': ['list', '--history', '--dir', '.'],
    'stats-list-csv.out': ['list', '--history', '--dir', '.', '--format', 'csv'],
    'stats-list-json.out': ['list', '--dir', '.', '--json'],
    'stats-list-metrics.out': ['list-metrics'],
    'stats-list-values.out': ['list-values', '--dir', '.'],
    'stats-list-values-json.out': ['list-values', '--dir', '.', '--json'],
    'stats-show-host.out': ['show-host', '--run', '6.12.1-aaaaaaa', '--dir', '.'],
    'stats-explain-sidecar.out': ['explain-sidecar', '--run', 'small', '--dir', '.'],
    'stats-compare.out': ['compare', *SIDES, '--dir', '.'],
    'stats-compare-welch.out': ['compare', *SIDES, '--dir', '.', '--test', 'welch', '--geomean'],
    'stats-compare-mwu.out': ['compare', *SIDES, '--dir', '.', '--test', 'mwu', '--all-metrics'],
    'stats-compare-paired.out': ['compare', *SIDES, '--dir', '.', '--test', 'paired', '--all-metrics'],
    'stats-compare-csv.out': ['compare', *SIDES, '--dir', '.', '--test', 'paired', '--format', 'csv'],
    'stats-compare-json.out': ['compare', *SIDES, '--dir', '.', '-E', 'steady', '--json'],
}


def values(seed, worse):
    """Eight seeds: waits grow by half on the other side, iterations stay."""
    wait = 100 + 37 * seed * seed % 500
    return {'worst_gap_ms': 40 + seed, 'total_iterations': 9000 + 13 * seed, 'worst_spread': 2 + seed / 8,
            'worst_p99_wake_latency_us': wait * (1.5 if worse else 1), 'total_migrations': 10 + seed * (2 if worse else 1)}


def fill(root):
    for run, worse, keys in (('6.12.1-aaaaaaa', False, {}), ('7.3.4-aaaaaaa', True, {'kernel_version': '7.3.4', 'host': dict(
            results.HOST, kernel_release='6.2.0')})):
        for seed in range(1, 9):
            for test, topology in (('steady', '1n1l2c1t'), ('crowd', '1n2l2c1t')):
                write(root, run, sidecar(test, seed=seed, topology=topology, stats=values(seed, worse and test == 'crowd'), **keys))
        write(root, run, sidecar('flaky', verdict='fail' if worse else 'pass', **keys))
        write(root, run, sidecar('new' if worse else 'gone', **keys))
    write(root, 'small', sidecar('alone', kernel_version='6.1.9', project_commit=None, cpu_budget=2))
    write(root, '.history/small/20260101T000000Z-00000001', sidecar('alone', kernel_version='6.1.8'))
    for age, run in enumerate(['6.12.1-aaaaaaa', '7.3.4-aaaaaaa', 'small', '.history/small/20260101T000000Z-00000001']):
        os.utime(os.path.join(root, run), (1000000000 - age, 1000000000 - age))


with tempfile.TemporaryDirectory(prefix='ktstr-test-') as scratch:
    fill(scratch)
    env = dict(os.environ, XDG_CACHE_HOME=scratch + '/.cache')
    env.pop('KTSTR_SIDECAR_DIR', None)
    for name, argv in CASES.items():
        done = subprocess.run([KTSTR, 'stats', *argv], cwd=scratch, env=env, capture_output=True, text=True)
        path = os.path.join(HERE, name)
        if os.environ.get('KTSTR_BLESS'):
            with open(path, 'w') as f:
                f.write(done.stdout)
        with open(path) as f:
            wanted = f.read()
        check(done.returncode in (0, 1) and done.stdout == wanted, name, done.stdout + done.stderr)
finish(at_least=15)
