#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Coverage: functions that guests call a known number of times have exactly these counts, with gcc and with clang, also
when processes abort, are killed, or the kernel panics."""
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel, skip  # noqa: E402

SOURCE = os.path.join(ROOT, 'tests', 'coverage', 'counted.c')
COMPILERS = {'gcc': ['gcc', '--coverage', '-fprofile-update=atomic'],
             'clang': ['clang', '-fprofile-instr-generate', '-fcoverage-mapping', '-fprofile-update=atomic']}
WORKERS = {'in_body': 7, 'in_worker': 3000}
CHILDREN = {'before_abort': 321, 'before_kill': 54, 'in_grandchild': 120}
PANIC = {'before_panic': 13}


def write_wide(path):
    """Functions with so many counters that there is room for fewer processes at a time than the tests fork."""
    with open(path, 'w') as f:
        for k in range(80):
            f.write(f'int wide_{k}(int n);\nint wide_{k}(int n)\n{{\n\tint sum = 0;\n')
            f.writelines(f'\tif (n == {i}) sum += n * {i};\n' for i in range(100))
            f.write('\treturn sum;\n}\n')


def build(scratch, compiler):
    """A test binary below the directory, where the compiler's files are, too."""
    home = scratch / compiler
    os.makedirs(home, exist_ok=True)
    write_wide(home + '/wide.c')
    commands = [[*COMPILERS[compiler], '-O0', f'-I{ROOT}/include', '-c', source, '-o', name]
                for source, name in ((SOURCE, 'counted.o'), ('wide.c', 'wide.o'))]
    for command in (*commands, [*COMPILERS[compiler], 'counted.o', 'wide.o', f'{BUILD}/libktstr.a', '-lm', '-o', 'counted']):
        done = subprocess.run(command, cwd=home, capture_output=True, text=True)
        if not check(done.returncode == 0, f'{compiler} builds with coverage', done.stderr):
            finish()
    return os.path.join(home, 'counted')


def calls(lcov):
    """{function: calls} of lcov's text. llvm-cov writes the file before the name of a static function."""
    return {m[2].rsplit(':', 1)[-1]: int(m[1]) for m in re.finditer(r'^FNDA:(\d+),(.*)$', lcov, re.M)}


def coverage(kernel, scratch, program, label, *options):
    env = {'KTSTR_SIDECAR_DIR': scratch / label, 'LLVM_COV_TARGET_DIR': scratch / (label + '.counts')}
    return Run('coverage', '--kernel', kernel['key'], '--lcov', *options, program, env=env), env


def check_calls(run, want, name):
    got = calls(run.out)
    check({k: got.get(k) for k in want} == want, name, f'{got}\n{run}')
    check(got.get('never') == 0, f'{name}: what never ran has no count', got)


def check_reports(env):
    """The same counts in other forms, without another run."""
    again = Run('llvm-cov', 'report', '--json', env=env)
    document = json.loads(again.out)
    source = next((f for f in document['files'] if f['path'] == os.path.realpath(SOURCE)), {'functions': []})
    functions = {f['name'].rsplit(':', 1)[-1]: f['count'] for f in source['functions']}
    check(functions.get('in_worker') == 3000 and functions.get('never') == 0, 'JSON has the same counts', functions)
    table = Run('llvm-cov', 'report', env=env)
    total = document['total']
    check(f"{total['lines']:7} {total['lines_run']:7}" in table.out.splitlines()[-1], 'a table has the same sums', table)
    page = env['LLVM_COV_TARGET_DIR'] + '.html'
    html = Run('llvm-cov', 'report', '--html', '-o', page, env=env)
    with open(page, encoding='utf-8') as f:
        text = f.read()
    check(html.status == 0 and re.search(r'class="run"> +3 +\d+ +\s*repeat\(in_worker', text) and 'COUNTED(never)' in text,
          'a page has the sources and their counts', html)


def check_compiler(kernel, scratch, compiler):
    if not shutil.which(compiler):
        skip(f'coverage with {compiler}', f'{compiler} is not installed')
        return
    program = build(scratch, compiler)
    run, env = coverage(kernel, scratch, program, compiler)
    check(run.status == 1, f'{compiler}: the kernel that panics is a failed test', run)
    check_calls(run, {**WORKERS, **CHILDREN, **PANIC}, f'{compiler}: every call is counted')
    check_reports(env)
    if compiler == 'gcc':
        run, _ = coverage(kernel, scratch, program, compiler, '--no-clean', '-E', 'test(counted_workers)')
        check(run.status == 0, 'another run adds to the counts', run)
        check_calls(run, {'in_body': 14, 'in_worker': 6000, **PANIC}, 'counts of two runs are added up')
        run, _ = coverage(kernel, scratch, program, compiler, '-E', 'test(counted_workers)', '--start', 'clone')
        check_calls(run, {**WORKERS, 'before_panic': 0}, 'a clone counts from zero')
    cleaned = Run('llvm-cov', 'clean', env=env)
    check(cleaned.status == 0 and not os.listdir(env['LLVM_COV_TARGET_DIR']), 'clean removes all counts', cleaned)


def check_kernel_functions(kernel, scratch, program):
    """Without a scheduler and without sched_yield(2), these functions ran, and those did not."""
    env = {'KTSTR_SIDECAR_DIR': scratch / 'kernel', 'LLVM_COV_TARGET_DIR': scratch / 'kernel.counts'}
    run = Run('coverage', '--kernel', kernel['key'], '--kernel-functions', '--json', '-E', 'test(counted_workers)', program, env=env)
    found = json.loads(run.out or '{"kernels": []}')['kernels']
    if not check(run.status == 0 and len(found) == 1, 'functions of one kernel are found', run):
        return
    not_run = set(found[0]['not_run'])
    check(found[0]['functions'] > 500 and found[0]['functions'] == found[0]['functions_run'] + len(not_run), 'they add up', found[0])
    wrong = {'try_to_wake_up', 'enqueue_task_fair', '__schedule', 'wake_up_new_task'} & not_run
    check(not wrong, 'what must run did', wrong)
    wrong = {'do_sched_yield', 'enqueue_task_scx', 'yield_task_fair'} - not_run
    check(not wrong, 'what nothing calls did not', wrong)
    check(not [f for f in not_run if re.match('(mutex|rwsem|futex)_', f)], 'functions of other folders are left out', not_run)


def profile_calls(path, prefix='bpf:'):
    """{function: calls} of a profile of instructions, of those whose names begin so."""
    with open(path) as f:
        profile = json.load(f)
    calls = {}
    for _, function, *counts in profile['paths']:
        name = profile['functions'][function]
        if name.startswith(prefix):
            name = name[len(prefix):]
            calls[name] = calls.get(name, 0) + counts[-1]    # of the whole run
    return calls


def check_bpf_lines(kernel, scratch):
    """Lines of schedulers of the kernel's tree: the calls of functions are those of the profile; what runs nowhere has no count."""
    side, counts = scratch / 'bpf', scratch / 'bpf.counts'
    run = Run('coverage', '--kernel', kernel['key'], '--bpf-lines', '--json', '-E', 'test(=ktstr/qmap_crowd)', BUILD + '/tests/examples',
              env={'KTSTR_SIDECAR_DIR': side, 'LLVM_COV_TARGET_DIR': counts})
    files = {f['path']: f for f in json.loads(run.out or '{"files": []}')['files']}
    if not check(run.status == 0 and list(files) == ['tools/sched_ext/scx_qmap.bpf.c'], 'lines of one scheduler are counted', run):
        return
    found = files['tools/sched_ext/scx_qmap.bpf.c']
    functions = {f['name']: f['count'] for f in found['functions']}
    profiled = profile_calls(next(os.path.join(side, name) for name in os.listdir(side) if name.endswith('.profile.json')))
    check(functions['qmap_enqueue'] > 0 and functions == {f: profiled.get(f, 0) for f in functions}, 'calls are those of the profile',
          (functions, profiled))
    lines, first = dict(found['lines']), {f['name']: f['line'] for f in found['functions']}
    check(all(lines[first[f]] >= n for f, n in functions.items()), 'a function runs from its first line', (functions, first))
    with Scratch() as plain:
        Run('coverage', '--kernel', kernel['key'], '--accel', 'tcg', '-E', 'test(=ktstr/qmap_crowd)', BUILD + '/tests/examples',
            env={'KTSTR_SIDECAR_DIR': plain.path, 'LLVM_COV_TARGET_DIR': plain / 'counts'})
        digests, clocks = set(), set()
        for path in scratch.sidecars('bpf') + plain.sidecars():
            with open(path) as f:
                sidecar = json.load(f)
            digests.add(sidecar['guest']['event_digest'])
            clocks.add((sidecar['tcg_time'], sidecar['tcg_lag_ns']))
    check(len(digests) == 1, 'the guest does not notice', digests)
    check(clocks == {('parallel', 5000)}, 'its CPUs have the same clocks as in other runs', clocks)
    never = [line for line, count in found['lines'] if not count]
    check(functions['qmap_dump'] == 0 and first['qmap_dump'] in never and 0 < len(never) < len(lines), 'what never ran has no count', never)


def check_kernel_lines(kernel, scratch):
    """Lines of kernel/sched: the calls of functions are those of the profile, and lines of one block are executed equally often."""
    if not os.path.exists(kernel['path'] + '/sched.lines'):
        skip('lines of the kernel', 'an older ktstr has built it, without a table of its lines')
        return
    side = scratch / 'lines'
    run = Run('coverage', '--kernel', kernel['key'], '--kernel-lines', '--json', '-E', 'test(=ktstr/qmap_crowd)', BUILD + '/tests/examples',
              env={'KTSTR_SIDECAR_DIR': side, 'LLVM_COV_TARGET_DIR': scratch / 'lines.counts'})
    files = {f['path']: f for f in json.loads(run.out or '{"files": []}')['files']}
    top = f"linux-{kernel['version']}/kernel/sched/"
    if not check(run.status == 0 and {top + 'core.c', top + 'fair.c', top + 'ext.c'} <= set(files) and all(f.startswith(top) for f in files),
                 'lines of the scheduler are counted, and of nothing else', run):
        return
    profiled = profile_calls(next(os.path.join(side, name) for name in os.listdir(side) if name.endswith('.profile.json')), '')
    found = [(f['name'], f['count']) for file in files.values() for f in file['functions']]
    once = {name: count for name, count in found if sum(name == other for other, _ in found) == 1}
    wrong = {name: (count, profiled.get(name, 0)) for name, count in once.items() if count != profiled.get(name, 0)}
    check(once.get('enqueue_task_scx') and once.get('try_to_wake_up') and not wrong, 'calls are those of the profile', wrong)
    never = {name for name, count in found if not count}
    check({'do_sched_yield', 'yield_task_scx'} <= never, 'what nothing calls has no count', sorted(never)[:40])
    total = {path: file['total'] for path, file in files.items()}
    check(all(0 < total[top + name]['lines_run'] < total[top + name]['lines'] for name in ('core.c', 'fair.c', 'ext.c')), 'some lines ran', total)
    digests = set()
    for path in scratch.sidecars('bpf') + scratch.sidecars('lines'):
        with open(path) as f:
            digests.add(json.load(f)['guest']['event_digest'])
    check(len(digests) == 1, 'the guest does not notice that either', digests)


def check_without(kernel, scratch):
    """A test binary that was built without coverage."""
    home = scratch / 'without'
    os.makedirs(home)
    subprocess.run(['gcc', f'-I{ROOT}/include', SOURCE, f'{BUILD}/libktstr.a', '-lm', '-o', 'counted'], cwd=home, check=True)
    run, _ = coverage(kernel, scratch, os.path.join(home, 'counted'), 'without', '-E', 'test(counted_workers)')
    check(run.status == 65 and 'built without coverage' in run.err and '--coverage' in run.err,
          'a program without coverage is named, with what to do', run)
    check_bpf_lines(kernel, scratch)
    check_kernel_lines(kernel, scratch)
    check_kernel_functions(kernel, scratch, os.path.join(home, 'counted'))


def main():
    kernel = need_kernel('coverage')
    before = machines()
    with Scratch() as scratch:
        for compiler in COMPILERS:
            check_compiler(kernel, scratch, compiler)
        check_without(kernel, scratch)
        check_nothing_left('coverage', before)
    finish(at_least=12)


main()
