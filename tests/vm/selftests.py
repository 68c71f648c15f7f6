#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests of sched_ext: each has its own guest and its own verdict, and each is able to fail."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from kit import RUNNER, SUITE, expression, runner_names  # noqa: E402
from tap import Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

# A fake runner that has only the test `minimal` (or the one named), and prints the given result for it.
FAKE = """#!/bin/sh
if [ "$1" != -t ]; then echo "  $NAME"; exit 1; fi
echo "===== START ====="
echo "$WORD 1 $2 # $MORE"
exit 0
"""

# Tests that need what a lean kernel does not have, and the reason that their result gives.
NAMED_SKIPS = {'ktstr/scx_nohz_tick': 'no CPU has nohz_full'}


def kit_of(scratch, name, word, more='', has='minimal'):
    path = scratch / f'{name}/selftests/sched_ext'
    os.makedirs(path)
    with open(path + '/runner', 'w') as f:
        f.write(FAKE.replace('$WORD', word).replace('$MORE', more).replace('$NAME', has))
    os.chmod(path + '/runner', 0o755)
    return scratch / name


def one(kernel, kit):
    run = Run('test', '--kernel', kernel['key'], '--json', '-E', 'test(=ktstr/scx_minimal)', SUITE,
              env={'KTSTR_KIT': kit, 'KTSTR_SIDECAR_DIR': kit})
    return [e for e in run.events() if e['event'] == 'test-finished'][0]


def control(kernel, scratch):
    """The lines of a runner decide, even if they are wrong: its exit status is always 0."""
    e = one(kernel, kit_of(scratch, 'bad', 'not ok'))
    check(e['verdict'] == 'fail' and "says 'not ok minimal" in e['cause'], 'a test that says it failed has failed', e)
    e = one(kernel, kit_of(scratch, 'skips', 'ok', 'SKIP no such kfunc'))
    check(e['verdict'] == 'skip' and 'was skipped: minimal # SKIP no such kfunc' in e['cause'], 'a skip is a skip, with its reason', e)
    e = one(kernel, kit_of(scratch, 'other', 'ok 1 something_else # ok'))
    check(e['verdict'] == 'fail' and "gave no result for 'minimal'" in e['cause'], "another test's result is not its own", e)
    e = one(kernel, kit_of(scratch, 'older', 'ok', has='another'))
    check(e['verdict'] == 'skip' and e['cause'] == "this kernel's selftests have no test 'minimal'",
          'a test that the runner does not have is a skip', e)
    e = one(kernel, scratch / 'none')
    check(e['verdict'] == 'skip' and "built without 'selftests/sched_ext/runner'" in e['cause'],
          'a kernel without them is a skip, before there is a machine', e)


def all_of_them(kernel):
    kit = os.environ.get('KTSTR_KIT') or kernel['path']
    names = runner_names(kit)
    if not os.access(f'{kit}/{RUNNER}', os.X_OK):
        skip("the kernel's own selftests", "this kernel was built without; 'ktstr kernel build --selftests', or set KTSTR_KIT")
        return
    check(len(names) > 20, 'the runner prints the names of its tests', names)
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', '-E', expression(names), SUITE, env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(sorted(e['name'] for e in tests) == [f'ktstr/scx_{name}' for name in names], 'each of them has a result', run)
        for e in tests:
            reason = NAMED_SKIPS.get(e['name'])
            if reason and e['verdict'] == 'skip' and reason in e['cause']:
                skip(e['name'], e['cause'])
            else:
                check(e['verdict'] == 'pass', e['name'], e.get('cause'))
        failed, passed = 0, []
        for path in scratch.sidecars():
            with open(path) as f:
                result = json.load(f)
            runs = result['metrics']
            if result['skipped']:
                continue
            values = {m['name']: m['value'] for m in runs[0]['metrics']}
            passed.append(values['passed'])
            failed += values['failed'] + values['skipped'] + len(runs) - 1
        # Children inherit the runner's unwritten output and write it too: a line may appear more than once.
        ran = [e for e in tests if e['verdict'] != 'skip']
        check(len(passed) == len(ran) and min(passed) >= 1 and not failed, 'every one printed its own result', passed)


def main():
    kernel = need_kernel('selftests')
    before = machines()
    with Scratch() as scratch:
        control(kernel, scratch)
    all_of_them(kernel)
    check_nothing_left('selftests', before)
    finish(at_least=6)


main()
