#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time of `ktstr test --list` on a suite of 5,000 tests, beside a fork for each test and a copy of the same lines.

    bench/list.py [BUILD [TESTS]]

Each row is the fastest of several runs, taken in turns. `CPU` is the time of all processes of that run.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
TESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROUNDS = 7
AIM = 0.5

BODIES = (
    'return ktstr_run_canned(t, "steady");',
    '''return ktstr_run_cgroups(t, KTSTR_CGROUPS(
        { .name = "cg_0", .workers = 2 },
        { .name = "cg_1", .workers = 2, .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));''',
    '''return ktstr_run_steps(t, KTSTR_STEPS(
        { .name = "alone", .cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 4 }), .hold = KTSTR_HOLD_SHARE(0.5) },
        { .name = "crowd", .cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 4 }, { .name = "b", .workers = 4 }),
          .hold = KTSTR_HOLD_SHARE(0.5) }));''')


def build_suite(scratch):
    with open(scratch + '/suite.c', 'w') as f:
        f.write('#include <ktstr/ktstr.h>\n')
        for i in range(TESTS):
            f.write(f'KTSTR_TEST(t{i:05d}, .llcs = 2, .cores = 2) {{ {BODIES[i % len(BODIES)]} }}\n')
    subprocess.run(['cc', '-I', ROOT + '/include', '-o', scratch + '/suite', scratch + '/suite.c', '-Wl,--whole-archive',
                    BUILD + '/libktstr.a', '-Wl,--no-whole-archive', '-lm'], check=True)
    return scratch + '/suite'


def measure(command, out):
    """(wall time, CPU time) of a command; its output goes to the file @out."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with open(out, 'w') as f:
        subprocess.run(command, stdout=f, check=True, env={**os.environ, 'KTSTR_SIDECAR_DIR': os.path.dirname(out)})
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        suite, lines = build_suite(scratch), scratch + '/lines'
        measure([BUILD + '/ktstr', 'test', '--list', suite], lines)
        with open(lines) as f:
            count = len(f.readlines())
        rows = {'ktstr test --list': [BUILD + '/ktstr', 'test', '--list', suite],
                '  of it: the test binary with --list': [suite, '--list'],
                f'rival: {TESTS} forks of a tiny program': [BUILD + '/bench/fork_each', str(TESTS)],
                'rival: cat of the same lines': ['cat', lines]}
        best = {}
        for _ in range(ROUNDS):
            for name, command in rows.items():
                now = measure(command, scratch + '/out')
                best[name] = min(best.get(name, now), now)
    print(f'{count} of {TESTS} tests are listed; {ROUNDS} runs each')
    print(f'{"":42s} {"wall":>8s} {"CPU":>8s}')
    for name, (wall, cpu) in best.items():
        print(f'{name:42s} {wall * 1000:5.0f} ms {cpu * 1000:5.0f} ms')
    wall = best['ktstr test --list'][0]
    print(f'below the aim of {AIM * 1000:.0f} ms: {"yes" if wall < AIM else "no"}')
    sys.exit(count != TESTS)


main()
