#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernel builds side by side: one jobserver, compared with `make -j` each and with one build after the other; and the
time that ccache saves.

    bench/builds.py [BUILD] [TARBALL]

Four variants of one tree's tinyconfig, on all CPUs. Prints wall time, CPU time and the largest memory of all processes.
"""
import glob
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from family import Peak

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
TARBALL = sys.argv[2] if len(sys.argv) > 2 else max(glob.glob('/usr/src/linux-source-6*.tar.xz'))
CPUS = len(os.sched_getaffinity(0))
VARIANTS = ('', 'CONFIG_SMP=y', 'CONFIG_PRINTK=y\nCONFIG_TTY=y', 'CONFIG_MULTIUSER=y\nCONFIG_FUTEX=y')
LOG = subprocess.DEVNULL


def measured(name, work):
    before, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), Peak()
    peak.start()
    work()
    wall = time.monotonic() - began
    peak.over.set()
    peak.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f'{name:42s} {wall:7.1f} s wall {cpu:7.1f} s CPU {peak.most // 1024:6d} MiB', flush=True)
    return wall, cpu, peak.most


def configure(tree, scratch):
    dirs = []
    for i, fragment in enumerate(VARIANTS):
        out = os.path.join(scratch, f'out-{i}')
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run(['make', '-C', tree, f'O={out}', 'tinyconfig'], check=True, stdout=LOG, stderr=LOG)
        with open(out + '/.config', 'a') as f:
            f.write(fragment + '\n')
        subprocess.run(['make', '-C', out, 'olddefconfig'], check=True, stdout=LOG, stderr=LOG)
        dirs.append(out)
    return dirs


def all_at_once(dirs, jobs):
    running = [subprocess.Popen(['make', '-C', d, f'-j{jobs}', 'vmlinux'], stdout=LOG, stderr=LOG) for d in dirs]
    for p in running:
        assert p.wait() == 0


def one_after_the_other(dirs):
    for d in dirs:
        subprocess.run(['make', '-C', d, f'-j{CPUS}', 'vmlinux'], check=True, stdout=LOG, stderr=LOG)


def ccache(tree, scratch):
    if not shutil.which('ccache'):
        print('ccache is not installed')
        return
    env = dict(os.environ, CCACHE_DIR=scratch + '/ccache', CCACHE_NOHASHDIR='1', CCACHE_SLOPPINESS='time_macros',
               KBUILD_BUILD_TIMESTAMP='@0')

    def build(out):
        subprocess.run(['make', '-C', out, f'-j{CPUS}', 'CC=ccache gcc', 'HOSTCC=ccache gcc', 'vmlinux'], check=True,
                       stdout=LOG, stderr=LOG, env=dict(env, CCACHE_BASEDIR=out))
    first = measured('a first version, ccache empty', lambda: build(configure(tree, scratch)[1]))
    # Simulates the next patch: another SUBLEVEL, and a change in one header and three files.
    with open(tree + '/Makefile') as f:
        text = f.read()
    with open(tree + '/Makefile', 'w') as f:
        f.write('\n'.join('SUBLEVEL = 999' if line.startswith('SUBLEVEL') else line for line in text.split('\n')))
    for name in ('kernel/sched/fair.c', 'kernel/fork.c', 'mm/memory.c', 'kernel/sched/sched.h'):
        with open(os.path.join(tree, name), 'a') as f:
            f.write('\nextern int a_patch;\n')
    second = measured('the next patch of it, ccache warm', lambda: build(configure(tree, scratch)[1]))
    print(f'saved by ccache: {100 * (1 - second[0] / first[0]):.0f} % of wall time, {100 * (1 - second[1] / first[1]):.0f} % of CPU time')


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        tree = scratch + '/linux'
        os.mkdir(tree)
        subprocess.run(['tar', 'xf', TARBALL, '-C', tree, '--strip-components=1'], check=True)
        print(f'{os.path.basename(TARBALL)}, {len(VARIANTS)} variants, {CPUS} CPUs')
        ways = {'one jobserver': lambda d: subprocess.run([BUILD + '/bench/builds_bench', str(CPUS), *d, '--', 'vmlinux'], check=True),
                f'make -j{CPUS} each, all at once': lambda d: all_at_once(d, CPUS),
                f'make -j{CPUS}, one after the other': one_after_the_other}
        result = {}
        for name, way in ways.items():
            dirs = configure(tree, scratch)
            result[name] = measured(name, lambda w=way, d=dirs: w(d))
        ours, *others = result.values()
        print(f'wall time beside the better of the others: {ours[0] / min(o[0] for o in others):.2f}')
        print(f'memory beside all at once: {ours[2] / others[0][2]:.2f}')
        ccache(tree, scratch)


main()
