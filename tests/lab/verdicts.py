#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The same tests on tcg, here, and on kvm, in the lab, must have the same verdicts. KTSTR_LAB=full compares a whole
suite, otherwise a sample. Guests' time is dilated in the lab, where all their vCPUs share one emulated CPU.

    tests/lab/verdicts.py BUILD [examples|behaviour [FILTER]]
"""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish, need_kernel, skip  # noqa: E402

FULL = os.environ.get('KTSTR_LAB') == 'full'
TIMEOUT = 7200 if FULL else 1200
RETRIES = 2		# an emulated exit takes as long as a turn, so tests that are judged by time may fail
BEGAN = time.monotonic()
# binary, sources, all tests, a sample, lab seconds per guest second. Work types and operations: behaviour_* and ops_*,
# as in tests/vm/behaviour.py.
SUITES = {
    'examples': ('tests/examples/examples', ('eevdf', 'in_tree'), '', 'test(eevdf_two_cgroups) | test(simple_crowd)',
                 lab.DILATION),
    'behaviour': ('tests/behaviour/behaviour', ('cpu', 'engines', 'net', 'ops', 'sched', 'wake'), 'test(behaviour_) | test(ops_)',
                  'test(ops_definitions)', 12),
}
NAME = sys.argv[2] if len(sys.argv) > 2 else 'examples'
BINARY, SOURCES, WHOLE, SAMPLE, DILATION = SUITES[NAME]
FILTER = sys.argv[3] if len(sys.argv) > 3 else WHOLE if FULL else SAMPLE
SUITE = f'{BUILD}/{BINARY}'
WANTED = ['-E', FILTER] if FILTER else []


def outcomes(lines):
    """{test: (verdict, topology, cause)}, from a run's events."""
    events = [json.loads(line) for line in lines if line.startswith('{') and '"test-finished"' in line]
    return {e['name']: (e['verdict'], e['topology'], e.get('cause')) for e in events if e['final']}


def progress(line):
    for name, (verdict, _, cause) in outcomes([line]).items():
        print(f'# {time.monotonic() - BEGAN:.0f} s, on kvm: {name}: {verdict}' + (f', {cause}' if cause else ''), flush=True)


def on_tcg(kernel):
    with Scratch() as scratch:
        done = Run('test', '--kernel', kernel, '--accel', 'tcg', '--json', *WANTED, SUITE,
                   env={'KTSTR_SIDECAR_DIR': scratch.path}, timeout=TIMEOUT)
    return outcomes(done.out.splitlines()), done


def fill(image, entry):
    lab.add_product(image, BUILD, entry)
    image.program(SUITE)


def on_kvm(entry):
    wanted = ' '.join(f"'{word}'" for word in WANTED)
    script = (f"export KTSTR_SIDECAR_DIR=/results/tests\n{BUILD}/ktstr test -j1 --kernel {entry['key']} "
              f'--accel kvm --time-dilation {DILATION} --retries {RETRIES} --json {wanted} {SUITE}\n')
    done = lab.run(lab.PRELUDE + script, lambda image: fill(image, entry), TIMEOUT, live=progress, words=lab.STEADY)
    return outcomes(done.output.splitlines()), done


def compare(tcg, kvm, done):
    for name in sorted(tcg):
        have = kvm.get(name, ('none', None, None))
        check(have[:2] == tcg[name][:2], f'{name} on {tcg[name][1]}: {tcg[name][0]} on tcg, {have[0]} on kvm',
              f'{tcg[name]}\n{have}\n{done}')
    check(set(kvm) == set(tcg), 'the same tests on both', sorted(set(kvm) ^ set(tcg)))


def declared():
    """The number of the suite's tests, from its sources."""
    folder = os.path.join(os.path.dirname(__file__), '..', NAME)
    text = ''.join(open(f'{folder}/{name}.c', encoding='ascii').read() for name in SOURCES)
    return len(re.findall(r'^KTSTR_TEST\(', text, re.M))


def main():
    entry = need_kernel(f'lab verdicts of {NAME}')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip(f'lab verdicts of {NAME}', why)
        finish()
    tcg, done = on_tcg(entry['key'])
    count = declared() if FILTER == WHOLE else len(tcg)
    if check(tcg and len(tcg) == count, f'{count} tests of {NAME} run on tcg', done):
        kvm, done = on_kvm(entry)
        compare(tcg, kvm, done)
    finish()


main()
