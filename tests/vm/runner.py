#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The runner's promises: a replay line repeats a failure exactly, retries have seeds of their own, skips are no passes."""
import json
import os
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

FIXTURES = BUILD + '/tests/fixtures'
EXAMPLES = BUILD + '/tests/examples'


def digest(scratch, label):
    paths = scratch.sidecars(label)
    if len(paths) != 1:
        return None
    with open(paths[0]) as f:
        return json.load(f)['guest']['event_digest']


def replay(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--json', '--seed', '5', '-E', 'test(=ktstr/failed_expectation)', FIXTURES,
              env={'KTSTR_SIDECAR_DIR': scratch / 'first'})
    event = run.events()[0]
    words = shlex.split(event['replay'])
    check(words[:2] == ['ktstr', 'test'], 'a failure has a replay line', event)
    again = Run(*words[1:], env={'KTSTR_SIDECAR_DIR': scratch / 'again'})
    check(again.status == 1 and digest(scratch, 'again') == digest(scratch, 'first') is not None,
          'the replay line repeats it, byte for byte', again)


def retries(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--json', '--retries', '1', '-E', 'test(=ktstr/failed_expectation)', FIXTURES,
              env={'KTSTR_SIDECAR_DIR': scratch / 'retries'})
    tests = [e for e in run.events() if e['event'] == 'test-finished']
    check([e['attempt'] for e in tests] == [1, 2], 'a retry is an attempt of its own', tests)
    check(len({e['seed'] for e in tests}) == 2, 'with a seed of its own', tests)
    last = run.events()[-1]
    check(run.status == 1 and last['failed'] == 1 and last['total'] == 1, 'and one result', last)


def kernels(kernel, scratch):
    run = Run('test', '--kernel', kernel['key'], '--kernel', kernel['version'], '--json', '-j', '2', '-E',
              'test(eevdf_custom)', EXAMPLES, env={'KTSTR_SIDECAR_DIR': scratch / 'kernels'})
    names = [e['name'] for e in run.events() if e['event'] == 'test-finished']
    check(run.status == 0 and names == ['ktstr/eevdf_custom_work'], 'one kernel by two names is one kernel', run)


def skips(kernel, scratch):
    args = ('test', '--kernel', kernel['key'], '-E', 'test(too_many)', FIXTURES)
    run = Run(*args, env={'KTSTR_SIDECAR_DIR': scratch / 'skip'})
    check(run.status == 0 and 'SKIP  ktstr/too_many_cpus' in run.out, 'a skip exits with 0', run)
    strict = Run(*args, env={'KTSTR_SIDECAR_DIR': scratch / 'skip', 'KTSTR_NO_SKIP_MODE': ''})
    check(strict.status == 1 and ' 1 failed, 0 skipped' in strict.out and 'KTSTR_NO_SKIP_MODE does not allow: ' in strict.err,
          'where skips are not accepted it is counted and reported as a failure, with its reason', strict)


def main():
    kernel = need_kernel('runner')
    before = machines()
    with Scratch() as scratch:
        replay(kernel, scratch)
        retries(kernel, scratch)
        kernels(kernel, scratch)
        skips(kernel, scratch)
    check_nothing_left('runner', before)
    finish()


main()
