#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Output that cannot be written is reported and ends with status 74; closed descriptors do no harm; lines come in the
order in which they were made."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, KTSTR, Scratch, check, finish, skip  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'

# Every command that writes to standard output without a guest.
COMMANDS = [['--version'], ['--help'], ['help', 'test'], ['help', '--man'], ['completions', 'bash'], ['list'], ['list', '--json'],
            ['topo'], ['topo', '--json'], ['locks'], ['locks', '--json'], ['doctor'], ['doctor', '--json'], ['kernel', 'list'],
            ['kernel', 'list', '--json'], ['test', '--list', EXAMPLES], ['test', '--list', '--json', EXAMPLES],
            ['test', '--dry-run', EXAMPLES], ['test', '--dry-run', '--json', EXAMPLES], ['show-thresholds', 'simple_crowd', EXAMPLES],
            ['show-thresholds', '--json', 'simple_crowd', EXAMPLES]]


def full(env):
    for command in COMMANDS:
        name = ' '.join(os.path.basename(word) for word in command)
        with open('/dev/full', 'w', encoding='utf-8') as nowhere:
            p = subprocess.run([KTSTR, *command], env=env, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False)
        said = [line for line in p.stderr.splitlines() if line.startswith('error: write standard output: No space left') and 'free some space' in line]
        check(p.returncode == 74 and len(said) == 1, f'{name} on a full device', f'{p.returncode}\n{p.stderr}')
    with open('/dev/full', 'w', encoding='utf-8') as nowhere:
        p = subprocess.run([KTSTR, 'kernel', 'build', '--clean', 'no/such'], env=env, stdout=subprocess.PIPE, stderr=nowhere, check=False)
        check(p.returncode == 74, 'messages on a full device', p)


def reader_leaves(env):
    read, write = os.pipe()
    os.close(read)
    p = subprocess.run([KTSTR, 'list'], env=env, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    check(p.returncode == 74 and 'Broken pipe' in p.stderr and 'the program that reads it has ended' in p.stderr and
          'free some space' not in p.stderr, 'a pipe without a reader', p)


def closed(env, scratch):
    """Without descriptors 0 to 2, the next opened files would get these numbers: output must not go into a file."""
    command = f'"{KTSTR}" test --dry-run --trace "{scratch}/trace.json" "{EXAMPLES}" <&- >&- 2>&-'
    p = subprocess.run(['sh', '-c', command], env=env, check=False)
    with open(scratch + '/trace.json', encoding='utf-8') as trace:
        text = trace.read()
    check(p.returncode == 74 and 'ktstr/' not in text and 'tests on each kernel' not in text, 'closed descriptors', text[:300])


def order(env):
    both = subprocess.run([KTSTR, 'test', '--dry-run', EXAMPLES], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = both.stdout.splitlines()
    check(len(lines) > 3 and 'tests on each kernel' in lines[-1], 'results stand before the message that sums them up', both.stdout)


def colours(env):
    """--color wins over the environment, and is an option of every command."""
    plain = {k: v for k, v in env.items() if k not in ('NO_COLOR', 'CLICOLOR_FORCE')}
    for settings, options, coloured in (({}, [], False), ({}, ['--color', 'always'], True), ({'NO_COLOR': '1'}, ['--color=always'], True),
                                        ({'CLICOLOR_FORCE': '1'}, ['--color', 'auto'], True), ({'CLICOLOR_FORCE': '1'}, ['--color', 'never'], False)):
        p = subprocess.run([KTSTR, 'doctor', *options], env={**plain, **settings}, capture_output=True, text=True, check=False)
        check(('\x1b[' in p.stdout) == coloured and 'io_uring' in p.stdout, f'colours: {settings} {options}', p)
    p = subprocess.run([KTSTR, 'list', '--color', 'red'], env=env, capture_output=True, text=True, check=False)
    check(p.returncode == 64 and "'red' is not auto, always or never" in p.stderr, 'a word that --color does not know', p)


def main():
    with Scratch() as scratch:
        env = dict(os.environ, KTSTR_LOCK_DIR=scratch / 'locks', KTSTR_CACHE_DIR=scratch / 'cache', KTSTR_RUNS_ROOT=scratch / 'runs')
        os.mkdir(scratch / 'locks')
        if os.path.exists('/dev/full'):
            full(env)
        else:
            skip('outputs on a full device', 'no /dev/full')
        reader_leaves(env)
        closed(env, scratch.path)
        order(env)
        colours(env)
    finish(at_least=20)


main()
