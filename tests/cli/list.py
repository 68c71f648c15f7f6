#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""--list runs the bodies of many tests in one process: a body harms only its own test, and 5,000 tests are cheap."""
import json
import os
import re
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

SUITES = BUILD + '/tests/listed'
WRONG = r'KTSTR_LLC\(9\): the topology'
# Set by meson: the C library would write to all memory that it gives out or takes back, which is what is measured here.
os.environ.pop('MALLOC_PERTURB_', None)
# A fork for each body costs about 50 page faults each.
FAULTS_PER_TEST = 10


def listed(binary, scratch):
    env = {**os.environ, 'KTSTR_LEFTOVERS': 'fresh'}
    done = subprocess.run([f'{SUITES}/{binary}', '--list'], env=env, cwd=scratch.path, capture_output=True, text=True, timeout=120)
    check(done.returncode == 0 and done.stderr == '' and done.stdout.count('\n') == 1, f'{binary}: one line of JSON', done.stderr)
    return {t['name']: t['problem'] for t in json.loads(done.stdout)['tests']}


def faults():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


with Scratch() as scratch:
    found = listed('leftovers', scratch)
    for name, problem in found.items():
        if name.startswith('after_'):
            check(problem and re.search(WRONG, problem), f'{name}: the next test is checked', problem)
        else:
            check(problem is None, f'{name}: no problem', problem)
    check(not os.listdir(scratch.path), 'no body wrote a file', os.listdir(scratch.path))
    check(listed('leftovers_large', scratch) == found, 'the list is the same if each body has its own process')

    before = faults()
    found = listed('many', scratch)
    each = (faults() - before) / 5000
    check(list(found) == [f't{n}' for n in range(1000, 6000)], '5,000 tests are listed, in order')
    wrong = [name for name, problem in found.items() if problem and re.search(WRONG, problem)]
    check(wrong == [f't{n}' for n in range(1009, 6000, 10)], 'each has its own problem, or none', wrong)
    check(each < FAULTS_PER_TEST, 'no fork for each test', f'{each:.1f} page faults for each test')

    told = Run('test', '--list', SUITES + '/many', env={'KTSTR_SIDECAR_DIR': scratch.path})
    check(told.status == 0 and told.out.count('ktstr/t') == 5000, 'ktstr test --list names them all', told.out)
    check(told.err.count('KTSTR_LLC(9)') == 500, 'and the problem of each test that has one', told.err)
finish(at_least=50)
