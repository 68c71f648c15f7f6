#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Default parameters of every work type pass under EEVDF: the sample. All of them, over schedulers and seeds: `make soak`."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

TYPES = 44      # all but Custom


def main():
    kernel = need_kernel('defaults')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', '-E', 'test(sample_)', BUILD + '/tests/soak',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(len(tests) >= 3, 'the sample is there', sorted(e['name'] for e in tests))
        for e in tests:
            check(e['verdict'] == 'pass', e['name'], e.get('cause'))
        seen = set()
        for path in scratch.sidecars():
            with open(path) as f:
                seen |= {g.get('work_type') for g in json.load(f)['stats']['cgroups']}
        check(len(seen) == TYPES, 'every work type was there', (len(seen), sorted(seen)))
    check_nothing_left('defaults', before)
    finish(at_least=4)


main()
