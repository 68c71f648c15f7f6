#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""arm64 guests under emulation: a suite runs to its verdicts, one seed gives one digest while the host is busy, and the
kernel shows the topology that was declared.

    tests/vm/arm64.py BUILD

Needs a kernel ('ktstr kernel build distro --arch aarch64', which `make soak` runs) and the cross build of the suites
(BUILD-aarch64, which `make check` makes). KTSTR_ARM64=full: all tests of all suites.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import initramfs  # noqa: E402
from shapes import parse_shown, presets, topology_problems  # noqa: E402
from tap import BUILD, Run, Scratch, cached_kernels, check, check_nothing_left, finish, machines, skip  # noqa: E402

GUESTS = BUILD + '-aarch64/tests/guests'
FULL = os.environ.get('KTSTR_ARM64') == 'full'
REPEATS = 5 if FULL else 2
CPUS_MAX = 123
SHAPES = ['1n1l1c1t', '2n4l3c2t']
# Tests on machines with 2 and 4 CPUs: SMT, NUMA nodes, cpusets by last-level cache.
SAMPLE = ('eevdf_two_cgroups', 'eevdf_steps', 'eevdf_work_types', 'eevdf_cpusets')
CMDLINE = 'console=ttyAMA0 quiet loglevel=4 panic=-1 nokaslr skew_tick=1 rdinit=/init'


def check_semihosting():
    """What ends a machine by a call does not open the host's files."""
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'vmm', 'qemu', 'board_arm64.c'), encoding='ascii') as f:
        options = re.search(r'"(enable=on,[^"]*)"', f.read())[1]
    found = {}
    for how in (options, options.replace('target=gdb', 'target=native')):
        found[how] = subprocess.run(['qemu-system-aarch64', '-M', 'virt', '-cpu', 'max', '-m', '64', '-display', 'none', '-nodefaults',
                                     '-semihosting-config', how, '-kernel', GUESTS + '/semihosting'], timeout=60, stdin=subprocess.DEVNULL).returncode
    check(found[options] == 7, 'a guest cannot read files of the host by semihosting', found)
    check(len(set(found.values())) == 2, 'this shows because it could with another target', found)


def need():
    if not os.path.exists(GUESTS + '/examples'):
        skip('arm64 guests', f"no suites for aarch64; run 'meson setup {os.path.basename(BUILD)}-aarch64 "
             "--cross-file cross/aarch64.ini' and ninja")
        finish()
    check_semihosting()
    kernels = cached_kernels(arch='aarch64')
    if not kernels:
        skip('arm64 guests', "no kernel for aarch64 in the cache; run 'ktstr kernel build distro --arch aarch64'")
        finish()
    return kernels[0]


def run_tests(kernel, suite, wanted, scratch, label, *more):
    run = Run('test', '--kernel', kernel['key'], '--json', '-E', wanted, *more, f'{GUESTS}/{suite}',
              env={'KTSTR_SIDECAR_DIR': scratch / label})
    found = {}
    for path in scratch.sidecars(label):
        with open(path) as f:
            s = json.load(f)
        found[s['test_name']] = s
    return run, found


def digest(sidecars):
    return {name: s['guest']['event_digest'] for name, s in sidecars.items()}


def check_verdicts(kernel, scratch):
    """Each test once on a quiet host, and some more times while the host is busy."""
    wanted = ' | '.join(f'test(=ktstr/{name})' for name in SAMPLE)
    run, first = run_tests(kernel, 'examples', wanted, scratch, 'first')
    for e in run.events():
        if e['event'] == 'test-finished':
            check(e['verdict'] == 'pass', f"{e['name']} on aarch64", e.get('cause'))
    check(len(first) == len(SAMPLE), 'every test has a sidecar', run)
    load = [subprocess.Popen(['sh', '-c', 'while kill -0 $PPID; do :; done']) for _ in range(os.cpu_count() or 1)]
    try:
        again = [digest(run_tests(kernel, 'examples', wanted, scratch, f'again-{i}')[1]) for i in range(REPEATS - 1)]
    finally:
        for p in load:
            p.kill()
            p.wait()
    check(all(d == digest(first) for d in again), f'{REPEATS} runs of one seed, one of them on a quiet host: the same digests',
          [digest(first), *again])
    other = digest(run_tests(kernel, 'examples', f'test(=ktstr/{SAMPLE[1]})', scratch, 'seed', '--seed', '100')[1])
    check(other and list(other.values())[0] != digest(first).get(list(other)[0]), 'another seed: another digest', other)


def boot(scratch, kernel, topology, mib):
    """Boots a program that prints sysfs. Returns (status, {path: [line]}, the whole output)."""
    nodes, llcs, cores, threads = (int(n) for n in re.findall(r'\d+', topology))
    tree = subprocess.run([os.path.join(BUILD, 'tests', 'arm64_dump'), topology], capture_output=True, check=True).stdout
    with open(scratch / 'tree', 'wb') as f:
        f.write(tree)
    initrd = initramfs.write(scratch / 'initrd', GUESTS + '/sysfs_init')
    argv = ['qemu-system-aarch64', '-M', 'virt,gic-version=3,its=off', '-cpu', 'max,pauth=off,sve=off,sme=off', '-accel',
            'tcg,thread=single', '-icount', 'shift=3,sleep=off', '-smp', str(llcs * cores * threads), '-m', str(mib), '-nodefaults', '-display', 'none',
            '-no-reboot', '-serial', f'file:{scratch / "console"}', '-dtb', scratch / 'tree', '-kernel',
            os.path.join(kernel['path'], 'Image'), '-initrd', initrd, '-append', CMDLINE]
    for n in range(nodes if nodes > 1 else 0):
        argv += ['-object', f'memory-backend-ram,id=ram{n},size={mib // nodes}M', '-numa', f'node,nodeid={n},memdev=ram{n}']
    try:
        done = subprocess.run(argv, timeout=600, capture_output=True, stdin=subprocess.DEVNULL)
        status, said = done.returncode, done.stderr.decode(errors='replace')
    except subprocess.TimeoutExpired:
        status, said = 'timeout', ''
    with open(scratch / 'console', encoding='utf-8', errors='replace') as f:
        text = f.read()
    return status, parse_shown(text), said + text[-6000:]


def check_topologies(kernel, scratch):
    for shape in [s for _, s in presets()] if FULL else SHAPES:
        n, l, c, t = (int(x) for x in re.findall(r'\d+', shape))
        if l * c * t > CPUS_MAX:
            continue
        status, shown, whole = boot(scratch, kernel, shape, max(512, 64 * n * l))
        check(status == 0 and '/proc/meminfo' in shown, f'{shape}: boots and powers off', f'{status}\n{whole}')
        problems = topology_problems(shape, shown)
        check(not problems, f'{shape}: sysfs shows the declared topology', f'{problems}\n{whole}')
        reserved = [v for v in shown.get('/proc/iomem', []) if '44000000-44ffffff : reserved' in v]
        check(reserved, f'{shape}: the event log is not for the kernel', shown.get('/proc/iomem'))


def check_behaviour(kernel, scratch):
    for suite, wanted in (('examples', 'test(eevdf)'), ('behaviour', 'test(behaviour_) | test(ops_) | test(canned_)'),
                          ('parallel', 'all()')):
        run, _ = run_tests(kernel, suite, wanted, scratch, suite)
        tests = [e for e in run.events() if e['event'] == 'test-finished']
        check(tests, f'{suite}: tests run', run)
        for e in tests:
            check(e['verdict'] == ('skip' if e['name'].endswith('_missing') else 'pass'), e['name'], e.get('cause'))


def main():
    kernel = need()
    before = machines()
    with Scratch() as scratch:
        check_topologies(kernel, scratch)
        check_verdicts(kernel, scratch)
        if FULL:
            check_behaviour(kernel, scratch)
    check_nothing_left('arm64', before)
    finish(at_least=12)


main()
