#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`ktstr llvm-cov` and what `ktstr coverage` refuses, without a guest: counters are those of programs on this machine."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import Run, Scratch, check, finish, skip  # noqa: E402

SOURCE = """#include <stdlib.h>
static int twice(int n)
{
	return 2 * n;
}
static int unused(int n)
{
	return n;
}
int main(int argc, char **argv)
{
	int sum = 0;
	for (int i = 0; i < atoi(argv[1]); i++)
		sum += twice(i);
	return argc > 2 ? unused(sum) : 0;
}
"""


def counts(env):
    done = Run('llvm-cov', 'report', '--json', env=env)
    found = json.loads(done.out or '{"files": []}')['files']
    return {f['name'].rsplit(':', 1)[-1]: f['count'] for file in found for f in file['functions']}, done


def check_words(scratch):
    env = {'LLVM_COV_TARGET_DIR': scratch / 'none'}
    check(Run('llvm-cov').status == 64, 'no word is a usage error')
    check(Run('llvm-cov', '--help').status == 0, '--help is help')
    empty = Run('llvm-cov', 'report', env=env)
    check(empty.status == 69 and 'has no counters' in empty.err, 'a report of nothing says what to do', empty)
    both = Run('llvm-cov', 'report', '--lcov', '--html', env=env)
    check(both.status == 64, 'one form at a time', both)
    nowhere = Run('coverage', '-o', scratch / 'no/such/file', 'a.out', env=env)
    check(nowhere.status != 0 and 'no/such' in nowhere.err, 'a report that cannot be written is refused before the run', nowhere)
    clean = Run('llvm-cov', 'clean', env=env)
    check(clean.status == 0 and 'removed 0 entries' in clean.out, 'there may be nothing to remove', clean)
    if shutil.which('llvm-cov'):
        version = Run('llvm-cov', '--version', env=env)
        check(version.status == 0 and 'LLVM' in version.out, 'other words are for llvm-cov', version)
        wrong = Run('llvm-cov', 'no-such-word', env=env)
        check(wrong.status != 0, 'its exit status is ours', wrong)


def check_directory(scratch):
    """Which directory is meant."""
    show = Run('llvm-cov', 'show-env', env={'LLVM_COV_TARGET_DIR': '/a/b c', 'LLVM_PROFILE_FILE': '/x/y.profraw'})
    check("LLVM_COV_TARGET_DIR='/a/b c'" in show.out, 'LLVM_COV_TARGET_DIR comes first', show)
    show = Run('llvm-cov', 'show-env', env={'LLVM_COV_TARGET_DIR': '', 'LLVM_PROFILE_FILE': '/x/y.profraw'})
    check('LLVM_COV_TARGET_DIR=/x\n' in show.out and "LLVM_PROFILE_FILE='/x/" in show.out, 'then LLVM_PROFILE_FILE', show)
    show = Run('llvm-cov', 'show-env', cwd=scratch.path, env={'LLVM_COV_TARGET_DIR': '', 'LLVM_PROFILE_FILE': '', 'CARGO_TARGET_DIR': ''})
    check(f'GCOV_PREFIX={os.path.realpath(scratch.path)}/target/llvm-cov-target\n' in show.out, 'else target/llvm-cov-target', show)


def check_clean(scratch):
    where = scratch / 'clean'
    os.makedirs(where + '/below')
    names = ('a.profraw', 'b.gcda', 'below/c.profraw')
    for name in names:
        with open(os.path.join(where, name), 'w') as f:
            f.write('x')
    env = {'LLVM_COV_TARGET_DIR': where}
    some = Run('llvm-cov', 'clean', '--profraw-only', env=env)
    check([os.path.exists(os.path.join(where, n)) for n in names] == [False, True, True], '--profraw-only removes only those', some)
    Run('llvm-cov', 'clean', env=env)
    check(os.listdir(where) == [], 'clean removes the rest')


def check_gcc(scratch):
    """A program of the host, whose counts go where show-env says."""
    if not shutil.which('gcov'):
        skip('counts of gcc', 'gcov is not installed')
        return
    home, env = scratch / 'gcc', {'LLVM_COV_TARGET_DIR': scratch / 'gcc.counts'}
    os.makedirs(home)
    with open(home + '/two.c', 'w') as f:
        f.write(SOURCE)
    subprocess.run(['gcc', '--coverage', 'two.c', '-o', 'two'], cwd=home, check=True)
    shown = Run('llvm-cov', 'show-env', env=env).out
    for n in ('5', '37'):
        subprocess.run(['bash', '-c', f'{shown}\n./two {n}'], cwd=home, check=True)
    got, done = counts(env)
    check(got == {'twice': 42, 'unused': 0, 'main': 2}, 'counts of two processes are added up', f'{got}\n{done}')
    lcov = Run('llvm-cov', 'report', '--lcov', env=env)
    check('DA:4,42\n' in lcov.out and 'DA:8,0\n' in lcov.out and 'FNH:2\n' in lcov.out, 'lcov has the lines', lcov)
    gcov = Run('llvm-cov', '--version', env=env)
    check('gcov' in gcov.out, 'other words are for gcov, if gcc has counted', gcov)
    os.rename(home, home + '.moved')
    Run('llvm-cov', 'report', env=env)
    for name in os.listdir(home + '.moved'):
        if name.endswith('.gcno'):
            os.remove(os.path.join(home + '.moved', name))
    _, done = counts(env)
    check(done.status == 69 and '.gcno' in done.err, 'notes that are gone are named', done)


def main():
    with Scratch() as scratch:
        check_words(scratch)
        check_directory(scratch)
        check_clean(scratch)
        check_gcc(scratch)
    finish(at_least=12)


main()
