#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr shrink in real guests: a scheduler that always fails at load needs nothing of its scenario; the search goes on from
its journal; the result fails in the same way, as a file and as C. And a test's scenario is written as it ran."""
import json
import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
INCLUDE = os.path.join(HERE, '..', '..', 'include')
FAILS = {
    'ktstr_scenario': 1,
    'schedulers': [{'name': 'broken', 'binary': shutil.which('false'), 'args': ['--one', '--two']}],
    'test': {'name': 'broken', 'scheduler': 'broken', 'cores': 2},
    'scenario': {'steps': [{'name': 'one', 'cgroups': [{'name': 'a', 'workers': 2}]},
                           {'name': 'two', 'cgroups': [{'name': 'b', 'workers': 2}]}]},
}


def ktstr(scratch, label, *args):
    return subprocess.run([KTSTR, *args], capture_output=True, text=True, timeout=600, cwd=scratch.path,
                          env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label, XDG_CACHE_HOME=scratch / 'cache', KTSTR_CACHE_DIR=CACHE))


def written(scratch, kernel):
    """The file of an example has what its source has."""
    done = ktstr(scratch, 'written', 'test', '--kernel', kernel, '-E', 'test(=ktstr/simple_crowd)', '--write-scenario', 'crowd.json', EXAMPLES)
    check(done.returncode == 0, 'a test runs as always when its scenario is written', done.stdout + done.stderr)
    with open(scratch / 'crowd.json') as f:
        crowd = json.load(f)
    check(crowd['test']['name'] == 'simple_crowd' and crowd['schedulers'][0]['binary'] == 'scx_simple' and crowd['scenario']['steps'],
          'its scenario is in the file', crowd)
    listed = ktstr(scratch, 'x', 'test', '--list', 'crowd.json')
    check(listed.stdout.startswith('ktstr/simple_crowd '), 'which is a test again', listed.stdout + listed.stderr)


def shrunk(scratch, kernel):
    with open(scratch / 'broken.json', 'w') as f:
        json.dump(FAILS, f)
    line = ('shrink', '--json', '-j', '2', '-o', 'small', '--', 'test', '--kernel', kernel, '--accel', 'tcg', '--start', 'clone', 'broken.json')
    first = ktstr(scratch, 'x', *line)
    check(first.returncode == 0, 'a failure is shrunk', first.stdout + first.stderr)
    result = json.loads(first.stdout)
    after = result['after']
    check(result['complete'] and (after['steps'], after['cgroups'], after['workers'], after['cpus']) == (1, 0, 0, 1),
          'to a step without workers on one CPU', result)
    again = json.loads(ktstr(scratch, 'x', *line).stdout)
    check(again['candidates'] == 0 and again['after'] == after, 'the same command knows all candidates', again)
    repeated = ktstr(scratch, 'again', *shlex.split(result['replay'])[1:])
    sidecar = json.load(open(scratch.sidecars('again')[0]))
    check(repeated.returncode == 1 and 'at load' in sidecar['details'][0]['message'], 'the result fails in the same way', sidecar['details'])
    compiled = subprocess.run(['cc', '-fsyntax-only', '-Wall', '-Werror', '-std=gnu17', '-I' + INCLUDE, scratch / 'small.c'],
                              capture_output=True, text=True)
    check(compiled.returncode == 0, 'and compiles as C', compiled.stderr)


def main():
    global CACHE
    kernel, before = need_kernel('shrink'), machines()
    CACHE = os.environ.get('KTSTR_CACHE_DIR') or os.path.dirname(kernel['path'])
    with Scratch() as scratch:
        written(scratch, kernel['key'])
        shrunk(scratch, kernel['key'])
    check_nothing_left('shrink', before)
    finish(at_least=8)


main()
