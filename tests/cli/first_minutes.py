#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Test binaries as people use them: named without ./, named twice, broken ones beside good ones; and runs that name no
kernel."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from tap import BUILD, Run, Scratch, check, finish  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUICK = """#include <ktstr/ktstr.h>
KTSTR_SCHEDULER(nowhere, .binary = "scx_nowhere_at_all");
KTSTR_TEST(quick, .cores = 2, .duration_s = 1) { return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 2 })); }
#ifdef MORE
KTSTR_TEST(wide, .llcs = 300, .duration_s = 1) { return KTSTR_PASS; }
KTSTR_TEST(lost, .scheduler = &nowhere, .duration_s = 1) { return KTSTR_PASS; }
#endif
"""


def suite(scratch, path, *flags):
    source = scratch / 'quick.c'
    with open(source, 'w', encoding='utf-8') as f:
        f.write(QUICK)
    os.makedirs(os.path.dirname(scratch / path) or '.', exist_ok=True)
    subprocess.run([os.environ.get('CC', 'cc'), '-o', scratch / path, *flags, source, f'-I{ROOT}/include', f'-L{BUILD}', '-lktstr', '-lm'],
                   check=True)


def names(scratch):
    suite(scratch, 'a.out')
    for name in ('sort', 'test'):
        shutil.copy(scratch / 'a.out', scratch / name)
    os.mkdir(scratch / 'bin')
    with open(scratch / 'bin/a.out', 'w') as f:
        f.write(f'#!/bin/sh\ntouch {scratch.path}/wrong-program-ran\nexit 1\n')
    os.chmod(scratch / 'bin/a.out', 0o755)
    path = {'PATH': scratch / 'bin' + ':' + os.environ['PATH']}
    for name in ('a.out', 'sort', 'test'):
        run = Run('test', '--list', name, cwd=scratch.path, env=path)
        check(run.status == 0 and run.out.startswith('ktstr/quick'), f'ktstr test {name} runs ./{name}', run)
    check(not os.path.exists(scratch / 'wrong-program-ran'), 'and never another one, from PATH')


def twice(scratch):
    for d in ('b1', 'b2'):
        suite(scratch, d + '/quick')
    both = Run('test', '--list', 'b1', 'b2', cwd=scratch.path)
    check(both.status == 65 and "in 'b1/quick' (quick.c:3) and in 'b2/quick' (quick.c:3)" in both.err.replace(scratch.path + '/', '') and
          '--duplicates first' in both.err, 'two copies: both are named, and what to do', both)
    first = Run('test', '--list', '--duplicates', 'first', 'b1', 'b2', cwd=scratch.path)
    check(first.status == 0 and first.out.count('\n') == 1 and first.err == '', '--duplicates first takes the first', first)
    suite(scratch, 'b1/quick', '-DMORE')
    some = Run('test', '--dry-run', '--json', 'b1', 'b2', cwd=scratch.path, env={'KTSTR_SIDECAR_DIR': scratch.path})
    problems = {e['name']: e['problem'] or '' for e in some.events()}
    check(some.status == 0 and sorted(problems) == ['ktstr/lost', 'ktstr/quick', 'ktstr/wide'] and problems['ktstr/lost'] == '' and
          'there is another test of this name' in problems['ktstr/quick'] and 'quick.c:5: its topology is larger' in problems['ktstr/wide'],
          'tests that cannot run are named in the plan, and only they', some)


def broken(scratch):
    """A binary that cannot be listed, or has another version, does not stop the others."""
    suite(scratch, 'mixed/good', '-DMORE')
    shutil.copy(scratch / 'mixed/good', scratch / 'mixed/old')
    with open(scratch / 'mixed/old', 'r+b') as f:
        at = f.read().find(b'ktstr\0\0\0') + 8
        f.seek(at)
        f.write((99).to_bytes(4, 'little'))
    run = Run('test', '--list', 'mixed', cwd=scratch.path)
    check(run.status == 65 and run.out.startswith('ktstr/quick') and 'was built for interface version 99' in run.err and
          'its tests do not run' in run.err, 'a binary of another version beside a good one: 65, and the good one is listed', run)
    check('warning: ktstr/wide cannot run: ' in run.err and 'quick.c:5: its topology is larger than' in run.err,
          'a test that is declared wrongly: its file and line, and the others', run)
    os.unlink(scratch / 'mixed/old')
    run = Run('test', '--list', 'mixed', '-E', 'test(=ktstr/wide)', cwd=scratch.path)
    check(run.status == 65 and 'quick.c:5' in run.err, 'where nothing else is left, it is the error', run)


def default_kernels(scratch):
    """Without a named kernel: the places where ktstr looks for one, and doctor reports the same."""
    cache = scratch / 'cache'
    env = {'KTSTR_CACHE_DIR': cache, 'KTSTR_KERNEL': ''}
    told = lambda **more: Run('test', '--dry-run', 'a.out', cwd=scratch.path, env={**env, **more})  # noqa: E731
    health = lambda: next(f for f in json.loads(Run('doctor', '--json', cwd=scratch.path, env=env).out) if f['name'] == 'kernels')  # noqa: E731
    empty = told(KTSTR_TEST_KERNEL='')
    check(empty.status == 64 and 'KTSTR_TEST_KERNEL is set to the empty string' in empty.err, 'KTSTR_TEST_KERNEL= is an error', empty)
    absent = told(KTSTR_TEST_KERNEL='/no/where')
    check(absent.status == 69 and "there is no kernel image '/no/where'" in absent.err, 'KTSTR_TEST_KERNEL names nothing', absent)
    other = told(KTSTR_TEST_KERNEL='/bin/true', KTSTR_KERNEL='9.9')
    check('9.9' not in other.err, 'KTSTR_TEST_KERNEL wins over KTSTR_KERNEL', other)
    text = told(KTSTR_TEST_KERNEL=scratch / 'quick.c')
    check(text.status == 65 and 'is not a kernel image' in text.err, 'KTSTR_TEST_KERNEL names something else', text)
    # A kernel image: 0x202 has the magic; 0x20e has the offset of the version, counted from 0x200.
    image = bytearray(0x400)
    image[0x202:0x206] = b'HdrS'
    image[0x20e:0x210] = (0x20).to_bytes(2, 'little')
    image[0x220:0x240] = b'7.7.7-mine (x@y) #1'.ljust(32, b'\0')
    with open(scratch / 'vmlinuz', 'wb') as f:
        f.write(image)
    named = told(KTSTR_TEST_KERNEL=scratch / 'vmlinuz')
    check(named.status == 0 and '1 test, ' in named.err, 'KTSTR_TEST_KERNEL names an image; one test is not "1 tests"', named)
    os.makedirs(scratch / 'linux/arch/x86/boot')
    for name, content in (('Makefile', b'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 2\nEXTRAVERSION =\n'), ('Kconfig', b''),
                          ('arch/x86/boot/bzImage', bytes(image))):
        with open(os.path.join(scratch / 'linux', name), 'wb') as f:
            f.write(content)
    found = health()
    check(found['health'] == 'ok' and found['state'] == os.path.realpath(scratch / 'linux'), './linux is found', found)
    # An entry that was built with another configuration: the tree is used; without the tree, both say why not.
    os.makedirs(cache + '/6.1.2-tarball-x86_64-kc00000000')
    with open(cache + '/6.1.2-tarball-x86_64-kc00000000/bzImage', 'wb') as f:
        f.write(image)
    check(health()['state'] == os.path.realpath(scratch / 'linux'), 'an unusable entry of the cache is passed over', health())


# Skipped on tcg: their results are written without a machine.
SKIPPED = '#include <ktstr/ktstr.h>\n' + ''.join(
    f'KTSTR_TEST({name}, .performance_mode = KTSTR_ON) {{ return ktstr_run_cgroups(t, KTSTR_CGROUPS({{ .name = "a", .workers = 1 }})); }}\n'
    for name in ('one', 'two'))


def earlier_results(scratch):
    """A run of some tests keeps the results of the others; a run of all tests says which results it removed."""
    project = scratch / 'project'
    os.mkdir(project)
    for name, text in (('first', SKIPPED), ('second', SKIPPED.replace('one', 'three').replace('two', 'four'))):
        with open(f'{project}/{name}.c', 'w', encoding='utf-8') as f:
            f.write(text)
        subprocess.run([os.environ.get('CC', 'cc').split()[-1], '-o', f'{project}/{name}', f'{project}/{name}.c', f'-I{ROOT}/include',
                        f'-L{BUILD}', '-lktstr', '-lm'], check=True)
    subprocess.run('git init -q && git add *.c && git -c user.name=x -c user.email=x@example.org commit -qm x', shell=True, cwd=project, check=True)
    env = {'KTSTR_TEST_KERNEL': scratch / 'vmlinuz', 'KTSTR_ACCEL': 'tcg', 'XDG_CACHE_HOME': scratch / 'caches',
           'KTSTR_LOCK_DIR': project, 'KTSTR_RUNS_ROOT': project + '/runs', 'KTSTR_SIDECAR_DIR': ''}
    run = lambda *args: Run('test', *args, cwd=project, env=env)  # noqa: E731
    there = lambda: sorted(f.split('-')[0] for d, _, fs in os.walk(project + '/runs') for f in fs if f.endswith('.ktstr.json'))  # noqa: E731
    done = run('first')
    check(done.status == 0 and there() == ['one', 'two'] and 'results of earlier runs' not in done.err, 'two results', (done, there()))
    done = run('-E', 'test(=ktstr/one)', 'first')
    check(done.status == 0 and there() == ['one', 'two'] and 'of earlier runs' not in done.err, 'a run of one test keeps the other result', done)
    done = run('second')
    check(there() == ['four', 'three'] and 'note: 2 results of earlier runs' in done.err and 'set KTSTR_SIDECAR_DIR' in done.err,
          'a run of all tests says how many results it removed, and how to keep them', (done, there()))


with Scratch() as scratch:
    names(scratch)
    twice(scratch)
    broken(scratch)
    default_kernels(scratch)
    earlier_results(scratch)
    named = Run('test', '--dry-run', '--kernel', 'distro', 'a.out', cwd=scratch.path)
    two = Run('test', '--dry-run', '--kernel', './linux,v9.99', 'a.out', cwd=scratch.path,
              env={'KTSTR_KERNEL_MIRROR': 'http://127.0.0.1:1'})
    check(two.status == 69 and '9.99' in two.err, '--dry-run resolves --kernel', two)
    tree = Run('test', '--dry-run', '--kernel', './linux', '--kernel', './linux/../linux', 'a.out', cwd=scratch.path)
    check(tree.status == 0 and tree.out.startswith('ktstr/quick'), '--dry-run --kernel TREE builds nothing', tree)
    check(not os.path.exists(scratch / 'linux/.config'), 'indeed', os.listdir(scratch / 'linux'))
finish()
