#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every canned scenario runs, and EEVDF passes it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402


def main():
    kernel = need_kernel('canned')
    before = machines()
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', '-E', 'test(canned_)', BUILD + '/tests/behaviour',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(len(tests) == 14, 'every category is there', sorted(e['name'] for e in tests))
        for e in tests:
            check(e['verdict'] == 'pass', e['name'], e.get('cause'))
    check_nothing_left('canned', before)
    finish(at_least=15)


main()
