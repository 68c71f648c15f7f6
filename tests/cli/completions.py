#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Completions in real shells, through a terminal: subcommands, flags, values, and values that only this machine knows."""
import os
import re
import shutil
import subprocess
import sys

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')
sys.path.insert(0, LIB)
from shell_terminal import SETUP, Terminal, line_start  # noqa: E402
from tap import BUILD, KTSTR, Run, Scratch, check, finish, skip  # noqa: E402

PARSER = os.path.expanduser('~/.cache/ktstr-tests/node_modules/@vscode/tree-sitter-wasm')
# What is typed, and the line after TAB. Each has one completion.
LINES = (
    ('ktstr kernel cle', 'ktstr kernel clean'),
    ('ktstr test --no-perf', 'ktstr test --no-perf-mode'),
    ('ktstr test --accel kv', 'ktstr test --accel kvm'),
    ('ktstr test --filter ktstr/eevdf_ste', 'ktstr test --filter ktstr/eevdf_steps'),
    ('ktstr test -E ktstr/eevdf_ste', 'ktstr test -E ktstr/eevdf_steps'),
    ('ktstr show-thresholds qmap_ch', 'ktstr show-thresholds qmap_chatter'),
    ('ktstr stats show-h', 'ktstr stats show-host'),
    ('ktstr stats --di', 'ktstr stats --dir'),
    ('ktstr stats compare --scheduler flat', 'ktstr stats compare --scheduler flatcg'),
    ('ktstr stats compare --a-topology 9cpu', 'ktstr stats compare --a-topology 9cpu-3llc-nosmt'),
    ('ktstr merge 6.99-', 'ktstr merge 6.99-abc'),
    ('ktstr test --kernel 6.77', 'ktstr test --kernel 6.77.1'),
    ('ktstr test --accel=kv', 'ktstr test --accel=kvm'),
    ('ktstr test --filter=ktstr/eevdf_ste', 'ktstr test --filter=ktstr/eevdf_steps'),
    ('ktstr ctprof show --group-by cg', 'ktstr ctprof show --group-by cgroup'),
)


def completed(terminal, typed, number, home):
    """The line after TAB: it becomes the arguments of echo (Ctrl-A goes to the line's start)."""
    # The marks are typed with quotes, and printed without.
    terminal.type(f"{typed}\t '<'{number}'/>'{home}echo '<'{number}'>' \r")
    if terminal.wait(f'<{number}>') is None:
        return None
    return ' '.join((terminal.wait(f'<{number}/>') or 'nothing').split())


def try_shell(shell, scratch, env):
    argv, setup = SETUP[shell]
    script = scratch / ('completions.' + shell)
    with open(script, 'w', encoding='utf-8') as f:
        f.write(Run('completions', shell).out)
    terminal = Terminal(argv, env, scratch / 'project')
    # Two words, so that the echo of the typed line is not the output.
    terminal.type(setup.format(script=script) + '; echo rea""dy\r')
    if terminal.wait('ready') is None:
        check(False, f'{shell} reads its completions', terminal.seen)
    else:
        for number, (typed, wanted) in enumerate(LINES):
            if shell == 'elvish' and '=' in typed:
                continue    # it puts quotes around such a word; tests/cli/shells.py has them
            got = completed(terminal, typed, number, line_start(shell))
            check(got == wanted, f'{shell}: {wanted}', f'{got!r}\n{terminal.seen[-500:]!r}')
            if got is None:     # the next ones would wait in vain, too
                break
    terminal.close()


def make_project(scratch):
    os.makedirs(scratch / 'project/build')
    os.makedirs(scratch / 'bin')
    os.makedirs(scratch / 'runs/6.99-abc')
    os.makedirs(scratch / 'kernels/entry')
    os.symlink(KTSTR, scratch / 'bin/ktstr')
    shutil.copy(os.path.join(BUILD, 'tests', 'examples', 'examples'), scratch / 'project/build/suite')
    with open(scratch / 'kernels/entry/metadata.json', 'w') as f:
        f.write('{"version": "6.77.1", "source": {"type": "tarball"}, "arch": "x86_64", "image_name": "bzImage", '
                '"built_at": "2026-01-01T00:00:00Z", "ktstr_kconfig_hash": "00112233", "has_vmlinux": false}')
    with open(scratch / 'kernels/entry/bzImage', 'w') as f:
        f.write('x')
    return dict(os.environ, PATH=scratch / 'bin:' + os.environ['PATH'], TERM='xterm', HOME=scratch.path, KTSTR_RUNS_ROOT=scratch / 'runs',
                KTSTR_CACHE_DIR=scratch / 'kernels', XDG_CACHE_HOME=scratch / 'cache', LC_ALL='C.UTF-8',
                XDG_DATA_HOME=scratch / 'data', XDG_CONFIG_HOME=scratch / 'config', XDG_STATE_HOME=scratch / 'state')


def values(env, scratch, kind, prefix=''):
    return subprocess.run([KTSTR, 'completions', '--values', kind, '--', '=' + prefix], cwd=scratch / 'project', env=env,
                          capture_output=True, text=True).stdout.splitlines()


def check_values(env, scratch):
    tests = values(env, scratch, 'tests')
    check('ktstr/eevdf_steps' in tests and len(tests) == len(set(tests)) and tests == values(env, scratch, 'tests'),
          'the tests, also from the cache', tests)
    check('eevdf_steps' in values(env, scratch, 'tests', 'eevdf_st'), 'and without ktstr/, which a filter may leave out', tests)
    suite = scratch / 'project/build/suite'
    shutil.copy('/bin/true', suite + '.new')
    os.rename(suite + '.new', suite)
    check(values(env, scratch, 'tests') == [], 'a binary that changed is asked again', values(env, scratch, 'tests'))
    check(Run('completions', '--values', 'nonsense').status == 64, 'no such kind: 64')


def check_names():
    for name in ('a b', "a'b", 'x;touch y', '$(id)', '-x', 'k\nz', 'k\x1b', '\u00e4'):
        runs = [Run('completions', shell, '--binary', name) for shell in SETUP]
        check(all(run.status == 64 and not run.out and 'letters, digits' in run.err for run in runs), f'--binary {name!r}: refused', runs[0])
    check(all(Run('completions', shell, '--binary', './bin/cargo-ktstr_2.0+').status == 0 for shell in SETUP), 'other names are not')


def powershell_faults(script, text):
    """What a parser says; it has to be PowerShell's grammar, since Debian has no PowerShell."""
    with open(script, 'w', encoding='utf-8') as f:
        f.write(text)
    # The optimizing compiler would take half a minute for the parser, and the script is read in a moment.
    said = subprocess.run(['node', '--liftoff-only', os.path.join(LIB, 'powershell.js'), PARSER, script], capture_output=True, text=True, timeout=120)
    *faults, last = said.stdout.splitlines() or [said.stderr]
    return faults, last


def parse_powershell(scratch, text):
    if not shutil.which('node') or not os.path.exists(PARSER):
        skip('powershell: parsed', f'no {PARSER} and node; tools/setup.sh installs both where npm is')
        return
    faults, last = powershell_faults(scratch / 'good.ps1', text)
    entries = text.count("' = {") + text.count("' = @(")
    check(not faults and last.endswith(f' {entries} entries of tables'), f'powershell: it is parsed, with its {entries} entries', (faults, last))
    small = "$values = @{\n\t'a' = {'b', 'c'}\n}\n& $values['a']\n"
    broken = [t for t in (small + "'", small.replace('@{', '@{{'), small.replace("' = {", "' {")) if not powershell_faults(scratch / 'bad.ps1', t)[0]]
    check(not broken, 'powershell: three broken ones are not', broken)


def check_powershell(scratch):
    """What ends a string or a block too early, keys that are one key for PowerShell, and its grammar."""
    text = Run('completions', 'powershell').out
    depth, quote, lowest = 0, None, 0
    for c in text:
        if quote:
            quote = None if c == quote else quote
        elif c in '\'"':
            quote = c
        else:
            depth += (c in '{(') - (c in '})')
            lowest = min(lowest, depth)
    check(not quote and depth == 0 and lowest == 0, 'powershell: quotes and brackets are balanced', (quote, depth, lowest))
    check("'test --accel' = {'auto', 'kvm', 'tcg'}" in text and '& $values[$option]' in text and
          "completions --values tests -- \"=$word\"" in text, 'powershell: values', text[-1500:])
    for table in text.split(' = @{\n')[1:]:
        keys = [key.lower() for key in re.findall(r"^\t\t'([^']*)' = ", table, re.M)]
        check(len(keys) == len(set(keys)) > 40, 'powershell: no key twice, in any case', [k for k in keys if keys.count(k) > 1])
    parse_powershell(scratch, text)


with Scratch() as scratch:
    env = make_project(scratch)
    for shell in SETUP:
        if shutil.which(shell):
            try_shell(shell, scratch, env)
        else:
            skip(f'completions of {shell} in a terminal', f'{shell} is not installed')
    check_values(env, scratch)
    check_names()
    check_powershell(scratch)
finish(at_least=9)
