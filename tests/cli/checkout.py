#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""To name the commit of the user's checkout, ktstr runs no program from the checkout's configuration: no filter driver,
no file system monitor, no hook, no transport of a partial clone."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from tap import BUILD, Scratch, check, finish  # noqa: E402

GIT = ['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']


def git(repo, *args):
    return subprocess.run([*GIT, *args], cwd=repo, check=True, capture_output=True, text=True).stdout


def make_program(path, mark):
    with open(path, 'w') as f:
        f.write(f'#!/bin/sh\necho "$0 $*" >> {mark}\nexec cat\n')
    os.chmod(path, 0o755)


def make_checkout(scratch):
    """A checkout whose hooks and drivers all leave a mark, with a file that git must read to detect changes."""
    repo, program, mark = scratch / 'repo', scratch / 'program', scratch / 'mark'
    os.mkdir(repo)
    git(repo, 'init', '-q')
    for name, text in (('.gitattributes', '*.a filter=one\n*.b filter=two.dots=x\n*.c filter=three\n'), ('x.a', 'a\n'),
                       ('x.b', 'b\n'), ('x.c', 'c\n')):
        with open(os.path.join(repo, name), 'w') as f:
            f.write(text)
    git(repo, 'add', '.')
    git(repo, 'commit', '-qm', 'one')
    make_program(program, mark)
    with open(os.path.join(repo, '.git', 'config'), 'a') as f:
        f.write(f'[filter "one"]\n\tclean = {program} clean\n\trequired = true\n'
                f'[filter "two.dots=x"]\n\tclean = {program} dots\n[filter "three"]\n\tprocess = {program} process\n'
                f'\trequired = true\n[core]\n\tfsmonitor = {program}\n\thooksPath = {scratch / "hooks"}\n'
                f'[diff]\n\texternal = {program}\n')
    os.mkdir(scratch / 'hooks')
    for hook in ('post-index-change', 'fsmonitor-watchman', 'pre-auto-gc'):
        make_program(os.path.join(scratch / 'hooks', hook), mark)
    return repo, mark


def touch(repo):
    """Changes the times but not the content: git has to read the files, through the filters."""
    for name in ('x.a', 'x.b', 'x.c'):
        os.utime(os.path.join(repo, name), (time.time() + 5, time.time() + 5))


def commit_of(repo):
    done = subprocess.run([os.path.join(BUILD, 'tests', 'checkout_commit')], cwd=repo, capture_output=True, text=True)
    return done.stdout.strip()


def marks(mark):
    try:
        with open(mark) as f:
            return f.read()
    except FileNotFoundError:
        return ''


def main():
    with Scratch() as scratch:
        repo, mark = make_checkout(scratch)
        head = git(repo, 'rev-parse', '--short=7', 'HEAD').strip()
        touch(repo)
        subprocess.run(['git', 'status'], cwd=repo, capture_output=True)
        ran = marks(mark)
        check(' clean' in ran and ' dots' in ran and ' process' in ran, 'a plain git status runs every driver', ran)
        touch(repo)
        if ran:
            os.unlink(mark)
        said = commit_of(repo)
        check(not marks(mark), 'looking for the commit runs no program of the checkout', marks(mark))
        check(said == head, 'the same content is not dirty', f'{said}, HEAD is {head}')
        with open(os.path.join(repo, 'x.b'), 'a') as f:
            f.write('more\n')
        said = commit_of(repo)
        check(not marks(mark), 'nor does it for a file that differs', marks(mark))
        check(said == head + '-dirty', 'which is dirty', said)
        git(repo, 'config', '--remove-section', 'filter.one')
        git(repo, 'config', '--remove-section', 'filter.two.dots=x')
        git(repo, 'config', '--remove-section', 'filter.three')
        said = commit_of(repo)
        check(said == head + '-dirty', 'a checkout without drivers is asked all the same', said)
        check(commit_of(scratch.path) == 'unknown', 'outside a checkout there is no commit')
    finish()


main()
