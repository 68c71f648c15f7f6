#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""From exec to "ready to start the test", for a machine that boots and for a clone, in one interleaved run. On tcg, or
with `lab` on kvm in the KVM lab, where only the ratio is meaningful, and only on an otherwise idle host. CPU time is
that of the machine's whole life.

    bench/clone.py [BUILD [ROUNDS [lab]]]
"""
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
LAB = sys.argv[3:] == ['lab']
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + '/tests/lab')
import lab  # noqa: E402

HELLO = BUILD + '/bench/hello'


def argv(start, accel, key):
    return [BUILD + '/ktstr', 'test', '-j1', '--json', '--start', start, '--accel', accel, '--kernel', key, '-E',
            'test(/hello_0$/)', HELLO]


def one(start, key):
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(argv(start, 'tcg', key), capture_output=True, text=True,
                              env=dict(os.environ, KTSTR_SIDECAR_DIR=out))
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        with open(glob.glob(out + '/*.ktstr.json')[0], encoding='utf-8') as f:
            return json.load(f)


def on_tcg(entry):
    one('clone', entry['key'])  # from here on, the clone template is in the cache, as in every run but the first
    return [one(start, entry['key']) for _ in range(ROUNDS) for start in ('boot', 'clone')]


def in_lab(entry):
    names = ['clone-warm'] + [f'{start}-{n}' for n in range(ROUNDS) for start in ('boot', 'clone')]
    lines = [f"KTSTR_SIDECAR_DIR=/results/{name} timeout 300 {' '.join(repr(w) for w in argv(name.split('-')[0], 'kvm', entry['key']))}"
             for name in names]
    result = lab.run(lab.PRELUDE + '\n'.join(lines) + '\n', lambda image: lab.add_product(image, BUILD, entry), 3600)
    if result.status:
        sys.exit(str(result))
    return [json.loads(body) for path, body in sorted(result.files.items())
            if re.match(r'(boot|clone)-\d+/.*\.ktstr\.json$', path)]


def main():
    entry = lab.cached_kernel(BUILD) or sys.exit("no kernel in the cache; run 'make kernel'")
    runs = in_lab(entry) if LAB else on_tcg(entry)
    row = {'name': f"exec to ready, {'kvm in the lab' if LAB else 'tcg'}", 'n': ROUNDS}
    for start in ('boot', 'clone'):
        mine = [r for r in runs if r['start'] == start and r['verdict'] == 'pass']
        if len(mine) != ROUNDS:
            sys.exit(f'{len(mine)} of {ROUNDS} tests passed after a {start}')
        row[start + '_s'] = round(statistics.median(v['boot_ns'] for v in mine) / 1e9, 3)
        row[start + '_cpu_s'] = round(statistics.median(v['vm_cpu_us'] for v in mine) / 1e6, 3)
        row[start + '_rss_mib'] = round(max(v['vm_rss_kib'] for v in mine) / 1024, 1)
    row['ratio'] = round(row['clone_s'] / row['boot_s'], 3)
    print(json.dumps(row), flush=True)


main()
