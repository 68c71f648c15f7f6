#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One sweep of the BPF verifier over all preset topologies: the schedulers of the kernel tree, of 6.12 and of series 7,
and two schedulers that the verifier rejects. Then the same with constants only (--rodata). Both must say the same of each
program; prints how long each took.

    tests/soak/sweep.py BUILD [PRESET...]

Without a kernel of series 7 in the cache it is a sweep of 6.12 alone.
"""
import collections
import csv
import glob
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, cached_kernels, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

PRESETS = sys.argv[2:]
HOURS = 3600
NEWEST_SERIES = '7'
REJECTED = ('rejected', 'rejected_loop')
# Faults of the kernels' own schedulers, by scheduler and what is said of them. All programs are verified before.
OWN_FAULTS = [
    ('flatcg', ''),  # may lose a woken task
    ('central', 'init from non-central CPU'),  # ends if its ops.init() runs on another CPU than its own
    ('userland', 'starved'),  # may be preempted where nothing wakes it again
]
COLUMNS = ('verdict', 'total_insns', 'total_states', 'peak_states', 'max_states_per_insn', 'max_mark_read_len', 'prog_size', 'stack_depth')


def schedulers_of(kernel):
    """The kernel tree's own."""
    return sorted(os.listdir(kernel['path'] + '/sched_ext/bin'))


def cells_of(directory):
    """{name: sidecar}"""
    found = {}
    for path in glob.glob(directory + '/*.ktstr.json'):
        with open(path, encoding='utf-8') as f:
            cell = json.load(f)
        found[cell['name']] = cell
    return found


def rows_of(path):
    """{(scheduler, kernel, topology, program): values}"""
    with open(path, newline='', encoding='utf-8') as f:
        return {(*r['file_name'].split('@'), r['prog_name']): tuple(r[c] for c in COLUMNS) for r in csv.DictReader(f)}


class Sweep:
    """All cells of all kernels, in one command."""

    def __init__(self, name, kernels, scratch, *words):
        self.directory, self.saved = scratch / name, scratch / name + '.csv'
        presets = ['--preset', ','.join(PRESETS)] if PRESETS else []
        programs = sorted({s for k in kernels for s in schedulers_of(k)})
        rejected = [word for name in REJECTED for word in ('--scheduler', name)]
        began = time.monotonic()
        self.run = Run('verifier', '--kernel', ','.join(k['key'] for k in kernels), '--save', self.saved, '--start', 'clone', *presets, *words,
                       *programs, *rejected, BUILD + '/tests/fixtures/verified', env={'KTSTR_SIDECAR_DIR': self.directory}, timeout=6 * HOURS)
        self.minutes = (time.monotonic() - began) / 60
        self.rows = rows_of(self.saved)
        self.cells = cells_of(self.directory)
        counts = collections.Counter(c['verdict'] for c in self.cells.values())
        print(f'# {name}: {self.minutes:.1f} minutes, {len(self.rows)} programs, cells: {dict(counts)}', flush=True)

    def verdicts_of(self, verdict):
        """{name of a cell: its findings}, of those with this verdict."""
        return {name: [d['message'] for d in c['details']] for name, c in self.cells.items() if c['verdict'] == verdict}


def scheduler_of(cell):
    return cell.split('/')[1]


def own_fault(cell, why):
    return any(scheduler_of(cell) == 'scx_' + name and text in why[0] for name, text in OWN_FAULTS)


def check_verdicts(sweep, name, may_lose):
    failed = sweep.verdicts_of('fail')
    expected = {c for c in sweep.cells if scheduler_of(c) in REJECTED and sweep.cells[c]['verdict'] != 'skip'}
    missed = expected - set(failed)
    check(expected and not missed, f'{name}: {len(expected)} cells of the schedulers that the verifier rejects fail', sorted(missed))
    told = {c: why for c, why in failed.items() if c in expected and 'verifier rejected it' not in ' '.join(why)}
    check(not told, f'{name}: each says that the verifier rejected it', told)
    others = {c: why for c, why in failed.items() if c not in expected and not (may_lose and own_fault(c, why))}
    check(not others and not sweep.verdicts_of('inconclusive'), f"{name}: the kernels' own schedulers pass",
          '\n'.join(f'{c}: {why}' for c, why in {**others, **sweep.verdicts_of('inconclusive')}.items()))


def check_kernels(sweep, kernels):
    """Each kernel verified each of its own schedulers, on each topology that did not have to be skipped."""
    for kernel in kernels:
        wanted = set(schedulers_of(kernel))
        label = 'kernel_' + re.sub(r'[^a-z0-9]+', '_', kernel['version'])
        seen = {s for s, k, *_ in sweep.rows if k == label} - set(REJECTED)
        check(seen == wanted, f"{kernel['version']} verified its {len(wanted)} schedulers", (sorted(wanted), sorted(seen), label))


def compare(real, only):
    common = set(real.rows) & set(only.rows)
    differ = [(key, real.rows[key], only.rows[key]) for key in sorted(common) if real.rows[key] != only.rows[key]]
    check(common and not differ, f'{len(common)} programs have the same numbers with a machine and with constants', '\n'.join(map(str, differ)))
    # A scheduler that ended its cell by another fault before all programs were seen would leave some out.
    check(set(only.rows) == set(real.rows), 'they are the same programs', sorted(set(real.rows) ^ set(only.rows))[:20])
    check(only.minutes < real.minutes, f'without machines it takes {only.minutes:.1f} instead of {real.minutes:.1f} minutes')


def build_rejected(kernel):
    done = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], BUILD + '/tests/fixtures'], capture_output=True,
                          text=True)
    return check(done.returncode == 0, 'the schedulers that the verifier rejects are built', done.stderr)


def main():
    kernel = need_kernel('sweep')
    kernels = [kernel] + [k for k in cached_kernels(NEWEST_SERIES) if k.get('has_schedulers') and k['key'] != kernel['key']][:1]
    before = machines()
    # The headers of a newer kernel know how to do without what an older one lacks.
    if build_rejected(kernels[-1]):
        with Scratch() as scratch:
            real = Sweep('machines', kernels, scratch)
            check_verdicts(real, 'machines', True)
            check_kernels(real, kernels)
            only = Sweep('constants', kernels, scratch, '--rodata', real.directory)
            check_verdicts(only, 'constants', False)
            compare(real, only)
    check_nothing_left('sweep', before)
    finish(at_least=8)


main()
