#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Coverage of programs that are not test binaries: the user space of a scheduler, and payloads, dynamic and static. Their
functions have exactly the counts with which they were called, whether they exit, are killed by PID 1 or the engine, abort, or
end with their kernel; with gcc and with clang."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

SOURCES = os.path.join(ROOT, 'tests', 'coverage')
SCHEDULER = os.path.join(ROOT, 'tests', 'fixtures', 'scx_counted.c')
PAYLOAD = os.path.join(SOURCES, 'counted_payload.c')
SUITE = os.path.join(SOURCES, 'programs.c')
COMPILERS = {'gcc': ['--coverage', '-fprofile-update=atomic'],
             'clang': ['-fprofile-instr-generate', '-fcoverage-mapping', '-fprofile-update=atomic']}
STATIC = ['-static', '-Wl,-u,ktstr_coverage', f'-L{BUILD}', '-lktstr-coverage']
SCHEDULER_CALLS = {'main': 4, 'scheduler_begins': 44, 'scheduler_exits': 21, 'scheduler_is_killed': 22, 'scheduler_aborts': 23,
                   'scheduler_panics': 24, 'on_signal': 1, 'scheduler_never': 0}
# Of four payloads, each with one more process of its program after an exec, and its constructor in both.
PAYLOAD_CALLS = {'main': 8, 'before_main': 16, 'payload_begins': 12, 'payload_child': 200, 'payload_leaf': 36, 'payload_exits': 31,
                 'payload_is_killed': 32, 'payload_aborts': 33, 'payload_panics': 34, 'payload_never': 0}


def do(command, home, why, env=None):
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, env=dict(os.environ, **(env or {})))
    if not check(done.returncode == 0, why, done.stderr):
        finish()


def build(kernel, home, compiler):
    """A suite with its scheduler and payloads, in a directory where the compiler's files are, too."""
    os.makedirs(home)
    flags = COMPILERS[compiler]
    do([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], home, 'scx_counted'], home, f'{compiler} builds a scheduler',
       {'CC': compiler, 'CFLAGS': ' '.join(flags), 'OBJECTS': home})
    for source, name in ((SUITE, 'suite'), (PAYLOAD, 'counted_payload'), (PAYLOAD, 'counted_static')):
        do([compiler, *flags, '-O1', '-g', f'-I{ROOT}/include', '-c', source, '-o', name + '.o'], home, f'{compiler} compiles {name}')
    do([compiler, *flags, 'suite.o', f'{BUILD}/libktstr.a', '-lm', '-o', 'suite'], home, f'{compiler} links a suite')
    do([compiler, *flags, 'counted_payload.o', '-o', 'counted_payload'], home, f'{compiler} links a payload')
    do([compiler, *flags, 'counted_static.o', *STATIC, '-o', 'counted_static'], home, f'{compiler} links a static payload')
    return os.path.join(home, 'suite')


def coverage(kernel, scratch, program, label, which):
    env = {'KTSTR_SIDECAR_DIR': scratch / label, 'LLVM_COV_TARGET_DIR': scratch / (label + '.counts')}
    run = Run('coverage', '--kernel', kernel['key'], '--json', '-E', which, program, env=env)
    files = json.loads(run.out)['files'] if run.out.startswith('{') else []
    # llvm-cov writes the file before the name of a static function.
    return run, {f['path']: {c['name'].rsplit(':', 1)[-1]: c['count'] for c in f['functions']} for f in files}


def check_calls(files, path, want, name, run):
    # For clang, a function that a macro makes is where the macro is.
    got = {**files.get(os.path.realpath(SOURCES + '/counted.h'), {}), **files.get(os.path.realpath(path), {})}
    check({k: got.get(k) for k in want} == want, name, f'{got}\n{run}')


def check_compiler(kernel, scratch, compiler):
    if not shutil.which(compiler):
        skip(f'programs built with {compiler}', f'{compiler} is not installed')
        return
    program = build(kernel, scratch / compiler, compiler)
    run, files = coverage(kernel, scratch, program, compiler + '.scheduler', 'test(/scheduler_/)')
    check_calls(files, SCHEDULER, SCHEDULER_CALLS, f'{compiler}: a scheduler that exits, is killed, aborts, panics', run)
    check_calls(files, SUITE, {'in_suite': 4}, f'{compiler}: its suite is counted, too', run)
    run, files = coverage(kernel, scratch, program, compiler + '.payload', 'test(/payload_/)')
    check_calls(files, PAYLOAD, PAYLOAD_CALLS, f'{compiler}: a payload that exits, is killed, aborts, panics', run)
    run, files = coverage(kernel, scratch, program, compiler + '.static', 'test(/static_/)')
    check_calls(files, PAYLOAD, PAYLOAD_CALLS, f'{compiler}: a static one', run)
    run, files = coverage(kernel, scratch, program, compiler + '.shell', 'test(/shell_/)')
    check(run.status == 0, f'{compiler}: a shell that has the library runs', run)
    check_calls(files, PAYLOAD, {'payload_begins': 3, 'payload_child': 50, 'payload_leaf': 9, 'payload_exits': 31},
                f'{compiler}: what a shell starts', run)


def check_plain(kernel, scratch):
    """Without `coverage`, such programs get no library, and leave no counts."""
    suite = os.path.join(scratch / 'gcc', 'suite')
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(/scheduler_exits|shell_exits/)', suite, env={'KTSTR_SIDECAR_DIR': scratch / 'plain'})
    check(run.status == 0, 'programs with counters run without coverage', run)


def main():
    kernel = need_kernel('coverage_programs')
    before = machines()
    with Scratch() as scratch:
        for compiler in COMPILERS:
            check_compiler(kernel, scratch, compiler)
        if shutil.which('gcc'):
            check_plain(kernel, scratch)
        check_nothing_left('coverage_programs', before)
    finish(at_least=3)


main()
