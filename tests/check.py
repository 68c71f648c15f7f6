#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs all tests, those that fail fastest first; the last line counts the tests that ran.

    tests/check.py            everything
    tests/check.py fast       only tests without a sanitizer build or a kernel
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VALGRIND = ('valgrind', '-q', '--error-exitcode=99', '--leak-check=full', '--errors-for-leak-kinds=definite')
REASON_LINES = 6
counts = {'passed': 0, 'failed': 0, 'skipped': 0}
failures = []
began = time.monotonic()


def say(text):
    print(f'== [{time.monotonic() - began:5.0f}s] {text}', flush=True)


def run(*argv, **kw):
    return subprocess.run(argv, cwd=ROOT, **kw).returncode


def one(ok, name):
    """A step that is a single test: a build, or a tool's whole run."""
    if ok:
        counts['passed'] += 1
        print(f'ok  {name}', flush=True)
    else:
        failed(name)
    return ok


def failed(name, reason=()):
    counts['failed'] += 1
    failures.append(f'FAILED  {name}')
    failures.extend('        ' + line[:300] for line in reason)
    print(f'FAILED  {name}', flush=True)


def reason_of(output, name):
    """The first lines that a test printed about its part `name`, behind its `not ok`."""
    lines = iter(output.splitlines())
    for line in lines:
        if line.startswith('not ok') and line.endswith(name):
            said = [next(lines, '') for _ in range(REASON_LINES)]
            return [s for i, s in enumerate(said) if all(t.startswith('#') for t in said[:i + 1])]
    return []


def count_junit(path):
    root = ET.parse(path).getroot()
    suite_of = {case: suite for suite in root.iter('testsuite') for case in suite.iter('testcase')}
    for case in root.iter('testcase'):
        if case.find('failure') is not None or case.find('error') is not None:
            failed(f"{case.get('classname') or ''} {case.get('name')}",
                   reason_of(suite_of[case].findtext('system-out') or '', case.get('name')))
        elif case.find('skipped') is not None:
            counts['skipped'] += 1
            why = case.find('skipped').get('message') or ''
            print(f"skipped  {case.get('name')} {why}", flush=True)
        else:
            counts['passed'] += 1


def meson_test(build, name, *args):
    """Runs a suite and counts its tests, sub-tests included."""
    log = os.path.join(ROOT, build, 'meson-logs', f'testlog-{name}.junit.xml')
    if os.path.exists(log):
        os.unlink(log)
    code = run('meson', 'test', '-C', build, '--no-rebuild', '--print-errorlogs', '--logbase', f'testlog-{name}', *args,
               stdout=subprocess.DEVNULL if os.environ.get('CHECK_QUIET') else None)
    if not os.path.exists(log):
        failed(f'suite {name} left no record')
        return
    before = counts['failed']
    count_junit(log)
    if code != 0 and counts['failed'] == before:
        failed(f'suite {name} ended with status {code}')


def build(directory, *options):
    if not os.path.exists(os.path.join(ROOT, directory, 'build.ninja')):
        if run('meson', 'setup', directory, *options, stdout=subprocess.DEVNULL) != 0:
            return one(False, f'configure {directory}')
    return one(run('ninja', '-C', directory, '--quiet') == 0, f'build {directory}')


def under_valgrind(seconds, *argv):
    return run('timeout', '-s', 'KILL', str(seconds), *VALGRIND, *argv, stdout=subprocess.DEVNULL) == 0


def valgrind():
    tests = [('simulated runs', 600, ('build/tests/sim_attempts', '3', '200', '4'))]
    tests += [(name, 300, (f'build/tests/test_{name}',))
              for name in ('base', 'devices', 'distro', 'gauntlet', 'image', 'lock', 'net', 'payload', 'plan', 'sandbox', 'shmring',
                           'verdict', 'virtio', 'vmm', 'x86', 'x86_tables')]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for test, ok in zip(tests, pool.map(lambda test: under_valgrind(test[1], *test[2]), tests)):
            one(ok, f'{test[0]} under valgrind')


def further_kernels(cpus):
    """CHECK_KERNELS="distro:newest ...": more kernels for the matrix. Each takes ten minutes."""
    for kernel in os.environ.get('CHECK_KERNELS', '').split():
        code = run('build/ktstr', 'kernel', 'build', kernel, '--schedulers', '--selftests', '--cpu-cap', cpus)
        if code == 69:
            counts['skipped'] += 1
            print(f'skipped  kernel build {kernel}, which no mirror offers here', flush=True)
        else:
            one(code == 0, f'kernel build {kernel}')


def finish():
    """Repeats all failures together with their output, and prints the counts after them."""
    print('\n'.join(failures), end='\n' if failures else '', flush=True)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    sys.exit(1 if counts['failed'] or not counts['passed'] else 0)


def main():
    # Many of the fast tests wait for something.
    many = ('--num-processes', str(2 * (os.cpu_count() or 1)))
    say('build')
    if not build('build'):
        finish()
    # Suites for guests of another architecture. Without the compiler their tests are skipped.
    if shutil.which('aarch64-linux-gnu-gcc'):
        build('build-aarch64', '--cross-file', 'cross/aarch64.ini')
    say('fast suites')
    meson_test('build', 'fast', '--suite', 'fast', *many)
    if sys.argv[1:] == ['fast']:
        finish()

    say('fast suites under AddressSanitizer and UndefinedBehaviorSanitizer')
    # Backtraces need only lines, and this takes half as long to build as all of the debug information.
    if build('build-asan', '-Db_sanitize=address,undefined', '-Db_lundef=false', '-Doptimization=1', '-Ddebug=false', '-Dc_args=-g1'):
        os.environ['ASAN_OPTIONS'] = 'detect_leaks=1:abort_on_error=0'
        os.environ['LSAN_OPTIONS'] = 'print_suppressions=0:suppressions=' + os.path.join(ROOT, 'tests', 'leaks.supp')
        os.environ['UBSAN_OPTIONS'] = 'halt_on_error=1:print_stacktrace=1'
        meson_test('build-asan', 'asan', '--suite', 'fast', *many)

    say('unit tests of the orchestrator under valgrind')
    # valgrind 3.19 does not know pidfd_open(2), and has problems with threads and io_uring: the reactor's own tests run
    # under the sanitizers, its machines here in simulation.
    print('skipped  reactor under valgrind, which does not know pidfd_open(2)')
    # valgrind does not know seccomp(2) and KVM's ioctls either; the VMM's tests run under the sanitizers.
    print('skipped  kvm under valgrind, which does not know seccomp(2)')
    # openat2(2) neither: what opens its directories by descriptor cannot run there.
    print('skipped  kernel under valgrind, which does not know openat2(2)')
    print('skipped  run under valgrind, which does not know openat2(2)')
    counts['skipped'] += 4
    valgrind()

    say('the kernel, with its own schedulers (minutes, once)')
    cpus = str(os.cpu_count() or 1)
    if one(run('build/ktstr', 'kernel', 'build', 'distro', '--schedulers', '--selftests', '--cpu-cap', cpus) == 0, 'kernel build distro'):
        further_kernels(cpus)
        say('real guests')
        meson_test('build', 'vm', '--suite', 'vm', '--num-processes', cpus)
        say('the KVM backend on emulated hardware, a sample; all of it: KTSTR_LAB=full make lab')
        meson_test('build', 'lab', '--suite', 'lab', '--num-processes', cpus)
    say('done')
    finish()


if __name__ == '__main__':
    main()
