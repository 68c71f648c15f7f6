#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses of what goes wrong outside ktstr, each with one line that says why: files that are not regular files."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

EXAMPLES = BUILD + '/tests/examples'


def refused(name, status, said, *args, **kw):
    run = Run(*args, timeout=60, **kw)
    errors = [line for line in run.err.splitlines() if line.startswith('error:')]
    check(run.status == status and len(errors) == 1 and said in errors[0], f'{name}: exits with {status}', f'wanted "{said}"\n{run}')


def fifos(scratch):
    """Nobody writes to them: whoever opens one as a file waits for ever."""
    pipe = scratch / 'pipe.tar.xz'
    os.mkfifo(pipe)
    cache = scratch / 'fifo-cache'
    os.makedirs(cache + '/entry')
    os.mkfifo(cache + '/entry/metadata.json')
    is_fifo = f"'{pipe}': it is a FIFO; name a regular file"
    for command in (('test', '--kernel', pipe, EXAMPLES), ('kernel', 'build', pipe)):
        refused(f'a FIFO as tarball of {command[0]}', 65, is_fifo, *command, env={'KTSTR_CACHE_DIR': scratch / 'empty-cache'})
    refused('a FIFO as KTSTR_TEST_KERNEL', 65, 'KTSTR_TEST_KERNEL: open ' + is_fifo, 'test', EXAMPLES, env={'KTSTR_TEST_KERNEL': pipe})
    refused('a FIFO as fragment', 64, is_fifo, 'kernel', 'build', '--extra-kconfig', pipe, '6.12')
    for command in (('test', '--list'), ('show-thresholds', 'simple_crowd')):
        refused(f'a FIFO as suite of {command[0]}', 64, f"test path '{pipe}' is a FIFO; name a file or a directory", *command, pipe)
    run = Run('kernel', 'list', '--offline', env={'KTSTR_CACHE_DIR': cache}, timeout=60)
    check(run.status == 0 and 'corrupt' in run.out and 'it is a FIFO' in run.out, 'a FIFO as metadata: a damaged entry', run)


def main():
    with Scratch() as scratch:
        fifos(scratch)
    finish(at_least=7)


main()
