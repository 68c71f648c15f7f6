#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time of one TAB after `ktstr test -E` in a project with 5,000 tests: in bash's own function, beside the same without
a cache (the test binary is asked); and in interactive shells on a terminal, from the key to the completed word, beside a
TAB behind `ktstr kernel cle`, which needs no value of this machine.

    bench/completions.py [BUILD [TESTS]]

Each row is the fastest of several runs. Of the function, the time of a shell that starts and reads the completions is
subtracted.
"""
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'lib'))
from shell_terminal import SETUP, Terminal  # noqa: E402

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
        f.write('KTSTR_TEST(only_onezzyx, .llcs = 2, .cores = 2) { return ktstr_run_canned(t, "steady"); }\n')
    subprocess.run(['cc', '-I', ROOT + '/include', '-o', scratch + '/build/suite', scratch + '/suite.c', '-Wl,--whole-archive',
                    BUILD + '/libktstr.a', '-Wl,--no-whole-archive', '-lm'], check=True)


def measure(scratch, command):
    env = dict(os.environ, PATH=BUILD + ':' + os.environ['PATH'], XDG_CACHE_HOME=scratch + '/cache')
    began = time.monotonic()
    done = subprocess.run(command, cwd=scratch, env=env, capture_output=True, text=True, check=True)
    return time.monotonic() - began, done.stdout.strip()


def quiet(terminal):
    """Reads until nothing has come for a while."""
    while select.select([terminal.fd], [], [], 0.4)[0]:
        terminal.wait('no such text', timeout=0.05)
    terminal.seen = ''


def press_tab(terminal, typed, added):
    """Seconds from the key until what it adds is on the screen."""
    terminal.type(typed)
    quiet(terminal)
    began = time.monotonic()
    terminal.type('\t')
    shown = terminal.wait(added, timeout=20)
    spent = time.monotonic() - began
    quiet(terminal)
    terminal.type('\x03')
    quiet(terminal)
    if shown is None:
        sys.exit(f'"{added}" is not offered behind "{typed}"')
    return spent


def interactive(scratch):
    print(f'{"on a terminal":40s} {"a test":>8s} {"a command":>10s}')
    worst = 0
    for shell, (argv, setup) in SETUP.items():
        if not shutil.which(shell):
            print(f'{shell:40s} is not installed')
            continue
        with open(scratch + '/script', 'w') as f:
            subprocess.run([BUILD + '/ktstr', 'completions', shell], stdout=f, check=True)
        env = dict(os.environ, PATH=BUILD + ':' + os.environ['PATH'], XDG_CACHE_HOME=scratch + '/cache', HOME=scratch, TERM='xterm', LC_ALL='C.UTF-8')
        terminal = Terminal(argv, env, scratch)
        terminal.type(setup.format(script=scratch + '/script') + '\r')
        quiet(terminal)
        live = min(press_tab(terminal, 'ktstr test -E ktstr/only_one', 'zzyx') for _ in range(ROUNDS))
        fixed = min(press_tab(terminal, 'ktstr kernel cle', 'an') for _ in range(ROUNDS))
        terminal.close()
        worst = max(worst, live)
        print(f'{shell:40s} {live * 1000:5.0f} ms {fixed * 1000:7.0f} ms')
    return worst


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
                f'TAB behind nothing ({TESTS + 1} tests)': ['bash', '-c', load + press.format("''")],
                'rival: the test binary lists its tests': [scratch + '/build/suite', '--list']}
        best = {}
        for _ in range(ROUNDS):
            for name, command in rows.items():
                best[name] = min(best.get(name, (9e9, '')), measure(scratch, command))
        worst = interactive(scratch)
    base = best.pop('a shell that reads the completions')[0]
    print(f'{TESTS} tests; a shell that reads the completions takes {base * 1000:.0f} ms')
    for name, (wall, offered) in best.items():
        spent = wall if name.startswith('rival') else wall - base
        print(f'{name:40s} {spent * 1000:5.0f} ms' + (f', {offered} words offered' if name.startswith('TAB') else ''))
    worst = max(worst, *(w - base for n, (w, _) in best.items() if n.startswith('TAB')))
    print(f'below the aim of {AIM * 1000:.0f} ms: {"yes" if worst < AIM else "no"} ({worst * 1000:.0f} ms)')


main()
