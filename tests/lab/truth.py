#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Guests on kvm, in the lab: their memory says what they say of themselves, as tests/vm/truth.py shows it for tcg. The
machine's process stands still at each mark of the test. A test that asks to see its guest from outside is judged as on
tcg: snapshots by name, periodic ones and those of changed variables, variables written and measured, post_vm."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
sys.path.insert(0, os.path.dirname(__file__))
import lab  # noqa: E402
from tap import BUILD, check, finish, need_kernel, skip  # noqa: E402
from truth import WANTED, check_truth  # noqa: E402

SUITE = f'{BUILD}/tests/truth'
SEEN = f'{BUILD}/tests/seen'
SNAPSHOTS = 5
VTIME = 1 << 40
TIMEOUT = 1200


def fill(image, entry):
    lab.add_product(image, BUILD, entry)
    image.program(SUITE)
    image.program(SEEN)


def tests_of(entry):
    """Older kernels have no sched_ext."""
    return list(WANTED) if entry['has_schedulers'] else ['truth_eevdf']


def script(entry):
    test = f"{BUILD}/ktstr test -j1 --kernel {entry['key']} --accel kvm --time-dilation {lab.DILATION} --no-capture"
    tests = [(name, SUITE) for name in tests_of(entry)] + [('looks', SEEN)] * entry['has_schedulers']
    return '\n'.join(f"KTSTR_SIDECAR_DIR=/results/{name} {test} -E 'test(=ktstr/{name})' {suite} >/results/{name}.log 2>&1" for name, suite in tests) + '\ntrue\n'


def check_looks(files):
    """Times are not exact here."""
    sidecar = next((json.loads(body) for path, body in files.items() if path.startswith('looks/') and path.endswith('.ktstr.json')), {})
    log = files.get('looks.log', b'').decode(errors='replace')
    check(sidecar.get('verdict') == 'pass', 'looks: its post_vm judges that it passes', (sidecar.get('details'), log[-3000:]))
    seen = sidecar.get('snapshots') or {'taken': []}
    names = [s['name'] for s in seen['taken']]
    check((seen.get('periodic_target'), seen.get('periodic_fired')) == (SNAPSHOTS, SNAPSHOTS), 'looks: all periodic snapshots were taken', seen)
    check({'begin', 'middle'} <= set(names) and any(n.startswith('watch_total_forks_') for n in names), 'looks: so were those by name, and of a variable', names)
    metrics = sidecar.get('map_metrics') or {}
    check(any(VTIME <= value < 2 * VTIME for value in metrics.values() if value) and len(metrics) == 2, 'looks: a variable was written, and measured', metrics)


def main():
    entry = need_kernel('lab truth', schedulers=False)
    try:
        lab.first_level()
    except lab.NoLab as why:
        skip('lab truth', why)
        finish()
    done = lab.run(lab.PRELUDE + script(entry), lambda image: fill(image, entry), timeout=TIMEOUT, words=lab.STEADY)
    for name in tests_of(entry):
        text = done.files.get(f'{name}.log', b'').decode(errors='replace')
        files = [body for path, body in done.files.items() if path.startswith(f'{name}/') and path.endswith('.snapshots.json')]
        if check(len(files) == 1 and 'TRUTH end' in text and 'TRUTH-ERROR' not in text, f'{name}: it spoke, and was looked at',
                 (text[-3000:], list(done.files), done)):
            check_truth(name, text, files[0])
    if entry['has_schedulers']:
        check_looks(done.files)
    finish(at_least=10)


main()
