#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measures the cost of coverage: the CPU time of a test's machine without it, with the compiler's counters, and with
each kind of count that QEMU makes, in turns.

    bench/coverage.py [BUILD [ROUNDS [KERNEL]]]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
KERNEL = sys.argv[3:4]
TEST = 'test(=ktstr/simple_crowd)'


def compile_suite(directory, name, *options):
    """The examples, with or without the compiler's counters."""
    sources = [f'{ROOT}/tests/examples/{f}' for f in sorted(os.listdir(ROOT + '/tests/examples')) if f.endswith('.c')]
    command = ['gcc', '-O2', '-g', *options, f'-I{ROOT}/include', '-o', name, *sources, f'{BUILD}/libktstr.a', '-lm']
    subprocess.run(command, cwd=directory, check=True, stderr=subprocess.DEVNULL)
    return f'{directory}/{name}'


def measure(scratch, command, suite, *options):
    """CPU seconds of the machine."""
    with tempfile.TemporaryDirectory(dir=scratch) as side:
        env = dict(os.environ, KTSTR_SIDECAR_DIR=side, LLVM_COV_TARGET_DIR=side + '/counts')
        kernel = ['--kernel', *KERNEL] if KERNEL else []
        subprocess.run([BUILD + '/ktstr', command, *kernel, *options, '-E', TEST, suite], env=env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = [name for name in os.listdir(side) if name.endswith('.ktstr.json')]
        with open(f'{side}/{found[0]}') as f:
            sidecar = json.load(f)
        return sidecar['vm_cpu_us'] / 1e6


def main():
    with tempfile.TemporaryDirectory(prefix='ktstr-bench-') as scratch:
        plain = compile_suite(scratch, 'plain')
        counted = compile_suite(scratch, 'counted', '--coverage', '-fprofile-update=atomic')
        rows = {'without coverage': ('test', plain, '--accel', 'tcg'),
                "the compiler's counters (gcc)": ('coverage', counted, '--accel', 'tcg'),
                'a profile of instructions': ('test', plain, '--accel', 'tcg', '--profile-insns'),
                'functions of the kernel': ('coverage', plain, '--kernel-functions'),
                'lines of BPF programs': ('coverage', plain, '--bpf-lines'),
                'lines of the scheduler': ('coverage', plain, '--kernel-lines')}
        seconds = {name: [] for name in rows}
        for _ in range(ROUNDS):
            for name, row in rows.items():
                seconds[name].append(measure(scratch, *row))
    usual = statistics.median(seconds['without coverage'])
    print(f'CPU time of the machine of simple_crowd, median of {ROUNDS}')
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(f'{name:32s} {middle:6.2f} s  {middle / usual:5.2f} of that without')


main()
