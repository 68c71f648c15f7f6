#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The cost of counting instructions (--profile-insns), in CPU seconds of a guest's process without and with it. The
guest's events must stay the same. It also prints how many instructions a boot takes in the kernel.

    bench/profiling.py [BUILD [REPEATS]]

Both take turns, and the least of each is printed: other load on the host only adds.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import kernels

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
TEST = 'ktstr/simple_crowd'


def measure(entry, options):
    """CPU seconds, digest, instructions of the boot (None if they were not counted)"""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([BUILD + '/ktstr', 'test', '--kernel', entry['key'], '--accel', 'tcg', '--seed', '7', '-E', f'test(={TEST})',
                        *options, BUILD + '/tests/examples'], capture_output=True, check=True,
                       env=dict(os.environ, KTSTR_SIDECAR_DIR=out))
        with open(glob.glob(out + '/*.ktstr.json')[0]) as f:
            sidecar = json.load(f)
        boot = None
        for path in glob.glob(out + '/*.profile.json'):
            shown = subprocess.run([BUILD + '/ktstr', 'profile', '--boot', '--json', path], capture_output=True, text=True, check=True)
            boot = json.loads(shown.stdout)['kernel_instructions']
        return sidecar['vm_cpu_us'] / 1e6, sidecar['guest']['event_digest'], boot


def main():
    entry = kernels.newest(BUILD)
    runs = {'default': [], '--profile-insns': []}
    for _ in range(REPEATS):
        for name, all_ in runs.items():
            all_.append(measure(entry, [] if name == 'default' else [name]))
    base = min(r[0] for r in runs['default'])
    for name, all_ in runs.items():
        least = min(r[0] for r in all_)
        print(json.dumps({'name': name, 'vm_cpu_s': round(least, 3), 'more_pct': round(100 * (least / base - 1), 1),
                          'digests': sorted({r[1] for r in all_}), 'boot_instructions': all_[0][2]}), flush=True)


main()
