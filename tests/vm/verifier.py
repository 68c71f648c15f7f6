#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The verifier sweep: the kernel's own schedulers pass it, and schedulers that the verifier rejects fail with its reason,
with a log whose loops are collapsed, and with the command that repeats the cell."""
import csv
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from tap import BUILD, Run, Scratch, check, check_nothing_left, finish, machines, need_kernel  # noqa: E402

PRESET = '4cpu-1llc-nosmt'
IN_TREE = ['central', 'flatcg', 'qmap', 'simple']
REJECTED = ['rejected', 'rejected_loop']


def check_grid(out):
    passed = [n for n in IN_TREE if re.search(rf'^{n}: 1 ✓  0 ✗\n  topology +kernel_\w+\n  {PRESET} +✓$', out, re.M)]
    # scx_flatcg of 6.12 may lose a woken task. That fails its cell rightly, after it was verified and attached.
    race = 'scheduler: ATTACHED, BUT FAILED: ' in out and 'did not get to run' in out
    check(passed == IN_TREE or (race and passed == [n for n in IN_TREE if n != 'flatcg']), "the kernel's own schedulers pass", out)
    check(all(re.search(rf'^{name}: 0 ✓  1 ✗\n  topology +kernel_\w+\n  {PRESET} +✗$', out, re.M) for name in REJECTED),
          'those that are rejected fail', out)
    check(re.search(r'^simple:\n  kernel +(simple_\w+ *)+\n  kernel_\w+ +(\d+ *)+$', out, re.M),
          'the grid has a number for each program', out)
    failing = out[out.find('failing combinations'):]
    for name in REJECTED:
        check(re.search(rf'^  {name} / kernel_\w+ / {PRESET}: .*verifier rejected it.*\n    ktstr verifier --scheduler {name} '
                        rf'--preset {PRESET} --kernel \S+ .*--seed 0x1 \S*verified$', failing, re.M),
              f'{name}: its cause and the command that repeats it', failing)


def check_logs(out, sidecars):
    text = out[out.find('=== rejected_loop | kernel'):]
    repeat = re.search(r'^--- (\d+)x of the following (\d+) lines ---$', text, re.M)
    check(repeat and int(repeat[1]) >= 6 and re.search(r'^--- end repeat ---$', text, re.M), 'the loop in a log is collapsed', text)
    check('scheduler: NOT ATTACHED' in text and re.search(r'^  misbehave_dispa +verified_insns=\d+ REJECTED$', text, re.M),
          'the program that was rejected is named', text)
    kept = glob.glob(sidecars + '/verifier-*.load-log.txt')
    check(len(kept) >= len(REJECTED), 'logs are kept beside the sidecars', kept)
    for path in kept:
        with open(path) as f:
            log = f.read()
        said = re.search(r'^processed (\d+) insns \(limit \d+\) max_states_per_insn \d+ total_states (\d+)', log, re.M)
        if 'verify' not in log and not said:
            continue
        yield said


def check_numbers(path, logs):
    with open(path, newline='') as f:
        rows = list(csv.DictReader(f))
    passed = [r for r in rows if r['file_name'].split('@')[0] in IN_TREE]
    numbers = ('duration', 'total_insns', 'total_states', 'peak_states', 'max_states_per_insn', 'max_mark_read_len', 'prog_size',
               'prog_size_jited', 'stack_depth')
    check(len(passed) > 20 and all(r['verdict'] == 'success' and r['prog_type'] for r in passed), 'all their programs are accepted', rows)
    check(all(r[n].isdigit() for r in passed for n in numbers), 'each has every statistic', passed)
    failed = [r for r in rows if r['verdict'] == 'failure']
    check(sorted(r['file_name'].split('@')[0] for r in failed) == REJECTED, 'one program of each other is rejected', failed)
    check({(r['total_insns'], r['total_states']) for r in failed} == {(m[1], m[2]) for m in logs if m},
          'memory and the logs have the same numbers', (failed, logs))


def check_stored(csv_path):
    same = Run('verifier', '--replay', csv_path, '--compare', csv_path, '--fail-on', 'insns_pct>0')
    check(same.status == 0 and 'MISMATCH' not in same.out and '+0 (+0.00%)' in same.out, 'a sweep equals itself', same)
    limit = Run('verifier', '--replay', csv_path, '-f', 'simple@*/', '--fail-on', 'insns>30', '-o', 'csv', '-e', 'prog,insns')
    check(limit.status == 1 and '--fail-on' in limit.err and limit.out.startswith('prog_name,total_insns\n'),
          'a limit on stored results fails', limit)


def check_no_scheduler(kernel, scratch):
    """One boot is enough to learn that a program is no scheduler."""
    run = Run('verifier', '--kernel', kernel['key'], '--jobs', '1', '--preset', '4cpu-1llc-nosmt,4cpu-2llc-nosmt,14cpu-7llc-nosmt', '/bin/true',
              env={'KTSTR_SIDECAR_DIR': scratch / 'true'})
    # The next cell may have got its CPUs while the first was judged.
    check(run.status == 1 and "'true' ended with status 0 before it loaded a BPF program: it is no scheduler, and its other cells do not run: " in run.err and
          1 <= len(scratch.sidecars('true')) <= 2, 'a program that is no scheduler fails in one cell, and others do not run', run)


COLUMNS = ('verdict', 'total_insns', 'total_states', 'peak_states', 'max_states_per_insn', 'max_mark_read_len', 'prog_size', 'stack_depth')
OTHER = ['4cpu-1llc-nosmt', '14cpu-7llc-nosmt']


def numbers_of(path):
    with open(path, newline='') as f:
        return {(r['file_name'], r['prog_name']): [r[c] for c in COLUMNS] for r in csv.DictReader(f)}


def edit_constants(directory, pattern, text):
    for path in glob.glob(directory + '/*.rodata.json'):
        with open(path, encoding='utf-8') as f:
            old = f.read()
        with open(path, 'w', encoding='utf-8') as f:
            f.write(re.sub(pattern, text, old))


def check_constants(kernel, scratch):
    """With the constants that schedulers had on larger machines, the verifier of a small one finds the same numbers.
    scx_central also makes its maps as large as the machine is."""
    words = ['verifier', '--kernel', kernel['key'], '--scheduler', 'central', '--scheduler', 'qmap', BUILD + '/tests/examples']
    real = Run(*words, '--preset', ','.join(OTHER), '--save', scratch / 'real.csv', env={'KTSTR_SIDECAR_DIR': scratch / 'real'})
    only = Run(*words, '--rodata', scratch / 'real', '--save', scratch / 'only.csv', env={'KTSTR_SIDECAR_DIR': scratch / 'only'})
    if not check(real.status == 0 and only.status == 0, 'cells of two topologies pass, with their machines and without', (real, only)):
        return
    expected, found = numbers_of(scratch / 'real.csv'), numbers_of(scratch / 'only.csv')
    check(len(expected) > 20 and found == expected, f'{len(expected)} programs have the same numbers',
          [(key, row, found.get(key)) for key, row in expected.items() if found.get(key) != row])
    check('attach: -, dispatch: -' in only.out, 'and nothing is said about attaching', only.out)
    # Maps for two CPUs beside constants of a larger machine.
    edit_constants(scratch / 'real', r'("name": ".data.cpu_gimme",\s*"value_size": )\d+', r'\g<1>2')
    small = Run(*words[:5], BUILD + '/tests/examples', '--rodata', scratch / 'real', env={'KTSTR_SIDECAR_DIR': scratch / 'small'})
    check(small.status == 1 and small.out.count('is outside of the allowed memory range') >= len(OTHER),
          'the verifier sees the sizes of maps that it is given', small)
    edit_constants(scratch / 'real', r'"bytes": "..', '"bytes": "')
    stale = Run(*words, '--rodata', scratch / 'real', '--preset', OTHER[0], env={'KTSTR_SIDECAR_DIR': scratch / 'stale'})
    check(stale.status == 2 and stale.out.count('another build made them') >= 2, 'constants of another size are refused', stale)


def main():
    kernel = need_kernel('verifier')
    before = machines()
    fixtures = BUILD + '/tests/fixtures'
    built = subprocess.run([os.path.join(HERE, '..', 'fixtures', 'build.sh'), kernel['path'], fixtures],
                           capture_output=True, text=True)
    if not check(built.returncode == 0, 'the fixture builds against the kernel in use', built.stderr):
        finish()
    with Scratch() as scratch:
        saved = scratch / 'saved.csv'
        names = [word for name in IN_TREE + REJECTED for word in ('--scheduler', name)]
        run = Run('verifier', '--kernel', kernel['key'], '--preset', PRESET, '--start', 'clone', '--save', saved, *names, BUILD + '/tests/examples',
                  fixtures + '/verified', env={'KTSTR_SIDECAR_DIR': scratch.path})
        check(run.status == 1, 'a sweep with failures exits with 1', run)
        check_grid(run.out)
        logs = list(check_logs(run.out, scratch.path))
        check_numbers(saved, logs)
        check_stored(saved)
        check_no_scheduler(kernel, scratch)
        check_constants(kernel, scratch)
    check_nothing_left('verifier', before)
    finish(at_least=19)


main()
