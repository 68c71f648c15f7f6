#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr bisect and ktstr reproduce in real guests: which of a scheduler's arguments it does not load with, since which commit it
does not load at all; a scenario that is made of kernel messages runs."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'
ARGUMENTS = {
    'ktstr_scenario': 1,
    'schedulers': [{'name': 'simple', 'binary': 'scx_simple', 'args': ['-v', '-f', '--nonsense', '-f']}],
    'test': {'name': 'arguments', 'scheduler': 'simple', 'cores': 2, 'duration_s': 1},
    'scenario': {'steps': [{'name': 'one', 'cgroups': [{'name': 'a', 'workers': 2}], 'hold': {'ms': 200}}]},
}
MESSAGES = '''[  100.0] sched_ext: BPF scheduler "simple" disabled (runnable task stall)
[  100.1] sched_ext: simple: spinner[4711] failed to run for 30.123s
Nov 29 12:00:01 host scx_simple[812]: swapper/1[0] triggered exit kind 1026:
Nov 29 12:00:01 host scx_simple[812]:   runnable task stall (spinner[4711] failed to run for 30.123s)
Nov 29 12:00:01 host scx_simple[812]: CPU 1   : nr_run=2 flags=0x1 cpu_rel=0 pnt_seq=6
Nov 29 12:00:01 host scx_simple[812]:   R spinner[4711] -30123ms
Nov 29 12:00:01 host scx_simple[812]:       cpus=2
Nov 29 12:00:01 host scx_simple[812]:  *R reader[4712] +0ms
Nov 29 12:00:01 host scx_simple[812]:       cpus=3
Nov 29 12:00:01 host scx_simple[812]:     pipe_read+0x1/0x2
'''


def ktstr(scratch, label, *args, cwd=None):
    return subprocess.run([KTSTR, *args], capture_output=True, text=True, timeout=600, cwd=cwd or scratch.path,
                          env=dict(os.environ, KTSTR_SIDECAR_DIR=scratch / label, XDG_CACHE_HOME=scratch / 'cache', KTSTR_CACHE_DIR=CACHE))


def arguments(scratch, kernel):
    with open(scratch / 'arguments.json', 'w') as f:
        json.dump(ARGUMENTS, f)
    run = ktstr(scratch, 'x', 'bisect', '--json', '--args', '--error', '0.1', '-j', '2', '--', 'test', '--kernel', kernel, '--start', 'clone',
                'arguments.json')
    out = json.loads(run.stdout) if run.stdout else {}
    check(run.returncode == 1 and [c['label'] for c in out['candidates']] == ['--nonsense'], 'the argument that is wrong is found', run.stdout + run.stderr)
    check(out.get('failure', '').startswith('fail/') and 'load' in out['failure'], 'the failure is that at load', out)


def commits(scratch, kernel):
    """A repository of a scheduler; the tests are elsewhere. Its last two commits build one that does not load."""
    top = scratch / 'scheduler'
    os.makedirs(top)
    hashes = []
    for number, program in enumerate((kernel['path'] + '/sched_ext/bin/scx_simple',) * 3 + (shutil.which('false'),) * 2):
        with open(top + '/Makefile', 'w') as f:
            f.write(f'all:\n\tmkdir -p build && cp {program} build/scx_mine # {number}\n')
        for line in (('init', '-q'), ('add', '-A'), ('commit', '-q', '-m', str(number))):
            subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *line], cwd=top, check=True, capture_output=True)
        hashes.append(subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=top, check=True, capture_output=True, text=True).stdout.strip())
    run = ktstr(scratch, 'x', 'bisect', '--json', '--good', hashes[0], '--error', '0.1', '-j', '2', '--', 'KTSTR_SCHEDULER=build/scx_mine', 'test', '--kernel',
                kernel['key'], '-E', 'test(=ktstr/simple_crowd)', EXAMPLES, cwd=top)
    out = json.loads(run.stdout) if run.stdout else {}
    check(run.returncode == 1 and [c['point'] for c in out['candidates']] == [hashes[3]], "a scheduler's commits: the first one that does not load is found",
          run.stdout + run.stderr)


def reproduced(scratch, kernel):
    with open(scratch / 'dmesg.txt', 'w') as f:
        f.write(MESSAGES)
    made = ktstr(scratch, 'x', 'reproduce', '-o', 'stall.json', 'dmesg.txt')
    check(made.returncode == 0, 'kernel messages become a scenario', made.stdout + made.stderr)
    with open(scratch / 'stall.json') as f:
        scenario = json.load(f)
    scenario['test']['duration_s'] = 1
    with open(scratch / 'stall.json', 'w') as f:
        json.dump(scenario, f)
    run = ktstr(scratch, 'made', 'test', '--kernel', kernel, 'stall.json')
    sidecars = scratch.sidecars('made')
    check(run.returncode == 0 and len(sidecars) == 1, 'which runs, and which scx_simple passes', run.stdout + run.stderr)


def main():
    global CACHE
    kernel, before = need_kernel('bisect'), machines()
    CACHE = os.environ.get('KTSTR_CACHE_DIR') or os.path.dirname(kernel['path'])
    with Scratch() as scratch:
        arguments(scratch, kernel['key'])
        commits(scratch, kernel)
        reproduced(scratch, kernel['key'])
    check_nothing_left('bisect', before)
    finish(at_least=6)


main()
