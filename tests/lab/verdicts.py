#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The same examples on tcg, here, and on kvm, in the lab: the same tests, each with the same verdict. KTSTR_LAB=full compares
all of them, otherwise a sample. Time in the lab is the host's: on a busy one, what is judged by time may fail for want of it.

    tests/lab/verdicts.py BUILD
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from tap import BUILD, Run, Scratch, check, finish, need_kernel, skip  # noqa: E402

FULL = os.environ.get('KTSTR_LAB') == 'full'
SUITE = BUILD + '/tests/examples/examples'
SAMPLE = 'test(eevdf_two_cgroups) | test(simple_crowd)'
WANTED = [] if FULL else ['-E', SAMPLE]
TIMEOUT = 7200 if FULL else 1200


def outcomes(lines):
    """{test: (verdict, topology, cause)}, as a run's events tell them."""
    events = [json.loads(line) for line in lines if line.startswith('{') and '"test-finished"' in line]
    return {e['name']: (e['verdict'], e['topology'], e.get('cause')) for e in events}


def progress(line):
    for name, (verdict, _, cause) in outcomes([line]).items():
        print(f'# on kvm: {name}: {verdict}' + (f', {cause}' if cause else ''), flush=True)


def on_tcg(kernel):
    with Scratch() as scratch:
        done = Run('test', '--kernel', kernel, '--accel', 'tcg', '--json', *WANTED, SUITE,
                   env={'KTSTR_SIDECAR_DIR': scratch.path}, timeout=TIMEOUT)
    return outcomes(done.out.splitlines()), done


def on_kvm(entry):
    wanted = ' '.join(f"'{word}'" for word in WANTED)
    script = (f'export KTSTR_SIDECAR_DIR=/results/tests\n'
              f"{BUILD}/ktstr test -j1 --kernel {entry['key']} --accel kvm --json {wanted} {SUITE}\n")
    done = lab.run(lab.PRELUDE + script, lambda image: lab.add_product(image, BUILD, entry), TIMEOUT, live=progress)
    return outcomes(done.output.splitlines()), done


def compare(tcg, kvm, done):
    for name in sorted(tcg):
        have = kvm.get(name, ('none', None, None))
        check(have[:2] == tcg[name][:2], f'{name} on {tcg[name][1]}: {tcg[name][0]} on tcg, {have[0]} on kvm',
              f'{tcg[name]}\n{have}\n{done}')
    check(set(kvm) == set(tcg), 'the same tests on both', sorted(set(kvm) ^ set(tcg)))


def declared():
    """How many examples there are, by their source."""
    folder = os.path.join(os.path.dirname(__file__), '..', 'examples')
    text = ''.join(open(f'{folder}/{name}', encoding='ascii').read() for name in ('eevdf.c', 'in_tree.c'))
    return len(re.findall(r'^KTSTR_TEST\(', text, re.M))


def main():
    entry = need_kernel('lab verdicts')
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab verdicts', why)
        finish()
    tcg, done = on_tcg(entry['key'])
    count = declared() if FULL else 2
    if check(len(tcg) == count, f'{count} examples run on tcg', done):
        kvm, done = on_kvm(entry)
        compare(tcg, kvm, done)
    finish()


main()
