#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr perf-delta in real guests, on a repository of scx_simple that this test makes: a commit that lets each enqueue
do more work is found by the instructions of that callback; for a commit that changes nothing they say nothing. Other
callbacks are called too rarely for two runs."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import scheduler_repo  # noqa: E402
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

RUNS = '2'      # they differ very little in the instructions of a callback
TURNS = 50      # of a loop
FOUND = 'insns_per_call.simple_enqueue'


def delta(repository, kernel, base):
    return Run('perf-delta', '--noise-adjust', RUNS, '--all-tests', '--insns', '--kernel', kernel['key'], '--base', base,
               '--json', 'build', cwd=repository.top, env={'KTSTR_RUNS_ROOT': repository.top + '/target/runs'})


def violated(run):
    gates = json.loads(run.out or '{}').get('gate', {}).get('gates', [])
    return sorted({g['metric'] for g in gates if g['state'] == 'violated'})


def main():
    kernel = need_kernel('perf_delta')
    before = machines()
    if not scheduler_repo.tarball(kernel['version']):
        skip('perf-delta in guests', f"no package has the sources of {kernel['version']} here")
        finish()
    with Scratch() as scratch:
        repository = scheduler_repo.Repository(scratch / 'project', kernel, BUILD)
        base = repository.commit()
        repository.commit()
        same = delta(repository, kernel, base)
        check(same.status in (0, 1) and FOUND not in violated(same), 'for a commit that changes nothing, enqueue passes', same)
        repository.commit(turns=TURNS)
        slower = delta(repository, kernel, base)
        check(slower.status == 1 and FOUND in violated(slower), 'more work in enqueue is found', slower)
    check_nothing_left('perf_delta', before)
    finish(at_least=3)


main()
