#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `ktstr perf-delta` finds in real guests: the kernel tree's scx_simple against itself unchanged, with some 200 more
instructions in each enqueue, and with slices that are 5 % longer. The rival is the gate that looks at one run a side and
takes a change of 5 % for real.

    bench/perf_delta.py [BUILD [RUNS [LOAD [CHANGE]]]]

LOAD processes burn CPU time meanwhile, because hosts are noisy (as many as there are CPUs). CHANGE is a part of the name of
the changes that are measured. A line a change: each metric
that was found by pairs of seeds, with its change and the number of runs from which on it is found; and those that one run
a side shows (if nothing changed: false alarms).
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 12
LOAD = int(sys.argv[3]) if len(sys.argv) > 3 else os.cpu_count()
CHANGE = sys.argv[4] if len(sys.argv) > 4 else ''
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'lib'))
import scheduler_repo  # noqa: E402

CHANGES = {'nothing': {}, '200 more instructions in enqueue': {'turns': 28}, 'slices 5 % longer': {'slice_pct': 105}}
FIXED_PERCENT = '5'
PAIRS_LEAST = 6  # with fewer, Wilcoxon's test can find nothing at 5 %
CHANGED = ('regression', 'improvement', 'informational')


@contextlib.contextmanager
def load():
    burning = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(LOAD)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def runs_root(repository):
    return repository.top + '/target/runs'


def take_samples(repository):
    """Samples of perf-delta are in no pool. Under other names they are runs, and can be compared again."""
    for name in os.listdir(runs_root(repository)):
        os.rename(f'{runs_root(repository)}/{name}', f"{runs_root(repository)}/{name.replace('perf-delta-noise-', 'pair-')}")


def findings(repository, *words):
    """{metric: change} of what counts as a change."""
    env = dict(os.environ, KTSTR_RUNS_ROOT=runs_root(repository))
    done = subprocess.run([BUILD + '/ktstr', *words, '--json'], cwd=repository.top, env=env, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"ktstr {' '.join(words)}: status {done.returncode}\n{done.stderr}")
    return {f['metric']: f"{f['percent']:+.1f} %" for f in json.loads(done.stdout)['findings']
            if f['verdict'] in CHANGED and f['percent'] is not None}


def compare(repository, base, head, runs, *words):
    seeds = [word for seed in range(1, runs + 1) for word in ('--seed', str(seed))]
    return findings(repository, 'stats', 'compare', '--a-project-commit', base, '--b-project-commit', head, *seeds, *words)


def found_from(repository, base, head):
    """{metric: the number of runs from which on each larger number finds it, too}"""
    first, last = {}, set()
    for runs in range(PAIRS_LEAST, RUNS + 1):
        found = set(compare(repository, base, head, runs, '--test', 'paired'))
        first = {metric: first.get(metric, runs) if metric in last else runs for metric in found}
        last = found
    return first


def measure(scratch, entry, change):
    repository = scheduler_repo.Repository(scratch + '/project', entry, BUILD)
    base = repository.commit()
    head = repository.commit(**change)
    began = time.monotonic()
    paired = findings(repository, 'perf-delta', '--noise-adjust', str(RUNS), '--insns', '--all-tests', '--test', 'paired',
                      '--kernel', entry['key'], '--accel', 'tcg', '--base', base, 'build')
    seconds = time.monotonic() - began
    take_samples(repository)
    needed = found_from(repository, base, head)
    return {'runs': RUNS, 'seconds': round(seconds), 'load average': round(os.getloadavg()[0], 1),
            'found by pairs': {m: {'change': c, 'from runs': needed.get(m)} for m, c in paired.items()},
            'shown by one pair': compare(repository, base, head, 1, '--threshold', FIXED_PERCENT)}


def main():
    entry = kernels.newest(BUILD)
    for name, change in CHANGES.items():
        if CHANGE not in name:
            continue
        with tempfile.TemporaryDirectory() as scratch, load():
            print(json.dumps({'change': name, **measure(scratch, entry, change)}), flush=True)


main()
