#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `ktstr perf-delta` finds in real guests: the kernel tree's scx_simple against itself unchanged, with some 200 more
instructions in each enqueue, and with slices that are 5 % longer. The rival is the gate that looks at one run a side and
takes a change of 5 % for real.

    bench/perf_delta.py [BUILD [RUNS]]

A line a change: the metrics that were found by pairs of seeds, and those that one run a side shows (also if nothing
changed: false alarms).
"""
import json
import os
import subprocess
import sys
import tempfile

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 12
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'lib'))
import scheduler_repo  # noqa: E402

CHANGES = {'nothing': {}, '200 more instructions in enqueue': {'turns': 28}, 'slices 5 % longer': {'slice_pct': 105}}
FIXED_PERCENT = '5'


def findings(repository, *words):
    env = dict(os.environ, KTSTR_RUNS_ROOT=repository.top + '/target/runs')
    done = subprocess.run([BUILD + '/ktstr', *words, '--json'], cwd=repository.top, env=env, capture_output=True, text=True)
    shown = {}
    for f in json.loads(done.stdout)['findings']:
        if f['verdict'] in ('regression', 'improvement', 'informational') and f['percent'] is not None:
            shown[f['metric']] = f"{f['percent']:+.1f} %"
    return shown


def main():
    entry = kernels.newest(BUILD)
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as scratch:
            repository = scheduler_repo.Repository(scratch + '/project', entry, BUILD)
            base = repository.commit()
            head = repository.commit(**change)
            paired = findings(repository, 'perf-delta', '--noise-adjust', str(RUNS), '--insns', '--all-tests', '--test', 'paired',
                              '--kernel', entry['key'], '--accel', 'tcg', '--base', base, 'build')
            single = findings(repository, 'stats', 'compare', '--a-project-commit', base, '--b-project-commit', head, '--seed', '1',
                              '--threshold', FIXED_PERCENT)
            print(json.dumps({'change': name, 'runs': RUNS, 'found by pairs': paired, 'shown by one pair': single}), flush=True)


main()
