#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A guest is a small Linux: files that a test brings along are found at their host paths, and programs find what they
expect."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
VERDICTS = {'libraries': 'pass', 'small_linux': 'pass', 'large_file': 'pass', 'too_large_file': 'inconclusive',
            'crlf_script': 'inconclusive'}


def compile_c(*args, cwd):
    subprocess.run(['cc', *args], cwd=cwd, check=True, stdin=subprocess.DEVNULL)


def library(directory, name, value, *args):
    """A shared library with one function; @directory is where the host's loader looks for it."""
    os.makedirs(directory, exist_ok=True)
    source = os.path.join(directory, name + '.c')
    with open(source, 'w') as f:
        f.write(f'int {name}(void) {{ return {value}; }}\n')
    compile_c('-shared', '-fPIC', '-o', f'lib{name}.so', source, *args, cwd=directory)


def build(scratch, shm, run):
    """The suite is below /tmp, where guests mount their own file system, in a directory that no colon-separated list
    can name."""
    home = scratch / 'co:lon'
    shutil.copytree(HERE + '/guest', home)
    library(scratch / 'lib', 'in_tmp', 1)
    library(shm, 'in_shm', 2)
    library(run, 'in_run', 5)
    library(home, 'in_colon', 3)
    library(scratch / 'named', 'by_path', 4)
    compile_c('-o', 'suite', 'suite.c', f'-I{TREE}/include', f'-L{BUILD}', '-L.', '-L../lib', f'-L{shm}', f'-L{run}', '-lktstr', '-lm',
              '-lin_tmp', '-lin_shm', '-lin_run', '-lin_colon', scratch / 'named/libby_path.so',
              f"-Wl,-rpath,$ORIGIN:{scratch / 'lib'}:{shm}:{run}", cwd=home)
    compile_c('-pthread', '-o', 'cancel', 'cancel.c', cwd=home)
    compile_c('-o', 'names', 'names.c', cwd=home)
    with open(home + '/crlf.sh', 'w', newline='') as f:
        f.write('#!/bin/sh\r\necho hello\r\n')
    os.chmod(home + '/crlf.sh', 0o755)
    for name, mib in (('large', 200), ('too-large', 3000)):
        with open(os.path.join(home, name), 'wb') as f:
            f.truncate(mib << 20)
    return home


def sidecar(scratch, name):
    for path in scratch.sidecars('results'):
        with open(path) as f:
            found = json.load(f)
        if found['test_name'] == name:
            return found
    return {}


def look(scratch, run):
    tests = {e['name'].split('/')[1]: e for e in run.events() if e['event'] == 'test-finished'}
    for name, verdict in VERDICTS.items():
        check(tests.get(name, {}).get('verdict') == verdict, f'{name}: {verdict}', f'{tests.get(name)}\n{run}')
    check("'./too-large' has 3000 MiB: together the files of this test are larger than the 768 MiB" in
          (tests['too_large_file'].get('cause') or ''), 'files that are too large are refused by name', tests['too_large_file'])
    check("script './crlf.sh': its first line ends in a carriage return, so that Linux would look for '/bin/sh\\r'" in
          (tests['crlf_script'].get('cause') or ''), 'a carriage return is shown', tests['crlf_script'])
    large = sidecar(scratch, 'large_file').get('guest', {}).get('memory_mib', 0)
    check(large == 2 * 200 + 192, 'memory grows with the files', large)
    runs = sidecar(scratch, 'small_linux').get('metrics', [])
    bench = [r for r in runs if r['payload'] == 'bench']
    check(len(runs) == 7 and len(bench) == 1, 'every payload has its run', runs)
    shown = [(m['name'], m['value'], m['unit'], m['polarity'], m['stream']) for r in bench for m in r['metrics']]
    check(shown == [('time', 0.095, 's', 'lower_better', 'stdout')], 'a line of text is a metric', bench)


def main():
    kernel = need_kernel('guest')
    if not shutil.which('busybox'):
        skip('guest', 'busybox is not installed on this machine')
        finish()
    before = machines()
    hidden = [tempfile.mkdtemp(prefix='ktstr-test-', dir=where) for where in ('/dev/shm', '/run')]
    try:
        with Scratch() as scratch:
            home = build(scratch, *hidden)
            run = Run('test', '--kernel', kernel['key'], '--json', './suite', cwd=home,
                      env={'KTSTR_SIDECAR_DIR': scratch / 'results', 'KTSTR_VERBOSE': '1'})
            look(scratch, run)
    finally:
        for path in hidden:
            shutil.rmtree(path, ignore_errors=True)
    check_nothing_left('guest', before)
    finish(at_least=len(VERDICTS) + 5)


main()
