#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A run over two kernels: labels in names, and kernels that are all built before a test starts, or as they are needed.
The examples, all schedulers of the kernel's tree and its own tests run on an old and a new series, if the cache has them.
"""
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'mirror'))
import layout  # noqa: E402
from kit import SUITE, expression, runner_names  # noqa: E402
from tap import (BUILD, Run, Scratch, cached_kernels, check, check_nothing_left, finish, machines,  # noqa: E402
                 need_kernel, skip)

TEST = ('-E', 'test(eevdf_custom_work)', BUILD + '/tests/examples')


def without_parallel_smp(kernel, root):
    """A cache with the same kernel, marked as built without CONFIG_HOTPLUG_PARALLEL, as older ones are."""
    entry = os.path.join(root, kernel['key'])
    shutil.copytree(kernel['path'], entry)
    with open(entry + '/config') as f:
        lines = [line for line in f if not line.startswith('CONFIG_HOTPLUG_PARALLEL=')]
    with open(entry + '/config', 'w') as f:
        f.writelines(lines)


def late_processors(kernel, scratch):
    cache, out = str(scratch / 'cache'), str(scratch / 'late')
    without_parallel_smp(kernel, cache)
    run = Run('test', '--kernel', kernel['key'], '-E', 'test(eevdf_cpusets)', BUILD + '/tests/examples',
              env={'KTSTR_CACHE_DIR': cache, 'KTSTR_SIDECAR_DIR': out})
    with open(os.path.join(out, os.listdir(out)[0])) as f:
        cpus = len(json.load(f)['guest']['cpus'])
    check(run.status == 0 and cpus == 4, 'a kernel that brings its processors up one by one has them all', run)


# Kernel messages about an unknown word, or an invalid value.
UNPARSED = re.compile(r'Unknown kernel command line|Malformed early option|Unable to parse|[Ii]nvalid (value|option|parameter)|'
                      r'unknown parameter|Parameter .* is obsolete|bad value')


def parsed_command_line(kernel):
    """With all kernel messages on the console, on two nodes: the kernel understands each word of our command line."""
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--no-capture', '-E', 'test(=ktstr/eevdf_work_types)', BUILD + '/tests/examples',
                  env={'KTSTR_VERBOSE': '1', 'KTSTR_SIDECAR_DIR': scratch.path})
    lines = (run.out + run.err).splitlines()
    said = [line for line in lines if UNPARSED.search(line)]
    whole = any('Kernel command line:' in line and 'numa_balancing=disable' in line for line in lines)
    check(run.status == 0 and whole and not said, f"{kernel['version']}: the kernel parses its command line", '\n'.join(said) or run)


def run_suite(kernel, suite, *args, passes):
    """Every test of @suite passes, is skipped with a reason, or fails as known. @passes: at least one passes."""
    with Scratch() as scratch:
        run = Run('test', '--kernel', kernel['key'], '--json', *args, suite, env={'KTSTR_SIDECAR_DIR': scratch.path})
    tests = [e for e in run.events() if e['event'] == 'test-finished']
    bad = [(e['name'], e['verdict'], e.get('cause')) for e in tests
           if e['verdict'] != 'pass' and not (e['verdict'] == 'skip' and e.get('cause')) and
           (e.get('known_fail') or {}).get('outcome') != 'xfail']
    passed = sum(e['verdict'] == 'pass' for e in tests)
    name = f"{kernel['version']}: {os.path.basename(suite)}: {passed} of {len(tests)} pass, the others are skips or failures with a known reason"
    check(tests and not bad and (passed or not passes), name, '\n'.join(map(str, bad)) or run)
    return tests


def tree_schedulers(kernel):
    """Every scheduler that was built with the kernel has a test, and passes it."""
    programs = os.listdir(kernel['path'] + '/sched_ext/bin')
    tested = {}
    for source in ('examples/in_tree.c', 'schedulers/newer.c'):
        with open(os.path.join(os.path.dirname(__file__), '..', source)) as f:
            tested.update({program: (name, source) for name, program in re.findall(r'KTSTR_SCHEDULER\((\w+), .binary = "(\w+)"', f.read())})
    check(set(programs) <= set(tested), f"{kernel['version']}: every scheduler of the tree has a test", programs)
    newer = [name for program, (name, source) in tested.items() if program in programs and source.startswith('schedulers')]
    if newer:
        tests = run_suite(kernel, BUILD + '/tests/schedulers', '-E', ' | '.join(f'scheduler({name})' for name in newer), passes=True)
        check({e['scheduler'] for e in tests} == set(newer), 'and each of them ran', tests)


def own_tests(kernel):
    """The kernel's own tests: each test of its runner is in our suite, and passes or says why not."""
    names = runner_names(kernel['path'])
    tests = run_suite(kernel, SUITE, '-E', expression(names), passes=True)
    check(len(names) > 20 and sorted(e['name'] for e in tests) == [f'ktstr/scx_{name}' for name in names],
          f"{kernel['version']}: each of the kernel's own tests has a result", names)


def series(name):
    """An old or a new series. The reference series has its own tests."""
    found = cached_kernels(name)
    if not found:
        skip(f'Linux {name}', f"no kernel of it in the cache; 'ktstr kernel build --schedulers --selftests distro:{name}'")
        return
    kernel = found[0]
    parsed_command_line(kernel)
    run_suite(kernel, BUILD + '/tests/examples', passes=True)
    if kernel['has_schedulers']:
        tree_schedulers(kernel)
    if kernel['has_selftests']:
        own_tests(kernel)


def main():
    kernel = need_kernel('matrix')
    parsed_command_line(kernel)
    for name in ('6.1', '7'):
        series(name)
    label = 'kernel_' + kernel['version'].replace('.', '_').replace('-', '_')
    before = machines()
    with Scratch() as scratch:
        env = {'KTSTR_RUNS_ROOT': scratch / 'runs', 'KTSTR_KERNEL_MIRROR': 'http://127.0.0.1:1'}
        # A tree whose build takes a while and then fails.
        broken = layout.fake_tree(scratch / 'broken', '6.1.7', objects=4, object_s=0.5, fails=True)
        run = Run('test', '--kernel', kernel['key'], '--kernel', broken, *TEST, env=env)
        check(run.status == 65 and 'PASS' not in run.out and 'build of kernel 6.1.7 failed' in run.err,
              'a kernel that does not build ends the run before a test starts', run)
        run = Run('test', '--eager', '--kernel', kernel['key'], '--kernel', broken, *TEST, env=env)
        check(run.status == 65 and f'PASS  ktstr/eevdf_custom_work/{label}' in run.out and 'build of kernel 6.1.7 failed' in run.err,
              '--eager: the kernel that is there is tested meanwhile, and its tests carry its label', run)
        run = Run('test', '--kernel', kernel['key'], '--kernel', kernel['version'], *TEST, env=env)
        check(run.status == 0 and 'PASS  ktstr/eevdf_custom_work ' in run.out, 'one kernel by two names is one kernel', run)
        run = Run('test', '--kernel', kernel['key'], '--kernel', '6.99.1', *TEST, env=env)
        check(run.status == 69 and 'PASS' not in run.out, 'one that cannot be resolved ends the run at once', run)
        late_processors(kernel, scratch)
    check_nothing_left('matrix', before)
    finish(at_least=6)


main()
