#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Under a healthy scheduler and the strict limits, each test gets its expected verdict, and each example of the docs
passes."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

# test, verdict, expected text in the cause, checks that are recorded as not judged
CASES = [
    ('odd_crowds', 'pass', '', set()),
    ('weights_starve', 'pass', '', {'not_stuck', 'max_gap_ms', 'max_run_delay_ms', 'weights'}),
    ('quota_starves', 'pass', '', {'not_stuck', 'max_gap_ms', 'max_run_delay_ms', 'max_idle_wait_ms', 'max_idle_wakeup_ms'}),
    ('latency_beside_spinners', 'pass', '', set()),
    ('latency_of_one_load', 'fail', r"cgroup 'nap' \(IdleChurn\): p99 wake latency [\d.]+ [mu]s \(limit 0.001 us\), median", set()),
    ('latency_but_not_of_this_one', 'pass', '', set()),
    ('latency_of_spinners', 'inconclusive', r"cgroup 'spin' \(SpinWait\): max_p99_wake_latency_ns cannot be judged", set()),
    ('waits_of_spinners', 'fail', r"cgroup 'spin' \(SpinWait\): tid \d+ was ready to run, but did not run, for [\d.]+ ms, "
     r'until \d+ ms after the test began \(limit 2 ms\); [2-4] of 4 workers exceeded the limit', set()),
    ('rate_of_two_cpus', 'pass', '', set()),
    ('percentiles_kept', 'pass', '', set()),
    ('percentile_broken', 'fail', r"cgroup 'spin' \(SpinWait\): half of its \d+ waits took at most [\d.]+ ms "
     r'\(limit 10 us\); the longest took [\d.]+ ms, of tid \d+, until \d+ ms after the test began', set()),
]


def sidecar(scratch, name):
    paths = [p for p in scratch.sidecars() if os.path.basename(p).startswith(name + '-')]
    if len(paths) != 1:
        return {}
    with open(paths[0]) as f:
        return json.load(f)


def verdicts(kernel):
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', '--release', BUILD + '/tests/verdicts',
                  env={'KTSTR_SIDECAR_DIR': scratch.path})
        events = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
        check(set(events) == {c[0] for c in CASES}, 'every test is in the table', run)
        for name, verdict, cause, unjudged in CASES:
            e, kept = events.get(name, {}), sidecar(scratch, name)
            check(e.get('verdict') == verdict and re.search(cause, e.get('cause') or ''), f'{name}: {verdict}', e)
            recorded = kept.get('not_judged')
            ok = recorded is not None and {r['check'] for r in recorded} <= unjudged and bool(recorded) == bool(unjudged)
            check(ok and all(re.search('may count on|may wait for a quota|needs more workers', r['reason']) for r in recorded),
                  f'{name}: what was not judged is recorded with its reason', recorded)


def shared_clock(kernel):
    """With one clock for all CPUs, what two of them do per second, and how long one waits, means nothing."""
    names = ('rate_of_two_cpus', 'latency_beside_spinners')
    run = Run('test', '--kernel', kernel['key'], '--json', '--release', '--tcg-time', 'shared', '-E',
              ' | '.join(f'test(=ktstr/{name})' for name in names), BUILD + '/tests/verdicts')
    ends = {e['name']: e for e in run.events() if e['event'] == 'test-finished'}
    for name in names:
        e = ends.get('ktstr/' + name, {})
        check(e.get('verdict') == 'inconclusive' and 'all CPUs of a guest share one clock' in e['cause'],
              f'{name}: inconclusive with a shared clock', run)


def the_moment(kernel):
    """A guest's own clock begins after its machine's. What a worker measured is found in the recorded schedule, at that time."""
    with Scratch() as scratch:
        Run('test', '--kernel', kernel['key'], '-E', 'test(=ktstr/latency_of_one_load)', BUILD + '/tests/verdicts',
            env={'KTSTR_SIDECAR_DIR': scratch.path})
        path = scratch.sidecars()[0]
        with open(path) as f:
            cause = json.load(f)['details'][0]['message']
        tid, until = re.search(r'of tid (\d+), until (\d+) ms', cause).groups()
        shown = Run('trace', '--task', tid, path)
        ran = re.findall(rf'^ *([\d.]+) ms .*now test\[{tid}\] of .nap. runs, which waited for ([\d.]+) ([mu])s.*\n *([\d.]+) ms  ==> here it ends',
                         shown.out, re.M)
        close = [float(end) - float(at) for at, _, _, end in ran]
        check(len(close) == 1 and 0 <= close[0] < 0.2 and abs(float(ran[0][3]) - float(until)) <= 1,
              'the longest wake-up of a worker is at that moment of the recorded schedule', f'{cause}\n{shown}')
        late = Run('trace', '--at', '99s', path)
        check(late.status == 64 and '--at: the schedule was recorded from ' in late.err, 'a time that was not recorded is an error', late)
        nobody = Run('trace', '--task', '99999', path)
        check(nobody.status == 64 and 'no recorded step concerns the task 99999' in nobody.err, 'and so is a task', nobody)


def example(kernel):
    """The first example of the docs, unchanged, under an existing scheduler."""
    with open(os.path.join(ROOT, 'docs', 'SCENARIOS.md')) as f:
        code = re.search(r'^```c\n(.*?)^```', f.read(), re.M | re.S).group(1)
    with Scratch() as scratch:
        with open(scratch / 'example.c', 'w') as f:
            f.write(code.replace('scx_mine', 'scx_simple'))
        built = subprocess.run(['cc', '-Wall', '-Wextra', '-Werror', '-o', scratch / 'example', scratch / 'example.c',
                                '-I' + os.path.join(ROOT, 'include'), '-L' + BUILD, '-lktstr', '-lm'],
                               capture_output=True, text=True)
        check(built.returncode == 0, "the docs' first example compiles", built.stderr)
        run = Run('test', '--kernel', kernel['key'], '--json', scratch / 'example', env={'KTSTR_SIDECAR_DIR': scratch.path})
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(run.status == 0 and [e['verdict'] for e in tests] == ['pass'], 'and passes', run)


def main():
    kernel = need_kernel('verdicts')
    before = machines()
    verdicts(kernel)
    shared_clock(kernel)
    the_moment(kernel)
    example(kernel)
    check_nothing_left('verdicts', before)
    finish(at_least=2 * len(CASES) + 7)


main()
