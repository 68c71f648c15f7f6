#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One seed gives one stream: the same digest each time while the host is busy; other seeds give other streams.

KTSTR_REPEATS=N: so many times; `make soak` has 20."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from schema import stable  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

OTHERS = 3
REPEATS = int(os.environ.get('KTSTR_REPEATS', '4'))
TEST = 'test(=ktstr/simple_crowd)'


def one(kernel, scratch, label, seed):
    run = Run('test', '--kernel', kernel['key'], '-E', TEST, '--seed', str(seed), BUILD + '/tests/examples',
              env={'KTSTR_SIDECAR_DIR': scratch / label})
    paths = scratch.sidecars(label)
    if run.status != 0 or len(paths) != 1:
        return None, str(run)
    with open(paths[0]) as f:
        sidecar = json.load(f)
    return sidecar['guest']['event_digest'], json.dumps(stable(sidecar), sort_keys=True)


def main():
    kernel = need_kernel('determinism')
    before = machines()
    load = [subprocess.Popen(['sh', '-c', 'while kill -0 $PPID; do :; done']) for _ in range(os.cpu_count() or 1)]
    try:
        with Scratch() as scratch:
            same = [one(kernel, scratch, f'same-{i}', 7) for i in range(REPEATS)]
            digests = {d for d, _ in same}
            check(len(digests) == 1 and None not in digests, f'{REPEATS} repeats of one seed: one digest', digests)
            check(len({s for _, s in same}) == 1, f'{REPEATS} repeats of one seed: one sidecar, volatile keys apart')
            other = [one(kernel, scratch, f'seed-{i}', 100 + i) for i in range(OTHERS)]
            digests = {d for d, _ in other}
            print(f'# {len(digests)} streams from {OTHERS} seeds')
            check(len(digests) > 1 and None not in digests, f'{OTHERS} seeds: more than one digest', digests)
    finally:
        for p in load:
            p.kill()
            p.wait()
    check_nothing_left('determinism', before)
    finish(at_least=2)


main()
