#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time of one TAB after `ktstr test -E` in a project with 5,000 tests, in the shell's own function, beside the same
without a cache: the test binary is asked.

    bench/completions.py [BUILD [TESTS]]

Each row is the fastest of several runs. The time of a shell that starts and reads the completions is subtracted.
"""
import os
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
TESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROUNDS = 9
AIM = 0.030


def build_suite(scratch):
    os.mkdir(scratch + '/build')
    with open(scratch + '/suite.c', 'w') as f:
        f.write('#include <ktstr/ktstr.h>\n')
        for i in range(TESTS):
            f.write(f'KTSTR_TEST(t{i:05d}, .llcs = 2, .cores = 2) {{ return ktstr_run_canned(t, "steady"); }}\n')
    subprocess.run(['cc', '-I', ROOT + '/include', '-o', scratch + '/build/suite', scratch + '/suite.c', '-Wl,--whole-archive',
                    BUILD + '/libktstr.a', '-Wl,--no-whole-archive', '-lm'], check=True)


def measure(scratch, command):
    env = dict(os.environ, PATH=BUILD + ':' + os.environ['PATH'], XDG_CACHE_HOME=scratch + '/cache')
    began = time.monotonic()
    done = subprocess.run(command, cwd=scratch, env=env, capture_output=True, text=True, check=True)
    return time.monotonic() - began, done.stdout.count('\n')


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        build_suite(scratch)
        with open(scratch + '/completions', 'w') as f:
            subprocess.run([BUILD + '/ktstr', 'completions', 'bash'], stdout=f, check=True)
        shell = 'COMP_WORDS=(ktstr test -E {0}); COMP_CWORD=3; '
        press = shell + '_ktstr; printf "%s\\n" "${{#COMPREPLY[@]}}"'
        load = f'. {scratch}/completions; '
        rows = {'a shell that reads the completions': ['bash', '-c', load],
                'TAB behind ktstr/t0123 (10 tests)': ['bash', '-c', load + press.format('ktstr/t0123')],
                f'TAB behind nothing ({TESTS} tests)': ['bash', '-c', load + press.format("''")],
                'rival: the test binary lists its tests': [scratch + '/build/suite', '--list']}
        best = {}
        for _ in range(ROUNDS):
            for name, command in rows.items():
                best[name] = min(best.get(name, (9e9, 0)), measure(scratch, command))
    base = best.pop('a shell that reads the completions')[0]
    print(f'{TESTS} tests; a shell that reads the completions takes {base * 1000:.0f} ms')
    for name, (wall, lines) in best.items():
        spent = wall if name.startswith('rival') else wall - base
        print(f'{name:40s} {spent * 1000:5.0f} ms {lines:6d} lines')
    worst = max(w - base for n, (w, _) in best.items() if n.startswith('TAB'))
    print(f'below the aim of {AIM * 1000:.0f} ms: {"yes" if worst < AIM else "no"}')


main()
