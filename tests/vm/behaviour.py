#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Work types and operations do what their names say, as the kernel sees it from outside, under EEVDF."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402


def main():
    kernel = need_kernel('behaviour')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', BUILD + '/tests/behaviour',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(len(tests) >= 5, 'there are tests', run)
        for e in tests:
            check(e['verdict'] == ('skip' if e['name'].endswith('_missing') else 'pass'), e['name'], e.get('cause'))
    check_nothing_left('behaviour', before)
    finish()


main()
